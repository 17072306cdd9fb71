"""The sample's decoder, pre-trained on written dialogues (`dialogues`).

Axes: B batch, T sequence, D width, V vocabulary.
"""

import dataclasses
from collections.abc import Iterator
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Array, Float, PRNGKeyArray

from deemo_jax.models.parts.llama import Llama
from deemo_jax.sample.script import SentenceSet
from deemo_jax.sample.towers.dialogues import Dialogues, dialogues
from deemo_jax.sample.towers.optimise import apply, fit

# Noise on the words that stand in for media tokens, in deviations of the embedding table: media tokens are no rows of
# that table, and the decoder must read what lies between its rows.
SLOT_NOISE = 0.5


@dataclasses.dataclass(frozen=True)
class DecoderRecipe:
    """How long the decoder learns.

    Attributes:
        steps: optimizer updates.
        batch: B.
        length: T, enough for every dialogue.
        learning_rate: the peak.
    """

    steps: int = 1500
    batch: int = 16
    length: int = 336
    learning_rate: float = 2e-3


def pretrain_decoder(model: Llama, recipe: DecoderRecipe, *, audio: int, video: int, seed: int) -> dict[str, Any]:
    """Next-token prediction on dialogues, mostly on their answers.

    Args:
        model: the decoder.
        recipe: how long.
        audio: audio tokens of the assembly, whose place descriptions take.
        video: the same for video tokens.
        seed: of everything.

    Returns:
        The decoder's parameters.
    """

    def loss(params: Any, batch: tuple[Array, Array, Array], key: PRNGKeyArray) -> Float[Array, ""]:
        token_ids, weights, slots = batch
        x_BTD = apply(model, params, token_ids, method="embed")
        spread = SLOT_NOISE * jnp.std(params["embedding"])
        x_BTD = x_BTD + spread * slots[..., None] * jax.random.normal(key, x_BTD.shape)
        positions = jnp.broadcast_to(jnp.arange(token_ids.shape[1]), token_ids.shape)
        hidden = apply(model, params, x_BTD, positions, token_ids > 0)
        logits = apply(model, params, hidden[:, :-1], method="logits")
        losses = optax.softmax_cross_entropy_with_integer_labels(logits, token_ids[:, 1:])
        return jnp.sum(losses * weights[:, 1:]) / jnp.sum(weights[:, 1:])

    def batches() -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
        for written in dialogues(seed, batch=recipe.batch, length=recipe.length, audio=audio, video=video):
            yield written.token_ids, written.weights, written.slots

    ids = np.ones((1, 2), np.int32)
    params = nn.unbox(model.init(jax.random.key(seed), ids, ids > 0, method="score")["params"])
    # Rows five times larger than the model draws them: the first norm then sees how tokens differ, not their mean.
    params["embedding"] = params["embedding"] * 5
    return fit(
        loss, params, batches(), steps=recipe.steps, learning_rate=recipe.learning_rate, seed=seed, name="decoder"
    )


def answer_accuracy(
    model: Llama,
    params: Any,
    *,
    audio: int,
    video: int,
    length: int,
    seed: int,
    sentence_set: SentenceSet,
    count: int = 256,
) -> float:
    """Share of dialogues whose whole answer is predicted, byte by byte, from what stands before each byte."""
    predict = jax.jit(lambda params, ids: apply(model, params, ids, ids > 0, method="score").argmax(-1))
    written: Iterator[Dialogues] = dialogues(
        seed, batch=32, length=length, audio=audio, video=video, sentence_set=sentence_set
    )
    right = []
    for _ in range(count // 32):
        batch = next(written)
        guess = np.asarray(predict(params, batch.token_ids))[:, :-1]
        answer = (np.arange(1, length) >= batch.answers[:, None]) & (batch.token_ids[:, 1:] > 0)
        right.append(np.all((guess == batch.token_ids[:, 1:]) | ~answer, axis=1))
    return float(np.mean(np.concatenate(right)))
