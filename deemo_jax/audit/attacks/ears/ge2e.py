"""The GE2E speaker encoder of the Resemblyzer wheel in NumPy.

Wan et al., "Generalized end-to-end loss for speaker verification" (ICASSP 2018): three LSTM layers of 256 over windows
of 1.6 s of 40 mel bands, a projection, ReLU, unit length.
Axes: n samples, W windows, F frames, K mel bands, H hidden, G gates (4 H), E embedding.
"""

import dataclasses
import functools
from collections.abc import Mapping

import numpy as np
from jaxtyping import Bool, Float, Float32

from deemo_jax.audit.attacks.ears.window_encoder import WindowEncoder
from deemo_jax.media import SAMPLE_RATE

# Samples of a frame (25 ms) and from one frame to the next (10 ms); mel bands.
FRAME, HOP, BANDS = 400, 160, 40
# Frames of a window (1.6 s) and from one window to the next (0.77 s), and windows that are embedded at once.
WINDOW, STEP, BATCH = 160, 77, 128
# A last window of which less than this share is sound is left out.
LEAST_FILLED = 0.75
# RMS to which softer sound is raised: -30 dB of full scale.
LEVEL = 10 ** (-30 / 20)
# Pauses are cut: pieces of 30 ms that are so many dB below the loud ones (95 % quantile), unless speech is at most
# three pieces away, once smoothed over eight.
PIECE, PAUSE_DB, SMOOTH, AROUND = 480, 35.0, 8, 3


@dataclasses.dataclass(frozen=True, slots=True)
class Layer:
    """Weights of an LSTM layer; its gates are input, forget, cell, output.

    Attributes:
        inward: from the layer's input.
        onward: from its last output.
        bias: of the gates.
    """

    inward: Float32[np.ndarray, "I G"]
    onward: Float32[np.ndarray, "H G"]
    bias: Float32[np.ndarray, " G"]


@dataclasses.dataclass(frozen=True, slots=True)
class Ge2e(WindowEncoder):
    """The encoder.

    Attributes:
        layers: from the first to the last.
        weight, bias: of the projection.
    """

    layers: tuple[Layer, ...]
    weight: Float32[np.ndarray, "H E"]
    bias: Float32[np.ndarray, " E"]

    def hear(self, waveform: Float[np.ndarray, " n"]) -> Float32[np.ndarray, "W F K"]:
        return mel_windows(waveform)

    def vectors(self, mels: Float32[np.ndarray, "W F K"]) -> Float32[np.ndarray, "W E"]:
        return np.concatenate([self._forward(mels[i : i + BATCH]) for i in range(0, len(mels), BATCH)])

    def _forward(self, mels: Float32[np.ndarray, "W F K"]) -> Float32[np.ndarray, "W E"]:
        signal = np.ascontiguousarray(mels.transpose(1, 0, 2))
        for layer in self.layers:
            signal = _lstm(layer, signal)
        found = np.maximum(signal[-1] @ self.weight + self.bias, 0)
        return found / np.maximum(np.linalg.norm(found, axis=1, keepdims=True), 1e-12)


def _lstm(layer: Layer, signal: Float32[np.ndarray, "F W I"]) -> Float32[np.ndarray, "F W H"]:
    inward = signal @ layer.inward + layer.bias
    size = len(layer.onward)
    output = np.empty((*signal.shape[:2], size), np.float32)
    hidden = cell = np.zeros(output.shape[1:], np.float32)
    for t, given in enumerate(inward):
        gates = given + hidden @ layer.onward
        entering, kept, new, shown = (gates[:, i * size : (i + 1) * size] for i in range(4))
        cell = _sigmoid(kept) * cell + _sigmoid(entering) * np.tanh(new)
        output[t] = hidden = _sigmoid(shown) * np.tanh(cell)
    return output


def _sigmoid(x: Float32[np.ndarray, "W H"]) -> Float32[np.ndarray, "W H"]:
    return np.float32(0.5) + np.float32(0.5) * np.tanh(np.float32(0.5) * x)


