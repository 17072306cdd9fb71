"""Greedy decoding: one pass over the prompt, then one token at a time over a fixed-size cache.

Axes: B batch, T prompt length, N new tokens, D width.
"""

from typing import Any

import flax.struct
import jax
import jax.numpy as jnp
from jaxtyping import Array, Int32

from deemo_jax.models.batch import Batch
from deemo_jax.models.deemo_llama import DeemoLlama
from deemo_jax.models.llama import KVCache


@flax.struct.dataclass
class _State:
    """Between two tokens.

    Attributes:
        cache: keys and values so far.
        hidden: Float[B D], what the next token is read from.
        positions: Int32[B], the next token's rotary position.
        tokens: Int32[B N], what was said so far, `pad_id` behind it.
        done: Bool[B], the end token was said.
        step: Int32, tokens said so far.
    """

    cache: KVCache
    hidden: Array
    positions: Array
    tokens: Array
    done: Array
    step: Array


def generate(
    model: DeemoLlama,
    params: Any,
    batch: Batch,
    *,
    max_new_tokens: int,
    eos_id: int | Array,
    pad_id: int | Array = 0,
) -> Int32[Array, "B N"]:
    """The most probable continuation, token by token.

    Shapes are static, so it can be jitted:
    `jax.jit(functools.partial(generate, model, max_new_tokens=64, eos_id=2))(params, batch)`.

    Args:
        model: the model.
        params: its parameters, a plain nested dict.
        batch: prompts, padded on the right to any uneven lengths (`valid`); `loss_mask` is not looked at.
        max_new_tokens: N. Stops early when every row is done.
        eos_id: ends a row; it is part of the output.
        pad_id: fills the output behind it.
    """

    def run(method: str, *args: Any) -> Any:
        return model.apply({"params": params}, *args, method=method)

    B, T = batch.token_ids.shape
    cache = run("empty_cache", B, T + max_new_tokens)
    hidden, cache = run("extend", run("embed", batch), batch.positions, batch.valid, cache)
    last = jnp.maximum(jnp.sum(batch.valid, axis=1) - 1, 0)[:, None]

    def unfinished(state: _State) -> Array:
        return (state.step < max_new_tokens) & ~jnp.all(state.done)

    def say_one(state: _State) -> _State:
        best = run("logits", state.hidden).argmax(-1).astype(jnp.int32)
        token = jnp.where(state.done, pad_id, best)
        x_B1D = run("embed_tokens", token[:, None])
        hidden, cache = run("extend", x_B1D, state.positions[:, None], jnp.ones((B, 1), bool), state.cache)
        return _State(
            cache=cache,
            hidden=hidden[:, 0],
            positions=state.positions + 1,
            tokens=state.tokens.at[:, state.step].set(token),
            done=state.done | (token == eos_id),
            step=state.step + 1,
        )

    start = _State(
        cache=cache,
        hidden=jnp.take_along_axis(hidden, last[..., None], axis=1)[:, 0],
        positions=jnp.take_along_axis(jnp.asarray(batch.positions, jnp.int32), last, axis=1)[:, 0] + 1,
        tokens=jnp.full((B, max_new_tokens), pad_id, jnp.int32),
        done=jnp.zeros((B,), bool),
        step=jnp.zeros((), jnp.int32),
    )
    return jax.lax.while_loop(unfinished, say_one, start).tokens
