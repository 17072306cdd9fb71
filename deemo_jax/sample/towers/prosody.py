"""The sample's audio trunk, pre-trained to hear pitch, its range and the rate of speech, in raw and changed voices.

The pitch is that of the voice that is heard: McAdams' change keeps the speaker's; the neutral voice has its own, from
which it is as far as the speaker is from theirs, where that is known, and as the clip is from itself, else.
Axes: n samples, N clips, D width.
"""

import dataclasses
import enum
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
from deemo_jax.deid.voice.neutral.delivery import NOBODY
from deemo_jax.deid.voice.neutral.manner import Manner
from deemo_jax.deid.voice.neutral.neutral import neutral
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
# RMS of the noise in a recording, 32 to 50 dB below `speech.LEVEL`.
NOISE = (0.00025, 0.002)
# Semitones by which the median pitch of eSpeak's speech is above that on a monotone, at half its pitch range (measured
# on ten voices); and what targets count from, Hz.
LIFT, REFERENCE_HZ = 2.0, 128.0


class Heard(enum.StrEnum):
    """In which form a voice is heard."""

    RAW = "raw"
    MCADAMS = "mcadams"
    NEUTRAL = "neutral"
    NEUTRAL_SPEAKERS = "neutral_speakers"  # whose middle is that of the speaker, as with --speakers


# Forms of the training utterances are drawn from these: a third each of raw, McAdams and neutral voices.
FORMS = (Heard.RAW, Heard.RAW, Heard.MCADAMS, Heard.MCADAMS, Heard.NEUTRAL, Heard.NEUTRAL_SPEAKERS)
TARGETS = ("pitch", "pitch_range", "rate")


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

    utterances: int = 4200
    speakers: int = 26
    steps: int = 2000
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
    """Regression of the pitch that is heard, pitch range and rate.

    Returns:
        The trunk's parameters, and its share of explained variance (R squared) on speakers it has not heard, of each
        target and form; but for the pitch where that is always the same.
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
    scores: dict[str, float] = {}
    for form in Heard:
        unheard, wanted = utterances(seed, recipe.speakers, recipe.speakers + 4, 200, workers, form)
        found = explained(lambda params, mel: apply(reader, params, mel), params, unheard, wanted)
        scores |= {f"{form}: {name}": float(value) for name, value in zip(TARGETS, found, strict=True)}
    scores.pop(f"{Heard.NEUTRAL}: pitch")
    return params["trunk"], scores


def utterances(
    seed: int, first: int, last: int, count: int, workers: int, form: Heard | None = None
) -> tuple[Float[np.ndarray, "N 128 204"], Float[np.ndarray, "N 3"]]:
    """Mel clips of the speakers first..last of the family that the sample corpus never lets speak.

    Args:
        seed: of everything.
        first: number of the first speaker.
        last: number after that of the last one.
        count: of utterances, `CLIPS` clips each.
        workers: processes.
        form: in which all are heard; None draws one of `FORMS` for each.
    """
    jobs = [(seed, first + i % (last - first), i, form) for i in range(count)]
    spoken = list(with_progress(parallel.each(_utterance, jobs, workers), "utterances", len(jobs)))
    return np.concatenate([mel for mel, _ in spoken]), np.concatenate([target for _, target in spoken])


def _utterance(job: tuple[int, int, int, Heard | None]) -> tuple[np.ndarray, np.ndarray]:
    seed, speaker, index, form = job
    rng = generator("tower utterance", seed, speaker, index)
    voice = make_identity(seed, speaker, "towers").voice
    pitch, span, tempo = rng.uniform(*PITCH), rng.uniform(*RANGE), rng.uniform(*TEMPO)
    text = sentence(rng, Tone(rng.choice(list(Tone))), "towers")
    said = recording(text, voice, pitch, tempo, span, rng)
    heard, hertz = in_form(form or FORMS[int(rng.integers(len(FORMS)))], said, voice, pitch, rng)
    absolute = 12 * np.log2(hertz / REFERENCE_HZ)
    target = np.asarray([absolute / 5, (span - 50) / 30, (tempo - 180) / 45], np.float32)
    return mel_clips(heard.astype(np.float32), CLIPS), np.tile(target, (CLIPS, 1))


def in_form(
    form: Heard, said: Float[np.ndarray, " n"], voice: Voice, pitch: float, rng: np.random.Generator
) -> tuple[Float[np.ndarray, " n"], float]:
    """What is heard of a recording, and the pitch of that on a monotone, Hz.

    Args:
        form: how the voice is changed.
        said: of `recording`.
        voice: whose it is.
        pitch: semitones above the speaker's own.
        rng: draws McAdams' coefficient, and the neutral voice's noise.
    """
    above, lifted = 2 ** (pitch / 12), 2 ** (LIFT / 12)
    match form:
        case Heard.RAW:
            return said, voice.pitch_hz * above
        case Heard.MCADAMS:
            return mcadams(said, float(rng.uniform(*ALPHA))), voice.pitch_hz * above
        case Heard.NEUTRAL:
            return neutral(said, rng), NOBODY.pitch_hz / lifted
        case Heard.NEUTRAL_SPEAKERS:
            usual = Manner(float(np.log2(voice.pitch_hz * lifted)), 0.0, voiced=1, spoken=0)  # as loud as always
            return neutral(said, rng, usual=usual), NOBODY.pitch_hz * above / lifted


def recording(
    text: str, voice: Voice, pitch: float, rate: float, pitch_range: float, rng: np.random.Generator
) -> Float[np.ndarray, " n"]:
    """What a voice says, as `speech.speak` takes it, with a little noise; float32 at `SAMPLE_RATE`."""
    samples, spoken_rate, _ = speech.speak(text, voice, pitch, rate, pitch_range)
    samples = librosa.resample(samples, orig_sr=spoken_rate, target_sr=SAMPLE_RATE)
    return (samples + rng.uniform(*NOISE) * rng.standard_normal(len(samples))).astype(np.float32)
