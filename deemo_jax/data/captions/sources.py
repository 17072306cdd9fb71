"""Which files a caption dataset is made from, and the layout of a folder that holds them."""

import dataclasses
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from deemo_jax.core.errors import UserError
from deemo_jax.data.captions.caption_file import read_captions
from deemo_jax.data.captions.caption_text import RULES
from deemo_jax.data.captions.cc3m import read_cc3m
from deemo_jax.data.captions.instructions import FORMS, read_instructions
from deemo_jax.data.captions.rows import Entry, checked
from deemo_jax.data.captions.tar_rows import read_tar
from deemo_jax.data.captions.webvid import read_webvid
from deemo_jax.data.record_features import RecordKind

TRAIN, VALIDATION = "train", "validation"


@dataclasses.dataclass(frozen=True)
class Layout:
    """How one dataset lies in a folder.

    Attributes:
        files: patterns of the files with captions, in the order in which they are looked for; the first that is there
            is taken.
        media: folders that may hold the media, the first that is there is taken; else the folder itself.
        read: yields the rows of a file.
        rule: of `RULES`, how captions are cleaned.
        instructions: what lies where, for people.
        kind: of the records.
    """

    files: tuple[str, ...]
    media: tuple[str, ...]
    read: Callable[[Path], Iterator[Entry]]
    rule: str
    instructions: str
    kind: RecordKind = RecordKind.CAPTIONS


def _any_file(path: Path) -> Iterator[Entry]:
    return read_tar(path) if path.suffix.lower() == ".tar" else read_captions(path)


LAYOUTS: Mapping[str, Layout] = {
    "webvid": Layout(
        ("*.csv",),
        ("videos",),
        read_webvid,
        "webvid",
        "Nothing is fetched: WebVid is not distributed any more. DIR holds its tables (results_2M_train.csv,"
        " results_2M_val.csv; columns videoid, page_dir and name) and videos/<page_dir>/<videoid>.mp4.",
    ),
    "cc3m": Layout(
        ("chat.json", "filter_cap.json"),
        ("images", "image"),
        read_cc3m,
        "raw",
        "Nothing is fetched. DIR holds chat.json of LLaVA-CC3M-Pretrain-595K, or Video-LLaMA's filter_cap.json, and"
        " the unpacked images.zip as images/ (or image/, or beside the file).",
    ),
    "captions": Layout(
        ("captions.jsonl", "captions.csv", "metadata.jsonl", "metadata.csv", "*.tar"),
        ("media",),
        _any_file,
        "raw",
        "Nothing is fetched. DIR holds captions.jsonl, captions.csv (or metadata.jsonl, metadata.csv) with the keys"
        " media, caption and, optional, clip_id; media are relative to DIR/media, or else to DIR. Or it holds"
        " webdataset tars.",
    ),
    "instructions": Layout(
        ("*.json", "*.jsonl", "*.csv"),
        ("media", "videos", "images"),
        read_instructions,
        "raw",
        f"Nothing is fetched. DIR holds files of instructions, each {FORMS}; media are relative to DIR/media,"
        " DIR/videos or DIR/images, or else to DIR.",
        RecordKind.INSTRUCTIONS,
    ),
}


@dataclasses.dataclass(frozen=True)
class CaptionSource:
    """What a caption dataset is made from.

    Attributes:
        files: split -> files with captions.
        media: the folder that paths of media are relative to; tars lie in it.
        read: yields the rows of a file.
        rule: how captions are cleaned.
        kind: of the records.
    """

    files: Mapping[str, tuple[Path, ...]]
    media: Path
    read: Callable[[Path], Iterator[Entry]]
    rule: str
    kind: RecordKind = RecordKind.CAPTIONS

    def entries(self) -> Iterator[tuple[str, Entry]]:
        """Yields all rows with their split, checked; an id counts once over all splits.

        Raises:
            UserError: a file cannot be read or has another form.
        """
        seen: set[str] = set()
        for split, files in self.files.items():
            for file in files:
                for entry in checked(self.read(file), RULES[self.rule], seen):
                    yield split, entry


def find_source(
    dataset: str, given: Sequence[Path], media: Path | None = None, rule: str | None = None
) -> CaptionSource:
    """The source of a dataset.

    Args:
        dataset: of `LAYOUTS`.
        given: files with captions, or one folder in the layout of the dataset.
        media: the folder of media; None for the one of the layout.
        rule: of `RULES`; None for the one of the dataset.

    Raises:
        UserError: a path is missing, or a folder holds no file with captions.
    """
    layout = LAYOUTS[dataset]
    if missing := [path for path in (*given, *([media] if media else [])) if not path.exists()]:
        raise UserError(f"{missing[0]}: no such file or folder; check the path")
    folder = given[0] if given[0].is_dir() else given[0].parent
    if given[0].is_dir():
        if len(given) > 1:
            raise UserError(f"{given[0]}: is a folder; give one folder, or files")
        files = next((found for pattern in layout.files if (found := sorted(folder.glob(pattern)))), [])
        if not files:
            raise UserError(f"{folder}: holds no {' or '.join(layout.files)}. {layout.instructions}")
    else:
        files = list(given)
    if any(file.suffix.lower() == ".tar" for file in files):
        if {file.parent for file in files} != {folder} or not all(file.suffix.lower() == ".tar" for file in files):
            raise UserError(f"{files[0]}: tars are given alone, and all of one folder")
        media = folder
    media = media or next((folder / name for name in layout.media if (folder / name).is_dir()), folder)
    return CaptionSource(_splits(files), media, layout.read, rule or layout.rule, layout.kind)


def _splits(files: Sequence[Path]) -> dict[str, tuple[Path, ...]]:
    """Files whose name ends with `val` or `validation` make a split of their own."""
    apart = {file for file in files if file.stem.lower().endswith(("_val", "_validation"))}
    splits = {TRAIN: tuple(f for f in files if f not in apart), VALIDATION: tuple(f for f in files if f in apart)}
    return {split: those for split, those in splits.items() if those}
