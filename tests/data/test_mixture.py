import dataclasses
from collections import Counter
from typing import Any

import numpy as np
import pytest

from deemo_jax.core.errors import UserError
from deemo_jax.core.recipe import FrameSampling, Mixing
from deemo_jax.core.schema import DEEMO_LABELS
from deemo_jax.data.file_watch import FileWatch
from deemo_jax.data.frame_views import FrameViews
from deemo_jax.data.mixture import MixedClips, MixedOrder
from deemo_jax.data.pipeline import Pipeline
from deemo_jax.data.record_features import RecordKind
from tests.data.test_pipeline import RECORDS, SPEC, equal, joined

SIZES, WEIGHTS = (50, 11), (100, 24)


def order(mixing: Mixing, **changes: Any) -> MixedOrder:
    return MixedOrder(SIZES, WEIGHTS, **({"batch_size": 4, "mixing": mixing, "seed": 3} | changes))


@pytest.mark.parametrize("mixing", Mixing)
def test_each_dataset_comes_by_its_weight_and_shows_each_record_once_an_epoch(mixing: Mixing) -> None:
    one = order(mixing)
    shown = [one[position] for position in range(31 * 4 * 2)]
    of = [int(index >= SIZES[0]) for index in shown]
    assert Counter(of) == {0: 25 * 8, 1: 6 * 8}
    for which, size in enumerate(SIZES):
        stream = [index - which * SIZES[0] for index, dataset in zip(shown, of, strict=True) if dataset == which]
        epochs = [stream[at : at + size] for at in range(0, len(stream) - size + 1, size)]
        assert len(epochs) > 1 and all(sorted(epoch) == list(range(size)) for epoch in epochs)
        assert len(set(map(tuple, epochs))) == len(epochs)


def test_a_batch_is_of_one_dataset_or_mixed() -> None:
    orders = {mixing: order(mixing) for mixing in Mixing}
    batches = {mixing: np.array([one[p] for p in range(31 * 4)]).reshape(31, 4) >= 50 for mixing, one in orders.items()}
    assert (batches[Mixing.BATCH].all(1) | ~batches[Mixing.BATCH].any(1)).all()
    assert batches[Mixing.BATCH].all(1).sum() == 6
    mixed = batches[Mixing.ROW].sum(1)
    assert ((mixed > 0) & (mixed < 4)).any() and mixed.sum() == 24


@pytest.mark.slow
@pytest.mark.parametrize("mixing", Mixing)
def test_cycles_and_seeds_have_orders_of_their_own(mixing: Mixing) -> None:
    one, again, other = order(mixing), order(mixing), order(mixing, seed=4)
    # Asked in any order, a position has the same record.
    assert [one[p] for p in reversed(range(140))][::-1] == [again[p] for p in range(140)]
    draws = [[one.draw(cycle * 31 + place)[0] for place in range(31)] for cycle in range(3)]
    assert len(set(map(tuple, draws))) == 3
    assert [other[p] for p in range(140)] != [one[p] for p in range(140)]


class Part(list[Any]):
    """A dataset of records in memory."""

    labels, kind = DEEMO_LABELS, RecordKind.CLIPS

    @property
    def files(self) -> FileWatch:
        return FileWatch({})


VIEWS = FrameViews(FrameSampling.HEAD_TAIL, crop=True)
MIXED = MixedClips([Part(RECORDS[:5]), Part(RECORDS[5:])])  # type: ignore[list-item]


def mixed(mixing: Mixing, **settings: Any) -> Pipeline:
    spec = dataclasses.replace(SPEC, views=VIEWS)
    shown = MixedOrder(MIXED.sizes, (2, 1), batch_size=4, mixing=mixing, seed=3)
    return Pipeline(MIXED, spec, **({"batch_size": 4, "train": True, "seed": 3, "order": shown} | settings))


@pytest.mark.parametrize("mixing", Mixing)
def test_batches_of_a_mixture_are_functions_of_the_step_for_any_number_of_processes(mixing: Mixing) -> None:
    batches = [mixed(mixing).batch_at(step) for step in range(4)]
    resumed = mixed(mixing).iterate(start_step=2)
    assert all(equal(a, b) for a, b in zip(batches[2:], resumed, strict=False))
    for count in (2, 4):
        parts = [mixed(mixing, process_index=i, process_count=count).batch_at(3) for i in range(count)]
        assert equal(batches[3], joined(parts))
    assert all(MIXED[int(index)].clip.clip_id == f"c{index}" for batch in batches for index in batch.index)
    with pytest.raises(IndexError):
        MIXED[7]


def test_a_clip_is_shown_in_another_view_each_time() -> None:
    one = mixed(Mixing.ROW)
    views: dict[int, set[bytes]] = {}
    for step in range(6):
        batch = one.batch_at(step)
        for index, frames in zip(batch.index.tolist(), batch.frames, strict=True):
            views.setdefault(index, set()).add(frames.tobytes())
    assert any(len(seen) > 1 for seen in views.values())


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"mixture": {"": 1}}, "'' is no name of a dataset"),
        ({"mixture": {"webvid": 0}}, r"mixture\.webvid: 0 must be a whole number"),
        ({"mixture": {"webvid": 0.5}}, r"mixture\.webvid: 0\.5 must be a whole number"),
        ({"mixture": {"webvid": 10_001}}, "10001 in sum"),
        ({"mixture": {"webvid": 1}, "cached_views": 1}, "features of a mixture"),
        ({"frame_crop": True, "cached_views": 1}, "drawn anew each time"),
        ({"frame_sampling": "head_tail", "cached_views": 1}, "drawn anew each time"),
        ({"mixing": "both"}, "mixing: 'both' is not known"),
        ({"max_answer": -1}, "max_answer: -1"),
    ],
)
def test_what_makes_no_sense_is_refused(changes: dict[str, Any], says: str) -> None:
    from deemo_jax.core.recipe import Recipe
    from tests.training.tiny import get_config

    config = get_config("nowhere").to_dict()
    config["data"] |= changes
    with pytest.raises(UserError, match=says):
        Recipe.from_config(config)
