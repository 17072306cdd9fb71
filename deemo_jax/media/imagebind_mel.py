"""ImageBind's audio front end: a waveform becomes 2-second log-mel clips.

Kaldi's filter bank with ImageBind's settings (`imagebind/data.py`): 128 mel bins, symmetric Hann window.
Axes: n samples, M clips.
"""

import numpy as np
from jaxtyping import Float

from deemo_jax.core.errors import UserError
from deemo_jax.media import SAMPLE_RATE
from deemo_jax.media.kaldi_mel import WINDOW, log_mel

# Of one clip: samples (2 s), mel bins, and columns. 198 columns come from the sound, the rest is padding.
CLIP_SAMPLES = 2 * SAMPLE_RATE
MEL_BINS = 128
MEL_FRAMES = 204
# Of the logarithms over ImageBind's training data.
MEAN, STD = -4.268, 9.138


def mel_clips(waveform: Float[np.ndarray, " n"], clips: int = 8) -> Float[np.ndarray, "M 128 204"]:
    """Normalised log-mel spectrograms of 2-second clips at even distances, the first at the start, the last at the end.

    A waveform shorter than 2 s is padded with zeros at its end (AffectGPT's rule).

    Args:
        waveform: mono, 16 kHz, in [-1, 1] (not 16-bit integers).
        clips: M.

    Returns:
        float32 (clips, 128 mel, 204 time); columns past the last frame are (0 - mean) / std.

    Raises:
        UserError: shorter than one 25 ms frame, or not finite.
    """
    waveform = np.asarray(waveform, np.float64)
    if waveform.ndim != 1 or waveform.size < WINDOW:
        raise UserError(f"the sound lasts {waveform.size / SAMPLE_RATE * 1e3:.1f} ms; at least 25 ms are needed")
    if not np.isfinite(waveform).all():
        raise UserError("the sound holds samples that are not finite; decode it again")
    waveform = np.pad(waveform, (0, max(0, CLIP_SAMPLES - waveform.size)))
    starts = [i * (waveform.size - CLIP_SAMPLES) // max(clips - 1, 1) for i in range(clips)]
    pieces = {start: waveform[start : start + CLIP_SAMPLES] for start in starts}
    spectrograms = {
        start: log_mel(piece - piece.mean(), MEL_BINS, np.hanning(WINDOW)) for start, piece in pieces.items()
    }
    padded = np.zeros((clips, MEL_BINS, MEL_FRAMES))
    for row, start in zip(padded, starts, strict=True):
        mel = spectrograms[start]
        row[:, : mel.shape[1]] = mel
    return ((padded - MEAN) / STD).astype(np.float32)
