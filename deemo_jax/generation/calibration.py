"""Temperatures that calibrate the probabilities of a run's answers, fitted on clips that it was not trained on.

The log-odds of the labels are divided by one number (temperature scaling, arXiv 1706.04599), which does not change
which label is likeliest. Each modality set has its own, since a model's confidence depends on what it is shown. They
are kept in the run's folder, in a file for each checkpoint.

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

# The split that temperatures are fitted on.
SPLIT = "validation"
# Clips that a fit needs; with fewer, its error is about as large as the temperature.
LEAST_CLIPS = 20
# Bounds of a temperature.
COLDEST, HOTTEST = 0.05, 100.0


@dataclasses.dataclass(frozen=True, slots=True)
class Temperature:
    """The temperature of one modality set.

    Attributes:
        temperature: what log-odds are divided by; above 1 where the model was too confident.
        n: number of clips that it was fitted on.
        nll: negative log-likelihood (nats) on these clips, before and after.
        ece: expected calibration error on these clips, before and after.
    """

    temperature: float
    n: int
    nll: tuple[float, float]
    ece: tuple[float, float]


@dataclasses.dataclass(frozen=True, slots=True)
class Calibration:
    """The temperatures of one checkpoint.

    Attributes:
        sets: modality set, as `schema.set_name` writes it -> its temperature.
        why_not: why there are none, in words; empty where there are some.
    """

    sets: Mapping[str, Temperature] = dataclasses.field(default_factory=dict)
    why_not: str = "python -m deemo_jax.evaluate --workdir W does it, where the dataset has a split 'validation'"

    def of(self, name: str) -> float | None:
        """The temperature of a modality set; None where it is not known."""
        found = self.sets.get(name)
        return None if found is None else found.temperature

    def note(self, name: str) -> str:
        """A sentence on whether probabilities are calibrated where the model is shown that modality set."""
        found = self.sets.get(name)
        if found is not None:
            return f"the probability is calibrated on {found.n} clips (temperature {found.temperature:.2f})"
        why_not = f"no temperature is known for {name}" if self.sets else self.why_not
        return f"the probability is not calibrated: {why_not}"


def takes(split: str) -> bool:
    """Whether a split, e.g. 'train+validation[:50%]', has clips of the split that temperatures are fitted on."""
    parts = {part.split("[")[0].strip() for part in split.split("+")}
    return bool(parts & {SPLIT, "all"})


def lacking(truth: Int[np.ndarray, " n"]) -> str:
    """Why a temperature cannot be fitted on clips with these labels (indices); empty where it can."""
    if len(truth) < LEAST_CLIPS:
        return f"split {SPLIT!r} has {len(truth)} clips; {LEAST_CLIPS} are needed"
    return "" if len(np.unique(truth)) > 1 else f"split {SPLIT!r} has clips of one emotion only"


def fit(odds: Float[np.ndarray, "n C"], truth: Int[np.ndarray, " n"]) -> Temperature:
    """The temperature with the least cross-entropy on the given clips.

    The targets are Platt's (1999), extended to C labels: near 0 and 1, nearer the more clips a label has, so that clips
    which are all answered correctly do not give infinite confidence.

    Args:
        odds: log-odds of each label against the first (`label_odds.log_odds`).
        truth: indices of the true labels, of at least two.
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
    """The file of a checkpoint's calibration; `step` is None for a converted checkpoint, which has no steps."""
    return workdir / "evaluation" / f"calibration-{'converted' if step is None else f'step{step}'}.json"


def save(calibration: Calibration, path: Path, weights: str) -> None:
    """Writes a calibration.

    Args:
        calibration: of a checkpoint.
        path: see `path_of`.
        weights: the identity of the checkpoint's weights, `deemo_jax.generation.load.checkpoint_identity`.

    Raises:
        UserError: the file cannot be written.
    """
    sets = {name: dataclasses.asdict(found) for name, found in calibration.sets.items()}
    write_json(path, {"weights": weights, "split": SPLIT, "why_not": calibration.why_not, "sets": sets})


def load(path: Path, weights: str) -> Calibration | None:
    """Reads a calibration; None where there is none, or one of other weights. Arguments as for `save`.

    Raises:
        UserError: the file is damaged.
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
