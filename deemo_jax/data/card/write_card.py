"""Writes the card of a dataset beside it: croissant.json, and its texts as texts.jsonl."""

import copy
import dataclasses
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import tensorflow_datasets as tfds
from absl import logging

from deemo_jax.core.errors import UserError
from deemo_jax.core.files import atomic, sha256, write_json
from deemo_jax.core.progress import with_progress
from deemo_jax.core.versions import version
from deemo_jax.data import fingerprint
from deemo_jax.data.card import croissant, holder_card, text_view
from deemo_jax.data.card.croissant import DataFile, Texts
from deemo_jax.data.card.record_counts import RecordCounts, count
from deemo_jax.data.card.text_view import TextView
from deemo_jax.data.clip_source import ClipSource, Record, open_builder
from deemo_jax.data.record_features import labels_of

# Files beside the shards without which a dataset cannot be read, or known to be the one that was built.
BESIDE = ("dataset_info.json", "features.json", "metadata.json", "emotion.labels.txt", fingerprint.FILE)


@dataclasses.dataclass(frozen=True)
class Written:
    """A card that was written.

    Attributes:
        path: of croissant.json.
        texts: the view beside it; None where no record's texts may be shown.
        clips: records of the dataset.
        missing: keys that the holder is to fill in.
        checked: what `mlcroissant` said, a sentence.
    """

    path: Path
    texts: Texts | None
    clips: int
    missing: tuple[str, ...]
    checked: str

    def __str__(self) -> str:
        lines = [f"{self.path}: written; {self.checked}"]
        if self.texts:
            raw = f", {self.texts.raw} of them with texts that are not de-identified" if self.texts.raw else ""
            lines.append(f"  {text_view.FILE}: {self.texts.rows} of {self.clips} clips{raw}")
        if left_out := self.texts.left_out if self.texts else self.clips:
            lines.append(
                f"  left out of {text_view.FILE}, since their texts are not known to be de-identified: {left_out}"
                " (redact the annotations and build anew, or give --include_raw_text)"
            )
        if self.missing:
            lines.append(f"  only the holder knows, in a file given with --card: {', '.join(self.missing)}")
        return "\n".join(lines)


def write_card(data_dir: Path, dataset: str, card: Path | None = None, *, include_raw: bool = False) -> Written:
    """Writes croissant.json and texts.jsonl beside the shards of a dataset; equal dataset and card give equal files.

    Args:
        data_dir: the root of datasets.
        dataset: its name.
        card: what the holder says, a file as `holder_card` reads it; None for nothing.
        include_raw: whether texts that are not known to be de-identified are shown, too.

    Raises:
        UserError: there is no such dataset or it is damaged, the holder's file is malformed, or the folder cannot be
            written.
    """
    said = holder_card.read_card(card) if card is not None else {}
    builder = open_builder(data_dir, dataset)
    folder = Path(builder.data_path)
    view_path = folder / text_view.FILE
    with atomic(view_path) as temporary:
        with open(temporary, "w", encoding="utf-8") as handle:
            view = TextView(handle, include_raw)
            counts = count((split, _records(data_dir, dataset, split, view)) for split in builder.info.splits)
        texts = None
        if view.rows:
            texts = Texts(_data_file(temporary, text_view.FILE), view.rows, view.left_out, view.raw)
        whole = _document(builder, counts, texts, said)
        checked = _check(whole)
    if texts is None:
        view_path.unlink()
    write_json(folder / croissant.FILE, whole)
    return Written(folder / croissant.FILE, texts, counts.clips, tuple(holder_card.missing(whole)), checked)


def _records(data_dir: Path, dataset: str, split: str, view: TextView) -> Iterator[Record]:
    source = ClipSource(data_dir, dataset, split)
    read = (source.without_media(index) for index in range(len(source)))
    yield from view.watching(split, with_progress(read, f"card of {split}", len(source)))


def _document(
    builder: tfds.core.DatasetBuilder, counts: RecordCounts, texts: Texts | None, card: Mapping[str, Any]
) -> dict[str, Any]:
    folder, known = Path(builder.data_path), fingerprint.fingerprint_of(builder)[0]
    shards = [DataFile(name, of.bytes, of.sha256) for name, of in sorted(known.shards.items())]
    beside = [_data_file(folder / name, name) for name in BESIDE if (folder / name).is_file()]
    labels = labels_of(builder.info.features, folder)
    built = builder.info.metadata or {}
    return croissant.document(
        builder.name, str(builder.info.version), labels, counts, built, [*shards, *beside], texts, card
    )


def _data_file(path: Path, name: str) -> DataFile:
    return DataFile(name, path.stat().st_size, sha256(path))


def _check(document: dict[str, Any]) -> str:
    """What `mlcroissant`, which is an extra, says of a document.

    Raises:
        UserError: it refuses the document, for something that the holder says.
    """
    try:
        import mlcroissant
    except ImportError:
        return "not checked: mlcroissant is not installed (pip install 'deemo-jax[cards]')"
    verbosity = logging.get_verbosity()
    logging.set_verbosity(logging.ERROR)  # its warnings are counted below
    try:
        # It writes into what it reads.
        issues = mlcroissant.Dataset(jsonld=copy.deepcopy(document)).metadata.ctx.issues
    except (mlcroissant.ValidationError, ValueError) as error:
        raise UserError(f"the card is no valid Croissant: {error}; mend the file of --card") from error
    finally:
        logging.set_verbosity(verbosity)
    return f"mlcroissant {version('mlcroissant')} finds no error and {len(issues.warnings)} warnings"
