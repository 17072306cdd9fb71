"""Makes features: runs the frozen stems of a recipe's model once over the clips of its dataset.

Axes: B clips that are encoded at once.
"""

import dataclasses
import itertools
import shutil
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import grain
import jax
import numpy as np
from jax.sharding import Mesh
from jaxtyping import Int, Shaped

from deemo_jax.core import tables
from deemo_jax.core.config import Config
from deemo_jax.core.errors import UserError
from deemo_jax.core.files import check_writable
from deemo_jax.core.progress import with_progress
from deemo_jax.core.recipe import Recipe
from deemo_jax.core.run_folder.lock import Lock
from deemo_jax.core.schema import Modality
from deemo_jax.data.batch_rows import Blank, input_blanks
from deemo_jax.data.clip_source import ClipSource, open_builder
from deemo_jax.data.features.files import ROOT, SHARD_BYTES, Features, Gap, SplitFiles
from deemo_jax.data.features.key import FeatureKey, key_of, state_of
from deemo_jax.models import mesh as mesh_lib
from deemo_jax.models.encoding import Encode, encoded_shape, encoder
from deemo_jax.models.from_recipe import build

# Frozen parameters that are needed: the decoder is not.
STEMS = r"(audio|video)/.*"
# None: a clip has an array.
GAPS = (None, *Gap)
# ArrayRecord adds less than this share to a clip's bytes.
MORE = 1.02


@dataclasses.dataclass(frozen=True)
class Work:
    """The features of one modality and split.

    Attributes:
        key: of the features.
        blank: shape and dtype of what is encoded of a clip.
        files: where they go.
        new: whether nothing of them counts that is there.
    """

    key: FeatureKey
    blank: Blank
    files: SplitFiles
    new: bool

    @property
    def modality(self) -> Modality:
        """Video or audio."""
        return Modality(self.key.modality)

    @property
    def missing(self) -> list[int]:
        """The shards that are to be written."""
        return list(range(self.files.shards)) if self.new else self.files.missing()

    @property
    def left(self) -> int:
        """Bytes that are to be written."""
        return sum(len(self.files.clips_of(number)) for number in self.missing) * self.files.clip_bytes


def make_features(
    config: Config, *, splits: Sequence[str] = (), dtype: str = "", overwrite: bool = False
) -> list[Path]:
    """Makes the features that a recipe's runs read, of all modalities that it shows; goes on where it was stopped.

    Every process takes part; the first one writes, into the folder of the dataset.

    Args:
        config: the recipe.
        splits: in TFDS's notation; default: those of the recipe, and all others of the dataset.
        dtype: as stored, a key of `DTYPES`; default: the model's.
        overwrite: makes features again that are there.

    Returns:
        The folders of the features.

    Raises:
        UserError: the recipe's encoders learn, or it takes no features; the dataset cannot be read; there is too little
            space; or what is there has another dtype.
    """
    recipe = Recipe.from_config(config)
    data = recipe.data
    if not data.cached_views:
        raise UserError(
            "config.data.cached_views is 0: this recipe's encoders run in every step; 1 keeps what they give"
        )
    builder = open_builder(data.data_dir, data.dataset)
    names = list(dict.fromkeys(splits)) or _splits(recipe, list(builder.info.splits))
    sources = {name: ClipSource(data.data_dir, data.dataset, name) for name in names}
    mesh = mesh_lib.make_mesh(recipe.mesh)
    mesh_lib.rows_of_process(mesh, data.batch_size)
    setup = build(recipe, mesh, with_trainable=False, frozen_only=STEMS)
    inputs = input_blanks(setup.model.config.tokens, data.frames, data.clips)
    inputs = {modality: blank for modality, blank in inputs.items() if modality in data.shown}
    if not inputs:
        raise UserError("config.data.modalities: neither video nor audio is shown, so there is nothing to encode")
    work, state = [], state_of(data)
    for modality, blank in inputs.items():
        key = key_of(data, state, setup.model, setup.frozen, modality)
        shape, computed = encoded_shape(setup.model, modality, *blank)
        folder = Path(data.data_dir) / ROOT / key.folder
        for name, source in sources.items():
            there = None if overwrite else SplitFiles.read(folder, name)
            files = there or _planned(folder, name, len(source), shape, dtype or str(computed), data.batch_size)
            if dtype and dtype != files.dtype:
                raise UserError(f"{folder}: the features of {name!r} are {files.dtype}; --overwrite makes them {dtype}")
            work.append(Work(key, blank, files, there is None))
    _say(_table(work))
    left = int(MORE * sum(of.left for of in work))
    if (free := shutil.disk_usage(data.data_dir).free) < left:
        raise UserError(
            f"{Path(data.data_dir) / ROOT}: {left / 1e6:,.1f} MB are to be written, and {free / 1e6:,.1f} MB are free; "
            "make room, choose fewer with --split, or store them with --dtype bfloat16"
        )
    encode = encoder(setup.model, setup.frozen, mesh)
    for of in work:
        check_writable(of.files.folder)
        with Lock(of.files.folder / ".lock", "let it finish") as lock:
            if jax.process_index() == 0:
                lock.take()
            try:
                fill(of, sources[of.files.split], encode, mesh, data.batch_size, max(1, data.workers))
            except KeyboardInterrupt:
                _say("stopped; what is written stays, and the same command goes on")
                raise
    return list(dict.fromkeys(of.files.folder for of in work))


