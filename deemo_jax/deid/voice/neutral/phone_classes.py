"""Hears which phones a waveform consists of, whoever speaks.

What tells of the speaker is taken out first: the channel (the mean cepstrum over speech) and the length of the vocal
tract (the warp of frequencies under which the speech is likeliest; Lee and Rose 1996). One phone a frame is kept, not
how likely each was: shares of phones tell by how much, and so how, a speaker differs from the model's.
Axes: n samples, F frames, S states, C classes, Q classes of a phone, P phones, D cepstra, V features.
"""

import dataclasses

import numpy as np
from jaxtyping import Float, Int

from deemo_jax.deid.voice.neutral.cepstra import CEPSTRA, features, mel_cepstra
from deemo_jax.deid.voice.neutral.frames import frame_count, power_spectra
from deemo_jax.deid.voice.neutral.frames import spoken as frames_of_speech
from deemo_jax.deid.voice.neutral.likeliest_path import likeliest_path
from deemo_jax.deid.voice.neutral.model import STATES, STREAMS, Model

# Warps that are tried, and of how many frames of speech: the mean is taken over up to so many, every fifth is scored.
WARPS = (0.86, 0.90, 0.95, 1.0, 1.05, 1.10, 1.16)
MEASURED, SCORED_EVERY = 1500, 5
# Neighbouring frames say nearly the same, so that the log-likelihood of each counts for so much.
ACOUSTIC_SCALE = 0.35
# Frames that are heard at once, which bounds the memory.
BLOCK = 2000
# Frames whose densities are computed at once: they stay in the processor's cache.
ROWS = 256
# Density of a class, at least; and log-likelihood of a state below that of the frame's likeliest one, at least: no
# single frame decides over a path.
LEAST_DENSITY, LEAST_SCORE = 1e-12, -20.0
# Decibels from the mean loudness of speech above which a frame is no pause, whatever it sounds like.
LOUD_DB = -10.0


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class Heard:
    """What is heard in a waveform.

    Attributes:
        path: the state of each frame.
        features: of `cepstra.features`, without channel and length of the vocal tract; float32.
    """

    path: Int[np.ndarray, " F"]
    features: Float[np.ndarray, "F V"]


def hear_phones(waveform: Float[np.ndarray, " n"], level: Float[np.ndarray, " F"], model: Model) -> Heard:
    """Hears a waveform as a row of phones.

    Args:
        waveform: float32, mono, 16 kHz.
        level: of `frames.loudness`.
        model: of `load_model`.
    """
    spoken = frames_of_speech(level)
    silent = np.repeat(model.silent, STATES) * (level > level[spoken].mean() + LOUD_DB)[:, None]
    warp = likeliest_warp(waveform, spoken, model)
    numbers = np.arange(frame_count(waveform.size))
    starts = range(0, len(numbers), BLOCK)
    spectra = (power_spectra(waveform, numbers[start : start + BLOCK]) for start in starts)
    heard = features(np.concatenate([mel_cepstra(power, warp) for power in spectra]), spoken)
    scores = (
        state_scores(heard[start : start + BLOCK], model) + LEAST_SCORE * silent[start : start + BLOCK]
        for start in starts
    )
    return Heard(likeliest_path(scores, model.step), heard)


def likeliest_warp(waveform: Float[np.ndarray, " n"], spoken: Int[np.ndarray, " _"], model: Model) -> float:
    """The factor of frequencies under which a waveform's frames of speech are likeliest, one of `WARPS`."""
    numbers = spoken[:: -(-len(spoken) // MEASURED)]
    power = power_spectra(waveform, numbers)
    every = np.arange(len(numbers))
    scores = []
    for warp in WARPS:
        probed = features(mel_cepstra(power, warp), every)[::SCORED_EVERY]
        scores.append(float(log_likelihoods(probed, model, 1).max(axis=1).mean()))
    return WARPS[int(np.argmax(scores))]


def state_scores(heard: Float[np.ndarray, "F V"], model: Model) -> Float[np.ndarray, "F S"]:
    """The log-likelihood of each state, as far as it counts: 0 for the likeliest one, at least `LEAST_SCORE`."""
    within = ACOUSTIC_SCALE * log_likelihoods(heard, model, STREAMS) + model.share
    starts = np.flatnonzero(np.diff(model.owner, prepend=-1))
    most = np.maximum.reduceat(within, starts, axis=1)
    logs = np.log(np.add.reduceat(np.exp(within - most[:, model.owner]), starts, axis=1)) + most
    return np.maximum(logs - logs.max(axis=1, keepdims=True), np.float32(LEAST_SCORE))


def log_likelihoods(heard: Float[np.ndarray, "F V"], model: Model, streams: int) -> Float[np.ndarray, "F C"]:
    """The log-likelihood of each class.

    Args:
        heard: of `features`.
        model: of `load_model`.
        streams: 1 hears cepstra only; 3 also their first and second differences.
    """
    phones, _, _, most = model.mixtures.shape
    total = np.zeros((len(heard), phones, most), np.float32)
    for start in range(0, len(heard), ROWS):
        rows = heard[start : start + ROWS]
        for stream in range(streams):
            x = in_form(rows[:, CEPSTRA * stream : CEPSTRA * (stream + 1)])
            for phone in range(phones):
                density = x @ model.forms[phone, stream]
                highest = density.max(axis=1, keepdims=True)
                density -= highest
                np.exp(density, out=density)
                mixed = density @ model.mixtures[phone, stream]
                mixed += np.float32(LEAST_DENSITY)
                np.log(mixed, out=mixed)
                mixed += highest
                total[start : start + ROWS, phone] += mixed
    return total.reshape(len(heard), -1)[:, model.places]


def in_form(rows: Float[np.ndarray, "F D"]) -> Float[np.ndarray, "F _"]:
    """Squares, values and ones: what `Model.forms` is multiplied by."""
    return np.concatenate([rows * rows, rows, np.ones((len(rows), 1), np.float32)], axis=1)
