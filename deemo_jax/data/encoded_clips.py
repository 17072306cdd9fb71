"""A split whose clips carry what frozen encoders make of their frames and spectrograms: each clip is encoded once.

An encoder's output is a function of one record's frames, or spectrograms, alone: nothing before it is drawn at random.

Axes: B clips that are encoded at once, F frames or spectrograms of each, P tokens of each of those, E their width.
"""

import dataclasses
import math
import sys
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import grain
import jax
import numpy as np
from jax.sharding import Mesh
from jaxtyping import Float, Shaped

from deemo_jax.core.errors import UserError
from deemo_jax.core.progress import with_progress
from deemo_jax.core.recipe import Recipe
from deemo_jax.core.schema import Modality
from deemo_jax.data.batch_rows import Blank, input_blanks
from deemo_jax.data.clip_source import ClipSource, Record
from deemo_jax.models.deemo_llama import DeemoLlama
from deemo_jax.models.encoding import Encode, encoded_shape, encoder

# What encoders are given of a clip, or why that cannot be had.
_Inputs = dict[Modality, Shaped[np.ndarray, "_ ..."] | Exception]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class EncodedRecord(Record):
    """A record whose frames and spectrograms are gone.

    Attributes:
        encoded: what the encoder made of each modality that the record had, or why it could not.
    """

    encoded: Mapping[Modality, Float[np.ndarray, "_ _ _"] | Exception]

    @property
    def media(self) -> frozenset[Modality]:
        return frozenset(self.encoded)

    def read(self, modality: Modality, count: int) -> Float[np.ndarray, "F P E"]:
        """The encoder's output, of the `count` frames or spectrograms that it was given."""
        return _intact(self.encoded[modality])


class EncodedClips:
    """The first records of a split, encoded and held in memory.

    Args:
        source: the split: a sequence of `Record` with `files` and `labels`, such as `ClipSource`.
        count: how many of its records.
        inputs: what is encoded of a clip, and what that looks like.
        encode: the encoders.
        batch_size: B; the last clips are encoded beside zeros.
        threads: that read.

    Attributes:
        files, labels: of the source.
        outputs: what the encoders make of a clip looks like.

    Raises:
        UserError: a file of the split is gone or was replaced.
    """

    def __init__(
        self,
        source: Any,
        count: int,
        inputs: Mapping[Modality, Blank],
        encode: Encode,
        *,
        batch_size: int,
        threads: int,
    ) -> None:
        self.files, self.labels = source.files, source.labels
        self.outputs: dict[Modality, Blank] = {}
        self._records: list[EncodedRecord | Exception] = []
        groups = grain.MapDataset.source(_Groups(source, count, inputs, batch_size))
        ahead = groups.to_iter_dataset(grain.ReadOptions(num_threads=threads, prefetch_buffer_size=2))
        for group in with_progress(ahead, f"encodes clips, {batch_size} at a time", total=len(groups)):
            encoded = {modality: encode(modality, group.stacked(modality, *inputs[modality])) for modality in inputs}
            self.outputs = {modality: (array.shape[1:], array.dtype) for modality, array in encoded.items()}
            self._records += group.records(encoded)

    def __len__(self) -> int:
        return len(self._records)

    def __getitem__(self, index: int) -> EncodedRecord:
        return _intact(self._records[index])


def encoded_once(
    source: ClipSource,
    recipe: Recipe,
    model: DeemoLlama,
    params: Any,
    mesh: Mesh | None = None,
    *,
    modalities: frozenset[Modality] | None = None,
    limit: int = 0,
) -> ClipSource | EncodedClips:
    """A split, encoded where the recipe asks for it and `config.data.encode_once_mb` holds it.

    Args:
        source: the split.
        recipe: of the run; its encoders do not learn.
        model: its model.
        params: its parameters, those of the encoders at least.
        mesh: where they lie; None for one device.
        modalities: that will be shown; default: `config.data.modalities`.
        limit: so many clips of the split are wanted; 0 for all.
    """
    data, count = recipe.data, min(len(source), limit or len(source))
    inputs = input_blanks(model.config.tokens, data.frames, data.clips)
    wanted = data.shown if modalities is None else modalities
    inputs = {modality: blank for modality, blank in inputs.items() if modality in wanted}
    if not data.encode_once_mb or not inputs:
        return source
    outputs = [encoded_shape(model, modality, *blank) for modality, blank in inputs.items()]
    need = count * sum(math.prod(shape) * dtype.itemsize for shape, dtype in outputs) / 1e6
    together = jax.process_count() > 1
    if together or need > data.encode_once_mb:
        why = f"the outputs for {count} clips take {need:.0f} MB"
        why = "there are several processes" if together else why
        if jax.process_index() == 0:
            print(f"config.data.encode_once_mb has no effect: {why}; clips are encoded in every step", file=sys.stderr)
        return source
    encode = encoder(model, params, mesh)
    return EncodedClips(source, count, inputs, encode, batch_size=data.batch_size, threads=max(1, data.workers))


@dataclasses.dataclass(frozen=True)
class _Group:
    """B clips or fewer as they were read: each record and its inputs, or why it cannot be read."""

    read: list[tuple[Record, _Inputs] | Exception]
    size: int

    def stacked(self, modality: Modality, shape: tuple[int, ...], dtype: np.dtype) -> Shaped[np.ndarray, "B ..."]:
        """Their inputs of a modality; zeros where there are none."""
        rows = np.zeros((self.size, *shape), dtype)
        for place, read in enumerate(self.read):
            found = None if isinstance(read, Exception) else read[1].get(modality)
            if isinstance(found, np.ndarray):
                rows[place] = found
        return rows

    def records(self, encoded: Mapping[Modality, Float[np.ndarray, "B _ _ _"]]) -> Iterator[EncodedRecord | Exception]:
        """With the encoders' outputs in place of the inputs."""
        for place, read in enumerate(self.read):
            if isinstance(read, Exception):
                yield read
                continue
            record, inputs = read
            outputs = {
                modality: found if isinstance(found, Exception) else encoded[modality][place]
                for modality, found in inputs.items()
            }
            yield EncodedRecord(record.clip, record.provenance, (), record.mel[:0].copy(), encoded=outputs)


class _Groups:
    """The split as groups of clips, for grain to read ahead in."""

    def __init__(self, source: Any, count: int, inputs: Mapping[Modality, Blank], size: int) -> None:
        self._source, self._count, self._inputs, self._size = source, count, inputs, size

    def __len__(self) -> int:
        return -(-self._count // self._size)

    def __getitem__(self, number: int) -> _Group:
        first = number * self._size
        last = min(first + self._size, self._count)
        return _Group([self._read(index) for index in range(first, last)], self._size)

    def _read(self, index: int) -> tuple[Record, _Inputs] | Exception:
        record = self._tried(self._source.__getitem__, index)
        if isinstance(record, Exception):
            return record
        counts = {modality: shape[0] for modality, (shape, _) in self._inputs.items() if modality in record.media}
        return record, {modality: self._tried(record.read, modality, count) for modality, count in counts.items()}

    def _tried(self, read: Callable[..., Any], *arguments: Any) -> Any:
        """What reading gives, or why it fails, which costs this record only."""
        try:
            return read(*arguments)
        except UserError:
            raise
        except Exception as error:
            self._source.files.check()
            return error


def _intact(found: Any) -> Any:
    if isinstance(found, Exception):
        raise found.with_traceback(None)
    return found
