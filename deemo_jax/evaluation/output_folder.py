"""The folder of an evaluation: one for each setting, so that evaluations do not overwrite each other.

setting.json (what is evaluated, written first)   answers.jsonl (until all is answered)   predictions.jsonl
recognition.png   report.md   model_card.md   recognition.json (written last: the evaluation is finished)
sheet.png   report.html
comparison.md, .csv, .tex, .png, .svg, .json (of a sweep, or of several systems)   faithfulness.md, .json
.lock (held while a run is evaluated here)
"""

import dataclasses
import hashlib
import json
import re
from pathlib import Path
from typing import Any

from deemo_jax.core.errors import UserError
from deemo_jax.core.files import open_output, read_json, write_json
from deemo_jax.core.run_folder.lock import Lock
from deemo_jax.core.schema import DEEMO_LABELS, Labels

SETTING, ANSWERS, PREDICTIONS, SCORES = "setting.json", "answers.jsonl", "predictions.jsonl", "recognition.json"
LOCK = ".lock"
# Of a comparison; the last one is written last.
COMPARISON = tuple(f"comparison.{ending}" for ending in ("md", "csv", "tex", "png", "svg", "json"))
FAITHFULNESS = ("faithfulness.md", "faithfulness.json")
# Of lists of emotion words.
WORDS = ("open_vocabulary.md", "open_vocabulary.json")
# The page of `evaluate --report`.
PAGE = "report.html"
SHOWN = ("report.md", "recognition.png", "sheet.png", "model_card.md", PAGE)
FILES = (SCORES, SETTING, ANSWERS, PREDICTIONS, *SHOWN, *COMPARISON, *FAITHFULNESS)
# Characters of the split, and of the modality sets, in a folder's name, at most: file systems allow 255 bytes in all.
LONGEST = 120


@dataclasses.dataclass(frozen=True, slots=True)
class Setting:
    """How a run is evaluated: all that changes answers or scores, and so not the batch size.

    Attributes:
        split: of the dataset.
        limit: clips, at most; 0 for all.
        step: of the checkpoint; None for a converted one, which has no steps.
        weights: hash that tells the checkpoint from others of the same step.
        sets: modality sets, as `schema.set_name` writes them.
        max_new_tokens: tokens of an answer, at most.
        data: hash of the dataset's content.
        truth: SHA-256 of the file whose labels are used in place of the dataset's; empty for none.
    """

    split: str
    limit: int
    step: int | None
    weights: str
    sets: tuple[str, ...]
    max_new_tokens: int
    data: str
    truth: str = ""

    def to_json(self) -> dict[str, Any]:
        """The setting as setting.json has it."""
        return {**dataclasses.asdict(self), "sets": list(self.sets)}

    @property
    def name(self) -> str:
        """A readable name, such as 'test-first24-step640-all+transcript'; other settings may have the same."""
        first = [f"first{self.limit}"] if self.limit else []
        sets = "+".join(chosen.replace(",", "_") for chosen in self.sets)
        step = "converted" if self.step is None else f"step{self.step}"
        split = re.sub(r"[^A-Za-z0-9.]+", "_", self.split).strip("_.") or "split"
        return "-".join([split[:LONGEST], *first, step, sets if len(sets) <= LONGEST else f"{len(self.sets)}sets"])


def finished(folder: Path) -> bool:
    """Whether a folder holds a finished evaluation."""
    return (folder / SCORES).is_file()


def check(folder: Path, stamp: dict[str, Any], *, overwrite: bool) -> None:
    """Checks whether an evaluation may be written to a folder; writes nothing.

    Args:
        folder: need not exist.
        stamp: what is evaluated, as JSON has it.
        overwrite: whether the files of an earlier evaluation may be removed.

    Raises:
        UserError: the folder holds another evaluation.
    """
    if not overwrite and any((folder / name).exists() for name in FILES) and not holds(folder, stamp):
        raise UserError(
            f"{folder}: holds another evaluation; name another folder with --out, or give --overwrite to remove it"
        )


def clear(folder: Path, keep: Path | None = None) -> None:
    """Removes the files of an evaluation, except `keep`; first the scores, whose presence means that it is finished."""
    for path in (folder / name for name in FILES):
        if keep is None or not (path.exists() and path.samefile(keep)):
            path.unlink(missing_ok=True)


def lock_of(folder: Path) -> Lock:
    """The lock that keeps a second evaluation out of a folder."""
    return Lock(folder / LOCK, "name another folder with --out")


def begin(folder: Path, stamp: dict[str, Any], lock: Lock | None = None) -> None:
    """Begins an evaluation in a folder: writes setting.json.

    Args:
        folder: need not exist.
        stamp: as for `check`.
        lock: to take first, where the folder did not exist when the lock was to be taken.

    Raises:
        UserError: it cannot be written, or another process began an evaluation there meanwhile.
    """
    open_output(folder)
    if lock is not None:
        lock.take()
        if any((folder / name).exists() for name in FILES):
            raise UserError(f"{folder}: another evaluation was begun here just now; try again")
    write_json(folder / SETTING, stamp)


def place(root: Path, name: str, stamp: dict[str, Any]) -> Path:
    """The folder of an evaluation below `root`: the one that holds it already, or a free one.

    Args:
        root: need not exist.
        name: of the folder; 8 hexadecimal digits are added where another evaluation has it.
        stamp: as for `check`.
    """
    for folder in sorted(root.iterdir()) if root.is_dir() else []:
        if holds(folder, stamp):
            return folder
    usual = root / name
    if not usual.exists() or (usual.is_dir() and {path.name for path in usual.iterdir()} <= {LOCK}):
        return usual
    text = json.dumps(stamp, sort_keys=True, ensure_ascii=False)
    return root / f"{name}-{hashlib.sha256(text.encode()).hexdigest()[:8]}"


def newest(root: Path) -> Path | None:
    """The folder of the evaluation below `root` that was finished last.

    It is `root` itself for an evaluation of an earlier version, which wrote there; None where there is none.
    """
    folders = [folder for folder in root.iterdir() if _shown(folder)] if root.is_dir() else []
    if folders:
        return max(folders, key=lambda folder: (folder / SCORES).stat().st_mtime_ns)
    return root if (root / PREDICTIONS).is_file() else None


def scored_labels(folder: Path) -> Labels:
    """The labels with which a finished evaluation was scored; DEEMO's where there are no scores.

    Raises:
        UserError: the scores are damaged.
    """
    if not finished(folder):
        return DEEMO_LABELS
    try:
        return Labels(tuple(next(iter(read_json(folder / SCORES)["sets"].values()))["classes"]))
    except (TypeError, KeyError, AttributeError, StopIteration) as error:
        raise UserError(f"{folder / SCORES}: is damaged; give --overwrite to evaluate again") from error


def holds(folder: Path, stamp: dict[str, Any]) -> bool:
    """Whether the evaluation of a stamp was begun in a folder."""
    try:
        return (folder / SETTING).is_file() and read_json(folder / SETTING) == stamp
    except UserError:
        return False


def _shown(folder: Path) -> bool:
    return finished(folder) and (folder / PREDICTIONS).is_file()
