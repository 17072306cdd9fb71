"""The input of the audit's speaker encoders: log-mel frames of the speech in a waveform, of any level.

Axes: n samples, F frames, K mel bands.
"""

import librosa
import numpy as np
from jaxtyping import Float

from deemo_jax.media import SAMPLE_RATE

# K, the usual number for speaker recognition.
BANDS = 40
# Samples: a frame (25 ms), from one frame to the next (10 ms), and the FFT, the next power of two.
WINDOW, HOP, FFT = 400, 160, 512
# Edges of the mel filters: from below the lowest voices to just below half the sample rate.
LOWEST_HZ, HIGHEST_HZ = 60.0, 7600.0
# A frame is a pause where its energy lies this far below that of the loudest twentieth of frames.
PAUSE_DB = 35.0
# Added to energies before their logarithm, so that digital silence has one.
FLOOR = 1e-9


def speech_frames(waveform: Float[np.ndarray, " n"]) -> Float[np.ndarray, "F K"]:
    """Natural logarithms of mel energies, 25 ms every 10 ms, without pauses; their mean over all frames is zero.

    Args:
        waveform: mono, 16 kHz, at least one sample; what is not finite counts as silence.

    Returns:
        float32 (F, 40), F at least 1.
    """
    clean = np.nan_to_num(np.asarray(waveform, np.float32), nan=0.0, posinf=0.0, neginf=0.0)
    clean = np.pad(clean, (0, max(0, FFT - clean.size)))
    energies = librosa.feature.melspectrogram(
        y=clean, sr=SAMPLE_RATE, n_fft=FFT, win_length=WINDOW, hop_length=HOP, n_mels=BANDS, fmin=LOWEST_HZ,
        fmax=HIGHEST_HZ, center=False,
    ).T  # fmt: skip
    level = 10 * np.log10(energies.sum(axis=1) + FLOOR)
    frames = np.log(energies[level >= np.quantile(level, 0.95) - PAUSE_DB] + FLOOR)
    return (frames - frames.mean()).astype(np.float32)
