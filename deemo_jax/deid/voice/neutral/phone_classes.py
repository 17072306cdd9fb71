"""Hears which classes of speech a waveform consists of, whoever speaks, and how the one voice says them.

What tells of the speaker is taken out first: the channel (the mean cepstrum over speech) and the length of the vocal
tract (the warp of frequencies under which the speech is likeliest; Lee and Rose 1996).
Axes: n samples, F frames, S states, C classes, Q classes of a phone, P phones, D cepstra, V features.
"""

import dataclasses

import numpy as np
from jaxtyping import Float, Int

from deemo_jax.deid.voice.neutral.cepstra import CEPSTRA, features, mel_cepstra
from deemo_jax.deid.voice.neutral.frames import frame_count, power_spectra, smooth
from deemo_jax.deid.voice.neutral.model import CEPSTRUM, SILENCE, STATES, STREAMS, TONE, Model

# Warps that are tried, and of how many frames of speech: the mean is taken over up to so many, every fifth is scored.
WARPS = (0.86, 0.90, 0.95, 1.0, 1.05, 1.10, 1.16)
MEASURED, SCORED_EVERY = 1500, 5
# Neighbouring frames say nearly the same, so that the log-likelihood of each counts for so much.
ACOUSTIC_SCALE = 0.35
# Frames that are heard at once, which bounds the memory, and how many more on both sides are heard with them.
BLOCK, BESIDE = 2000, 100
# Frames whose densities are computed at once: they stay in the processor's cache.
ROWS = 256
# Chance of every state, at least, so that no sound is impossible; and share of a class, at least.
LEAST_CHANCE, LEAST_DENSITY = 1e-8, 1e-12
# Frames over which the classes within a state are averaged.
CLASS_SPAN = 5


@dataclasses.dataclass(frozen=True, slots=True)
class Said:
    """What is said, in the one voice; float32.

    Attributes:
        cepstra: of the one voice.
        tone: how much of each frame is tone, from 0 to 1; the rest is noise.
        silence: from 0 to 1, how surely a frame is a pause or no speech.
    """

    cepstra: Float[np.ndarray, "F D"]
    tone: Float[np.ndarray, " F"]
    silence: Float[np.ndarray, " F"]


def hear_classes(waveform: Float[np.ndarray, " n"], spoken: Int[np.ndarray, " _"], model: Model, detail: float) -> Said:
    """Hears a waveform as classes and gives back how the one voice says them.

    Args:
        waveform: float32, mono, 16 kHz.
        spoken: numbers of the frames of speech.
        model: of `load_model`.
        detail: 0 says each class as its speakers do on average; 1 as those of its Gaussians do that are near a frame.
    """
    warp = likeliest_warp(waveform, spoken, model)
    count = frame_count(waveform.size)
    starts = range(0, count, BLOCK)
    blocks = [np.arange(start, min(start + BLOCK, count)) for start in starts]
    cepstra = np.concatenate([mel_cepstra(power_spectra(waveform, block), warp) for block in blocks])
    heard = features(cepstra, spoken)
    found = np.empty((count, model.spoken.shape[1]), np.float32)
    for block in blocks:
        first, last = max(block[0] - BESIDE, 0), min(block[-1] + 1 + BESIDE, count)
        part = _speak(heard[first:last], model, detail)
        found[block] = part[block[0] - first : block[-1] + 1 - first]
    return Said(found[:, CEPSTRUM], found[:, TONE], found[:, SILENCE])


def likeliest_warp(waveform: Float[np.ndarray, " n"], spoken: Int[np.ndarray, " _"], model: Model) -> float:
    """The factor of frequencies under which a waveform's frames of speech are likeliest, one of `WARPS`."""
    numbers = spoken[:: -(-len(spoken) // MEASURED)]
    power = power_spectra(waveform, numbers)
    every = np.arange(len(numbers))
    scores = []
    for warp in WARPS:
        probed = features(mel_cepstra(power, warp), every)[::SCORED_EVERY]
        scores.append(float(log_likelihoods(probed, model, 1)[0].max(axis=1).mean()))
    return WARPS[int(np.argmax(scores))]


def _speak(heard: Float[np.ndarray, "F V"], model: Model, detail: float) -> Float[np.ndarray, "F E"]:
    """`Model.spoken`, averaged over the classes that each frame may be."""
    logs, near = log_likelihoods(heard, model, STREAMS, detail > 0)
    within = ACOUSTIC_SCALE * logs + model.share
    starts = np.flatnonzero(np.diff(model.owner, prepend=-1))
    most = np.maximum.reduceat(within, starts, axis=1)
    within = np.exp(within - most[:, model.owner])
    sums = np.add.reduceat(within, starts, axis=1)
    within /= sums[:, model.owner]
    states = np.log(sums) + most
    chance = state_chances(np.exp(states - states.max(axis=1, keepdims=True)), model.step)
    found = (chance[:, model.owner] * smooth(within, CLASS_SPAN)) @ model.spoken
    if near is not None:
        phones = chance.reshape(len(chance), -1, STATES).sum(axis=2)
        detailed = np.einsum("fp,pfd->fd", phones, near)
        found[:, CEPSTRUM] += np.float32(detail) * (detailed - found[:, CEPSTRUM])
    return found


def log_likelihoods(
    heard: Float[np.ndarray, "F V"], model: Model, streams: int, near: bool = False
) -> tuple[Float[np.ndarray, "F C"], Float[np.ndarray, "P F D"] | None]:
    """The log-likelihood of each class.

    Args:
        heard: of `features`.
        model: of `load_model`.
        streams: 1 hears cepstra only; 3 also their first and second differences.
        near: whether the means of the Gaussians near each frame are wanted too.

    Returns:
        The log-likelihoods; and, for each phone, the mean cepstrum of its Gaussians, weighted by how near they are.
    """
    phones, _, _, most = model.mixtures.shape
    total = np.zeros((len(heard), phones, most), np.float32)
    means = np.empty((phones, len(heard), CEPSTRA), np.float32) if near else None
    used = model.mixtures[:, 0].sum(axis=2) if near else None
    for start in range(0, len(heard), ROWS):
        rows = heard[start : start + ROWS]
        for stream in range(streams):
            x = rows[:, CEPSTRA * stream : CEPSTRA * (stream + 1)]
            x = np.concatenate([x * x, x, np.ones((len(x), 1), np.float32)], axis=1)
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
                if means is not None and used is not None and stream == 0:
                    density *= used[phone]
                    weight = density.sum(axis=1, keepdims=True) + np.float32(LEAST_DENSITY)
                    means[phone, start : start + ROWS] = density @ model.means[phone] / weight
    return total.reshape(len(heard), -1)[:, model.places], means


def state_chances(density: Float[np.ndarray, "F S"], step: Float[np.ndarray, "S S"]) -> Float[np.ndarray, "F S"]:
    """The chance of each state in each frame, given all frames: forward-backward (Rabiner 1989).

    Args:
        density: of each state in each frame, up to a factor of the frame.
        step: how often each state comes after each.
    """
    density = density + np.float32(LEAST_CHANCE)
    chance = np.empty_like(density)
    state = np.full(density.shape[1], 1 / density.shape[1], np.float32)
    for t, row in enumerate(density):
        state = state @ step
        state *= row
        state /= state.sum()
        chance[t] = state
    back = np.ones(density.shape[1], np.float32)
    for t in range(len(density) - 2, -1, -1):
        back *= density[t + 1]
        back = step @ back
        back /= back.sum()
        chance[t] *= back
    chance /= chance.sum(axis=1, keepdims=True)
    return chance
