"""Tests of the difference in accuracy between two systems on the same clips.

Axes: n clips, P persons, F tests of one family.
"""

import numpy as np
from jaxtyping import Bool, Float, Int
from scipy.special import ndtri

# Steps of the exact distribution, at most: persons times the values that the sum can take. Above it flips are drawn.
MOST_STEPS = 10**9
FLIPS = 100_000
SEED = 20251
# What a study is planned with: the chance to find a difference that is there, and to find one that is not.
POWER, LEVEL = 0.8, 0.05
# A discordance to plan with: the share of clips that just one of two systems gets right.
DISCORDANCE = 0.2


def paired_p(
    first: Bool[np.ndarray, " n"], second: Bool[np.ndarray, " n"], persons: Int[np.ndarray, " n"] | None = None
) -> float:
    """The two-sided p-value of "both systems are equally often right".

    Args:
        first: whether the first system is right about each clip.
        second: the same of the second system.
        persons: of each clip, its person, 0 to P - 1. Then the signs of whole persons are flipped (`sign_flip_p`).
            None where persons are unknown: clips count as independent, and the test is McNemar's, exact.
    """
    from scipy.stats import binomtest  # it takes seconds, which tables without differences do not need

    gain = first.astype(np.int64) - second.astype(np.int64)
    if persons is not None:
        return sign_flip_p(np.bincount(persons, gain).astype(np.int64))
    wins, losses = int((gain > 0).sum()), int((gain < 0).sum())
    return float(binomtest(wins, wins + losses).pvalue) if wins + losses else 1.0


def sign_flip_p(
    gains: Int[np.ndarray, " P"], *, most_steps: int = MOST_STEPS, flips: int = FLIPS, seed: int = SEED
) -> float:
    """The two-sided p-value of a sum of persons' gains, where each might as well have the other sign.

    It is the share of all 2^P choices of signs whose sum is at least as far from 0 (Fisher's randomisation test). The
    sums are integers, so that their exact distribution is worked out without going through the choices. Where this
    would take too long, signs are drawn, and the observed ones count as one of the draws.

    Args:
        gains: of each person, how many more clips the first system gets right.
        most_steps: of the exact way.
        flips: signs to draw otherwise.
        seed: of these draws.
    """
    from scipy.stats import binom

    sizes, persons = np.unique(np.abs(gains[gains != 0]), return_counts=True)
    observed, widest = abs(int(gains.sum())), int((sizes * persons).sum())
    if persons.sum() * (2 * widest + 1) > most_steps:
        rng = np.random.default_rng(seed)
        drawn = sum(
            size * (2 * rng.binomial(count, 0.5, size=flips) - count)
            for size, count in zip(sizes, persons, strict=True)
        )
        return float((1 + (np.abs(drawn) >= observed).sum()) / (flips + 1))
    chances = np.ones(1)
    for size, count in zip(sizes, persons, strict=True):
        # The sum of `count` signs is 2 Binomial(count, 1/2) - count; here in units of 1, so that places add up.
        step = np.zeros(2 * size * count + 1)
        step[:: 2 * size] = binom.pmf(np.arange(count + 1), count, 0.5)
        chances = np.convolve(chances, step)
    sums = np.arange(-widest, widest + 1)
    return min(1.0, float(chances[np.abs(sums) >= observed].sum()))


def holm(p: Float[np.ndarray, " F"]) -> Float[np.ndarray, " F"]:
    """P-values adjusted for their number (Holm 1979): those up to 0.05 are found with at most 5 % for any false one."""
    order = np.argsort(p, kind="stable")
    steps = np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1))
    adjusted = np.empty(len(p))
    adjusted[order] = np.minimum(steps, 1)
    return adjusted


def smallest_difference(n: int, discordance: float = DISCORDANCE) -> float | None:
    """The smallest difference in accuracy that McNemar's test finds with 80 % power at the 5 % level (Connor 1987).

    Clips count as independent; where persons have several, the smallest difference is larger.

    Args:
        n: clips.
        discordance: share of clips that just one of two systems gets right, 0 to 1.

    Returns:
        From 0 to `discordance`; None where so few clips show none.
    """
    from scipy.optimize import brentq

    found, missed = ndtri(1 - LEVEL / 2), ndtri(POWER)

    def surplus(gap: float) -> float:
        """How far the clips exceed those that a difference needs, as square roots."""
        return gap * np.sqrt(n) - found * np.sqrt(discordance) - missed * np.sqrt(discordance - gap**2)

    return float(brentq(surplus, 0, discordance, xtol=1e-14)) if discordance and surplus(discordance) >= 0 else None
