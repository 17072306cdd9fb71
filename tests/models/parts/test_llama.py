import dataclasses
import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from deemo_jax.core.errors import UserError
from deemo_jax.models.parts.attention import Backend
from deemo_jax.models.parts.layers import Remat
from deemo_jax.models.parts.llama import KVCache, Llama, LlamaConfig, RopeScaling, rope_frequencies, rotate
from tests.models.tiny import initialised, jitted

CONFIG = LlamaConfig(vocab=40, width=32, depth=3, heads=4, kv_heads=2, mlp=48)
IDS = np.random.default_rng(0).integers(0, 40, (2, 9)).astype(np.int32)
VALID = np.array([[1] * 9, [1] * 5 + [0] * 4], bool)
MODEL = Llama(CONFIG)
PARAMS = initialised(MODEL, IDS, VALID, method="score")
POSITIONS = np.broadcast_to(np.arange(9), (2, 9))


def score(ids: np.ndarray, valid: np.ndarray = VALID, model: Llama = MODEL) -> np.ndarray:
    return np.asarray(jitted(model, "score")(PARAMS, ids, valid))


def embed(ids: np.ndarray) -> np.ndarray:
    return np.asarray(PARAMS["embedding"])[ids]


def forward(x: np.ndarray, valid: np.ndarray) -> np.ndarray:
    return np.asarray(jitted(MODEL)(PARAMS, x, POSITIONS, valid))


def test_the_future_cannot_be_seen() -> None:
    changed = IDS.copy()
    changed[:, 4] = (changed[:, 4] + 1) % 40
    before, after = score(IDS), score(changed)
    np.testing.assert_array_equal(before[:, :4], after[:, :4])
    assert (np.abs(before[:, 4] - after[:, 4]).max(-1) > 1e-3).all()


def test_padding_cannot_be_seen() -> None:
    embeddings = embed(IDS)
    poisoned = np.where(VALID[..., None], embeddings, 1e3)
    np.testing.assert_array_equal(forward(embeddings, VALID)[VALID], forward(poisoned, VALID)[VALID])
    hole = VALID.copy()
    hole[0, 2] = False  # `valid` alone hides, whatever causality says
    poisoned = embeddings.copy()
    poisoned[0, 2] += 100
    np.testing.assert_array_equal(forward(embeddings, hole)[hole], forward(poisoned, hole)[hole])


@pytest.mark.parametrize("prompt", [1, 5])
def test_the_cache_gives_what_a_full_pass_gives(prompt: int) -> None:
    """A right-padded prompt of uneven lengths, then one token at a time, each row at its own position."""
    lengths = np.array([prompt, max(1, prompt - 2)])
    longest = int(lengths.max())
    valid = np.arange(longest) < lengths[:, None]
    embeddings = embed(IDS)
    full = forward(embeddings, np.ones((2, 9), bool))
    extend = functools.partial(jitted(MODEL, "extend"), PARAMS)

    cache = KVCache.empty(CONFIG, 2, 12, np.float32)
    prompt_rows = np.where(valid[..., None], embeddings[:, :longest], 50.0)
    hidden, cache = extend(prompt_rows, POSITIONS[:, :longest], valid, cache)
    np.testing.assert_allclose(np.asarray(hidden)[valid], full[:, :longest][valid], rtol=1e-4, atol=1e-5)
    np.testing.assert_array_equal(cache.seen.sum(1), lengths)
    assert cache.length == longest
    for step in range(4):
        at = lengths + step
        hidden, cache = extend(embeddings[[0, 1], at][:, None], at[:, None], np.ones((2, 1), bool), cache)
        np.testing.assert_allclose(hidden[:, 0], full[[0, 1], at], rtol=1e-4, atol=1e-5)


def test_what_lies_behind_the_cache_cannot_be_seen() -> None:
    prompt = embed(IDS[:, :3]), POSITIONS[:, :3], np.ones((2, 3), bool)
    clean = KVCache.empty(CONFIG, 2, 6, np.float32)
    dirty = clean.replace(keys=clean.keys + 1e3, values=clean.values + 1e6)
    hidden = [jitted(MODEL, "extend")(PARAMS, *prompt, cache)[0] for cache in (clean, dirty)]
    np.testing.assert_array_equal(*hidden)


def test_rotation_depends_on_distance_only() -> None:
    x = jnp.asarray(np.random.default_rng(0).standard_normal((1, 2, 1, 8), np.float32))

    def product(first: int, second: int) -> float:
        angles = np.array([[first, second]])[..., None] * rope_frequencies(CONFIG)
        q, k = rotate(x, jnp.asarray(angles, jnp.float32))[0, :, 0]
        return float(q @ k)

    assert product(3, 7) == pytest.approx(product(103, 107), rel=1e-4)
    assert product(3, 7) != pytest.approx(product(3, 8), rel=1e-2)


def test_rotation_is_half_split() -> None:
    x = np.zeros((1, 1, 1, 4), np.float32)
    x[..., 0] = 1.0
    turned = rotate(jnp.asarray(x), jnp.asarray([[[np.pi / 2, 0.3]]], jnp.float32))
    np.testing.assert_allclose(turned[0, 0, 0], [0, 0, 1, 0], atol=1e-6)


def test_stretched_rope_slows_long_wavelengths_only() -> None:
    plain = LlamaConfig(width=4096, theta=500000.0)
    stretched = dataclasses.replace(plain, rope_scaling=RopeScaling())
    ratio = rope_frequencies(stretched) / rope_frequencies(plain)
    wavelength = 2 * np.pi / rope_frequencies(plain)
    np.testing.assert_allclose(ratio[wavelength < 8192 / 4], 1.0)
    np.testing.assert_allclose(ratio[wavelength > 8192 / 1], 1 / 8)
    assert (np.diff(ratio) <= 0).all()


@functools.cache
def gradient(config: LlamaConfig) -> Any:
    def loss(params: Any) -> jax.Array:
        return (
            Llama(config).apply({"params": params}, jnp.asarray(IDS), jnp.asarray(VALID), method="score") ** 2
        ).sum()

    return jax.jit(jax.grad(loss))(PARAMS)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("remat", "unroll"), [(Remat.BLOCK, 1), (Remat.DOTS, 1), (Remat.OFFLOAD, 1), (Remat.DOTS, CONFIG.depth)]
)
def test_what_is_recomputed_and_unrolled_changes_nothing(remat: Remat, unroll: int) -> None:
    plain, other = gradient(CONFIG), gradient(dataclasses.replace(CONFIG, remat=remat, unroll=unroll))
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-4), plain, other)


def test_backends_and_dtypes_agree() -> None:
    np.testing.assert_allclose(score(IDS, model=Llama(CONFIG, backend=Backend.XLA)), score(IDS), rtol=1e-4, atol=1e-5)
    coarse = score(IDS, model=Llama(CONFIG, dtype=jnp.bfloat16))
    assert coarse.dtype == np.float32
    np.testing.assert_allclose(coarse[VALID], score(IDS)[VALID], atol=0.2)


def test_an_id_outside_the_table_is_not_silently_another() -> None:
    out = jitted(MODEL, "embed")(PARAMS, np.array([[3, 40]]))
    np.testing.assert_array_equal(out[0, 0], PARAMS["embedding"][3])
    assert np.isnan(out[0, 1]).all()


def test_bad_dimensions_are_named() -> None:
    with pytest.raises(UserError, match="kv_heads"):
        LlamaConfig(kv_heads=5)
    with pytest.raises(UserError, match="width"):
        LlamaConfig(width=96, heads=32)
