"""The sample's audio trunk, pre-trained to hear pitch, its range and the rate of speech in changed voices.

Axes: N clips, D width, K targets.
"""

import dataclasses
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import librosa
import numpy as np
from jaxtyping import Array, Float, PRNGKeyArray

from deemo_jax.core import parallel
from deemo_jax.core.progress import with_progress
from deemo_jax.deid.voice.mcadams import mcadams
from deemo_jax.media import SAMPLE_RATE
from deemo_jax.media.imagebind_mel import mel_clips
from deemo_jax.models.parts.imagebind import ImageBindAudio
from deemo_jax.sample import speech
from deemo_jax.sample.cues import Tone
from deemo_jax.sample.identity import Voice, make_identity
from deemo_jax.sample.script import sentence
from deemo_jax.sample.seeds import generator
from deemo_jax.sample.towers.optimise import apply, explained, fit, shuffled

CLIPS = 2  # mel clips of an utterance
# Prosody is drawn from spans far wider than the cues': semitones about the speaker's pitch, eSpeak's pitch range, words
# a minute.
PITCH, RANGE, TEMPO = (-7.0, 7.0), (0.0, 99.0), (100.0, 260.0)
ALPHA = (0.5, 0.9)  # McAdams coefficients of the changed voices, evenly drawn


@dataclasses.dataclass(frozen=True)
class ProsodyRecipe:
    """How much the audio trunk hears, how long it learns.

    Attributes:
        utterances: training utterances, two clips of each.
        speakers: invented speakers of them; the held-out ones come after these.
        steps: optimizer updates.
        batch: N.
        learning_rate: the peak.
    """

    utterances: int = 3600
    speakers: int = 26
    steps: int = 1600
    batch: int = 32
    learning_rate: float = 1e-3


class ProsodyReader(nn.Module):
    """The trunk with a linear head on its clip vector; only the trunk is kept."""

    trunk: ImageBindAudio

    @nn.compact
    def __call__(self, mel: Float[Array, "N mel time"]) -> Float[Array, "N 3"]:
        # The clip vector has length 20; the head wants unit scale.
        return nn.Dense(3, name="head")(self.trunk(mel)[:, 0] / 4)


def pretrain_trunk(
    trunk: ImageBindAudio, recipe: ProsodyRecipe, *, seed: int, workers: int
) -> tuple[dict[str, Any], dict[str, float]]:
    """Regression of absolute pitch, pitch range and rate.

    Returns:
        The trunk's parameters, and its share of explained variance (R squared) on speakers it has not heard.
    """
    heard = utterances(seed, 0, recipe.speakers, recipe.utterances, workers)
    reader = ProsodyReader(trunk)
    params = nn.unbox(reader.init(jax.random.key(seed), heard[0][:1])["params"])

    def loss(params: Any, batch: tuple[Array, Array], key: PRNGKeyArray) -> Float[Array, ""]:
        mel, wanted = batch
        return jnp.mean(jnp.square(apply(reader, params, mel) - wanted))

    params = fit(
        loss,
        params,
        shuffled(heard, recipe.batch, seed),
        steps=recipe.steps,
        learning_rate=recipe.learning_rate,
        seed=seed,
        name="audio trunk",
    )
    unheard, wanted = utterances(seed, recipe.speakers, recipe.speakers + 4, 200, workers)
    score = explained(lambda params, mel: apply(reader, params, mel), params, unheard, wanted)
    return params["trunk"], dict(zip(("pitch", "pitch_range", "rate"), map(float, score), strict=True))


def utterances(
    seed: int, first: int, last: int, count: int, workers: int
) -> tuple[Float[np.ndarray, "N 128 204"], Float[np.ndarray, "N 3"]]:
    """Mel clips of the speakers first..last of the family that the sample corpus never lets speak."""
    jobs = [(seed, first + i % (last - first), i) for i in range(count)]
    spoken = list(with_progress(parallel.each(_utterance, jobs, workers), "utterances", len(jobs)))
    return np.concatenate([mel for mel, _ in spoken]), np.concatenate([target for _, target in spoken])


def _utterance(job: tuple[int, int, int]) -> tuple[np.ndarray, np.ndarray]:
    seed, speaker, index = job
    rng = generator("tower utterance", seed, speaker, index)
    voice = make_identity(seed, speaker, "towers").voice
    pitch, span, tempo = rng.uniform(*PITCH), rng.uniform(*RANGE), rng.uniform(*TEMPO)
    text = sentence(rng, Tone(rng.choice(list(Tone))), "towers")
    changed = mcadams(recording(text, voice, pitch, tempo, span, rng), float(rng.uniform(*ALPHA)))
    absolute = 12 * np.log2(voice.pitch_hz / 128) + pitch
    target = np.asarray([absolute / 5, (span - 50) / 30, (tempo - 180) / 45], np.float32)
    return mel_clips(changed.astype(np.float32), CLIPS), np.tile(target, (CLIPS, 1))


def recording(
    text: str, voice: Voice, pitch: float, rate: float, pitch_range: float, rng: np.random.Generator
) -> Float[np.ndarray, " n"]:
    """What a voice says, as `speech.speak` takes it, with a little noise; float32 at `SAMPLE_RATE`."""
    samples, spoken_rate, _ = speech.speak(text, voice, pitch, rate, pitch_range)
    samples = librosa.resample(samples, orig_sr=spoken_rate, target_sr=SAMPLE_RATE)
    return (samples + rng.uniform(0.0, 0.002) * rng.standard_normal(len(samples))).astype(np.float32)
