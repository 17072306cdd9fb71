"""Rows of a caption dataset, and the checks that all sources share: ids, captions, and paths of media."""

import dataclasses
import re
from collections.abc import Callable, Iterable, Iterator
from pathlib import PurePosixPath
from typing import Any

from deemo_jax.core.schema import is_whole
from deemo_jax.data.captions.caption_text import MOST_CHARACTERS, caption_trouble
from deemo_jax.data.captions.skips import SkipKind

# Characters of an id and of a path, at most: what file systems bear.
MOST_NAME, MOST_PATH = 255, 4096
# A drive of Windows at the beginning of a path.
DRIVE = re.compile("[A-Za-z]:")


@dataclasses.dataclass(frozen=True, slots=True)
class CaptionRow:
    """One video or image, and its caption.

    Attributes:
        clip_id: unique in the dataset.
        media: path of the file within the folder of media; of a tar's member its name, which is never used as a path.
        caption: the text.
        archive: path, within the folder of media, of the tar that holds the media; empty for a file of its own.
        offset: of the member's bytes in the tar.
        size: of the member, bytes.
    """

    clip_id: str
    media: str
    caption: str
    archive: str = ""
    offset: int = 0
    size: int = 0

    def cleaned(self, clean: Callable[[str], str]) -> "CaptionRow":
        """The row with its caption cleaned by a rule."""
        return dataclasses.replace(self, caption=clean(self.caption))

    def text_trouble(self) -> SkipKind | None:
        """What is wrong with the caption; None where it can be stored."""
        return caption_trouble(self.caption)

    def places(self) -> tuple[str, ...]:
        """Paths at which the media may lie, within the folder of media; the first that is there is taken."""
        return (self.media,)

    def texts(self) -> dict[str, Any]:
        """What is stored of the row beside its media."""
        return {"caption": self.caption}


@dataclasses.dataclass(frozen=True, slots=True)
class SkippedRow:
    """A row that has no record.

    Attributes:
        clip_id: its id; where it has none, its file and line.
        kind: what is wrong.
        reason: the same in one line, with details; without folders of this machine.
    """

    clip_id: str
    kind: SkipKind
    reason: str


# What a reader of a source yields for each row.
Entry = CaptionRow | SkippedRow


def leads_out(path: str) -> bool:
    """Whether a path is absolute, or climbs out of the folder that it is relative to."""
    parts = PurePosixPath(path.replace("\\", "/"))
    return parts.is_absolute() or ".." in parts.parts or bool(DRIVE.match(path))


def checked(entries: Iterable[Entry], clean: Callable[[str], str], seen: set[str]) -> Iterator[Entry]:
    """Cleans texts, and replaces what cannot become a record by a `SkippedRow`; keeps the order.

    Args:
        entries: of a source.
        clean: the rule for captions.
        seen: ids that were seen before, in this and other files; the new ones are added.
    """
    for entry in entries:
        if isinstance(entry, SkippedRow):
            yield entry
            continue
        row = entry.cleaned(clean)
        kind = _trouble(row, seen)
        if kind is None:
            seen.add(row.clip_id)
            yield row
        else:
            yield SkippedRow(row.clip_id[:MOST_NAME], kind, _said(row, kind))


def _trouble(row: CaptionRow, seen: set[str]) -> SkipKind | None:
    names = (row.clip_id, row.media)
    if not all(names) or not all(map(is_whole, names)) or "\0" in row.clip_id + row.media:
        return SkipKind.BAD_ROW
    if len(row.clip_id) > MOST_NAME or len(row.media) > MOST_PATH:
        return SkipKind.BAD_ROW
    if row.clip_id in seen:
        return SkipKind.DUPLICATE
    return SkipKind.UNSAFE_PATH if leads_out(row.media) else row.text_trouble()


def _said(row: CaptionRow, kind: SkipKind) -> str:
    return {
        SkipKind.BAD_ROW: "its id or path is empty, too long or broken text",
        SkipKind.DUPLICATE: "its id came before; the first row with it is taken",
        SkipKind.UNSAFE_PATH: f"{row.media[:MOST_NAME]!r} leads out of the folder of media",
        SkipKind.LONG_CAPTION: f"a caption of {len(row.caption)} characters; at most {MOST_CHARACTERS} are stored",
    }.get(kind, kind.value)
