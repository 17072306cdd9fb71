"""Temperatures that make the probabilities of a run's answers honest, learnt on clips that it was not trained on.

One number for each modality set divides the log-odds of the labels (temperature scaling, arXiv 1706.04599): the
likeliest emotion stays the likeliest one. Sets have temperatures of their own, since what a model is sure of depends on
what it is shown. They lie in the run's folder, a file for each checkpoint.

Axes: n clips, C labels in the dataset's order.
"""

import dataclasses
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float, Int
from scipy.optimize import minimize_scalar

from deemo_jax.core.errors import UserError
from deemo_jax.core.files import read_json, write_json
from deemo_jax.generation.label_odds import calibration_error, negative_log_likelihood

SPLIT = "validation"
# Fewer clips say next to nothing of one number.
LEAST_CLIPS = 20
COLDEST, HOTTEST = 0.05, 100.0


@dataclasses.dataclass(frozen=True, slots=True)
class Temperature:
    """Of one modality set.

    Attributes:
        temperature: above 1 the model was too sure.
        n: clips that it was fitted on.
        nll, ece: negative log-likelihood and calibration error on these clips, (before, after).
    """

    temperature: float
    n: int
    nll: tuple[float, float]
    ece: tuple[float, float]


@dataclasses.dataclass(frozen=True, slots=True)
class Calibration:
    """Of one checkpoint.

    Attributes:
        sets: by modality set, as `schema.set_name` writes it.
        why_not: why there is none, for a person; else empty.
    """

    sets: Mapping[str, Temperature] = dataclasses.field(default_factory=dict)
    why_not: str = "python -m deemo_jax.evaluate --workdir W does it, where the dataset has a split 'validation'"

    def of(self, name: str) -> float | None:
        """The temperature of a modality set, where it is known."""
        found = self.sets.get(name)
        return None if found is None else found.temperature

    def note(self, name: str) -> str:
        """What a reader of a probability must know, when the model was shown that modality set."""
        found = self.sets.get(name)
        if found is not None:
            return f"the probability is calibrated on {found.n} clips (temperature {found.temperature:.2f})"
        why_not = f"no temperature is known for {name}" if self.sets else self.why_not
        return f"the probability is not calibrated: {why_not}"


def takes(split: str) -> bool:
    """Whether a split by its name, 'train+validation[:50%]' for one, takes clips that temperatures are learnt on."""
    parts = {part.split("[")[0].strip() for part in split.split("+")}
    return bool(parts & {SPLIT, "all"})


def lacking(truth: Int[np.ndarray, " n"]) -> str:
    """Why a temperature cannot be fitted on clips with these labels, by index; empty when it can."""
    if len(truth) < LEAST_CLIPS:
        return f"split {SPLIT!r} has {len(truth)} clips; {LEAST_CLIPS} are needed"
    return "" if len(np.unique(truth)) > 1 else f"split {SPLIT!r} has clips of one emotion only"


def fit(odds: Float[np.ndarray, "n C"], truth: Int[np.ndarray, " n"]) -> Temperature:
    """The temperature with the least cross-entropy.

    The targets are those of Platt (1999) for C labels, a little off 0 and 1 by how many clips are of each: clips that
    are all answered right promise no certainty.

    Args:
        odds: of each label against the first one (`odds.log_odds`).
        truth: indices of the labels; of two at least.
    """
    C = odds.shape[1]
    count = np.bincount(truth, minlength=C)[truth]
    target = np.repeat((1 / (count + C))[:, None], C, axis=1)
    np.put_along_axis(target, truth[:, None], ((count + 1) / (count + C))[:, None], axis=1)

    def loss(log_temperature: float) -> float:
        scaled = odds / math.exp(log_temperature)
        return float((np.logaddexp.reduce(scaled, axis=1) - (target * scaled).sum(axis=1)).mean())

    found = minimize_scalar(loss, bounds=(math.log(COLDEST), math.log(HOTTEST)), method="bounded")
    temperature = math.exp(float(found.x))
    before, after = (
        (f(odds, truth), f(odds / temperature, truth)) for f in (negative_log_likelihood, calibration_error)
    )
    return Temperature(temperature, len(truth), before, after)


def path_of(workdir: Path, step: int | None) -> Path:
    """Where the calibration of a checkpoint lies; `step` None is a converted one, which has no steps."""
    return workdir / "evaluation" / f"calibration-{'converted' if step is None else f'step{step}'}.json"


def save(calibration: Calibration, path: Path, weights: str) -> None:
    """Writes it.

    Args:
        calibration: of a checkpoint.
        path: see `path_of`.
        weights: names that very checkpoint, `run.checkpoint_identity`.

    Raises:
        UserError: it cannot be written.
    """
    sets = {name: dataclasses.asdict(found) for name, found in calibration.sets.items()}
    write_json(path, {"weights": weights, "split": SPLIT, "why_not": calibration.why_not, "sets": sets})


def load(path: Path, weights: str) -> Calibration | None:
    """Reads it; None when there is none, or one of other weights. Arguments as for `save`.

    Raises:
        UserError: it is damaged.
    """
    if not path.exists():
        return None
    row = read_json(path)
    try:
        sets = {str(name): _temperature(found) for name, found in row["sets"].items()}
        return Calibration(sets, str(row["why_not"])) if row["weights"] == weights else None
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        raise UserError(f"{path}: no calibration ({error}); remove it, and evaluate with --calibrate") from error


def _temperature(row: Mapping[str, Any]) -> Temperature:
    before, after = ((float(a), float(b)) for a, b in (row["nll"], row["ece"]))
    found = Temperature(float(row["temperature"]), int(row["n"]), before, after)
    if not COLDEST <= found.temperature <= HOTTEST:
        raise ValueError(f"temperature {found.temperature}")
    return found
