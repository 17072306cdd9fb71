"""Reads the systems of a comparison, runs and files of predictions, and checks that they answered the same clips."""

import dataclasses
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path

from deemo_jax.core.errors import UserError, plain
from deemo_jax.core.files import sha256
from deemo_jax.core.schema import DEEMO_LABELS, Labels
from deemo_jax.evaluation import output_folder
from deemo_jax.evaluation.modality_sets import fullest
from deemo_jax.evaluation.predictions import Prediction, by_set, read_predictions
from deemo_jax.evaluation.reading.synonyms import Synonyms
from deemo_jax.evaluation.truth import Truth


@dataclasses.dataclass(frozen=True, slots=True)
class System:
    """What one system answered.

    Attributes:
        name: in the table; no two systems have the same.
        file: its predictions.
        sha256: of that file.
        modalities: what it was given.
        rows: a prediction for each clip, sorted by clip; the clips, labels and persons are those of all systems. Of a
            system that was trained with several seeds, those of the first seed, then those of the next one, ...
        repeats: where it was trained with several seeds, the system with each of them, by that seed; else empty.
        differs: what tells it from the others, by name of a column of the table; all systems have the same columns.
    """

    name: str
    file: Path
    sha256: str
    modalities: str
    rows: Sequence[Prediction]
    repeats: Mapping[int, "System"] = dataclasses.field(default_factory=dict)
    differs: Mapping[str, str] = dataclasses.field(default_factory=dict)


def predictions_of(path: Path) -> Path:
    """The file of predictions that a path stands for: itself, or that of a run's evaluation that was finished last.

    Raises:
        UserError: there is none.
    """
    if not path.is_dir():
        return path
    if output_folder.finished(path) and (path / output_folder.PREDICTIONS).is_file():
        return path / output_folder.PREDICTIONS
    folder = output_folder.newest(path / "evaluation")
    if folder is None:
        mend = f"python -m deemo_jax.evaluate --workdir {shlex.quote(str(path))}"
        raise UserError(f"{path}: has no finished evaluation; {mend} makes one")
    return folder / output_folder.PREDICTIONS


def labels_of(files: Sequence[Path]) -> Labels:
    """The labels of the runs among some files of predictions; DEEMO's where no run is among them.

    Raises:
        UserError: runs with different labels.
    """
    found = {output_folder.scored_labels(file.parent): file for file in files if output_folder.finished(file.parent)}
    if len(found) > 1:
        raise UserError("; ".join(f"{file} has the labels {labels}" for labels, file in found.items()))
    return next(iter(found), DEEMO_LABELS)


def read_systems(
    paths: Sequence[Path],
    labels: Labels,
    truth: Truth | None = None,
    modalities: str = "",
    synonyms: Synonyms | None = None,
) -> list[System]:
    """Reads systems that answered the same clips.

    Args:
        paths: at least one: folders of runs, or of evaluations, or files of predictions.
        labels: of all of them.
        truth: its labels are used in place of theirs; None for none.
        modalities: which modality set of each is compared; empty for the fullest of each.
        synonyms: other words for labels, by which emotions are read out of answers.

    Raises:
        UserError: a file is missing or malformed, lacks the modality set, or the systems answered different clips or
            have different labels or persons for one.
    """
    systems: list[System] = []
    for path, name in zip(paths, _names(paths), strict=True):
        file = predictions_of(path)
        sets = by_set(read_predictions(file, truth, labels, synonyms))
        chosen = modalities or fullest(sets)
        if chosen not in sets:
            raise UserError(f"{file}: has no predictions for modalities {chosen!r}, only for {'; '.join(sets)}")
        systems.append(System(name, file, sha256(file), chosen, sets[chosen]))
    return on_same_clips(systems)


def on_same_clips(systems: Sequence[System]) -> list[System]:
    """The systems, each clip with the person that any of them states.

    Raises:
        UserError: they answered different clips, or have different labels or persons for one.
    """
    for other in systems[1:]:
        _check_same_clips(systems[0], other)
    return _with_persons(systems)


def over_seeds(name: str, systems: Mapping[int, System]) -> System:
    """What was trained with several seeds as one system, whose answers are those of all of them.

    Args:
        name: of the system.
        systems: seed -> the system that was trained with it; on the same clips, given the same modalities.
    """
    first = next(iter(systems.values()))
    if len(systems) == 1:
        return dataclasses.replace(first, name=name)
    rows = [row for system in systems.values() for row in system.rows]
    return dataclasses.replace(first, name=name, rows=rows, repeats=dict(systems))


def systems_of_sets(
    file: Path,
    labels: Labels,
    names: Mapping[str, str] | None = None,
    truth: Truth | None = None,
    synonyms: Synonyms | None = None,
) -> list[System]:
    """One system's modality sets as systems of their own.

    Args:
        file: its predictions.
        labels: that these name.
        names: name -> modality set, as `schema.set_name` writes it; None for all of its sets under their own names, the
            fullest first.
        truth, synonyms: as for `read_systems`.

    Raises:
        UserError: the file is malformed, or lacks a set.
    """
    sets, hashed = by_set(read_predictions(file, truth, labels, synonyms)), sha256(file)
    if names is None:
        first = fullest(sets)
        names = {name: name for name in (first, *(name for name in sets if name != first))}
    if lacking := set(names.values()) - set(sets):
        raise UserError(f"{file}: has no predictions for modalities {min(lacking)!r}; evaluate again with --overwrite")
    return [System(name, file, hashed, chosen, sets[chosen]) for name, chosen in names.items()]


def _names(paths: Sequence[Path]) -> list[str]:
    """Short names, and whole paths where short ones are the same."""
    short = [path.name if path.is_dir() else path.stem for path in paths]
    names = [
        plain(name if name and short.count(name) == 1 else str(path)) for name, path in zip(short, paths, strict=True)
    ]
    if twice := next((name for name in names if names.count(name) > 1), ""):
        raise UserError(f"{twice}: is named twice; name each system once")
    return names


def _check_same_clips(first: System, other: System) -> None:
    clips, others = ({row.clip_id: row.emotion_true for row in system.rows} for system in (first, other))
    more, fewer = others.keys() - clips.keys(), clips.keys() - others.keys()
    if more or fewer:
        raise UserError(
            f"{other.name} answered other clips than {first.name}: it lacks {len(fewer)} of those {len(clips)} and has "
            f"{len(more)} more, say {min(more | fewer)}; compare systems on the same clips"
        )
    if unlike := [clip for clip in clips if clips[clip] != others[clip]]:
        raise UserError(
            f"clip {unlike[0]} is labelled {clips[unlike[0]]} in {first.name} and {others[unlike[0]]} in {other.name} "
            f"({len(unlike)} such clips); name the labels with --truth"
        )


def _with_persons(systems: Sequence[System]) -> list[System]:
    """The systems, each clip with the person that any of them states."""
    persons: dict[str, str] = {}
    for system in systems:
        for row in system.rows:
            if row.person_id and (known := persons.setdefault(row.clip_id, row.person_id)) != row.person_id:
                raise UserError(
                    f"clip {row.clip_id} is of person {known} and, in {system.name}, of {row.person_id}; mend "
                    "person_id or name the persons with --truth"
                )
    return [
        dataclasses.replace(
            system, rows=[dataclasses.replace(row, person_id=persons.get(row.clip_id)) for row in system.rows]
        )
        for system in systems
    ]
