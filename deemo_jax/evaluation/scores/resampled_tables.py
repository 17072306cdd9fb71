"""Bootstrap samples of confusion tables: of persons with all their clips, or of clips where persons are unknown.

Axes: n clips, C labels, K = C + 1 predictions (the last one is `unparsed`), R samples.
"""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float, Int

from deemo_jax.core.stats import resample

# Bootstrap samples of an evaluation's scores.
REPLICATES = 10_000
# With fewer persons a percentile interval is too narrow: it promises 95 % and holds much less.
FEWEST_PERSONS = 10


def count_cells(indices: Sequence[Int[np.ndarray, " n"]], shape: tuple[int, ...]) -> Int[np.ndarray, " *shape"]:
    """Counts how many clips fall in each cell of a table.

    Args:
        indices: of each axis, every clip's place on it.
        shape: of the table.

    Raises:
        ValueError: an index is out of range.
    """
    # `ravel_multi_index` raises on an index out of range, which arithmetic would count in another cell.
    cells = np.ravel_multi_index(tuple(indices), shape)
    return np.bincount(cells, minlength=int(np.prod(shape))).reshape(shape)


def resampled_tables(
    truth: Int[np.ndarray, " n"],
    systems: Sequence[Int[np.ndarray, " n"]],
    labels: int,
    persons: Int[np.ndarray, " n"] | None = None,
    samples: int = REPLICATES,
) -> list[Float[np.ndarray, "R C K"]] | None:
    """Confusion tables of bootstrap samples; every sample has the same persons, or clips, for all systems.

    The clips of one person are alike, so a person is drawn with all their clips (the cluster bootstrap; Davison and
    Hinkley 1997, section 3.8). Persons, or clips, whose answers were right and wrong alike are drawn as one kind with
    its count: the cost grows with the number of kinds, not with n.

    Args:
        truth: label indices, 0 to C - 1.
        systems: of each system, the predicted labels; C for an unparsed answer.
        labels: C.
        persons: of each clip, its person, 0 to P - 1; None where they are unknown, and clips are drawn.
        samples: R.

    Returns:
        Of each system, its tables; None with fewer than `FEWEST_PERSONS` persons.

    Raises:
        ValueError: an index is out of range.
    """
    C, K = labels, labels + 1
    if persons is None:
        kinds, counts = np.unique(np.stack([truth, *systems]), axis=1, return_counts=True)
        true, *said = kinds
        of_kind = np.arange(len(counts))
        tables = [count_cells((of_kind, true, one), (len(counts), C, K)) for one in said]
    else:
        P = int(persons.max()) + 1
        if P < FEWEST_PERSONS:
            return None
        each = np.concatenate([count_cells((persons, truth, one), (P, C, K)) for one in systems], axis=1)
        kinds, counts = np.unique(each, axis=0, return_counts=True)
        tables = np.split(kinds, len(systems), axis=1)
    drawn = resample(counts, samples).astype(np.float64)  # products of integers would be slow; these are exact
    return [(drawn @ table.reshape(len(counts), C * K)).reshape(samples, C, K) for table in tables]
