"""The record of the human check: what a person saw on the sheets of frames. Later audits of these sheets read it."""

import dataclasses
import datetime
import os
import re
from pathlib import Path
from typing import Any

from deemo_jax.core import files
from deemo_jax.core.errors import UserError
from deemo_jax.core.stats import upper_bound
from deemo_jax.deid.manifest import SUFFIX, load_manifest

# Files beside the report: the list of the pictures on the sheets, and the record.
LISTING, RECORD = "sheet.json", "human_check.json"
# The answer of a person who saw no face.
NONE = "none"
# Bytes of either file, at most.
MAX_BYTES = 1 << 20
VERSION = 1
# Pictures on the sheets: no face in 300 of them bounds the share of all frames with a face to 1 % (one-sided, 95 %).
FRAMES = 300
# How a message names the command that makes sheets, and the flag that records an answer.
REPORT = "python -m deemo_jax.audit DIR --report"
HOW = f"--human_check '{NONE}', or the numbers of the pictures with a face, as in --human_check 12,40"


@dataclasses.dataclass(frozen=True, slots=True)
class HumanCheck:
    """What a person saw on all sheets of a report.

    Attributes:
        pictures: how many there are.
        with_a_face: numbers of those in which any part of a face can be made out.
        recorded: date of the record, ISO 8601.
        sheet_sha256: of the list of the pictures that were looked at.
    """

    pictures: int
    with_a_face: tuple[int, ...]
    recorded: str
    sheet_sha256: str

    @property
    def bound(self) -> float:
        """Upper bound of the share of all frames that show a face (one-sided, 95 %)."""
        return upper_bound(len(self.with_a_face), self.pictures)

    def __str__(self) -> str:
        which = f" (numbers {', '.join(map(str, self.with_a_face))})" if self.with_a_face else ""
        return (
            f"A person saw a face in {len(self.with_a_face)} of {self.pictures} pictures{which}, so in at most"
            f" {self.bound:.2%} of all frames (recorded {self.recorded})"
        )


def record(folder: Path, answer: str) -> HumanCheck:
    """Records what a person saw on the sheets in `folder`.

    Args:
        folder: of the audit's report.
        answer: "none", or the numbers of the pictures with a face, separated by commas.

    Raises:
        UserError: there are no sheets, or no picture has such a number.
    """
    listing = folder / LISTING
    if not listing.is_file():
        raise UserError(f"{listing}: no sheets to look at; make them with {REPORT} first")
    rows = files.read_json(listing, MAX_BYTES)
    if not isinstance(rows, list) or not rows:
        raise UserError(f"{listing}: no list of pictures; make the sheets again with {REPORT}")
    numbers = answer.split(",") if answer.strip().lower() != NONE else []
    if not all(re.fullmatch(r"\s*\d{1,9}\s*", number) for number in numbers):
        raise UserError(f"--human_check {answer!r}: give {HOW}")
    seen = tuple(sorted({int(number) for number in numbers}))
    if beyond := [number for number in seen if not 1 <= number <= len(rows)]:
        raise UserError(
            f"--human_check {answer!r}: there is no picture {beyond[0]}; they are numbered 1 to {len(rows)}"
        )
    check = HumanCheck(len(rows), seen, datetime.date.today().isoformat(), files.sha256(listing))
    files.write_json(folder / RECORD, {"version": VERSION, **dataclasses.asdict(check)})
    return check


def read(folder: Path, clips: Path | None = None) -> HumanCheck | None:
    """Reads the record of the sheets in `folder`; None where there is none.

    Args:
        folder: of the audit's report.
        clips: folder of the clips, to check that they are those on the sheets; None for no such check.

    Raises:
        UserError: the record is malformed, or of other sheets or clips.
    """
    path = folder / RECORD
    if not path.is_file():
        return None
    row = files.read_json(path, MAX_BYTES)
    if not isinstance(row, dict) or not _is_record(row):
        raise UserError(f"{path}: no record of a human check; make it again with {HOW}")
    if not (folder / LISTING).is_file() or files.sha256(folder / LISTING) != row["sheet_sha256"]:
        raise UserError(f"{path}: is of other sheets than those beside it; look at these, and record it with {HOW}")
    if clips is not None and not _shows(folder / LISTING, clips):
        raise UserError(f"{path}: is of clips that have changed; make the sheets again with {REPORT}")
    return HumanCheck(row["pictures"], tuple(row["with_a_face"]), row["recorded"], row["sheet_sha256"])


def _shows(listing: Path, clips: Path) -> bool:
    """Whether the pictures of a list are of the clips that lie in a folder, by the hashes in their manifests."""
    try:
        shown = {(row["clip_id"], row["output_sha256"]) for row in files.read_json(listing, MAX_BYTES)}
        return all(load_manifest(clips / f"{clip_id}{SUFFIX}").output_sha256 == digest for clip_id, digest in shown)
    except (UserError, KeyError, TypeError):
        return False


def on_record(folder: Path, clips: Path | None = None) -> tuple[HumanCheck | None, str]:
    """The record of the sheets in `folder`, None where there is no usable one; and the same in words, for a report.

    Args:
        folder: of the audit's report.
        clips: as for `read`.
    """
    try:
        check = read(folder, clips)
    except UserError as error:
        return None, f"Not measured: {str(error).replace(f'{folder}{os.sep}', '')}"
    return check, str(check or "Not measured: nobody has looked yet")


def _is_record(row: dict[str, Any]) -> bool:
    count, seen = row.get("pictures"), row.get("with_a_face")
    return (
        row.get("version") == VERSION
        and type(count) is int
        and isinstance(seen, list)
        and all(type(number) is int and 1 <= number <= count for number in seen)
        and len(set(seen)) == len(seen)
        and re.fullmatch(r"\d{4}-\d\d-\d\d", str(row.get("recorded"))) is not None
        and isinstance(row.get("sheet_sha256"), str)
    )
