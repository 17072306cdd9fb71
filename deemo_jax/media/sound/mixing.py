"""Several channels, or several tracks, mixed into one channel without being lost and without silent ones counting.

Axes: C sources (channels or tracks), n samples.
"""

import dataclasses
from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

# Energy, as a share of the loudest source's, below which a source counts as silent: 30 dB softer, as the noise of an
# input without a microphone.
SILENT = 1e-3
# The mean of C unrelated sources has a C-th of their mean power. Where it has less than this share of that, the sources
# cancel each other out.
CANCELLED = 0.2
# Gains nearer to 1 than this are not applied.
ROUNDING = 1e-3
# The greatest amplitude of a sample.
FULL_SCALE = 1.0
# Amplitudes above CREST times the quantile LOUD of all amplitudes are clicks, and are clipped.
CREST = 4.0
LOUD = 0.99


@dataclasses.dataclass(slots=True)
class Powers:
    """Energies, sums of squared samples, of a mixed channel and of its sources.

    Attributes:
        mixed: of the mean of the sources.
        each: of each source; empty before the first `add`.
    """

    mixed: float = 0.0
    each: Float[np.ndarray, " C"] = dataclasses.field(default_factory=lambda: np.zeros(0))

    def add(self, mixed: Float[np.ndarray, " n"], sources: Float[np.ndarray, "C n"]) -> None:
        """Takes in a block."""
        energies = np.einsum("cn,cn->c", sources, sources, dtype=np.float64)
        self.each = energies if not self.each.size else self.each + energies
        self.mixed += energy(mixed)

    @property
    def cancelled(self) -> bool:
        """Whether the sources cancel each other out in the mean."""
        return self.mixed * len(self.each) ** 2 < CANCELLED * float(self.each.sum())

    @property
    def loudest(self) -> int:
        """Index of the source with most energy."""
        return int(self.each.argmax())

    @property
    def gain(self) -> float:
        """The factor that makes the mean as loud as the sources are on average, silent ones left out."""
        sounding = self.each[self.each > SILENT * self.each.max(initial=0.0)]
        return (float(sounding.mean()) / self.mixed) ** 0.5 if sounding.size and self.mixed > 0 else 1.0


def energy(waveform: Float[np.ndarray, " n"]) -> float:
    """Sum of squared samples."""
    return float(np.einsum("n,n->", waveform, waveform, dtype=np.float64))


def amplify(parts: Sequence[Float[np.ndarray, "..."]], gain: float) -> None:
    """Multiplies parts of one waveform by `gain`, in place, as far as the loudest stays within full scale.

    A gain below 1 changes nothing.
    """
    gain = min(gain, FULL_SCALE / max([peak(part) for part in parts] + [ROUNDING]))
    if gain > 1 + ROUNDING:
        for part in parts:
            part *= gain


def bounded(waveform: Float[np.ndarray, " n"]) -> Float[np.ndarray, " n"]:
    """Brings a waveform within full scale, in place: clicks are clipped, and the rest is scaled down as a whole."""
    highest = peak(waveform)
    if highest > FULL_SCALE:
        ceiling = max(FULL_SCALE, min(highest, CREST * float(np.quantile(np.abs(waveform), LOUD))))
        np.clip(waveform, -ceiling, ceiling, out=waveform)
        waveform *= FULL_SCALE / ceiling
    return waveform


def peak(waveform: Float[np.ndarray, " n"]) -> float:
    """The greatest amplitude; 0 of no samples."""
    return max(float(waveform.max(initial=0.0)), -float(waveform.min(initial=0.0)))
