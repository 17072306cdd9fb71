"""The CAM++ speaker encoder of 3D-Speaker in JAX.

Wang et al., "CAM++: A fast and efficient network for speaker verification using context-aware masking" (Interspeech
2023): residual convolutions over 80 mel bands and time, then layers over time that each see all before them and are
masked by what is around; means and spreads over time become the vector.
Axes: n samples, W windows, F frames, K mel bands, C channels, E embedding.
"""

from collections.abc import Mapping

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jaxtyping import Array, Float, Float32

from deemo_jax.audit.attacks.ears.ge2e import speech
from deemo_jax.audit.attacks.ears.window_encoder import WindowEncoder
from deemo_jax.media.kaldi_mel import HOP as FRAME_HOP
from deemo_jax.media.kaldi_mel import WINDOW as FRAME
from deemo_jax.media.kaldi_mel import log_mel

BANDS = 80
# Frames of a window (3 s), of a rest at the end that gets a window too, and windows that are embedded at once.
WINDOW, REST, BATCH = 300, 100, 16
# Frames (of 20 ms) over which the near context of a mask is averaged.
SEGMENT = 100
# Layers over time: their blocks, and how far apart the three frames are that a layer of each sees.
DILATIONS = {"xvector.block1": 1, "xvector.block2": 2, "xvector.block3": 2}
# Added to variances by batch normalisation.
EPSILON = 1e-5
# The exponent of Povey's window, with which Kaldi tapers frames.
POVEY = 0.85

Weights = Mapping[str, Array]


class CamPlusPlus(WindowEncoder):
    """The encoder.

    Args:
        state: the published state dict.

    Raises:
        KeyError, TypeError, ValueError: it is of another network, or not finite.
    """

    def __init__(self, state: Mapping[str, np.ndarray]):
        self._weights = _folded(state)
        self._run = jax.jit(_network)
        if not np.isfinite(self.windows([np.zeros(FRAME, np.float32)])[0]).all():
            raise ValueError("weights are not finite")

    def hear(self, waveform: Float[np.ndarray, " n"]) -> Float32[np.ndarray, "W F K"]:
        return mel_windows(waveform)

    def vectors(self, mels: Float32[np.ndarray, "W F K"]) -> Float32[np.ndarray, "W E"]:
        padded = np.pad(mels, ((0, -len(mels) % BATCH), (0, 0), (0, 0)))  # one shape, so that one compile
        parts = [np.asarray(self._run(self._weights, padded[i : i + BATCH])) for i in range(0, len(padded), BATCH)]
        found = np.concatenate(parts)[: len(mels)]
        return found / np.maximum(np.linalg.norm(found, axis=1, keepdims=True), 1e-12)


def mel_windows(waveform: Float[np.ndarray, " n"]) -> Float32[np.ndarray, "W F K"]:
    """What the encoder hears of a waveform (16 kHz): without pauses, less its mean over time, repeated if short."""
    clean = np.nan_to_num(np.asarray(waveform, np.float32), nan=0.0, posinf=0.0, neginf=0.0)
    clean = clean[speech(clean)]
    least = FRAME + (WINDOW - 1) * FRAME_HOP
    clean = np.resize(clean if clean.size else np.zeros(1, np.float32), max(least, clean.size))
    taper = (0.5 - 0.5 * np.cos(2 * np.pi * np.arange(FRAME) / (FRAME - 1))) ** POVEY
    mel = log_mel(clean.astype(np.float64), BANDS, taper).T
    mel = (mel - mel.mean(axis=0)).astype(np.float32)
    starts = list(range(0, len(mel) - WINDOW + 1, WINDOW))
    if len(mel) - starts[-1] - WINDOW >= REST:
        starts.append(len(mel) - WINDOW)
    return np.stack([mel[start : start + WINDOW] for start in starts])


def _folded(state: Mapping[str, np.ndarray]) -> Weights:
    """The state with each batch normalisation as one factor and one shift of every channel."""
    weights = {name: jnp.asarray(value, jnp.float32) for name, value in state.items() if value.ndim}
    for name in [name for name in weights if name.endswith(".running_var")]:
        of = name.removesuffix(".running_var")
        factor = weights.get(f"{of}.weight", 1.0) / jnp.sqrt(weights.pop(name) + EPSILON)
        weights[f"{of}.weight"] = factor
        weights[f"{of}.bias"] = weights.get(f"{of}.bias", 0.0) - weights.pop(f"{of}.running_mean") * factor
    return weights


