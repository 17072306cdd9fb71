"""Draws from the nucleus, and from nothing else."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from deemo_jax.models.sampling import Sampling, choose

P = np.array([0.05, 0.4, 0.15, 0.3, 0.1])
DRAWS = 4000


def draws(temperature: float, top_p: float, p: np.ndarray = P) -> np.ndarray:
    """How often each token comes, as a share."""
    keys = jax.random.split(jax.random.key(0), DRAWS)
    sampling = Sampling(keys=keys, temperature=jnp.float32(temperature), top_p=jnp.float32(top_p))
    logits = jnp.broadcast_to(jnp.log(jnp.asarray(p, jnp.float32)), (DRAWS, p.size))
    return np.bincount(np.asarray(jax.jit(choose)(logits, sampling)), minlength=p.size) / DRAWS


@pytest.mark.parametrize(
    ("top_p", "nucleus"), [(0.39, [1]), (0.41, [1, 3]), (0.69, [1, 3]), (0.71, [1, 2, 3]), (0.94, [1, 2, 3, 4])]
)
def test_only_the_fewest_tokens_that_hold_top_p_are_drawn(top_p: float, nucleus: list[int]) -> None:
    found = draws(1.0, top_p)
    assert np.flatnonzero(found).tolist() == nucleus
    expected = np.where(np.isin(np.arange(P.size), nucleus), P, 0)
    np.testing.assert_allclose(found, expected / expected.sum(), atol=0.03)


def test_the_whole_distribution_and_its_temperature() -> None:
    np.testing.assert_allclose(draws(1.0, 1.0), P, atol=0.03)
    np.testing.assert_allclose(draws(0.5, 1.0), P**2 / (P**2).sum(), atol=0.03)
    assert np.flatnonzero(draws(0.0, 1.0)).tolist() == [1]
    # The nucleus is that of the distribution that is drawn from: temperature comes first.
    assert np.flatnonzero(draws(0.5, 0.55)).tolist() == [1]
    assert np.flatnonzero(draws(2.0, 0.6)).tolist() == [1, 2, 3]


@pytest.mark.slow
def test_every_step_draws_anew() -> None:
    sampling = Sampling.of_seed(0, 1, 1.0, 1.0)
    logits = jnp.zeros((1, 1000))
    assert len({int(choose(logits, sampling, step)[0]) for step in range(8)}) == 8
