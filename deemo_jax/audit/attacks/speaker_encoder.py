"""Speaker encoders, which turn a voice into a vector: the protocol, and the small encoder of this project.

Axes: n samples, W windows, F frames, K mel bands, E embedding.
"""

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal, Protocol, runtime_checkable

import jax
import numpy as np
from jaxtyping import Float

from deemo_jax.audit.attacks.speaker_network import WINDOW_FRAMES, SpeakerNet, example
from deemo_jax.core.errors import UserError
from deemo_jax.media import SAMPLE_RATE
from deemo_jax.media.speaker_mel import speech_frames
from deemo_jax.models.weights import load_tree, overlay

WEIGHTS = Path(__file__).parents[3] / "configs" / "sample_towers" / "speaker_encoder.safetensors"
# Windows that are embedded at once; the last chunk is padded, so that the network is compiled for one shape only.
CHUNK = 8


@runtime_checkable
class SpeakerEncoder(Protocol):
    """Anything that turns a voice into a vector whose direction depends on the speaker."""

    def embed(self, waveform: Float[np.ndarray, " n"], sample_rate: int) -> Float[np.ndarray, " E"]:
        """The vector of a mono waveform in [-1, 1] at `sample_rate` Hz; vectors are compared by cosine."""
        ...


class SampleEncoder:
    """The small encoder of this project, which was trained on synthetic voices only.

    Args:
        kind: "plain", trained on voices as they are, or "informed", trained on changed voices as well.
        weights: file that `python -m deemo_jax.sample towers --speaker_encoder` writes.

    Raises:
        UserError: the file is missing, or of another network.
    """

    def __init__(self, kind: Literal["plain", "informed"] = "plain", weights: Path = WEIGHTS):
        if not weights.is_file():
            raise UserError(
                f"{weights}: is not there; run: "
                f"python -m deemo_jax.sample towers --out {weights.parent} --speaker_encoder"
            )
        shapes = jax.eval_shape(SpeakerNet().init, jax.random.key(0), example())["params"]
        nets = load_tree(weights)
        if not isinstance(nets.get(kind), dict):
            raise UserError(f"{weights}: holds no {kind} speaker encoder; train it again with --speaker_encoder")
        self._params = overlay(shapes, nets[kind], optional="(?!)")

    def embed(self, waveform: Float[np.ndarray, " n"], sample_rate: int) -> Float[np.ndarray, " E"]:
        """The mean of the vectors of windows of 1.6 s that overlap by half: float32 (128,).

        Raises:
            UserError: a sample rate other than 16 kHz.
        """
        if sample_rate != SAMPLE_RATE:
            raise UserError(f"the voice has {sample_rate} samples a second; this encoder needs {SAMPLE_RATE}")
        windows = _windows(speech_frames(waveform))
        vectors = []
        for start in range(0, len(windows), CHUNK):
            chunk = windows[start : start + CHUNK]
            padded = np.pad(chunk, ((0, CHUNK - len(chunk)), (0, 0), (0, 0)))
            vectors.append(np.asarray(_forward()(self._params, padded))[: len(chunk)])
        return np.concatenate(vectors).mean(axis=0)


def _windows(frames: Float[np.ndarray, "n K"]) -> Float[np.ndarray, "W F K"]:
    """Windows that begin half a window apart, the last one at the end; a shorter voice is repeated to fill one."""
    frames = np.tile(frames, (-(-WINDOW_FRAMES // len(frames)), 1))
    last = len(frames) - WINDOW_FRAMES
    starts = sorted({*range(0, last + 1, WINDOW_FRAMES // 2), last})
    return np.stack([frames[start : start + WINDOW_FRAMES] for start in starts])


@functools.cache
def _forward() -> Callable[[Any, Float[np.ndarray, "W F K"]], Any]:
    return jax.jit(lambda params, windows: SpeakerNet().apply({"params": params}, windows))
