"""From a batch of prompts to answers, and to the likelihoods of given texts as answers.

Axes: B batch, N new tokens, C candidate texts, K their tokens.
"""

import dataclasses
import functools
from collections.abc import Sequence
from typing import Any

import jax
import numpy as np
from jaxtyping import Array, Bool, Float, Int

from deemo_jax.core.errors import UserError
from deemo_jax.data.tokenizer import Tokenizer
from deemo_jax.generation.answer_text import cut, stop_ids
from deemo_jax.generation.buckets import fitted
from deemo_jax.models.batch import Batch
from deemo_jax.models.decoding import Stops, proceed, read_prompt, score
from deemo_jax.models.deemo_llama import DeemoLlama
from deemo_jax.models.mesh import put_batch
from deemo_jax.models.sampling import Sampling


@dataclasses.dataclass(frozen=True, slots=True)
class Decoding:
    """How tokens are chosen, and where answers end.

    Attributes:
        max_new_tokens: N, the longest answer.
        temperature: 0 takes the most probable token; above, logits are divided by it and tokens are drawn.
        top_p: draws are made from the fewest tokens that together have this probability.
        seed: of the draws. A clip's answer does not depend on the clips that are answered beside it.
        stops: texts that end an answer, beside the end token; they are not part of it.
    """

    max_new_tokens: int = 160
    temperature: float = 0.0
    top_p: float = 1.0
    seed: int = 0
    stops: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.max_new_tokens < 1:
            raise UserError(f"max_new_tokens {self.max_new_tokens}: at least 1 is needed")
        if not 0 <= self.temperature <= 100:
            raise UserError(f"temperature {self.temperature}: choose from 0 (the most probable token) to 100")
        if not 0 < self.top_p <= 1:
            raise UserError(f"top_p {self.top_p}: choose a probability above 0, at most 1")
        if not 0 <= self.seed < 1 << 32:
            raise UserError(f"seed {self.seed}: must lie in [0, 2**32)")


@dataclasses.dataclass(frozen=True, slots=True)
class Answers:
    """The answers to a batch of prompts.

    Attributes:
        texts: B answers, without end token and stop.
        ended: for each answer, whether it ended by an end token or a stop; else it was cut at N tokens.
        log_likelihoods: float32, natural logarithms, summed over each candidate's tokens.
    """

    texts: tuple[str, ...]
    ended: tuple[bool, ...]
    log_likelihoods: Float[np.ndarray, "B C"]


def answer(
    model: DeemoLlama,
    params: Any,
    batch: Batch,
    tokenizer: Tokenizer,
    decoding: Decoding,
    candidates: Sequence[Sequence[int]] = (),
) -> Answers:
    """Answers every prompt. Prompts are padded to one of a few lengths, so that few shapes are compiled.

    Args:
        model: the model.
        params: its parameters, a nested dict. Where they lie on several devices, each of these answers its share of
            the rows.
        batch: prompts without answers, padded to the longest that the model reads.
        tokenizer: of the run.
        decoding: how tokens are chosen.
        candidates: token ids of texts whose likelihood as the beginning of the answer is computed for each prompt.

    Raises:
        UserError: the longest prompt and answer are more than the decoder's context.
    """
    batch = fitted(batch)
    check_context(model, int(np.asarray(batch.valid).sum(axis=1).max()), decoding)
    sampling = None
    if decoding.temperature > 0:
        sampling = Sampling.of_seed(decoding.seed, batch.token_ids.shape[0], decoding.temperature, decoding.top_p)
    mesh = getattr(getattr(jax.tree.leaves(params)[0], "sharding", None), "mesh", None)
    tokens, log_likelihoods = respond(
        model,
        params,
        batch if mesh is None or mesh.size == 1 else put_batch(batch, mesh),
        _padded(candidates, tokenizer.pad_id) if candidates else None,
        sampling,
        max_new_tokens=decoding.max_new_tokens,
        eos_id=tokenizer.eos_id,
        pad_id=tokenizer.pad_id,
        stops=stop_ids(tokenizer, decoding.stops),
        vocab=tokenizer.vocab_size,
    )
    rows = np.asarray(tokens).tolist()
    texts = [cut(tokenizer.decode(row), decoding.stops) for row in rows]
    ended = [stopped or tokenizer.eos_id in row for (_, stopped), row in zip(texts, rows, strict=True)]
    return Answers(tuple(text for text, _ in texts), tuple(ended), np.asarray(log_likelihoods))


def check_context(model: DeemoLlama, prompt: int, decoding: Decoding) -> None:
    """Checks that a prompt of `prompt` tokens and its answer are within the decoder's context.

    Raises:
        UserError: they are longer.
    """
    context = model.config.decoder.config.context
    if prompt + decoding.max_new_tokens > context:
        raise UserError(
            f"a prompt of {prompt} tokens and an answer of up to {decoding.max_new_tokens} are more than the decoder's"
            f" context of {context}; shorten the transcript, or ask for fewer new tokens"
        )


@functools.partial(jax.jit, static_argnums=0, static_argnames=("max_new_tokens", "eos_id", "pad_id", "stops", "vocab"))
def respond(
    model: DeemoLlama,
    params: Any,
    batch: Batch,
    candidates: tuple[Int[Array, "C K"], Bool[Array, "C K"]] | None,
    sampling: Sampling | None,
    *,
    max_new_tokens: int,
    eos_id: int,
    pad_id: int,
    stops: Stops,
    vocab: int | None = None,
) -> tuple[Int[Array, "B N"], Float[Array, "B C"]]:
    """The compiled part of `answer`: one pass over the prompts serves candidates and answers.

    Args:
        model: the model.
        params: its parameters, a nested dict.
        batch: prompts without answers.
        candidates: ids, padded on the right, and False where they are padding; None for none.
        sampling, max_new_tokens, eos_id, pad_id, stops, vocab: see `deemo_jax.models.decoding.proceed`.

    Returns:
        Token ids of the answers, Int32, and the candidates' log-likelihoods, float32.
    """
    longest = candidates[0].shape[1] if candidates else 0
    prompted = read_prompt(model, params, batch, room=max(max_new_tokens, longest))
    scores = jax.numpy.zeros((batch.token_ids.shape[0], 0))
    if candidates:
        scores, prompted = score(model, params, prompted, *candidates)
    said = proceed(
        model,
        params,
        prompted,
        max_new_tokens=max_new_tokens,
        eos_id=eos_id,
        pad_id=pad_id,
        stops=stops,
        sampling=sampling,
        vocab=vocab,
    )
    return said, scores


def _padded(rows: Sequence[Sequence[int]], pad_id: int) -> tuple[Int[np.ndarray, "C K"], Bool[np.ndarray, "C K"]]:
    longest = max(map(len, rows))
    ids = np.array([[*row, *[pad_id] * (longest - len(row))] for row in rows], np.int32)
    return ids, np.arange(longest) < np.array([len(row) for row in rows])[:, None]
