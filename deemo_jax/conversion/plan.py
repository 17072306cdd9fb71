"""The plan of a conversion: every source is opened and compared with the recipe's model before anything is written."""

import dataclasses
import re
from collections.abc import Iterator, Mapping, Sequence, Set
from pathlib import Path
from typing import Any

import numpy as np

from deemo_jax.conversion.io import value_checks
from deemo_jax.conversion.io.public_file import PublicFile
from deemo_jax.conversion.sources import FILLERS, SOURCES
from deemo_jax.conversion.tables.rules import Fill, Match, WeightTable, match, pattern
from deemo_jax.conversion.tokenizer_files import TokenizerFiles, find_tokenizer_files
from deemo_jax.core.errors import UserError
from deemo_jax.core.progress import with_progress
from deemo_jax.core.recipe import MeshRecipe, Recipe
from deemo_jax.models.deemo_llama import DeemoLlama, DeemoLlamaConfig
from deemo_jax.models.from_recipe import abstract_params
from deemo_jax.models.mesh import make_mesh
from deemo_jax.models.weights import OPTIONAL_PARTS

# Problems that are listed of each source, so that those of one file do not crowd out those of the others.
LISTED = 8
# Paths that no source need fill: LoRA, connectors and projectors, which are trained, except the frozen frame Q-Former.
FREE = re.compile(rf"(?!.*/frame_qformer/)({OPTIONAL_PARTS})")


@dataclasses.dataclass(frozen=True)
class Opened:
    """An opened public file and the result of comparing it with its table.

    Attributes:
        name: of the source.
        file: the opened file.
        match: which of its tensors fill which parameters.
    """

    name: str
    file: PublicFile
    match: Match


@dataclasses.dataclass(frozen=True)
class ConversionPlan:
    """What a conversion does.

    Attributes:
        params: path -> shape and dtype of every parameter of the model.
        sources: in the order in which they were named.
        left: paths that no source fills; training draws these parameters at random.
        tokenizer: files that are copied from the decoder's folder.
    """

    params: Mapping[str, Any]
    sources: tuple[Opened, ...]
    left: tuple[str, ...]
    tokenizer: TokenizerFiles

    def filled(self) -> dict[str, Any]:
        """Path -> shape and dtype of the parameters that the checkpoint holds."""
        left = set(self.left)
        return {path: leaf for path, leaf in self.params.items() if path not in left}

    def rows(self) -> Iterator[tuple[str, int | None, np.ndarray]]:
        """Yields (path, row of a stacked parameter or None, values), with one public tensor in memory at a time.

        Raises:
            UserError: a file is damaged, or a tensor holds no usable numbers (`value_checks.check`).
        """
        for source in self.sources:
            source.file.verify()
        total = sum(len(source.match.fills) for source in self.sources)
        todo = ((source, fill) for source in self.sources for fill in source.match.fills)
        for source, fill in with_progress(todo, "convert", total):
            yield from _values(source, fill, {np.dtype(self.params[path].dtype) for path, _ in fill.targets})


def parameters(recipe: Recipe) -> dict[str, Any]:
    """Path -> shape and dtype of every parameter of a recipe; nothing is allocated."""
    model = DeemoLlama(DeemoLlamaConfig.from_config(recipe.model))
    return abstract_params(model, recipe, make_mesh(MeshRecipe()))[0]


