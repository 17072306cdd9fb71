"""Clips that are encoded once, against pipelines that hand on pixels and spectrograms."""

import dataclasses
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from deemo_jax.core.errors import UserError
from deemo_jax.core.recipe import Recipe
from deemo_jax.core.schema import DEEMO_LABELS, Modality
from deemo_jax.data.clip_source import ClipSource, Record
from deemo_jax.data.encoded_clips import EncodedClips, encoded_once
from deemo_jax.data.pipeline import Pipeline, make_pipeline
from deemo_jax.models.from_recipe import build, make_model
from deemo_jax.models.mesh import MeshRecipe, make_mesh
from deemo_jax.models.params import merge
from tests.data.test_pipeline import RECORDS, SPEC, Damaged, record, without
from tests.models.tiny import jitted
from tests.training import tiny

DROPOUT = dict.fromkeys(Modality, 0.5)


class Split(list[Record]):
    """A sound source, in memory."""

    files = SimpleNamespace(check=lambda: None, glance=lambda: None)
    labels = DEEMO_LABELS


class DamagedSplit(Damaged):
    """Of record 2 nothing can be read, of record 5 all but the pixels."""

    files, labels = Split.files, Split.labels


def encode(modality: str, raw: np.ndarray) -> np.ndarray:
    """One token of width 2 of each frame or spectrogram."""
    assert len(raw) == 3, "every call has the same shape"
    values = raw.reshape(*raw.shape[:2], -1).astype(np.float32)
    return np.stack([values.mean(-1), values.std(-1)], axis=-1)[:, :, None]


def pipelines(source: Any) -> tuple[Pipeline, Pipeline]:
    """(with pixels and spectrograms, encoded)."""
    settings: dict[str, Any] = {"batch_size": 4, "train": True, "seed": 3}
    clips = EncodedClips(source, len(source), SPEC.inputs, encode, batch_size=3, threads=2)
    spec = without(dropout=DROPOUT)
    return Pipeline(source, spec, **settings), Pipeline(
        clips, dataclasses.replace(spec, encoded=clips.outputs), **settings
    )


@pytest.mark.parametrize("source", [Split(RECORDS), DamagedSplit(RECORDS), Split([record(0, 0), record(1, 8, 0)])])
def test_a_batch_differs_in_nothing_but_its_media(source: Any) -> None:
    raw, encoded = pipelines(source)
    for step in range(8):
        one, other = raw.batch_at(step), encoded.batch_at(step)
        assert other.frames is None and other.mel is None
        for field in dataclasses.fields(one):
            if field.name not in ("frames", "mel", "encoded_video", "encoded_audio"):
                np.testing.assert_array_equal(getattr(one, field.name), getattr(other, field.name), field.name)
        for shown, inputs, outputs in (
            (one.has_video, one.frames, other.encoded_video),
            (one.has_audio, one.mel, other.encoded_audio),
        ):
            expected = np.where(shown[:, None, None, None], encode_rows(inputs), 0)
            np.testing.assert_allclose(outputs, expected, rtol=1e-6)
    assert raw.counts == encoded.counts


def encode_rows(raw: np.ndarray) -> np.ndarray:
    return np.concatenate([encode("", np.stack([row] * 3))[:1] for row in raw])


def test_only_the_first_clips_and_what_is_shown_are_encoded() -> None:
    asked = []

    def watched(modality: str, raw: np.ndarray) -> np.ndarray:
        asked.append(modality)
        return encode(modality, raw)

    audio = {Modality.AUDIO: SPEC.inputs[Modality.AUDIO]}
    clips = EncodedClips(Split(RECORDS), 4, audio, watched, batch_size=3, threads=1)
    assert len(clips) == 4 and clips[3].media == {Modality.AUDIO} and asked == ["audio"] * 2
    assert clips[3].read(Modality.AUDIO, 2).tolist() == [[[3, 0]], [[3, 0]]]


def recipe(data_dir: Any, megabytes: int) -> Recipe:
    config = tiny.get_config(str(data_dir))
    config.data.encode_once_mb = megabytes
    return Recipe.from_config(config)


def test_the_model_reads_the_same_of_either(tiny_data: Any) -> None:
    """But for rounding: encoders that are compiled by themselves may add in another order."""
    asked = recipe(tiny_data, 1)
    mesh = make_mesh(MeshRecipe())
    setup = build(asked, mesh)
    params = merge(setup.trainable, setup.frozen)
    source = ClipSource(asked.data.data_dir, asked.data.dataset, "train")
    clips = encoded_once(source, asked, setup.model, setup.frozen, mesh)
    assert isinstance(clips, EncodedClips) and len(clips) == 12
    plain, encoded = (
        make_pipeline(asked, setup.model.config.tokens, train=True, source=read) for read in (source, clips)
    )
    embed = jitted(setup.model, "embed")
    for step in range(2):
        one, other = embed(params, plain.batch_at(step)), embed(params, encoded.batch_at(step))
        np.testing.assert_allclose(one, other, atol=1e-5)


def test_what_takes_too_much_memory_is_encoded_in_every_step(
    tiny_data: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = recipe(tiny_data, 1)
    model = make_model(asked)
    for source, change, said in (
        ([None] * 1_000_000, {}, "the outputs for 1000000 clips take 2304 MB"),
        ([None] * 12, {"encode_once_mb": 0}, ""),
        ([None] * 12, {"modalities": "transcript"}, ""),
    ):
        changed: Any = dataclasses.replace(asked, data=dataclasses.replace(asked.data, **change))
        assert encoded_once(source, changed, model, {}) is source
        assert said in capsys.readouterr().err


def test_encoders_that_learn_cannot_be_asked_once(tiny_data: Any) -> None:
    asked = dataclasses.replace(recipe(tiny_data, 1), trainable=(".*",))
    with pytest.raises(UserError, match=r"encode_once_mb: audio/encoder/\S+ learns"):
        build(asked, make_mesh(MeshRecipe()))
