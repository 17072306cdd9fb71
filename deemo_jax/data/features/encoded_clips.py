"""A split whose clips carry features from the disk in place of frames and spectrograms.

Axes: F frames or spectrograms of a clip, P tokens of each of those, E their width.
"""

import dataclasses
import sys
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

import jax
import numpy as np
from jaxtyping import Float, Shaped

from deemo_jax.core.errors import UserError
from deemo_jax.core.recipe import BRANCHES, Recipe
from deemo_jax.core.schema import Labels, Modality
from deemo_jax.data.batch_rows import Blank
from deemo_jax.data.clip_source import ClipSource, Record
from deemo_jax.data.features.files import Features, Gap, find, known
from deemo_jax.data.features.key import key_of, state_of
from deemo_jax.data.file_watch import FileWatch
from deemo_jax.data.record_features import RecordKind
from deemo_jax.models.deemo_llama import DeemoLlama


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class EncodedRecord(Record):
    """A record some of whose media are features.

    Attributes:
        encoded: the features of each modality that it has, or why it could not be read when they were made.
    """

    encoded: Mapping[Modality, Float[np.ndarray, "F P E"] | Exception]

    @property
    def media(self) -> frozenset[Modality]:
        return super(EncodedRecord, self).media | self.encoded.keys()

    def read(self, modality: Modality, count: int) -> Shaped[np.ndarray, "count ..."]:
        """[F P E] features; of a modality without them, what the record has.

        Raises:
            ValueError: the record's pixels or samples are damaged.
        """
        found = self.encoded.get(modality)
        if isinstance(found, Exception):
            raise found.with_traceback(None)
        return super(EncodedRecord, self).read(modality, count) if found is None else found


class EncodedClips:
    """A split with features of at least one modality.

    Args:
        source: the split: `files`, `labels` and records by index, whole and `without_media`, as `ClipSource` has them.
        features: of its clips.
        others: whether modalities without features are shown, too.

    Attributes:
        files, labels, kind: of the source.
        outputs: modality -> shape and dtype of a clip's features.

    Raises:
        UserError: the features are of another number of clips.
    """

    def __init__(self, source: Any, features: Mapping[Modality, Features], *, others: bool = False) -> None:
        self.files: FileWatch = source.files
        self.labels: Labels = source.labels
        self.kind: RecordKind = getattr(source, "kind", RecordKind.CLIPS)
        self.outputs: dict[Modality, Blank] = {of: (found.shape, found.dtype) for of, found in features.items()}
        self._source, self._features, self._others = source, features, others
        for modality, found in features.items():
            if len(found) != len(source):
                raise UserError(
                    f"the {modality} features are of {len(found)} clips, and the split has {len(source)}; make them "
                    "again: python -m deemo_jax.cache ... --overwrite"
                )

    def __len__(self) -> int:
        return len(self._source)

    def __getitem__(self, index: int) -> EncodedRecord:
        record = self._source[index] if self._others else self._source.without_media(index)
        stored = {modality: of[index] for modality, of in self._features.items()}
        encoded = {
            modality: self._wrong(index, modality) if found is Gap.UNREADABLE else found
            for modality, found in stored.items()
            if found is not Gap.ABSENT
        }
        return EncodedRecord(record.clip, record.provenance, record.jpegs, record.mel, encoded=encoded)

    def _wrong(self, index: int, modality: Modality) -> Exception:
        """What is wrong with a clip's frames or spectrograms; where nothing of it can be read, that is raised."""
        record = self._source[index]
        try:
            record.read(modality, self.outputs[modality][0][0])
        except Exception as error:  # readers raise exceptions of many types on damaged bytes
            return error
        return ValueError(f"could not be read when its {modality} features were made")


def with_features(
    source: ClipSource,
    recipe: Recipe,
    model: DeemoLlama,
    params: Any,
    split: str,
    modalities: frozenset[Modality] | None = None,
) -> ClipSource | EncodedClips:
    """A split with the features that lie beside its dataset, where the recipe takes them.

    Args:
        source: the split.
        recipe: of the run.
        model: its model.
        params: its parameters, those of the stems at least.
        split: the split in TFDS's notation.
        modalities: that will be shown; default: `config.data.modalities`.

    Raises:
        UserError: there are features of this dataset, but of other weights, another config, or another state of it; or
            they are half made or damaged.
    """
    data = recipe.data
    shown = data.shown if modalities is None else modalities
    wanted = [Modality(of) for of in sorted(BRANCHES) if of in shown and getattr(model.config, of)]
    if not data.cached_views or not wanted:
        return source
    root = Path(data.data_dir)
    features: dict[Modality, Features] = {}
    # Hashing weights and data is for nothing where there are none.
    there = [modality for modality in wanted if known(root, modality)]
    _seen_by_all(there, wanted, root)
    state = state_of(data) if there else ""
    for modality in there:
        found = find(root, key_of(data, state, model, params, modality), split)
        features |= {} if found is None else {modality: found}
    _seen_by_all(features, wanted, root)
    without = [modality for modality in wanted if modality not in features]
    if jax.process_index() == 0:
        if features:
            print(f"{split}: reads features of {' and '.join(features)} beside the dataset", file=sys.stderr)
        if without:
            print(
                f"{split}: no features of {' and '.join(without)} there, so encoders run in every step; `python -m "
                "deemo_jax.cache` makes them",
                file=sys.stderr,
            )
    return EncodedClips(source, features, others=bool(without)) if features else source


def _seen_by_all(found: Collection[Modality], wanted: Sequence[Modality], root: Path) -> None:
    """Checks that all processes find features of the same modalities.

    Raises:
        UserError: they do not.
    """
    if jax.process_count() > 1:
        from jax.experimental import multihost_utils

        mine = np.array([modality in found for modality in wanted])
        if (multihost_utils.process_allgather(mine) != mine).any():
            raise UserError(f"{root}: not all hosts see the same features there; put them where all do")
