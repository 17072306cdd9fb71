"""Intervals of scores that are made of sums over clips: over persons, or over clips where persons are unknown.

Axes: n clips, K sums, P persons (or clips), R bootstrap samples.
"""

from collections.abc import Callable

import numpy as np
from jaxtyping import Float, Int

from deemo_jax.core.stats import SAMPLES, SEED, Interval, over_persons
from deemo_jax.evaluation.scores.resampled_tables import FEWEST_PERSONS

# Persons, or clips, up to which an interval is drawn: its memory grows with them times samples.
MOST_GROUPS = 20_000


def clustered(
    score: Callable[[Float[np.ndarray, "R K"]], Float[np.ndarray, " R"]],
    values: Float[np.ndarray, "n K"],
    persons: Int[np.ndarray, " n"] | None,
    *,
    samples: int = SAMPLES,
    seed: int = SEED,
) -> Interval:
    """A score of sums over clips, with its 95 % bootstrap interval; a person is drawn with all their clips.

    Args:
        score: sums over clips -> the score. A sample whose score is NaN is left out.
        values: what each of n >= 1 clips adds to the sums.
        persons: of each clip, its person, any whole numbers; None where they are unknown, and clips are drawn.
        samples: R.
        seed: of the draws.

    Returns:
        The interval's ends are unknown for fewer than `FEWEST_PERSONS` persons, for a single clip, and for more than
        `MOST_GROUPS` persons or clips.
    """
    sums = values if persons is None else _person_sums(values, persons)
    fewest = 2 if persons is None else FEWEST_PERSONS
    if not fewest <= len(sums) <= MOST_GROUPS:
        return Interval(float(score(values.sum(axis=0)[None])[0]), np.nan, np.nan)
    return over_persons(lambda counts: score(counts @ sums), len(sums), samples, seed)


def _person_sums(values: Float[np.ndarray, "n K"], persons: Int[np.ndarray, " n"]) -> Float[np.ndarray, "P K"]:
    _, places = np.unique(persons, return_inverse=True)
    sums = np.zeros((int(places.max()) + 1, values.shape[1]))
    np.add.at(sums, places, values)
    return sums
