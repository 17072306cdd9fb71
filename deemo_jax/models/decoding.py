"""Continuations of prompts: one pass over the prompts, then one token at a time with a cache of fixed size.

Axes: B batch, T prompt length, N new tokens, C candidate continuations, K their tokens (or those of a stop), D width.
"""

import dataclasses
import functools
from collections.abc import Callable
from typing import Any

import flax.struct
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int, Int32

from deemo_jax.models.batch import Batch
from deemo_jax.models.deemo_llama import DeemoLlama
from deemo_jax.models.parts.llama import KVCache
from deemo_jax.models.sampling import Sampling, choose

# Sequences of token ids that end an answer.
Stops = tuple[tuple[int, ...], ...]
# Stands for "no token yet"; no id is negative.
NO_TOKEN = -1


@flax.struct.dataclass
class Prompted:
    """The decoder's state after a batch of prompts.

    Attributes:
        cache: keys and values of the prompts, with room behind them.
        hidden: Float[B D], of each prompt's last token; the first new token is predicted from it.
        positions: Int32[B], the first new token's rotary position.
    """

    cache: KVCache
    hidden: Array
    positions: Array


@flax.struct.dataclass
class _State:
    """The decoder's state between two new tokens.

    Attributes:
        cache: keys and values so far.
        hidden: Float[B D], from which the next token is predicted.
        positions: Int32[B], the next token's rotary position.
        tokens: Int32[B N], the new tokens so far, `pad_id` behind them.
        recent: Int32[B K], the last tokens, as many as the longest stop has.
        done: Bool[B], whether the end token or a stop was given.
        step: Int32[], number of new tokens so far.
    """

    cache: KVCache
    hidden: Array
    positions: Array
    tokens: Array
    recent: Array
    done: Array
    step: Array


def read_prompt(model: DeemoLlama, params: Any, batch: Batch, *, room: int) -> Prompted:
    """One pass over the prompts.

    Args:
        model: the model.
        params: its parameters, a nested dict.
        batch: prompts of any lengths, padded on the right (`valid`); `loss_mask` is not used.
        room: how many new tokens the cache has room for.
    """
    run = _runner(model, params)
    B, T = batch.token_ids.shape
    cache = run("empty_cache", B, T + room)
    hidden, cache = run("extend", run("embed", batch), batch.positions, batch.valid, cache)
    last = jnp.maximum(jnp.sum(batch.valid, axis=1) - 1, 0)[:, None]
    return Prompted(
        cache=cache,
        hidden=jnp.take_along_axis(hidden, last[..., None], axis=1)[:, 0],
        positions=jnp.take_along_axis(jnp.asarray(batch.positions, jnp.int32), last, axis=1)[:, 0] + 1,
    )


def score(
    model: DeemoLlama, params: Any, prompted: Prompted, candidates: Int[Array, "C K"], valid: Bool[Array, "C K"]
) -> tuple[Float[Array, "B C"], Prompted]:
    """How likely each candidate is behind each prompt.

    Args:
        model: the model.
        params: its parameters, a nested dict.
        prompted: the prompts, with room for K tokens.
        candidates: ids, padded on the right.
        valid: False = padding.

    Returns:
        The natural log-probabilities of each candidate's tokens, summed, float32; and the prompts, whose room is free
        again.
    """
    run = _runner(model, params)
    B, K = prompted.positions.shape[0], candidates.shape[1]
    positions = prompted.positions[:, None] + jnp.arange(K)

    def score_one(cache: KVCache, candidate: tuple[Array, Array]) -> tuple[KVCache, Array]:
        ids_BK, valid_BK = (jnp.broadcast_to(row, (B, K)) for row in candidate)
        hidden, extended = run("extend", run("embed_tokens", ids_BK), positions, valid_BK, cache)
        before = jnp.concatenate([prompted.hidden[:, None], hidden[:, :-1]], axis=1)
        log_p = jax.nn.log_softmax(run("logits", before))
        picked_BK = jnp.take_along_axis(log_p, ids_BK[..., None], axis=-1)[..., 0]
        # Slots behind `length` are not seen and are overwritten by the next candidate, so the cache is not copied.
        rewound = dataclasses.replace(extended, seen=cache.seen, length=cache.length)
        return rewound, jnp.sum(jnp.where(valid_BK, picked_BK, 0.0), axis=1)

    cache, sums_CB = jax.lax.scan(score_one, prompted.cache, (jnp.asarray(candidates), jnp.asarray(valid)))
    return sums_CB.T, dataclasses.replace(prompted, cache=cache)


