from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest

from deemo_jax.core.errors import UserError
from deemo_jax.models.parts.vit import ViT, ViTConfig, normalise_pixels
from tests.models.tiny import initialised, jitted

CONFIG = ViTConfig(width=16, depth=2, heads=2, mlp=32, patch=8, image=24)
FRAMES = np.random.default_rng(0).integers(0, 256, (2, 3, 24, 24, 3), np.uint8)


@pytest.fixture(scope="module")
def params() -> dict[str, Any]:
    return initialised(ViT(CONFIG), FRAMES)


def test_pixels_are_normalised_once(params: dict[str, Any]) -> None:
    normalised = normalise_pixels(jnp.asarray(FRAMES))
    red = (FRAMES[..., 0] / 255 - 0.48145466) / 0.26862954
    np.testing.assert_allclose(normalised[..., 0], red, rtol=1e-5, atol=1e-6)
    tokens = jitted(ViT(CONFIG))(params, FRAMES)
    assert tokens.shape == (2, 3, CONFIG.tokens, 16) == (2, 3, 10, 16)
    np.testing.assert_allclose(tokens, jitted(ViT(CONFIG))(params, normalised), rtol=1e-4, atol=1e-5)


def test_a_patch_is_cut_where_it_lies(params: dict[str, Any]) -> None:
    """Without attention a changed pixel can move the token of its own patch only."""
    out = params["blocks"]["attention"]["out"]
    attention = {**params["blocks"]["attention"], "out": {**out, "kernel": out["kernel"] * 0}}
    blind = {**params, "blocks": {**params["blocks"], "attention": attention}}
    changed = FRAMES.copy()
    changed[0, 0, 9, 23, 1] ^= 255  # second row of patches, third column: patch 5, so token 6
    moved = np.abs(jitted(ViT(CONFIG))(blind, changed) - jitted(ViT(CONFIG))(blind, FRAMES)).max(-1) > 0
    assert np.argwhere(moved).tolist() == [[0, 0, 6]]


def test_bad_sizes_are_named(params: dict[str, Any]) -> None:
    with pytest.raises(UserError, match="heads"):
        ViTConfig(width=10, heads=3)
    with pytest.raises(UserError, match="patch"):
        ViTConfig(patch=15)
    with pytest.raises(ValueError, match="24, 24, 3"):
        jitted(ViT(CONFIG))(params, np.zeros((1, 32, 32, 3), np.uint8))
