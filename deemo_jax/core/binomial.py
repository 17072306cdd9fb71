"""What a count of misses in independent looks says about their rate: exact bounds (Clopper and Pearson, 1934)."""

from scipy.stats import beta

LEVEL = 0.95


def upper_bound(misses: int, looks: int) -> float:
    """The greatest rate under which so few misses still have 5 % probability: one-sided, 95 %."""
    if not 0 <= misses <= looks:
        raise ValueError(f"{misses} misses in {looks} looks")
    return 1.0 if misses == looks else float(beta.ppf(LEVEL, misses + 1, looks - misses))


def interval(hits: int, looks: int) -> tuple[float, float]:
    """The two-sided 95 % interval of a rate."""
    if not 0 <= hits <= looks:
        raise ValueError(f"{hits} hits in {looks} looks")
    tail = (1 - LEVEL) / 2
    low = 0.0 if hits == 0 else float(beta.ppf(tail, hits, looks - hits + 1))
    high = 1.0 if hits == looks else float(beta.ppf(1 - tail, hits + 1, looks - hits))
    return low, high
