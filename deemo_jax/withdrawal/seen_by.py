"""Which checkpoints have seen a person: by the data that each run has on record, and by what runs began with."""

import dataclasses
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from deemo_jax.core.errors import UserError
from deemo_jax.core.files import read_json
from deemo_jax.core.recipe import Recipe
from deemo_jax.core.run_folder.workdir import Workdir, anchored
from deemo_jax.data.build.splits import VALIDATION
from deemo_jax.data.fingerprint import Fingerprint
from deemo_jax.data.run_data import read_record
from deemo_jax.withdrawal.dataset_traces import roots


@dataclasses.dataclass(frozen=True)
class Holding:
    """A dataset that holds a person.

    Attributes:
        folder: of the dataset.
        states: digests of its fingerprints, now and before.
        clips: split -> how many of its records are theirs.
    """

    folder: Path
    states: frozenset[str]
    clips: Mapping[str, int]


@dataclasses.dataclass(frozen=True)
class Seen:
    """A run whose checkpoints have seen a person.

    Attributes:
        run: its folder.
        steps: of its checkpoints.
        how: a phrase.
        calibrated: whether temperatures were learnt on their clips.
        reads: whether it reads a dataset that holds them.
    """

    run: Path
    steps: tuple[int, ...]
    how: str
    calibrated: bool = False
    reads: bool = True


def seen_by(runs: Sequence[Path], holdings: Sequence[Holding]) -> list[Seen]:
    """The runs that have seen a person, and those that began with a checkpoint of one that has.

    Raises:
        UserError: a run's config or record of its data is damaged.
    """
    recipes = {run: _recipe(run) for run in runs}
    found = {run: seen for run, recipe in recipes.items() if (seen := _reader(run, recipe, holdings)) is not None}
    while True:
        tainted = [seen.run for seen in found.values() if seen.how]
        more = [
            (run, source)
            for run, recipe in recipes.items()
            if recipe.init and not (run in found and found[run].how)
            for source in tainted
            if Path(recipe.init).resolve().is_relative_to(source)
        ]
        if not more:
            return list(found.values())
        for run, source in more:
            how = f"began with a checkpoint of {source}"
            found[run] = dataclasses.replace(found.get(run, Seen(run, _steps(run), "", reads=False)), how=how)


def _reader(run: Path, recipe: Recipe, holdings: Sequence[Holding]) -> Seen | None:
    """How a run has seen a person; `how` is empty where it reads their dataset, but not their splits."""
    record = read_record(Workdir(run).data)
    known = [record.data] if record.data else []
    known += [Fingerprint.from_json(change["before"], Workdir(run).data) for change in record.changes]
    digests = {fingerprint.digest for fingerprint in known}
    data = recipe.data
    for holding in holdings:
        at = Path(data.data_dir).resolve() in roots(holding.folder) and data.dataset == holding.folder.parent.name
        if not at and not digests & holding.states:
            continue
        trained = _clips(holding.clips, [data.train_split])
        validated = _clips(holding.clips, [data.validation_split])
        parts = [f"trained on up to {trained} of their clips"] if trained else []
        parts += [f"chosen by the loss on {validated} of their clips"] if validated else []
        return Seen(run, _steps(run), ", ".join(parts), bool(holding.clips.get(VALIDATION)))
    return None


def _clips(clips: Mapping[str, int], splits: Iterable[str]) -> int:
    """How many clips are in the splits that expressions such as 'train[:50%]+other' name."""
    names = {name for split in splits for name in re.findall(r"(?:^|\+)\s*(\w+)", split)}
    return sum(count for split, count in clips.items() if split in names or "all" in names)


def _recipe(run: Path) -> Recipe:
    config = Workdir(run).config
    if not config.is_file():
        raise UserError(f"{config}: is missing, so what the run has seen is unknown; mend it, or leave it out of --in")
    return Recipe.from_config(anchored(read_json(config), run))


def _steps(run: Path) -> tuple[int, ...]:
    folder = Workdir(run).checkpoints
    names = [path.name for path in folder.iterdir()] if folder.is_dir() else []
    return tuple(sorted(int(name) for name in names if name.isdigit()))
