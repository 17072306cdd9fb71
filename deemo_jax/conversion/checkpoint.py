"""One checkpoint from many public files: everything is compared first, then tensors stream to their places.

A checkpoint is a folder: weights.safetensors (our parameter paths), checkpoint.json (config, hashes, report) and the
decoder's tokenizer where its folder has one. A recipe starts from it with `config.init=FOLDER`.
"""

import contextlib
import dataclasses
import math
import re
import resource
import shutil
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from deemo_jax import cli, files
from deemo_jax.conversion.files import PublicFile, open_public
from deemo_jax.conversion.sources import FILLERS, SOURCES
from deemo_jax.conversion.table import Fill, Match, match
from deemo_jax.conversion.writer import RowWriter
from deemo_jax.errors import UserError
from deemo_jax.models.deemo_llama import DeemoLlama, DeemoLlamaConfig
from deemo_jax.models.weights import CONVERSION, TRAINED_PARTS, WEIGHTS, open_tensors
from deemo_jax.training.mesh import make_mesh
from deemo_jax.training.recipe import MeshRecipe, Recipe
from deemo_jax.training.run import versions
from deemo_jax.training.setup import abstract_params

TOKENIZERS = ("tokenizer.model", "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json")
VERSION = 1
LISTED = 30
# What may stay random: connectors and projectors, but for the frame Q-Former, which is frozen.
FREE = re.compile(rf"(?!.*/frame_qformer/)({TRAINED_PARTS})")


@dataclasses.dataclass(frozen=True)
class Opened:
    """A public file beside its table."""

    name: str
    file: PublicFile
    match: Match


@dataclasses.dataclass(frozen=True)
class Plan:
    """What a conversion will do.

    Attributes:
        params: path -> shape and dtype of every parameter.
        sources: in the order given.
        left: parameters that no source fills and that training draws at random.
    """

    params: Mapping[str, Any]
    sources: tuple[Opened, ...]
    left: tuple[str, ...]

    def filled(self) -> dict[str, Any]:
        """The parameters that the checkpoint will hold."""
        return {path: leaf for path, leaf in self.params.items() if path not in set(self.left)}

    def rows(self) -> Iterator[tuple[str, int | None, np.ndarray]]:
        """(path, row or None, values), one public tensor in memory at a time."""
        total = sum(len(source.match.fills) for source in self.sources)
        todo = ((source, fill) for source in self.sources for fill in source.match.fills)
        for source, fill in cli.progress(todo, "convert", total):
            yield from _values(source, fill)


def parameters(recipe: Recipe) -> dict[str, Any]:
    """Path -> shape and dtype of every parameter of a recipe; nothing is allocated."""
    model = DeemoLlama(DeemoLlamaConfig.from_config(recipe.model))
    return abstract_params(model, recipe, make_mesh(MeshRecipe()))[0]


def planned(recipe: Recipe, sources: Mapping[str, str], allow_extra: str | None = None) -> Plan:
    """Opens every source and compares all of it with the recipe's model.

    Args:
        recipe: chooses the model.
        sources: name (see `SOURCES`) -> path.
        allow_extra: public keys to ignore besides those that a table knows, a regular expression.

    Raises:
        UserError: a source is unknown or cannot be read, or anything disagrees; all disagreements are named together.
    """
    params = parameters(recipe)
    config = DeemoLlamaConfig.from_config(recipe.model)
    problems: list[str] = []
    opened = []
    for name, path in sources.items():
        if name not in SOURCES:
            raise UserError(f"--source {name}: unknown; choose from {', '.join(SOURCES)}")
        file = open_public(path)
        try:
            found = match(SOURCES[name].table(config, file.shapes.keys(), Path(path)), params, file.shapes, allow_extra)
        except UserError as error:
            problems.append(f"{name}: {error}")
            continue
        problems += [f"{name}: {problem}" for problem in found.problems]
        opened.append(Opened(name, file, found))
    if not problems:
        problems = _overlaps(opened) + _gaps(opened, params)
    if problems:
        more = f"; and {len(problems) - LISTED} more" if len(problems) > LISTED else ""
        raise UserError(
            f"the sources and the recipe's model disagree in {len(problems)} things: "
            f"{'; '.join(problems[:LISTED])}{more}"
        )
    taken = _owners(opened)
    return Plan(params, tuple(opened), tuple(path for path in params if path not in taken))