def proceed(
    model: DeemoLlama,
    params: Any,
    prompted: Prompted,
    *,
    max_new_tokens: int,
    eos_id: int | Array,
    pad_id: int | Array = 0,
    stops: Stops = (),
    sampling: Sampling | None = None,
    vocab: int | None = None,
) -> Int32[Array, "B N"]:
    """Continues every prompt, token by token, with the most probable token or a random draw.

    It can be jitted with `model`, `max_new_tokens`, `stops` and `vocab` static.

    Args:
        model: the model.
        params: its parameters, a nested dict.
        prompted: the prompts, read with room for `max_new_tokens`.
        max_new_tokens: N; the loop ends earlier where every row is done.
        eos_id: ends a row, and is part of the output.
        pad_id: fills the output behind that.
        stops: sequences of ids that end a row too, and are part of the output. They only save time: a stop text can be
            tokenized in other ways, which are not recognised here, so the decoded answer is cut at stop texts.
        sampling: None takes the most probable token.
        vocab: number of ids of the tokenizer; ids from there on, for which the decoder has rows, are never given. None
            for all rows.
    """
    run = _runner(model, params)
    B = prompted.positions.shape[0]
    reach = max((len(stop) for stop in stops), default=0)

    def unfinished(state: _State) -> Array:
        return (state.step < max_new_tokens) & ~jnp.all(state.done)

    def say_one(state: _State) -> _State:
        best = choose(run("logits", state.hidden)[:, :vocab], sampling, state.step)
        token = jnp.where(state.done, pad_id, best)
        x_B1D = run("embed_tokens", token[:, None])
        hidden, cache = run("extend", x_B1D, state.positions[:, None], jnp.ones((B, 1), bool), state.cache)
        recent = jnp.concatenate([state.recent, token[:, None]], axis=1)[:, 1:] if reach else state.recent
        return _State(
            cache=cache,
            hidden=hidden[:, 0],
            positions=state.positions + 1,
            tokens=state.tokens.at[:, state.step].set(token),
            recent=recent,
            done=state.done | (token == eos_id) | _stopped(recent, stops),
            step=state.step + 1,
        )

    start = _State(
        cache=prompted.cache,
        hidden=prompted.hidden,
        positions=prompted.positions,
        tokens=jnp.full((B, max_new_tokens), pad_id, jnp.int32),
        recent=jnp.full((B, reach), NO_TOKEN, jnp.int32),
        done=jnp.zeros((B,), bool),
        step=jnp.zeros((), jnp.int32),
    )
    return jax.lax.while_loop(unfinished, say_one, start).tokens


def _stopped(recent_BK: Int32[Array, "B K"], stops: Stops) -> Bool[Array, " B"]:
    """Whether a row's last tokens are one of the stops."""
    ends = [jnp.all(recent_BK[:, -len(stop) :] == jnp.asarray(stop), axis=1) for stop in stops if stop]
    return functools.reduce(jnp.logical_or, ends, jnp.zeros(recent_BK.shape[:1], bool))


def _runner(model: DeemoLlama, params: Any) -> Callable[..., Any]:
    """Calls a method of the model, by its name, with these parameters."""

    def run(method: str, *args: Any) -> Any:
        return model.apply({"params": params}, *args, method=method)

    return run
