import functools
from collections.abc import Iterator

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from deemo_jax.models.parts import attention as attention_file
from deemo_jax.models.parts.attention import Attention, Backend, make_mask
from tests.models import tiny

# Compiled whole, which takes less time than each of its operations alone.
attention = jax.jit(attention_file.attention, static_argnames=("scale", "backend", "dropout", "causal"))

VALID = jnp.array([[1, 1, 1, 1, 1, 0], [1, 1, 0, 0, 0, 0]], bool)
SLOTS = jnp.broadcast_to(jnp.arange(6), (2, 6))
# Every mask that the model uses, and how many queries there are under it.
MASKS = {
    "none": (None, 6),
    "padded": (make_mask(VALID), 6),
    "causal": (make_mask(VALID, SLOTS), 6),
    "decoding": (make_mask(jnp.ones((2, 6), bool), jnp.array([[4], [1]])), 1),
}


@pytest.fixture(autouse=True)
def whole_products() -> Iterator[None]:
    """GPUs multiply float32 in TF32, with 10 bits, unless they are asked not to."""
    with jax.default_matmul_precision("highest"):
        yield


def inputs(queries: int, kv_heads: int, dtype: type = jnp.float32) -> tuple[jax.Array, jax.Array, jax.Array]:
    keys = jax.random.split(jax.random.key(0), 3)
    q = jax.random.normal(keys[0], (2, queries, 4, 8), dtype)
    k, v = (jax.random.normal(key, (2, 6, kv_heads, 8), dtype) for key in keys[1:])
    return q, k, v


