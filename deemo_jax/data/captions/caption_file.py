"""Captions of any folder of videos or images, as JSON lines or as a table."""

from collections.abc import Iterator
from pathlib import Path

from deemo_jax.core.files import read_jsonl
from deemo_jax.core.table_rows import MOST_LINE, TABLES
from deemo_jax.data.captions.csv_rows import read_columns
from deemo_jax.data.captions.rows import CaptionRow, Entry, SkippedRow
from deemo_jax.data.captions.skips import SkipKind

# Names that a key or column may have; an empty one may be missing. `file_name` and `text` are those of Hugging Face's
# image and video folders.
MEDIA = ("media", "file_name", "file", "video", "image", "path")
CAPTION = ("caption", "text")
ID = ("clip_id", "id", "")


def read_captions(path: Path) -> Iterator[Entry]:
    """Yields the rows of a file of captions: JSON lines, or a table if its name ends as `TABLES` say.

    A row names its media, relative to the folder of media, its caption, and an id, if it has another than its media.

    Raises:
        UserError: the file cannot be read, is malformed, or has no such columns.
    """
    if path.suffix.lower() in TABLES:
        for line, cells in read_columns(path, (MEDIA, CAPTION, ID)):
            if cells is None:
                yield _skipped(path, line, "it has not as many cells as the header")
            else:
                yield CaptionRow(cells[2] or cells[0], cells[0], cells[1])
        return
    for number, row in enumerate(read_jsonl(path, MOST_LINE), 1):
        media, caption, clip_id = (next((row[k] for k in names if k in row), None) for names in (MEDIA, CAPTION, ID))
        clip_id = media if clip_id is None else str(clip_id) if type(clip_id) is int else clip_id
        if isinstance(media, str) and isinstance(caption, str) and isinstance(clip_id, str):
            yield CaptionRow(clip_id, media, caption)
        else:
            yield _skipped(path, number, f"it needs texts {'/'.join(MEDIA)} and {'/'.join(CAPTION)}")


def _skipped(path: Path, number: int, reason: str) -> SkippedRow:
    return SkippedRow(f"{path.name}:{number}", SkipKind.BAD_ROW, reason)