def mel_windows(waveform: Float[np.ndarray, " n"]) -> Float32[np.ndarray, "W F K"]:
    """What the encoder hears of a waveform (16 kHz): raised to its level, without pauses, silence at its end."""
    clean = np.nan_to_num(np.asarray(waveform, np.float32), nan=0.0, posinf=0.0, neginf=0.0)
    rms = float(np.sqrt(np.mean(clean**2))) if clean.size else 0.0
    if 0 < rms < LEVEL:
        clean = clean * np.float32(LEVEL / rms)
    clean = clean[speech(clean)]
    frames = -(-(clean.size + 1) // HOP)
    starts = list(range(0, max(1, frames - WINDOW + STEP + 1), STEP))
    if len(starts) > 1 and (clean.size - starts[-1] * HOP) / (WINDOW * HOP) < LEAST_FILLED:
        starts.pop()
    mel = mel_power(np.pad(clean, (0, max(0, (starts[-1] + WINDOW) * HOP - clean.size))))
    return np.stack([mel[start : start + WINDOW] for start in starts])


def speech(waveform: Float[np.ndarray, " n"]) -> Bool[np.ndarray, " n"]:
    """Which samples are no pause; all of them where there is no speech."""
    pieces = waveform[: waveform.size // PIECE * PIECE].reshape(-1, PIECE)
    if not len(pieces):
        return np.ones(waveform.size, bool)
    level = 10 * np.log10(np.mean(pieces.astype(np.float64) ** 2, axis=1) + 1e-12)
    loud = level > np.quantile(level, 0.95) - PAUSE_DB
    smooth = np.convolve(loud, np.ones(SMOOTH) / SMOOTH)[SMOOTH // 2 :][: len(loud)] >= 0.5
    near = np.convolve(smooth, np.ones(2 * AROUND + 1))[AROUND:][: len(loud)] > 0.5
    kept = np.pad(np.repeat(near, PIECE), (0, waveform.size - len(near) * PIECE))
    return kept if kept.any() else ~kept


def mel_power(waveform: Float[np.ndarray, " n"]) -> Float32[np.ndarray, "F K"]:
    """Power in 40 mel bands, 25 ms every 10 ms, the first frame around sample 0 (librosa's `melspectrogram`)."""
    padded = np.pad(np.asarray(waveform, np.float32), FRAME // 2)
    frames = np.lib.stride_tricks.sliding_window_view(padded, FRAME)[::HOP]
    hann = (0.5 - 0.5 * np.cos(2 * np.pi * np.arange(FRAME) / FRAME)).astype(np.float32)
    return (np.abs(np.fft.rfft(frames * hann, axis=1)) ** 2).astype(np.float32) @ _filters().T


@functools.cache
def _filters() -> Float32[np.ndarray, "K B"]:
    """Triangles of equal area on Slaney's mel scale, which is linear to 1 kHz and logarithmic above."""
    step = np.log(6.4) / 27
    marks = np.linspace(0, 15 + np.log(SAMPLE_RATE / 2 / 1000) / step, BANDS + 2)
    hertz = np.where(marks < 15, marks * 200 / 3, 1000 * np.exp(step * (marks - 15)))
    bins = np.linspace(0, SAMPLE_RATE / 2, FRAME // 2 + 1)
    rising = (bins - hertz[:-2, None]) / np.diff(hertz)[:-1, None]
    falling = (hertz[2:, None] - bins) / np.diff(hertz)[1:, None]
    filters = np.maximum(0, np.minimum(rising, falling)) * (2 / (hertz[2:] - hertz[:-2]))[:, None]
    return filters.astype(np.float32)


def ge2e_of(state: Mapping[str, np.ndarray]) -> Ge2e:
    """The encoder of the published weights.

    Raises:
        KeyError, IndexError, ValueError: they are of another network, or not finite.
    """
    count = sum(key.startswith("lstm.weight_ih_l") for key in state)
    layers = tuple(_layer(state, i) for i in range(count))
    encoder = Ge2e(layers, _matrix(state["linear.weight"]), state["linear.bias"].astype(np.float32))
    if not np.isfinite(encoder.windows([np.zeros(PIECE, np.float32)])[0]).all():
        raise ValueError("its weights are not finite")
    return encoder


def _layer(state: Mapping[str, np.ndarray], i: int) -> Layer:
    bias = state[f"lstm.bias_ih_l{i}"] + state[f"lstm.bias_hh_l{i}"]
    inward, onward = (_matrix(state[f"lstm.weight_{kind}_l{i}"]) for kind in ("ih", "hh"))
    if onward.shape[1] != 4 * onward.shape[0]:
        raise ValueError(f"layer {i} is no LSTM")
    return Layer(inward, onward, bias.astype(np.float32))


def _matrix(weight: np.ndarray) -> Float32[np.ndarray, "I O"]:
    return np.ascontiguousarray(weight.T, np.float32)
