"""DEEMO-MER as a TFDS dataset; `python -m deemo_jax.build deemo_mer` makes its records, behind the privacy gate."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, ClassVar

import tensorflow_datasets as tfds

from deemo_jax.core.errors import UserError
from deemo_jax.core.schema import DEEMO_LABELS, Labels
from deemo_jax.data.build.records import encodable
from deemo_jax.data.record_features import clip_features
from tfds_builders.ordered_builder import OrderedBuilder


class Builder(OrderedBuilder):
    """Writes records that have passed the privacy gate. Reading the dataset does not need this class.

    Args:
        records: split -> records of `deemo_jax.data.build.records.make_record`, which are read once, in order.
        metadata: gives the facts that are stored with the data (fingerprint, settings, counts), as JSON has them;
            called after the records of a split were read.
        labels: emotions that the clips may have.
        **settings: `data_dir` and other arguments of TFDS's builders.
    """

    HOMEPAGE = "https://arxiv.org/abs/2504.19549"
    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES: ClassVar = {
        "1.0.0": "The clip record: frames, mel, transcript, NFBL, emotion, reasoning, provenance."
    }

    def __init__(
        self,
        *,
        records: Mapping[str, Iterable[dict[str, Any]]] | None = None,
        metadata: Callable[[], Mapping[str, Any]] = dict,
        labels: Labels = DEEMO_LABELS,
        **settings: Any,
    ) -> None:
        self._records = records
        self._metadata = metadata
        self._labels = labels
        super().__init__(**settings)

    def _info(self) -> tfds.core.DatasetInfo:
        return self.described(clip_features(self._labels))

    def _split_generators(self, dl_manager: tfds.download.DownloadManager) -> dict[str, Iterator[tuple[int, Any]]]:
        del dl_manager  # nothing is downloaded
        if self._records is None:
            raise UserError(
                "deemo_mer: records enter through the privacy gate only; run: python -m deemo_jax.build deemo_mer"
            )
        return {split: self._generate_examples(records) for split, records in self._records.items()}

    def _generate_examples(self, records: Iterable[dict[str, Any]]) -> Iterator[tuple[int, Any]]:
        for key, record in enumerate(records):
            yield key, encodable(record)
        self.info.metadata.update(self._metadata())