def _network(weights: Weights, mel: Float[Array, "W F K"]) -> Float[Array, "W E"]:
    picture = _relu_norm(weights, "head.bn1", _conv2d(weights, "head.conv1", mel.transpose(0, 2, 1)[:, None]))
    for layer in ("head.layer1", "head.layer2"):
        picture = _residual(weights, f"{layer}.1", _residual(weights, f"{layer}.0", picture, 2), 1)
    picture = _relu_norm(weights, "head.bn2", _conv2d(weights, "head.conv2", picture, 2))
    signal = picture.reshape(len(picture), -1, picture.shape[-1])
    signal = _conv1d(weights, "xvector.tdnn.linear", signal, stride=2)
    signal = _relu_norm(weights, "xvector.tdnn.nonlinear.batchnorm", signal)
    for number, (block, dilation) in enumerate(DILATIONS.items(), 1):
        k = 1
        while f"{block}.tdnnd{k}.linear1.weight" in weights:
            signal = jnp.concatenate([signal, _masked(weights, f"{block}.tdnnd{k}", signal, dilation)], axis=1)
            k += 1
        transit = f"xvector.transit{number}"
        signal = _conv1d(weights, f"{transit}.linear", _relu_norm(weights, f"{transit}.nonlinear.batchnorm", signal))
    signal = _relu_norm(weights, "xvector.out_nonlinear.batchnorm", signal)
    pooled = jnp.concatenate([signal.mean(axis=-1), signal.std(axis=-1, ddof=1)], axis=-1)
    return _norm(
        weights, "xvector.dense.nonlinear.batchnorm", _conv1d(weights, "xvector.dense.linear", pooled[..., None])
    )[..., 0]


def _residual(weights: Weights, name: str, picture: Float[Array, "W C K F"], stride: int) -> Float[Array, "W D L F"]:
    new = _relu_norm(weights, f"{name}.bn1", _conv2d(weights, f"{name}.conv1", picture, stride))
    new = _norm(weights, f"{name}.bn2", _conv2d(weights, f"{name}.conv2", new))
    if f"{name}.shortcut.0.weight" in weights:
        picture = _norm(weights, f"{name}.shortcut.1", _conv2d(weights, f"{name}.shortcut.0", picture, stride))
    return jax.nn.relu(new + picture)


def _masked(weights: Weights, name: str, signal: Float[Array, "W C F"], dilation: int) -> Float[Array, "W D F"]:
    """A layer over time, masked by the context: the mean over all frames, and that of the segment around."""
    narrow = _conv1d(weights, f"{name}.linear1", _relu_norm(weights, f"{name}.nonlinear1.batchnorm", signal))
    narrow = _relu_norm(weights, f"{name}.nonlinear2.batchnorm", narrow)
    new = _conv1d(weights, f"{name}.cam_layer.linear_local", narrow, dilation=dilation)
    frames = narrow.shape[-1]
    near = [narrow[..., i : i + SEGMENT] for i in range(0, frames, SEGMENT)]
    near_means = [jnp.repeat(part.mean(axis=-1, keepdims=True), part.shape[-1], axis=-1) for part in near]
    context = narrow.mean(axis=-1, keepdims=True) + jnp.concatenate(near_means, axis=-1)
    context = jax.nn.relu(_conv1d(weights, f"{name}.cam_layer.linear1", context))
    return new * jax.nn.sigmoid(_conv1d(weights, f"{name}.cam_layer.linear2", context))


def _conv2d(weights: Weights, name: str, x: Float[Array, "W C K F"], stride: int = 1) -> Float[Array, "W D L F"]:
    """A convolution over bands and time; bands are thinned by the stride."""
    kernel = weights[f"{name}.weight"]
    pad = kernel.shape[-1] // 2
    return lax.conv_general_dilated(x, kernel, (stride, 1), ((pad, pad), (pad, pad)))


def _conv1d(
    weights: Weights, name: str, x: Float[Array, "W C F"], stride: int = 1, dilation: int = 1
) -> Float[Array, "W D G"]:
    kernel = weights[f"{name}.weight"]
    pad = kernel.shape[-1] // 2 * dilation
    numbers = ("NCH", "OIH", "NCH")
    found = lax.conv_general_dilated(
        x, kernel, (stride,), ((pad, pad),), rhs_dilation=(dilation,), dimension_numbers=numbers
    )
    bias = weights.get(f"{name}.bias")
    return found if bias is None else found + bias[:, None]


def _norm(weights: Weights, name: str, x: Float[Array, "W C *rest"]) -> Float[Array, "W C *rest"]:
    factor, shift = (weights[f"{name}.{part}"].reshape(-1, *(1,) * (x.ndim - 2)) for part in ("weight", "bias"))
    return x * factor + shift


def _relu_norm(weights: Weights, name: str, x: Float[Array, "W C *rest"]) -> Float[Array, "W C *rest"]:
    return jax.nn.relu(_norm(weights, name, x))
