import dataclasses

import jax
import numpy as np
import pytest

from deemo_jax.core.errors import UserError
from deemo_jax.models.parts.imagebind import ImageBindAudio, ImageBindConfig
from tests.models.tiny import initialised, jitted

TINY = ImageBindConfig(width=16, depth=2, heads=2, mlp=32, stride=16, head=24)


def mel(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).standard_normal((*shape, 128, 204), np.float32)


def test_one_vector_of_length_20_per_clip_that_sees_no_other() -> None:
    clips = mel(2, 3)
    params = initialised(ImageBindAudio(TINY), clips)
    run = jitted(ImageBindAudio(TINY))
    out = run(params, clips)
    assert out.shape == (2, 3, TINY.tokens, 24) == (2, 3, 1, 24)
    np.testing.assert_allclose(np.linalg.norm(out, axis=-1), 20.0, rtol=1e-5)
    clips[0, 1] = 7.0
    moved = np.abs(run(params, clips) - out).max((2, 3)) > 1e-4
    assert np.argwhere(moved).tolist() == [[0, 1]]


def test_patches_instead_of_vectors() -> None:
    assert ImageBindConfig(output="patches").tokens == 229
    config = dataclasses.replace(TINY, output="patches")
    params = initialised(ImageBindAudio(config), mel(3))
    assert jitted(ImageBindAudio(config))(params, mel(3)).shape == (3, config.tokens, 16) == (3, 8 * 12 + 1, 16)
    assert "head" not in params


def test_bad_choices_are_named() -> None:
    with pytest.raises(UserError, match="output"):
        ImageBindConfig(output="tokens")
    with pytest.raises(UserError, match="heads"):
        ImageBindConfig(heads=7)
    with pytest.raises(UserError, match="patch of 200"):
        ImageBindConfig(patch=200)
    with pytest.raises(ValueError, match="128, 204"):
        jax.eval_shape(lambda x: ImageBindAudio(TINY).init(jax.random.key(0), x), np.zeros((1, 128, 198), np.float32))