def convert(recipe: Recipe, sources: Mapping[str, str], out: Path, allow_extra: str | None = None) -> dict[str, Any]:
    """Writes a checkpoint, or finds that it is there already.

    Returns:
        The record, as checkpoint.json has it; `already` is True where nothing had to be done.

    Raises:
        UserError: see `planned`; or `out` holds something else, or cannot be written.
    """
    out = Path(out)
    plan = planned(recipe, sources, allow_extra)
    wanted = _identity(recipe, plan)
    if out.exists():
        return _already(out, wanted) | {"already": True}
    with _folder(out) as folder:
        weights = folder / WEIGHTS
        kinds = {path: (tuple(leaf.shape), np.dtype(leaf.dtype)) for path, leaf in plan.filled().items()}
        with RowWriter(weights, kinds, {"format": "deemo_jax"}) as writer:
            for path, row, values in plan.rows():
                writer.write(path, row, values)
        record = wanted | {
            "weights_sha256": files.sha256(weights),
            "bytes": weights.stat().st_size,
            "report": [_summary(source) for source in plan.sources],
            "drawn_at_random": sorted({"/".join(path.split("/")[:2]) for path in plan.left}),
            "peak_memory_bytes": peak_memory(),
            "versions": versions(),
        }
        _copy_tokenizer(sources, folder)
        files.write_json(folder / CONVERSION, record)
    return record | {"already": False}


def check(out: Path, recipe: Recipe, sources: Mapping[str, str], allow_extra: str | None = None) -> tuple[str, ...]:
    """Re-reads a checkpoint: its hash, and, where sources are given, every value against them, bit for bit.

    Returns:
        What is wrong, in words; nothing when all is well.
    """
    record = _record(Path(out))
    weights = Path(out) / WEIGHTS
    if files.sha256(weights) != record["weights_sha256"]:
        return (f"{weights}: its hash is not the recorded one; it was changed or damaged",)
    if not sources:
        return ()
    wrong = []
    stored = open_tensors(weights)
    plan = planned(recipe, sources, allow_extra)
    for path, row, values in plan.rows():
        ours = stored[path][:] if row is None else stored[path][row]
        if ours.shape != values.shape or not np.array_equal(_bits(ours), _bits(values.astype(ours.dtype))):
            wrong.append(f"{path}{'' if row is None else f'[{row}]'}: differs from its source")
    return tuple(wrong)


def report(record: Mapping[str, Any]) -> str:
    """A record as a table: per source what was mapped and what was left out, and why."""
    lines = [f"{'source':<20}{'mapped':>8}{'ignored':>9}  of {'public tensors':<16}dtype"]
    for row in record["report"]:
        ignored = sum(row["ignored"].values())
        lines.append(
            f"{row['source']:<20}{row['mapped']:>8}{ignored:>9}  of {row['tensors']:<16}{', '.join(row['dtypes'])}"
        )
        lines += [f"{'':<20}{count:>17}  {why}" for why, count in row["ignored"].items()]
    if record["drawn_at_random"]:
        lines.append(f"in no source, drawn at random by training: {', '.join(record['drawn_at_random'])}")
    lines.append(
        f"weights {record['bytes'] / 1e9:.2f} GB, sha256 {record['weights_sha256'][:16]}; "
        f"peak memory {record['peak_memory_bytes'] / 1e9:.2f} GB"
    )
    return "\n".join(lines)


