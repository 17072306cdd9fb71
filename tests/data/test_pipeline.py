import dataclasses
import itertools
from collections.abc import Callable
from typing import Any

import cv2
import jax
import numpy as np
import pytest

from deemo_jax.core.errors import UserError
from deemo_jax.core.schema import Clip, Modality, NFBLSegment, Provenance
from deemo_jax.data.batch_rows import RowSpec
from deemo_jax.data.clip_source import Record
from deemo_jax.data.pipeline import PADDING, Pipeline
from deemo_jax.data.prompts import Task
from deemo_jax.data.tokenizer import ByteTokenizer
from deemo_jax.models.batch import Batch
from deemo_jax.models.media_tokens import MediaTokens
from deemo_jax.systems.deemo.template import DEEMO

SPEC = RowSpec(
    tokenizer=ByteTokenizer(),
    task=Task.RECOGNITION_REASONING,
    template=DEEMO,
    tokens=MediaTokens(2, 3),
    max_length=240,
    frames=4,
    clips=2,
    modalities=frozenset(Modality),
    dropout={},
    with_answer=True,
)
EXTERNAL = Provenance("external: x", "external: x", "not de-identified", "external")


def record(number: int, frames: int = 8, clips: int = 2, transcript: str = "Well played.") -> Record:
    """A clip whose frame i has the grey level 10 * i."""
    jpegs = [cv2.imencode(".jpg", np.full((224, 224, 3), 10 * i, np.uint8))[1].tobytes() for i in range(frames)]
    nfbl = (NFBLSegment(0.0, 1.0, "crossing legs"),) if number % 2 else ()
    clip = Clip(f"c{number}", "v", "p", 0.0, 1.0, transcript, nfbl, "positive", "It sounds so.")
    return Record(clip, EXTERNAL, tuple(jpegs), np.full((clips, 128, 204), number, np.float32))


RECORDS = [record(number) for number in range(7)]


class Damaged(list[Record]):
    """A source whose records 2 and 5 are broken in two ways: unreadable, and a JPEG that is none."""

    def __getitem__(self, index: Any) -> Any:
        if index == 2:
            raise OSError("the disk says no")
        one = super().__getitem__(index)
        return dataclasses.replace(one, jpegs=(b"\xff\xd8 not really", *one.jpegs[1:])) if index == 5 else one


def pipeline(source: list[Record] = RECORDS, spec: RowSpec = SPEC, **settings: Any) -> Pipeline:
    return Pipeline(source, spec, **({"batch_size": 4, "train": True, "seed": 3} | settings))


def equal(first: Batch, second: Batch) -> bool:
    pairs = zip(jax.tree.leaves(first), jax.tree.leaves(second), strict=True)
    return all(np.array_equal(a, b) and a.dtype == b.dtype for a, b in pairs)


def joined(parts: list[Batch]) -> Batch:
    return jax.tree.map(lambda *arrays: np.concatenate(arrays), *parts)


def without(**changes: Any) -> RowSpec:
    return dataclasses.replace(SPEC, **changes)


def test_shapes_and_types_are_the_contract() -> None:
    batch = pipeline().batch_at(0)
    reference = Batch.zeros(4, 240, (4, 224, 224, 3), (2, 128, 204))
    for (path, wanted), given in zip(jax.tree.leaves_with_path(reference), jax.tree.leaves(batch), strict=True):
        assert (wanted.shape, wanted.dtype) == (given.shape, given.dtype), path


def test_a_batch_is_a_pure_function_of_the_step() -> None:
    batches = [pipeline().batch_at(step) for step in range(5)]
    assert equal(batches[3], pipeline().batch_at(3))
    assert all(equal(a, b) for a, b in zip(batches, pipeline().iterate(), strict=False))
    assert all(equal(a, b) for a, b in zip(batches[2:], pipeline().iterate(start_step=2), strict=False))
    assert not equal(batches[0], pipeline(seed=4).batch_at(0))


def test_every_epoch_shows_every_record_in_another_order() -> None:
    one = pipeline()
    order = np.concatenate([one.batch_at(step).index for step in range(7)])
    epochs = order.reshape(4, 7)
    assert all(sorted(epoch) == list(range(7)) for epoch in epochs.tolist())
    assert len({tuple(epoch) for epoch in epochs.tolist()}) == 4


@pytest.mark.parametrize("count", [2, 4])
@pytest.mark.parametrize("train", [True, False])
def test_the_global_batch_does_not_depend_on_the_number_of_processes(count: int, train: bool) -> None:
    spec = without(dropout=dict.fromkeys(Modality, 0.5), with_answer=train)
    whole = pipeline(spec=spec, train=train).batch_at(1)
    parts = [pipeline(spec=spec, train=train, process_index=i, process_count=count).batch_at(1) for i in range(count)]
    assert equal(whole, joined(parts))


def test_a_batch_that_does_not_divide_is_refused() -> None:
    with pytest.raises(UserError, match="batch_size: 4 does not divide over 3"):
        pipeline(process_count=3)


