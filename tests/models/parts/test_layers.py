import jax
import jax.numpy as jnp
import numpy as np
import pytest

from deemo_jax.models.parts.layers import LayerNorm, Linear, RMSNorm


def test_linear_contracts_many_dimensions() -> None:
    rng = np.random.default_rng(0)
    x, kernel, bias = rng.normal(size=(2, 3, 4, 5)), rng.normal(size=(4, 5, 6, 7)), rng.normal(size=(6, 7))
    module = Linear((6, 7), ("heads", "head_dim", None, None), inputs=2)
    y = module.apply({"params": {"kernel": kernel, "bias": bias}}, jnp.asarray(x, jnp.float32))
    np.testing.assert_allclose(y, np.einsum("abcd,cdef->abef", x, kernel) + bias, rtol=1e-4, atol=1e-5)


def test_initial_kernels_keep_the_variance() -> None:
    x = jax.random.normal(jax.random.key(0), (64, 8, 32))
    y, _ = Linear((256,), (None, None, None), inputs=2, use_bias=False).init_with_output(jax.random.key(1), x)
    assert 0.9 < float(y.std()) < 1.1


def test_norm_statistics_are_float32_in_bfloat16() -> None:
    """A mean of 256 swamps bfloat16's 8 bits: statistics in bfloat16 would return noise."""
    x = jnp.asarray(256 + np.linspace(-8, 8, 64), jnp.bfloat16)
    exact = np.asarray(x, np.float64)
    centred = exact - exact.mean()
    y = LayerNorm(1e-6, jnp.bfloat16).init_with_output(jax.random.key(0), x)[0]
    assert y.dtype == jnp.bfloat16
    np.testing.assert_allclose(np.asarray(y, np.float64), centred / centred.std(), rtol=0.01, atol=0.01)
    y = RMSNorm(1e-6, jnp.bfloat16).init_with_output(jax.random.key(0), x)[0]
    np.testing.assert_allclose(np.asarray(y, np.float64), exact / np.sqrt((exact**2).mean()), rtol=0.01)


def test_norms_have_their_population_statistics_and_eps_within_the_root() -> None:
    """Of five values, so that a sample's variance (one less in the denominator) is a quarter more."""
    x, eps = np.array([0.5, -1.0, 2.0, 3.0, -0.25]), 0.1
    centred = x - x.mean()
    params = {"scale": np.array([1.0, 2.0, 3.0, 4.0, 5.0]), "bias": np.arange(5.0)}
    y = LayerNorm(eps, jnp.float32).apply({"params": params}, jnp.asarray(x, jnp.float32))
    wanted = centred / np.sqrt((centred**2).mean() + eps) * params["scale"] + params["bias"]
    np.testing.assert_allclose(y, wanted, rtol=1e-5)
    y = RMSNorm(eps, jnp.float32).apply({"params": {"scale": params["scale"]}}, jnp.asarray(x, jnp.float32))
    np.testing.assert_allclose(y, x / np.sqrt((x**2).mean() + eps) * params["scale"], rtol=1e-5)


def test_axis_names_must_fit_the_shape() -> None:
    with pytest.raises(ValueError, match="axis names"):
        Linear((4,), ("embed",)).init(jax.random.key(0), jnp.zeros((2, 3)))
