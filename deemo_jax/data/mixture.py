"""Several datasets in one run: which record of which dataset a row of a step shows, from the seed and its position.

In every cycle of as many draws as the weights have in sum, each dataset comes as often as its weight says, in an order
of that cycle's own. A draw is a batch, as in Video-LLaMA, or a row. Each dataset has epochs of its own, in each of
which all of its records come once.
"""

import functools
import itertools
import math
from collections import Counter
from collections.abc import Iterator, Sequence

import numpy as np
from grain.experimental import index_shuffle

from deemo_jax.core.errors import UserError
from deemo_jax.core.recipe import DataRecipe, Mixing
from deemo_jax.data.clip_source import ClipSource, Record
from deemo_jax.data.file_watch import FileWatch
from deemo_jax.data.record_features import RecordKind

# Positions of an order, as many as no run reaches.
ENDLESS = 1 << 60


class MixedOrder:
    """Position of a row -> index of its record, the datasets' records being counted one dataset behind the other.

    Args:
        sizes: number of records of each dataset.
        weights: of each, positive.
        batch_size: rows of a step, of all processes: position p is row p % batch_size of step p // batch_size.
        mixing: what one draw of a dataset is for.
        seed: of all orders.
    """

    def __init__(
        self, sizes: Sequence[int], weights: Sequence[int], *, batch_size: int, mixing: Mixing, seed: int
    ) -> None:
        divisor = math.gcd(*weights)
        self._weights = [weight // divisor for weight in weights]
        self._cycle = sum(self._weights)
        self._slots = [which for which, weight in enumerate(self._weights) for _ in range(weight)]
        self._sizes, self._seed = list(sizes), seed
        self._starts = [0, *itertools.accumulate(sizes)]
        self._run = batch_size if mixing is Mixing.BATCH else 1
        self._cycle_of = functools.lru_cache(maxsize=64)(self._draws_of)

    def __len__(self) -> int:
        return ENDLESS

    def __getitem__(self, position: int) -> int:
        draw, row = divmod(int(position), self._run)
        which, before = self.draw(draw)
        size = self._sizes[which]
        epoch, place = divmod(before * self._run + row, size)
        seed = _epoch_seed(self._seed, which, epoch)
        return self._starts[which] + index_shuffle(place, max_index=size - 1, seed=seed, rounds=4)

    def draw(self, number: int) -> tuple[int, int]:
        """The dataset of a draw, and how many of the draws before it are of the same dataset."""
        cycle, place = divmod(number, self._cycle)
        which, before = self._cycle_of(cycle)[place]
        return which, cycle * self._weights[which] + before

    def _draws_of(self, cycle: int) -> list[tuple[int, int]]:
        """The draws of a cycle: dataset, and how many of the draws before it in the cycle are of it."""
        seen: Counter[int] = Counter()
        found = []
        rng = np.random.default_rng(_epoch_seed(self._seed, len(self._sizes), cycle))
        for which in rng.permutation(self._slots).tolist():
            found.append((which, seen[which]))
            seen[which] += 1
        return found


class MixedClips:
    """Several splits, one behind the other; may be read from several threads.

    Args:
        sources: the splits, none empty, all that have emotions with the same labels.

    Attributes:
        files: the shards of all splits.
        labels: of their datasets; of those with emotions, where others have none.
        kinds: what the records are.
        sizes: number of records of each split.
    """

    def __init__(self, sources: Sequence[ClipSource]) -> None:
        self._sources = list(sources)
        labelled = [one.labels for one in sources if one.kind is RecordKind.CLIPS]
        self.labels = labelled[0] if labelled else sources[0].labels
        self.kinds = frozenset(one.kind for one in sources)
        self.files = FileWatch({path: sha for one in sources for path, sha in one.files.files.items()})
        self.sizes = [len(one) for one in sources]
        self._starts = [0, *itertools.accumulate(self.sizes)]

    def __len__(self) -> int:
        return self._starts[-1]

    def __getitem__(self, index: int) -> Record:
        source, local = self._place(index)
        return source[local]

    def without_media(self, index: int) -> Record:
        """The record without frames and spectrograms; most of the time to read one is theirs."""
        source, local = self._place(index)
        return source.without_media(local)

    def __iter__(self) -> Iterator[Record]:
        return itertools.chain.from_iterable(self._sources)

    def _place(self, index: int) -> tuple[ClipSource, int]:
        if not 0 <= index < len(self):
            raise IndexError(index)
        which = int(np.searchsorted(self._starts, index, side="right")) - 1
        return self._sources[which], index - self._starts[which]


def open_training(data: DataRecipe) -> ClipSource | MixedClips:
    """The training split of a recipe, of all datasets of its mixture.

    Raises:
        UserError: see `ClipSource`; a split is empty, or datasets with emotions have different ones.
    """
    sources = [ClipSource(data.data_dir, name, data.train_split) for name in data.datasets]
    if not data.mixture:
        return sources[0]
    for name, source in zip(data.datasets, sources, strict=True):
        if not len(source):
            raise UserError(f"config.data.mixture.{name}: its split {data.train_split!r} is empty; leave it out")
    mixed = MixedClips(sources)
    for name, source in zip(data.datasets, sources, strict=True):
        if source.kind is RecordKind.CLIPS and source.labels != mixed.labels:
            raise UserError(
                f"config.data.mixture: {name} has the labels {source.labels}, and another dataset has {mixed.labels}; "
                "mix datasets of the same labels"
            )
    return mixed


def order_of(data: DataRecipe, source: MixedClips, seed: int) -> MixedOrder:
    """The order in which a recipe's mixture is shown."""
    weights = [data.mixture[name] for name in data.datasets]
    return MixedOrder(source.sizes, weights, batch_size=data.batch_size, mixing=data.mixing, seed=seed)


@functools.lru_cache(maxsize=64)
def _epoch_seed(seed: int, stream: int, epoch: int) -> int:
    return int(np.random.SeedSequence((seed, stream, epoch)).generate_state(1)[0])
