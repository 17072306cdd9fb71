"""Which token comes next: the most probable one, or a draw by nucleus sampling (arXiv 1904.09751).

Axes: B batch, V vocabulary.
"""

import flax.struct
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, Int32

# The least temperature that logits are divided by; at 0 the division is computed too, but its result is not used.
COLDEST = 1e-6


@flax.struct.dataclass
class Sampling:
    """How tokens are drawn; arrays, so that other values need no new compilation.

    Attributes:
        keys: Key[B], one for each row: what a row draws depends on its own key and logits alone.
        temperature: Float[], divides the logits; 0 takes the most probable token.
        top_p: Float[] in (0, 1]; draws are made from the fewest tokens that together have this probability.
    """

    keys: Array
    temperature: Array
    top_p: Array

    @classmethod
    def of_seed(cls, seed: int, rows: int, temperature: float, top_p: float) -> "Sampling":
        """The same key for all rows, so that what a row draws does not depend on its batch or its place in it."""
        keys = jnp.broadcast_to(jax.random.key(seed), (rows,))
        return cls(keys=keys, temperature=jnp.float32(temperature), top_p=jnp.float32(top_p))


def choose(
    logits_BV: Float[Array, "B V"], sampling: Sampling | None, step: Int[Array, ""] | int = 0
) -> Int32[Array, " B"]:
    """The next token of every row.

    Args:
        logits_BV: float32.
        sampling: None takes the most probable token, and nothing else is compiled.
        step: number of tokens before; each step draws other random numbers.
    """
    if sampling is None:
        return logits_BV.argmax(-1).astype(jnp.int32)
    keys = jax.vmap(jax.random.fold_in, (0, None))(sampling.keys, step)
    return jax.vmap(_draw, (0, 0, None, None))(keys, logits_BV, sampling.temperature, sampling.top_p)


def _draw(key: Array, logits_V: Array, temperature: Array, top_p: Array) -> Int32[Array, ""]:
    order_V = jnp.argsort(logits_V, descending=True)
    ranked_V = logits_V[order_V] / jnp.maximum(temperature, COLDEST)
    p_V = jax.nn.softmax(ranked_V)
    # A token is kept where those before it do not reach `top_p` yet, so the first always is. At 1 all are kept,
    # whatever the rounding of the sum.
    kept_V = (jnp.cumsum(p_V) - p_V < top_p) | (top_p >= 1)
    drawn = order_V[jax.random.categorical(key, jnp.where(kept_V, ranked_V, -jnp.inf))]
    return jnp.where(temperature > 0, drawn, logits_V.argmax()).astype(jnp.int32)
