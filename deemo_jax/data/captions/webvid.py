"""WebVid's tables: `results_2M_train.csv` and its like, of columns that differ in order between releases."""

from collections.abc import Iterator
from pathlib import Path

from deemo_jax.data.captions.csv_rows import read_columns
from deemo_jax.data.captions.rows import CaptionRow, Entry, SkippedRow
from deemo_jax.data.captions.skips import SkipKind

# Id, folder and caption; others, such as the address and the duration, are not used.
COLUMNS = (("videoid",), ("page_dir",), ("name",))


def read_webvid(path: Path) -> Iterator[Entry]:
    """Yields the rows of a table; a video lies at `<page_dir>/<videoid>.mp4`, where WebVid's download put it.

    Raises:
        UserError: see `read_columns`.
    """
    for line, cells in read_columns(path, COLUMNS):
        if cells is None:
            yield SkippedRow(f"{path.name}:{line}", SkipKind.BAD_ROW, "it has not as many cells as the header")
            continue
        video, folder, caption = cells
        yield CaptionRow(video, f"{folder}/{video}.mp4" if folder else f"{video}.mp4", caption)
