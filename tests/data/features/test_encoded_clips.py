"""Clips that are read as features, against pipelines that hand on pixels and spectrograms."""

import dataclasses
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from deemo_jax.core.errors import UserError
from deemo_jax.core.schema import DEEMO_LABELS, Modality
from deemo_jax.data.clip_source import Record
from deemo_jax.data.features.encoded_clips import EncodedClips
from deemo_jax.data.features.files import Features, SplitFiles
from deemo_jax.data.features.key import FeatureKey
from deemo_jax.data.features.make import Work, fill
from deemo_jax.data.pipeline import Pipeline
from deemo_jax.models.mesh import MeshRecipe, make_mesh
from tests.data.test_pipeline import RECORDS, SPEC, Damaged, record, without

DROPOUT = dict.fromkeys(Modality, 0.5)


class Split(list[Record]):
    """A sound source, in memory."""

    files = SimpleNamespace(check=lambda: None, glance=lambda: None)
    labels = DEEMO_LABELS

    def without_media(self, index: int) -> Record:
        return dataclasses.replace(self[index], jpegs=(), mel=np.zeros((0, 128, 204), np.float32))


class DamagedSplit(Damaged):
    """Of record 2 nothing can be read, of record 5 all but the pixels."""

    files, labels, without_media = Split.files, Split.labels, Split.without_media


def encode(modality: str, raw: np.ndarray) -> np.ndarray:
    """One token of width 2 of each frame or spectrogram."""
    assert len(raw) == 3, "every call has the same shape"
    values = raw.reshape(*raw.shape[:2], -1).astype(np.float32)
    return np.stack([values.mean(-1), values.std(-1)], axis=-1)[:, :, None]


def encoded(source: Any, folder: Path, modalities: Any = (Modality.VIDEO, Modality.AUDIO)) -> EncodedClips:
    features = {}
    for modality in modalities:
        blank = SPEC.inputs[modality]
        files = SplitFiles(folder / modality, "train", len(source), 3, (blank[0][0], 1, 2), "float32")
        key = FeatureKey(str(modality), "d", "", "", {}, {})
        fill(Work(key, blank, files, True), source, encode, make_mesh(MeshRecipe()), batch=3, threads=2)
        features[modality] = Features(SplitFiles.read(files.folder, "train") or files)
    return EncodedClips(source, features, others=len(features) < 2)


def pipelines(source: Any, clips: EncodedClips) -> tuple[Pipeline, Pipeline]:
    """(with pixels and spectrograms, encoded)."""
    settings: dict[str, Any] = {"batch_size": 4, "train": True, "seed": 3}
    spec = without(dropout=DROPOUT)
    return Pipeline(source, spec, **settings), Pipeline(
        clips, dataclasses.replace(spec, encoded=clips.outputs), **settings
    )


@pytest.mark.slow
@pytest.mark.parametrize("source", [Split(RECORDS), DamagedSplit(RECORDS), Split([record(0, 0), record(1, 8, 0)])])
def test_a_batch_differs_in_nothing_but_its_media(source: Any, tmp_path: Path) -> None:
    raw, features = pipelines(source, encoded(source, tmp_path))
    for step in range(8):
        one, other = raw.batch_at(step), features.batch_at(step)
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
    assert raw.counts == features.counts


def encode_rows(raw: np.ndarray) -> np.ndarray:
    return np.concatenate([encode("", np.stack([row] * 3))[:1] for row in raw])


def test_a_modality_without_features_is_handed_on_as_it_is(tmp_path: Path) -> None:
    source = Split(RECORDS)
    raw, features = pipelines(source, encoded(source, tmp_path, [Modality.AUDIO]))
    one, other = raw.batch_at(0), features.batch_at(0)
    np.testing.assert_array_equal(one.frames, other.frames)
    assert other.mel is None and other.encoded_video is None and other.encoded_audio.shape == (4, 2, 1, 2)


def test_features_of_another_number_of_clips_are_refused(tmp_path: Path) -> None:
    clips = encoded(Split(RECORDS), tmp_path)
    with pytest.raises(UserError, match="features are of 7 clips, and the split has 6"):
        EncodedClips(Split(RECORDS[:6]), clips._features)
