"""What the caption datasets share as TFDS builders; `python -m deemo_jax.build` makes their records in parallel."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar

import tensorflow_datasets as tfds

from deemo_jax.core.processes import settled
from deemo_jax.data.captions.parts import counted, encodable, settled_row
from deemo_jax.data.captions.record import RecordMaker
from deemo_jax.data.captions.rows import SkippedRow
from deemo_jax.data.captions.sources import LAYOUTS, CaptionSource, find_source
from deemo_jax.data.record_features import features_of
from tfds_builders.ordered_builder import OrderedBuilder


class CaptionBuilder(OrderedBuilder, skip_registration=True):  # type: ignore[call-arg]
    """Writes videos and images with captions or instructions from a folder that a person has filled (`manual_dir`).

    Nothing is fetched. As TFDS's own builder it works in one process, in which a damaged file is read too. Reading a
    dataset does not need this class.

    Args:
        frames: stored of a video, at most.
        keep_faces: whether faces stay visible.
        **settings: `data_dir` and other arguments of TFDS's builders.
    """

    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES: ClassVar[dict[str, str]] = {"1.0.0": "Frames, caption, and how faces were covered."}
    # A key of `deemo_jax.data.captions.sources.LAYOUTS`.
    LAYOUT: ClassVar[str]

    def __init__(self, *, frames: int = 8, keep_faces: bool = False, **settings: Any) -> None:
        self._frames, self._keep_faces = frames, keep_faces
        super().__init__(**settings)

    def _info(self) -> tfds.core.DatasetInfo:
        return self.described(features_of(LAYOUTS[self.LAYOUT].kind))

    def _split_generators(self, dl_manager: tfds.download.DownloadManager) -> Mapping[str, Iterator[tuple[int, Any]]]:
        source = find_source(self.LAYOUT, [Path(dl_manager.manual_dir)])
        return {split: self._generate_examples(source, split) for split in source.files}

    def _generate_examples(self, source: CaptionSource, split: str) -> Iterator[tuple[int, Any]]:
        maker = RecordMaker(source.media, self._frames, self._keep_faces)
        entries = (entry for of, entry in source.entries() if of == split)
        skipped = []
        for key, (entry, result) in enumerate(settled(maker, entries, 0)):
            record = settled_row(entry, result, source.media)
            if isinstance(record, SkippedRow):
                skipped.append(record)
            else:
                yield key, encodable(record)
        known = self.info.metadata.get("skipped", {})
        self.info.metadata.update(settings=maker.settings(), skipped=known | {split: counted(skipped)})