def test_a_bad_record_is_masked_and_counted_never_dropped() -> None:
    good, bad = pipeline(), pipeline(Damaged(RECORDS))
    for step in range(7):
        clean, damaged = good.batch_at(step), bad.batch_at(step)
        np.testing.assert_array_equal(clean.index, damaged.index)
        broken = np.isin(damaged.index, [2, 5])
        np.testing.assert_array_equal(damaged.record_valid, ~broken)
        assert damaged.loss_mask[broken].sum() == 0 and (damaged.loss_mask[~broken].sum(1) > 0).all()
        assert (damaged.valid[broken].sum(1) == 1).all()
    assert set(bad.counts.unreadable) == {2, 5} and "disk says no" in bad.counts.unreadable[2]
    assert not good.counts.unreadable


def test_dropout_withholds_a_modality_from_prompt_and_flags_but_never_all() -> None:
    one = pipeline(spec=without(dropout=dict.fromkeys(Modality, 1.0)))
    kept = set()
    for step in range(30):
        batch = one.batch_at(step)
        flags = np.stack([getattr(batch, f"has_{modality}") for modality in Modality])
        assert (flags.sum(0) == 1).all()
        kept |= set(np.argmax(flags, 0).tolist())
        assert not batch.frames[~batch.has_video].any() and not batch.mel[~batch.has_audio].any()
    assert kept == {0, 1, 2, 3}


@pytest.mark.slow
def test_dropout_draws_near_its_probability_and_anew_in_every_epoch() -> None:
    one = pipeline(spec=without(dropout={Modality.AUDIO: 0.3}))
    batches = [one.batch_at(step) for step in range(54)]
    assert np.mean([batch.has_audio for batch in batches]) == pytest.approx(0.7, abs=0.08)
    assert all(batch.has_video.all() and batch.has_transcript.all() for batch in batches)
    first = [flag for b in batches for i, flag in zip(b.index, b.has_audio, strict=True) if i == 0]
    assert len(set(first)) == 2


def test_more_frames_than_wanted_are_sampled_uniformly_and_fewer_repeat_the_last() -> None:
    def levels(stored: int) -> list[int]:
        batch = pipeline([record(0, frames=stored)], batch_size=1).batch_at(0)
        return np.round(batch.frames[0].mean((1, 2, 3)) / 10).astype(int).tolist()

    assert levels(8) == [0, 2, 4, 6]
    assert levels(10) == [0, 2, 5, 7]
    assert levels(4) == [0, 1, 2, 3]
    assert levels(2) == [0, 1, 1, 1]


def test_what_a_record_or_the_model_lacks_is_absent_not_zero_filled() -> None:
    mute = pipeline([record(0, frames=0, clips=0)], batch_size=1).batch_at(0)
    assert not mute.has_video[0] and not mute.has_audio[0] and (mute.slots == -1).all()
    deaf = pipeline(spec=without(tokens=MediaTokens(0, 3))).batch_at(0)
    assert deaf.mel is None and not deaf.has_audio.any() and deaf.slots.max() == 2
    words = pipeline(spec=without(modalities=frozenset({Modality.TRANSCRIPT}))).batch_at(0)
    assert words.has_transcript.all() and not (words.has_video | words.has_audio | words.has_nfbl).any()


def test_an_evaluation_is_one_pass_in_order_without_answers() -> None:
    one = pipeline(spec=without(with_answer=False), train=False)
    batches = list(one.iterate())
    assert one.steps == len(batches) == 2 and len(one) == 7
    assert np.concatenate([batch.index for batch in batches]).tolist() == [0, 1, 2, 3, 4, 5, 6, PADDING]
    assert np.concatenate([batch.record_valid for batch in batches]).tolist() == [True] * 7 + [False]
    assert all(batch.loss_mask.sum() == 0 for batch in batches)
    ends = batches[0].valid.sum(1)
    for row, end in enumerate(ends):
        assert batches[0].valid[row, :end].all()
        assert SPEC.tokenizer.decode(batches[0].token_ids[row, :end]).endswith("</User>")
        assert batches[0].positions[row, :end].tolist() == list(range(end))
    assert one.record(6).clip.clip_id == "c6" and one.record(6).provenance.source == "external"
    assert list(one.iterate(start_step=2)) == []
    with pytest.raises(IndexError):
        one.batch_at(2)


def test_long_transcripts_are_cut_and_counted() -> None:
    one = pipeline([record(0), record(1, transcript="word " * 200)], batch_size=2)
    batch = one.batch_at(0)
    assert one.counts.cut == {1} and (batch.valid.sum(1) <= 240).all()
    assert batch.loss_mask[0].sum() == batch.loss_mask[1].sum()


@pytest.mark.parametrize("read", [lambda p: p.batch_at(0), lambda p: next(p.iterate())])
def test_a_prompt_that_cannot_fit_is_a_user_error_in_threads_too(read: Callable[[Pipeline], Batch]) -> None:
    with pytest.raises(UserError, match="max_length is 60"):
        read(pipeline(spec=without(max_length=60)))


def test_reading_ahead_is_bounded() -> None:
    seen = itertools.count()

    class Watched(list[Record]):
        reads = 0

        def __getitem__(self, index: Any) -> Any:
            Watched.reads = next(seen) + 1
            return super().__getitem__(index)

    stream = pipeline(Watched(RECORDS), threads=2).iterate()
    for _ in range(3):
        next(stream)
    assert Watched.reads <= 4 * (3 + 2 * 2 + 2 + 1)
