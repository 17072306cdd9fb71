"""Which token comes next: the best one, or a draw from the nucleus (arXiv 1904.09751).

Axes: B batch, V vocabulary.
"""

import flax.struct
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, Int32

COLDEST = 1e-6


@flax.struct.dataclass
class Sampling:
    """How tokens are drawn; arrays, so that other values need no new compilation.

    Attributes:
        keys: Key[B], one for each row: what a row draws depends on its own key and logits alone.
        temperature: Float[], divides the logits; 0 takes the best token.
        top_p: Float[] in (0, 1], only the fewest best tokens that hold this probability are drawn from.
    """

    keys: Array
    temperature: Array
    top_p: Array

    @classmethod
    def of_seed(cls, seed: int, rows: int, temperature: float, top_p: float) -> "Sampling":
        """One key for all rows: a row says the same in whatever batch and place it stands."""
        keys = jnp.broadcast_to(jax.random.key(seed), (rows,))
        return cls(keys=keys, temperature=jnp.float32(temperature), top_p=jnp.float32(top_p))


def choose(
    logits_BV: Float[Array, "B V"], sampling: Sampling | None, step: Int[Array, ""] | int = 0
) -> Int32[Array, " B"]:
    """The next token of every row.

    Args:
        logits_BV: float32.
        sampling: None takes the best token, and compiles to no more than that.
        step: how many tokens were said before; every step draws anew.
    """
    if sampling is None:
        return logits_BV.argmax(-1).astype(jnp.int32)
    keys = jax.vmap(jax.random.fold_in, (0, None))(sampling.keys, step)
    return jax.vmap(_draw, (0, 0, None, None))(keys, logits_BV, sampling.temperature, sampling.top_p)


def _draw(key: Array, logits_V: Array, temperature: Array, top_p: Array) -> Int32[Array, ""]:
    order_V = jnp.argsort(logits_V, descending=True)
    ranked_V = logits_V[order_V] / jnp.maximum(temperature, COLDEST)
    p_V = jax.nn.softmax(ranked_V)
    # A token is kept when those before it do not hold `top_p` yet: the first always is. Rounding must cut no tail at 1.
    kept_V = (jnp.cumsum(p_V) - p_V < top_p) | (top_p >= 1)
    drawn = order_V[jax.random.categorical(key, jnp.where(kept_V, ranked_V, -jnp.inf))]
    return jnp.where(temperature > 0, drawn, logits_V.argmax()).astype(jnp.int32)