def peak_memory() -> int:
    """The most that this process has had in memory, in bytes; pages of mapped files included."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def _values(source: Opened, fill: Fill) -> Iterator[tuple[str, int | None, np.ndarray]]:
    values = fill.values(source.file.read(fill.key))
    for (path, row), array in zip(fill.targets, values, strict=True):
        yield path, row, array


def _owners(opened: Sequence[Opened]) -> dict[str, str]:
    return {path: source.name for source in opened for fill in source.match.fills for path, _ in fill.targets}


def _overlaps(opened: Sequence[Opened]) -> list[str]:
    owners: dict[tuple[str, int | None], str] = {}
    problems = []
    for source in opened:
        for fill in source.match.fills:
            for target in fill.targets:
                if owners.setdefault(target, source.name) != source.name:
                    problems.append(f"{target[0]} is filled by {owners[target]} and by {source.name}; leave one out")
    return list(dict.fromkeys(problems))


def _gaps(opened: Sequence[Opened], params: Mapping[str, Any]) -> list[str]:
    """Parts that must not stay random and that no source fills."""
    taken = _owners(opened)
    needed: dict[str, str] = {}
    for path in params:
        if path not in taken and not FREE.fullmatch(path):
            name = next(name for prefix, name in FILLERS if path.startswith(prefix))
            needed.setdefault(name, path)
    return [f"no source fills {path}; give --source {name}=PATH" for name, path in needed.items()]


def _identity(recipe: Recipe, plan: Plan) -> dict[str, Any]:
    """What makes two conversions the same: the model, and every byte that went in."""
    hashes = {source.name: {file.name: files.sha256(file) for file in source.file.files} for source in plan.sources}
    dtypes = sorted({str(np.dtype(leaf.dtype)) for leaf in plan.params.values()})
    return {"version": VERSION, "config": recipe.resolved(), "sources": hashes, "dtypes": dtypes}


def _record(out: Path) -> dict[str, Any]:
    record = files.read_json(out / CONVERSION)
    if not isinstance(record, dict) or record.get("version") != VERSION or "weights_sha256" not in record:
        raise UserError(f"{out / CONVERSION}: no record of a conversion by this version; convert again")
    return record


def _already(out: Path, wanted: Mapping[str, Any]) -> dict[str, Any]:
    if not (out / CONVERSION).is_file():
        raise UserError(f"{out}: exists and is no converted checkpoint; name another --out")
    record = _record(out)
    changed = [key for key in ("sources", "dtypes") if record.get(key) != wanted[key]]
    parts = ("model", "tokenizer", "prompt")
    changed += [f"config.{part}" for part in parts if record["config"].get(part) != wanted["config"][part]]
    if changed:
        raise UserError(f"{out}: holds a conversion with other {', '.join(changed)}; name another --out or remove it")
    if files.sha256(out / WEIGHTS) != record["weights_sha256"]:
        raise UserError(f"{out / WEIGHTS}: its hash is not the recorded one; remove {out} and convert again")
    return record


def _summary(source: Opened) -> dict[str, Any]:
    dtypes = sorted({source.file.dtypes[fill.key] for fill in source.match.fills})
    return {
        "source": source.name,
        "tensors": len(source.file.shapes),
        "mapped": len(source.match.fills),
        "ignored": dict(source.match.ignored),
        "dtypes": dtypes,
        "parameters": sum(math.prod(fill.shape) for fill in source.match.fills),
    }


def _copy_tokenizer(sources: Mapping[str, str], folder: Path) -> None:
    """The decoder's tokenizer travels with it, so that one path serves both."""
    for name in TOKENIZERS if "llama" in sources else ():
        file = Path(sources["llama"]) / name
        if file.is_file():
            shutil.copyfile(file, folder / name)


@contextlib.contextmanager
def _folder(out: Path) -> Iterator[Path]:
    """A folder beside `out` that becomes it when all went well, and vanishes otherwise."""
    temporary = out.with_name(f".{out.name}.partial")
    try:
        shutil.rmtree(temporary, ignore_errors=True)
        temporary.mkdir(parents=True)
        yield temporary
        temporary.replace(out)
    except OSError as error:
        raise UserError(f"{out}: cannot be written ({error.strerror or error}); check space and permissions") from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _bits(array: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(array).view(np.uint8)
