"""A judge's share of a yes-or-no verdict, corrected by people (Lee et al., arXiv 2511.21140)."""

import dataclasses
import math

import numpy as np
from jaxtyping import Bool
from scipy.stats import norm

from deemo_jax.core.stats import LEVEL, Interval


@dataclasses.dataclass(frozen=True, slots=True)
class CorrectedRate:
    """The share of yes that people would have given.

    Attributes:
        corrected: with its 95 % interval, 0 to 1.
        judged: the judge's own share, 0 to 1.
        sensitivity: how often the judge says yes where people do, 0 to 1.
        specificity: how often it says no where they do.
        yes: rows where people say yes.
        no: rows where they say no.
        rows: that the judge told.
    """

    corrected: Interval
    judged: float
    sensitivity: float
    specificity: float
    yes: int
    no: int
    rows: int


def corrected_rate(
    verdicts: Bool[np.ndarray, " n"], judge: Bool[np.ndarray, " m"], people: Bool[np.ndarray, " m"]
) -> CorrectedRate | str:
    """Corrects a judge's share by its errors on rows that people told too.

    Rows count as independent. The interval has the uncertainty of both samples, with small counts moved towards the
    middle (section 4 of the paper).

    Args:
        verdicts: the judge's, on all rows.
        judge: the judge's, on the rows that people told.
        people: theirs, on these.

    Returns:
        The correction, or in words why there is none.
    """
    n, m1 = len(verdicts), int(people.sum())
    m0 = len(people) - m1
    if not (n and m0 and m1):
        return f"people said yes {m1} times and no {m0} times; both are needed"
    p, q1, q0 = float(verdicts.mean()), float(judge[people].mean()), float((~judge[~people]).mean())
    if q0 + q1 <= 1:
        return f"the judge agrees with people no more than a coin (sensitivity {q1:.2f}, specificity {q0:.2f})"
    value = min(max((p + q0 - 1) / (q0 + q1 - 1), 0.0), 1.0)
    return CorrectedRate(_interval(value, (p, q0, q1), (n, m0, m1)), p, q1, q0, m1, m0, n)


def _interval(value: float, rates: tuple[float, float, float], counts: tuple[int, int, int]) -> Interval:
    """The interval of the paper's section 4: added counts of Agresti and Coull, and a shift of the middle."""
    z = float(norm.ppf((1 + LEVEL) / 2))
    added = (z**2, 2.0, 2.0)
    n, m0, m1 = (count + more for count, more in zip(counts, added, strict=True))
    p, q0, q1 = (
        (count * rate + more / 2) / (count + more) for count, rate, more in zip(counts, rates, added, strict=True)
    )
    slope = q0 + q1 - 1
    if slope <= 0:
        return Interval(value, 0.0, 1.0)
    middle = (p + q0 - 1) / slope
    of_no, of_yes = q0 * (1 - q0) / m0, q1 * (1 - q1) / m1
    shift = 2 * z**2 * (middle * of_yes - (1 - middle) * of_no)
    reach = z * math.sqrt(p * (1 - p) / n + (1 - middle) ** 2 * of_no + middle**2 * of_yes) / slope
    low, high = (min(max(middle + shift + side * reach, 0.0), 1.0) for side in (-1, 1))
    return Interval(value, low, high)