def _splits(recipe: Recipe, there: Sequence[str]) -> list[str]:
    """The recipe's splits, then those of the dataset that these are no slices of."""
    asked = list(dict.fromkeys((recipe.data.train_split, recipe.data.test_split)))
    return asked + [name for name in there if not any(split.split("[")[0] == name for split in asked)]


def _planned(folder: Path, split: str, clips: int, shape: tuple[int, ...], dtype: str, batch: int) -> SplitFiles:
    """The files that a split will have: whole batches in each, about `SHARD_BYTES`."""
    one = SplitFiles(folder, split, clips, batch, shape, dtype)
    return dataclasses.replace(one, a_shard=batch * max(1, SHARD_BYTES // (batch * one.clip_bytes)))


def _table(work: Sequence[Work]) -> str:
    cells = [("features of", "split", "clips", "dtype", "bytes a clip", "MB in all", "MB to write")]
    for of in work:
        files, total = of.files, of.files.clips * of.files.clip_bytes
        numbers = f"{files.clip_bytes:,}", f"{total / 1e6:,.1f}", f"{of.left / 1e6:,.1f}"
        cells.append((of.modality, files.split, f"{files.clips:,}", files.dtype, *numbers))
    return tables.aligned(cells, right=(2, 4, 5, 6))


def fill(work: Work, source: Any, encode: Encode, mesh: Mesh, batch: int, threads: int) -> None:
    """Writes the shards that are missing.

    Raises:
        UserError: the disk is full, or a file of the dataset is gone or was replaced.
    """
    files = work.files
    missing = _agreed(work.missing, files.shards)
    if not missing and files.sizes:
        Features(files)  # raises where what is there is damaged
        return
    if work.new and jax.process_index() == 0:
        files.begin(work.key)
    which, shares = mesh_lib.rows_of_process(mesh, batch)
    starts = [start for number in missing for start in files.clips_of(number)[::batch]]
    ahead: Any = ()
    if starts:
        groups = grain.MapDataset.source(_Groups(source, work, starts, batch, which, shares))
        ahead = groups.to_iter_dataset(grain.ReadOptions(num_threads=threads, prefetch_buffer_size=2 * threads))
    groups_done = iter(with_progress(ahead, f"{work.modality} of {files.split}, {batch} clips at a time", len(starts)))
    for number in missing:
        clips = files.clips_of(number)
        encoded = _encoded(itertools.islice(groups_done, -(-len(clips) // batch)), work.modality, encode)
        if jax.process_index() == 0:
            with files.writing(number) as add:
                for array in itertools.islice(encoded, len(clips)):
                    add(array)
        else:
            for _ in encoded:
                pass
    next(groups_done, None)  # lets the progress say that it is done
    if jax.process_index() == 0:
        files.finished().save()


def _encoded(groups: Any, modality: Modality, encode: Encode) -> Iterator[Any]:
    for inputs, gaps in groups:
        rows = encode(modality, inputs)
        yield from (GAPS[gap] or row for row, gap in zip(rows, _of_all(gaps), strict=True))


class _Groups:
    """What this process reads of each group of B clips: inputs, zeros where there are none, and places in `GAPS`."""

    def __init__(self, source: Any, work: Work, starts: Sequence[int], batch: int, which: int, shares: int) -> None:
        self._source, self._work, self._starts = source, work, starts
        self._first, self._rows = which * (batch // shares), batch // shares

    def __len__(self) -> int:
        return len(self._starts)

    def __getitem__(self, number: int) -> tuple[Shaped[np.ndarray, "B ..."], Int[np.ndarray, " B"]]:
        (shape, dtype), modality = self._work.blank, self._work.modality
        inputs = np.zeros((self._rows, *shape), dtype)
        gaps = np.full(self._rows, GAPS.index(Gap.ABSENT))
        first = self._starts[number] + self._first
        for row, index in enumerate(range(first, min(first + self._rows, self._work.files.clips))):
            try:
                record = self._source[index]
                if modality in record.media:
                    inputs[row], gaps[row] = record.read(modality, shape[0]), GAPS.index(None)
            except UserError:
                raise
            except Exception:  # readers raise exceptions of many types on damaged bytes; it costs this clip only
                self._source.files.check()
                gaps[row] = GAPS.index(Gap.UNREADABLE)
        return inputs, gaps


def _of_all(mine: Int[np.ndarray, " b"]) -> Int[np.ndarray, " B"]:
    """Numbers of this process' rows -> those of all rows."""
    if jax.process_count() == 1:
        return mine
    from jax.experimental import multihost_utils

    return np.asarray(multihost_utils.process_allgather(mine, tiled=True))


def _agreed(missing: Sequence[int], shards: int) -> list[int]:
    """The shards that the first process misses, on all processes."""
    if jax.process_count() == 1:
        return list(missing)
    from jax.experimental import multihost_utils

    flags = np.isin(np.arange(shards), missing)
    return np.flatnonzero(multihost_utils.broadcast_one_to_all(flags)).tolist()


def _say(text: str) -> None:
    if jax.process_index() == 0:
        print(text, file=sys.stderr, flush=True)