def planned(
    recipe: Recipe, sources: Mapping[str, str], allow_extra: str | None = None, *, partial: bool = False
) -> ConversionPlan:
    """Opens every source and compares all of it with the recipe's model.

    Args:
        recipe: chooses the model.
        sources: name (see `SOURCES`) -> path.
        allow_extra: regular expression for whole public keys that are ignored, besides those that a table ignores.
        partial: whether parameters that no source fills are accepted, as these are some of the sources only.

    Raises:
        UserError: a source is unknown or cannot be read, or sources and model disagree; all disagreements are named.
    """
    for name in sources:
        if name not in SOURCES:
            raise UserError(f"--source {name}: unknown; choose from {', '.join(SOURCES)}")
    params = parameters(recipe)
    config = DeemoLlamaConfig.from_config(recipe.model)
    allowed = pattern(allow_extra)
    problems: dict[str, list[str]] = {}
    opened = []
    for name, path in sources.items():
        try:
            file = SOURCES[name].open(path)
            table = SOURCES[name].table(config, file.shapes.keys(), Path(path))
            differing = _differing_copies(table, file)
        except UserError as error:
            problems[name] = [str(error)]
            continue
        found = match(table, params, file.shapes, allowed)
        dtypes = (value_checks.dtype_problem(fill.key, file.dtypes[fill.key]) for fill in found.fills)
        problems[name] = [*found.problems, *filter(None, dtypes), *differing]
        opened.append(Opened(name, file, found))
    tokenizer = TokenizerFiles()
    try:
        tokenizer = find_tokenizer_files(sources.get("llama"), recipe, config.decoder.config.vocab)
    except UserError as error:
        problems.setdefault("llama", []).append(str(error))
    problems[""] = _overlaps(opened) + ([] if partial else _gaps(opened, sources, params))
    if any(problems.values()):
        raise UserError(_told(problems))
    taken = _taken(opened)
    return ConversionPlan(params, tuple(opened), tuple(path for path in params if path not in taken), tokenizer)


def _differing_copies(table: WeightTable, file: PublicFile) -> list[str]:
    return [
        f"{key} differs from {other}, and its config.json says that they are one (tie_word_embeddings); set that to "
        "false and config.model.decoder.tied to False, or take the weights as they were published"
        for key, other in table.copies
        if key in file.shapes and other in file.shapes and not np.array_equal(file.read(key), file.read(other))
    ]


def _values(source: Opened, fill: Fill, stored: Set[np.dtype]) -> Iterator[tuple[str, int | None, np.ndarray]]:
    public, where = source.file.read(fill.key), source.file.where(fill.key)
    value_checks.check(public, fill, where, stored)
    try:
        ours = fill.values(public)
    except UserError as error:
        raise UserError(f"{where}: {error}") from error
    for (path, row), array in zip(fill.targets, ours, strict=True):
        yield path, row, array


def _taken(opened: Sequence[Opened]) -> set[str]:
    return {path for source in opened for path, _ in source.match.reach}


def _overlaps(opened: Sequence[Opened]) -> list[str]:
    owners: dict[tuple[str, int | None], str] = {}
    problems = []
    for source in opened:
        for target in source.match.reach:
            if owners.setdefault(target, source.name) != source.name:
                problems.append(f"{target[0]} is filled by {owners[target]} and by {source.name}; leave one out")
    return list(dict.fromkeys(problems))


def _gaps(opened: Sequence[Opened], given: Mapping[str, str], params: Mapping[str, Any]) -> list[str]:
    """Parameters that must be filled and that belong to a source that is not given, one for each such source."""
    taken = _taken(opened)
    needed: dict[str, str] = {}
    for path in params:
        if path not in taken and not FREE.fullmatch(path):
            name = next(name for prefix, name in FILLERS if path.startswith(prefix))
            needed.setdefault(name, path)
    return [f"no source fills {path}; give --source {name}=PATH" for name, path in needed.items() if name not in given]


def _told(problems: Mapping[str, Sequence[str]]) -> str:
    """All problems in one line: first those between sources, then those of each source, cut to `LISTED`."""
    told = list(problems.get("", ()))
    for name, found in problems.items():
        if name:
            told += [f"{name}: {problem}" for problem in found[:LISTED]]
            told += [f"{name}: and {len(found) - LISTED} more"] * (len(found) > LISTED)
    count = sum(map(len, problems.values()))
    things = f"{count} things" if count > 1 else "one thing"
    return f"the sources and the recipe's model disagree in {things}: {'; '.join(told)}"
