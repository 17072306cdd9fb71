"""The stems of a model, and the model behind what they gave."""

import copy
from typing import Any

import numpy as np
import pytest

from deemo_jax.models.deemo_llama import DeemoLlama, DeemoLlamaConfig
from deemo_jax.models.encoding import encoded_shape, encoder, stem_params
from deemo_jax.models.from_recipe import with_stems
from deemo_jax.models.weights import flatten
from tests.models import tiny

LEARNS = (".*/connector/.*", ".*/projector/.*")
FROZEN = ("!.*/frame_qformer/.*", *LEARNS)


def config(**frame: Any) -> DeemoLlamaConfig:
    plain = copy.deepcopy(tiny.CONFIG)
    plain["video"]["connector"]["frame"] |= frame
    return DeemoLlamaConfig.from_config(plain)


@pytest.mark.parametrize(
    ("trainable", "frame", "stem"),
    [
        (LEARNS, {}, "encoder"),
        (FROZEN, {}, "frame_qformer"),
        (FROZEN, {"dropout": 0.1}, "encoder"),
        (FROZEN, {"attention_dropout": 0.1}, "encoder"),
        (("video/connector/frame_qformer/queries",), {}, "encoder"),
        ((".*/projector/.*",), {}, "frame_qformer"),
    ],
)
def test_the_stem_is_what_neither_learns_nor_drops_out(
    trainable: tuple[str, ...], frame: dict[str, float], stem: str
) -> None:
    found = with_stems(config(**frame), trainable)
    assert found.video and found.audio and (found.video.stem, found.audio.stem) == (stem, "encoder")


@pytest.mark.slow
@pytest.mark.parametrize("trainable", [LEARNS, FROZEN])
def test_the_model_reads_the_same_of_features(trainable: tuple[str, ...]) -> None:
    _, params = tiny.built()
    model = DeemoLlama(with_stems(config(), trainable))
    batch = tiny.batch(*tiny.THREE)
    assert model.config.video
    alone = stem_params(params, model.config, "video")
    parts = {path.split("/")[1:3][-1] if "connector" in path else "encoder" for path in flatten(alone)}
    assert parts == {"encoder", model.config.video.stem}
    encode = encoder(model, {"video": alone["video"], "audio": params["audio"]})
    features = {"encoded_video": encode("video", batch.frames), "encoded_audio": encode("audio", batch.mel)}
    for modality, raw in (("video", batch.frames), ("audio", batch.mel)):
        shape, dtype = encoded_shape(model, modality, raw.shape[1:], raw.dtype)
        assert features[f"encoded_{modality}"].shape[1:] == shape and features[f"encoded_{modality}"].dtype == dtype
    run = tiny.jitted(model, "embed")
    one, other = run(params, batch), run(params, batch.replace(frames=None, mel=None, **features))
    np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-5)
