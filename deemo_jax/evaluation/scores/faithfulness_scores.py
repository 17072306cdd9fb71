"""Whether claims of a source go when the source goes: scores of answers to whole and to masked clips.

Axes: n clips.
"""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from jaxtyping import Int

from deemo_jax.core.stats import Interval
from deemo_jax.evaluation.reading.claims import Claim
from deemo_jax.evaluation.scores.clustered import clustered

# Random pairings of answers to whole clips with answers to other clips, masked, and the seed of their draws.
PAIRINGS = 50
SEED = 20250
# Of each clip, what its reasoning claims of one source.
Claimed = Sequence[Sequence[Claim]]


@dataclasses.dataclass(frozen=True, slots=True)
class SourceScores:
    """Scores of one source.

    Attributes:
        n: clips.
        claims, claims_masked: claims of the source in all answers, to whole clips and to clips without it.
        unfaithful: share of the claims to whole clips that stay without the source, with its interval over persons, or
            over clips where persons are unknown; NaN without claims.
        shuffled: the same where the masked answer is that to another clip, mean: what is left of a claim that is made
            often whatever is shown.
        right, right_masked: share of the claims that are true, to whole clips and without the source; None where the
            truth is not known.
    """

    n: int
    claims: int
    claims_masked: int
    unfaithful: Interval
    shuffled: float
    right: Interval | None
    right_masked: Interval | None

    def to_json(self) -> dict[str, Any]:
        """The scores as faithfulness.json has them; what is unknown is None."""
        row: dict[str, Any] = {"n": self.n, "claims": self.claims, "claims_masked": self.claims_masked}
        row["unfaithful_shuffled"] = None if np.isnan(self.shuffled) else self.shuffled
        for name in ("unfaithful", "right", "right_masked"):
            share = getattr(self, name)
            known = share is not None and not np.isnan(share.value)
            row |= {name: share.value if known else None, f"{name}_interval": share.bounds() if known else None}
        return row


def source_scores(
    whole: Claimed,
    masked: Claimed,
    persons: Int[np.ndarray, " n"] | None = None,
    true: Sequence[Claim] | None = None,
) -> SourceScores:
    """Scores n >= 1 clips.

    Args:
        whole: of each clip, what the answer to all of it claims of the source.
        masked: the same of the answer without the source.
        persons: of each clip, its person; None where they are unknown.
        true: of each clip, the claim that is true; None where it is not known.
    """
    n = len(whole)
    looks = np.array([len(made) for made in whole])
    hits = _staying(whole, masked)
    rng = np.random.default_rng(SEED)
    drawn = [_staying(whole, [masked[k] for k in _elsewhere(n, rng)]).sum() for _ in range(PAIRINGS if n > 1 else 0)]
    total = int(looks.sum())
    return SourceScores(
        n=n,
        claims=total,
        claims_masked=sum(map(len, masked)),
        unfaithful=_share(hits, looks, persons),
        shuffled=float(np.mean(drawn)) / total if drawn and total else float("nan"),
        right=None if true is None else _right(whole, true, persons),
        right_masked=None if true is None else _right(masked, true, persons),
    )


def _staying(whole: Claimed, masked: Claimed) -> Int[np.ndarray, " n"]:
    """Of each clip, how many of its claims are made again."""
    return np.array(
        [
            sum(any(claim.again(other) for other in said) for claim in made)
            for made, said in zip(whole, masked, strict=True)
        ]
    )


def _elsewhere(n: int, rng: np.random.Generator) -> Int[np.ndarray, " n"]:
    """Of each of n > 1 clips another one: a random order is turned by one place."""
    order = rng.permutation(n)
    found = np.empty(n, np.int64)
    found[order] = np.roll(order, 1)
    return found


def _right(made: Claimed, true: Sequence[Claim], persons: Int[np.ndarray, " n"] | None) -> Interval:
    hits = np.array([sum(claim == right for claim in of_clip) for of_clip, right in zip(made, true, strict=True)])
    return _share(hits, np.array([len(of_clip) for of_clip in made]), persons)


def _share(
    hits: Int[np.ndarray, " n"], looks: Int[np.ndarray, " n"], persons: Int[np.ndarray, " n"] | None
) -> Interval:
    return clustered(share, np.stack([hits, looks], axis=1).astype(np.float64), persons)


def share(sums: np.ndarray) -> np.ndarray:
    """Hits of looks, of each row; NaN where there are no looks."""
    return np.divide(sums[:, 0], sums[:, 1], out=np.full(len(sums), np.nan), where=sums[:, 1] > 0)


# Source -> scores.
FaithfulnessScores = Mapping[str, SourceScores]