def by_hand(q: np.ndarray, k: np.ndarray, v: np.ndarray, mask: np.ndarray | None, scale: float) -> np.ndarray:
    out = np.zeros_like(q)
    per_key_head = q.shape[2] // k.shape[2]
    for b, t, n in np.ndindex(q.shape[:3]):
        scores = scale * k[b, :, n // per_key_head] @ q[b, t, n]
        if mask is not None:
            scores = np.where(mask[b, 0, t if mask.shape[2] > 1 else 0], scores, -np.inf)
        weights = np.exp(scores - scores.max())
        out[b, t, n] = weights / weights.sum() @ v[b, :, n // per_key_head]
    return out


@pytest.mark.parametrize(("name", "kv_heads"), [*((name, 2) for name in MASKS), ("causal", 4), ("causal", 1)])
def test_reference_is_attention(name: str, kv_heads: int) -> None:
    mask, queries = MASKS[name]
    q, k, v = inputs(queries, kv_heads)
    expected = by_hand(*(np.asarray(x, np.float64) for x in (q, k, v)), None if mask is None else np.asarray(mask), 0.3)
    np.testing.assert_allclose(attention(q, k, v, mask, 0.3), expected, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize(("name", "kv_heads"), [*((name, 2) for name in MASKS), ("causal", 4)])
@pytest.mark.parametrize("backend", [backend for backend in Backend if backend != Backend.REFERENCE])
def test_every_backend_equals_the_reference(backend: Backend, name: str, kv_heads: int) -> None:
    on_gpu = jax.default_backend() == "gpu"
    if backend == Backend.CUDNN and not on_gpu:
        pytest.skip("no GPU")
    mask, queries = MASKS[name]
    dtype = jnp.bfloat16 if backend == Backend.CUDNN else jnp.float32
    q, k, v = inputs(queries, kv_heads, dtype)
    ours = np.asarray(attention(q, k, v, mask, 0.3, backend), np.float32)
    tolerance = 0.02 if dtype == jnp.bfloat16 else 1e-5
    np.testing.assert_allclose(ours, attention(q, k, v, mask, 0.3).astype(np.float32), rtol=tolerance, atol=tolerance)


def test_causal_queries_in_blocks_are_all_of_them_and_read_no_key_behind_their_block() -> None:
    positions = jnp.arange(150)
    keys = jax.random.split(jax.random.key(0), 3)
    q = jax.random.normal(keys[0], (2, 150, 4, 8))
    k, v = (jax.random.normal(key, (2, 150, 2, 8)) for key in keys[1:])
    mask = make_mask(positions < jnp.array([[150], [90]]), jnp.broadcast_to(positions, (2, 150)))

    def summed(causal: bool, *x: jax.Array) -> jax.Array:
        return jnp.sin(attention(*x, mask, 0.3, causal=causal)).sum()

    whole, blocks = (
        jax.jit(jax.value_and_grad(functools.partial(summed, causal), (0, 1, 2))) for causal in (False, True)
    )
    for one, other in zip(jax.tree.leaves(whole(q, k, v)), jax.tree.leaves(blocks(q, k, v)), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-5)
    poisoned = attention(q, k.at[:, 64:].set(jnp.nan), v.at[:, 64:].set(jnp.nan), mask, 0.3, causal=True)
    np.testing.assert_array_equal(poisoned[:, :64], attention(q, k, v, mask, 0.3, causal=True)[:, :64])


def test_a_backend_refuses_what_it_cannot_do() -> None:
    q, k, v = inputs(6, 4)
    with pytest.raises(ValueError, match="no dropout"):
        attention(q, k, v, None, 1.0, Backend.XLA, dropout=0.1, dropout_key=jax.random.key(0))
    with pytest.raises(ValueError, match="cudnn needs"):
        attention(q, k, v, None, 1.0, Backend.CUDNN)
    with pytest.raises(ValueError, match="mask"):
        attention(q, k, v, jnp.ones((2, 4, 6, 6), bool), 1.0)
    with pytest.raises(ValueError, match="mask"):
        attention(q, k, v, jnp.zeros((2, 1, 6, 6)), 1.0)
    with pytest.raises(ValueError, match="share"):
        attention(q, k[:, :, :3], v[:, :, :3], None, 1.0)


def test_masks_have_the_documented_rows() -> None:
    valid = jnp.array([[1, 1, 1, 0]], bool)
    np.testing.assert_array_equal(make_mask(valid)[0, 0].astype(int), [[1, 1, 1, 0]])
    causal = [[1, 0, 0, 0], [1, 1, 0, 0], [1, 1, 1, 0], [1, 1, 1, 0]]
    np.testing.assert_array_equal(make_mask(valid, jnp.arange(4)[None])[0, 0].astype(int), causal)
    np.testing.assert_array_equal(make_mask(valid, jnp.array([[2]]))[0, 0].astype(int), [[1, 1, 1, 0]])


@pytest.mark.parametrize("backend", [Backend.REFERENCE, Backend.XLA])
def test_what_is_masked_cannot_be_seen(backend: Backend) -> None:
    q, k, v = inputs(6, 4)
    hidden = ~VALID[:, :, None, None]
    mask = make_mask(VALID)
    poisoned = attention(q, jnp.where(hidden, 1e4, k), jnp.where(hidden, 1e9, v), mask, 0.3, backend)
    np.testing.assert_array_equal(attention(q, k, v, mask, 0.3, backend), poisoned)


@pytest.mark.parametrize("backend", [Backend.REFERENCE, Backend.XLA])
def test_a_query_that_sees_nothing_is_finite(backend: Backend) -> None:
    q, k, v = inputs(6, 4)
    nothing = make_mask(jnp.zeros((2, 6), bool))
    summed = jax.jit(jax.value_and_grad(lambda q: attention(q, k, v, nothing, 0.3, backend).sum()))
    assert all(np.isfinite(found).all() for found in (attention(q, k, v, nothing, 0.3, backend), *summed(q)))


def test_dropout_keeps_the_mean_and_depends_on_its_key() -> None:
    q, k, v = inputs(6, 4)

    @jax.jit
    def dropped(seed: int | jax.Array) -> jax.Array:
        return attention(q, k, v, None, 0.3, dropout=0.5, dropout_key=jax.random.key(seed))

    mean = jax.vmap(dropped)(jnp.arange(400)).mean(0)
    np.testing.assert_allclose(mean, attention(q, k, v, None, 0.3), atol=0.25)
    assert not np.array_equal(dropped(0), dropped(1))
    np.testing.assert_array_equal(dropped(0), dropped(0))


def test_the_extra_key_is_always_seen() -> None:
    module = Attention(2, extra_key=True)
    x = jax.random.normal(jax.random.key(0), (1, 3, 8))
    nothing = make_mask(jnp.zeros((1, 3), bool))
    out = jax.jit(module.apply)({"params": tiny.initialised(module, x)}, x, None, nothing)
    np.testing.assert_allclose(out[:, 0], out[:, 1], rtol=1e-5)  # only the learned row is left, the same for all
    assert np.abs(out).max() > 1e-3
