"""How much a system's scores differ between the seeds that it was trained with."""

import dataclasses
import statistics
from collections.abc import Mapping
from typing import Any

from deemo_jax.core.schema import DEEMO_LABELS, Labels
from deemo_jax.evaluation.compared_systems import System
from deemo_jax.evaluation.predictions import indices
from deemo_jax.evaluation.scores.metrics import HEADLINE, confusion, scores


@dataclasses.dataclass(frozen=True, slots=True)
class SeedSpread:
    """Scores of a system by seed, of two seeds at least.

    Attributes:
        by_seed: seed -> score of `metrics.HEADLINE` -> value, 0 to 1.
    """

    by_seed: Mapping[int, Mapping[str, float]]

    def values(self, name: str) -> list[float]:
        """One score, in the order of the seeds."""
        return [of_seed[name] for of_seed in self.by_seed.values()]

    def mean(self, name: str) -> float:
        """The mean of a score over seeds."""
        return statistics.fmean(self.values(name))

    def sd(self, name: str) -> float:
        """The standard deviation of a score between seeds (divided by their number less one)."""
        return statistics.stdev(self.values(name))

    def told(self, name: str) -> str:
        """Mean and standard deviation in percent."""
        return f"{100 * self.mean(name):.1f} ± {100 * self.sd(name):.1f}"

    def to_json(self) -> dict[str, Any]:
        """The spread as comparison.json has it."""
        return {
            "by_seed": {str(seed): dict(of_seed) for seed, of_seed in self.by_seed.items()},
            "mean": {name: self.mean(name) for name in HEADLINE},
            "sd": {name: self.sd(name) for name in HEADLINE},
        }


def seed_spread(system: System, labels: Labels = DEEMO_LABELS) -> SeedSpread | None:
    """The scores of a system by seed; None where it was trained with one."""
    found = {}
    for seed, alone in system.repeats.items():
        true = indices([row.emotion_true for row in alone.rows], labels)
        said = indices([row.emotion_predicted for row in alone.rows], labels)
        of_seed = scores(confusion(true, said, labels))
        found[seed] = {name: float(getattr(of_seed, name)) for name in HEADLINE}
    return SeedSpread(found) if found else None
