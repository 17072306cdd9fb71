"""Many channels, or many tracks, as one: none is lost, none that is silent makes the others softer.

Axes: C sources (channels or tracks), n samples.
"""

import dataclasses
from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

# A source 30 dB softer than the loudest is as good as silent: the noise of an input where no microphone is plugged in.
SILENT = 1e-3
# The mean of sources that have nothing to do with each other has a C-th of their mean power. Far less is left only
# where they cancel each other out.
CANCELLED = 0.2
ROUNDING = 1e-3
FULL_SCALE = 1.0
# How far peaks stand out of the loudest hundredth of a sound: what stands out further is a click.
CREST = 4.0
LOUD = 0.99


@dataclasses.dataclass(slots=True)
class Powers:
    """Energy of a mean, and of each of the sources that it was made of."""

    mixed: float = 0.0
    each: Float[np.ndarray, " C"] = dataclasses.field(default_factory=lambda: np.zeros(0))

    def add(self, mixed: Float[np.ndarray, " n"], sources: Float[np.ndarray, "C n"]) -> None:
        energies = np.einsum("cn,cn->c", sources, sources, dtype=np.float64)
        self.each = energies if not self.each.size else self.each + energies
        self.mixed += energy(mixed)

    @property
    def cancelled(self) -> bool:
        """Whether the sources cancel each other out in the mean."""
        return self.mixed * len(self.each) ** 2 < CANCELLED * float(self.each.sum())

    @property
    def loudest(self) -> int:
        return int(self.each.argmax())

    @property
    def gain(self) -> float:
        """What makes the mean as loud as the sources that are not silent are on average."""
        sounding = self.each[self.each > SILENT * self.each.max(initial=0.0)]
        return (float(sounding.mean()) / self.mixed) ** 0.5 if sounding.size and self.mixed > 0 else 1.0


def energy(waveform: Float[np.ndarray, " n"]) -> float:
    return float(np.einsum("n,n->", waveform, waveform, dtype=np.float64))


def amplify(parts: Sequence[Float[np.ndarray, "..."]], gain: float) -> None:
    """Louder by `gain`, in place, as far as the peak of all parts allows; softer never."""
    gain = min(gain, FULL_SCALE / max([peak(part) for part in parts] + [ROUNDING]))
    if gain > 1 + ROUNDING:
        for part in parts:
            part *= gain


def bounded(waveform: Float[np.ndarray, " n"]) -> Float[np.ndarray, " n"]:
    """Within full scale, in place: what is too loud on the whole is turned down, what merely sticks out is cut off."""
    highest = peak(waveform)
    if highest > FULL_SCALE:
        ceiling = max(FULL_SCALE, min(highest, CREST * float(np.quantile(np.abs(waveform), LOUD))))
        np.clip(waveform, -ceiling, ceiling, out=waveform)
        waveform *= FULL_SCALE / ceiling
    return waveform


def peak(waveform: Float[np.ndarray, " n"]) -> float:
    return max(float(waveform.max(initial=0.0)), -float(waveform.min(initial=0.0)))
