"""Long-term statistics of a voice: means and spreads of cepstra, which tell speakers apart without any network.

Axes: n samples, W windows, F frames, K mel bands, C cepstra, E numbers.
"""

import numpy as np
from jaxtyping import Float

from deemo_jax.audit.attacks.ears.ge2e import BANDS, mel_power

CEPSTRA = 20
# Frames of 10 ms of a window (1.6 s); a window with fewer frames of speech is left out.
WINDOW, LEAST_FRAMES = 160, 20
# Added to powers, and to spreads, before their logarithm.
FLOOR, LEAST_SPREAD = 1e-7, 1e-3
# A frame is speech where its mean log power is at most this far below that of the loud ones (95 % quantile).
PAUSE = 4.5


def statistics(waveform: Float[np.ndarray, " n"]) -> Float[np.ndarray, "W E"]:
    """Of each window: means and log spreads of 20 cepstra of 40 mel bands, and log spreads of their changes (E = 60).

    Args:
        waveform: mono, 16 kHz.

    Returns:
        At least one row; zeros where there is no speech.
    """
    mel = np.log(mel_power(waveform) + FLOOR)
    loud = mel.mean(axis=1)
    speech = loud > np.quantile(loud, 0.95) - PAUSE
    basis = np.cos(np.pi * np.arange(1, CEPSTRA + 1)[:, None] * (np.arange(BANDS) + 0.5) / BANDS)
    cepstra = mel @ basis.T / CEPSTRA
    changes = np.gradient(cepstra, axis=0) if len(cepstra) > 1 else np.zeros_like(cepstra)
    rows = []
    # A rest of less than half a window at the end is left out.
    for start in range(0, max(1, len(mel) - WINDOW // 2), WINDOW):
        kept = np.flatnonzero(speech[start : start + WINDOW]) + start
        if len(kept) > LEAST_FRAMES:
            spreads = (np.log(x[kept].std(axis=0) + LEAST_SPREAD) for x in (cepstra, changes))
            rows.append(np.concatenate([cepstra[kept].mean(axis=0), *spreads]))
    return np.stack(rows) if rows else np.zeros((1, 3 * CEPSTRA))
