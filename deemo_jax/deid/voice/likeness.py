"""How like two waveforms are, in how far they are the same sound. Axes: n and m samples, F frames."""

import numpy as np
from jaxtyping import Float

from deemo_jax.media import SAMPLE_RATE

# Seconds by which a changed voice may be shifted against the original; recast moves it by up to 15 ms.
MOST_LAG_S = 0.05
# SI-SNR of a changed voice against the original, dB, that is too close to it.
MOST_SI_SNR_DB = 10.0
# Samples over which levels are taken (10 ms); how far two courses of loudness are shifted against each other, frames.
HOP, REACH = 160, 100
# What a shifted course must reach, as a correlation, to be believed, and how much more than without a shift; how far
# below its loudest part it counts, dB.
LEAST_FIT, LEAST_GAIN, LEVELS_DB = 0.6, 0.1, 40.0


def si_snr(estimate: Float[np.ndarray, " n"], reference: Float[np.ndarray, " m"]) -> float:
    """Scale-invariant signal-to-noise ratio (Le Roux et al. 2019), dB, at the lag within 50 ms where it is greatest.

    Args:
        estimate: mono, 16 kHz.
        reference: mono, 16 kHz; of the longer of both the end is left out.
    """
    length = min(estimate.size, reference.size)
    pair = [x[:length].astype(np.float64) - x[:length].mean() for x in (estimate, reference)]
    reach = min(round(MOST_LAG_S * SAMPLE_RATE), length - 1)
    # What wraps around the end meets zeros at every lag that is asked for.
    padded = 1 << (length + reach - 1).bit_length()
    spectra = [np.fft.rfft(x, padded) for x in pair]
    correlation = np.fft.irfft(spectra[0] * spectra[1].conj(), padded)
    best = np.abs(np.concatenate([correlation[: reach + 1], correlation[padded - reach :]])).max()
    power = float(pair[0] @ pair[0]) * float(pair[1] @ pair[1])
    # |<e, r>|^2 / (|e|^2 |r|^2) is the share of the estimate's energy that the reference explains.
    share = min(float(best) ** 2 / power, 1 - 1e-12) if power > 0 else 0.0
    return 10 * float(np.log10(max(share, 1e-12) / (1 - share)))


def closest_second(estimate: Float[np.ndarray, " n"], reference: Float[np.ndarray, " n"]) -> tuple[float, float]:
    """The SI-SNR, dB, of the second in which two waveforms are most alike, and the time at which it begins, seconds.

    Seconds follow one another; the last one ends with the waveforms, which are mono, 16 kHz.
    """
    last = max(estimate.size - SAMPLE_RATE, 0)
    starts = [*range(0, last, SAMPLE_RATE), last]
    levels = [si_snr(*(x[start : start + SAMPLE_RATE] for x in (estimate, reference))) for start in starts]
    best = int(np.argmax(levels))
    return levels[best], starts[best] / SAMPLE_RATE


def late_s(estimate: Float[np.ndarray, " n"], reference: Float[np.ndarray, " n"]) -> float:
    """Seconds by which the loudness of one waveform follows that of another, up to one second either way.

    0 where it follows nearly as well without a shift, and of less than a second: loudness tells the time only where it
    changes.

    Args:
        estimate: mono, 16 kHz.
        reference: as long.
    """
    levels = [levels_db(x) for x in (estimate, reference)]
    count = len(levels[0])
    if count < REACH:
        return 0.0
    reach = min(REACH, count // 2)
    shifts = np.arange(-reach, reach + 1)
    fits = np.array([_correlation(*_shifted(levels[0], levels[1], shift)) for shift in shifts.tolist()])
    near = fits[np.abs(shifts) * HOP <= MOST_LAG_S * SAMPLE_RATE].max()
    best = int(np.argmax(fits))
    return 0.0 if fits[best] < max(LEAST_FIT, near + LEAST_GAIN) else float(shifts[best]) * HOP / SAMPLE_RATE


def levels_db(waveform: Float[np.ndarray, " n"]) -> Float[np.ndarray, " F"]:
    """The level of every 10 ms of a waveform of 16 kHz, dB of full scale, at least 40 dB below the loudest."""
    whole = waveform[: waveform.size // HOP * HOP].reshape(-1, HOP).astype(np.float64)
    level = 10 * np.log10(np.mean(whole**2, axis=1) + 1e-10)
    return np.maximum(level, level.max() - LEVELS_DB)


def _shifted(
    first: Float[np.ndarray, " F"], second: Float[np.ndarray, " F"], shift: int
) -> tuple[Float[np.ndarray, " G"], Float[np.ndarray, " G"]]:
    """The parts of two rows that meet when the first is taken `shift` later."""
    count = len(first)
    return first[max(shift, 0) : count + min(shift, 0)], second[max(-shift, 0) : count - max(shift, 0)]


def _correlation(first: Float[np.ndarray, " F"], second: Float[np.ndarray, " F"]) -> float:
    first, second = first - first.mean(), second - second.mean()
    power = float(first @ first) * float(second @ second)
    return float(first @ second) / np.sqrt(power) if power > 0 else 0.0
