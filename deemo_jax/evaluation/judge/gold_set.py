"""Pairs of reasonings whose order is known, which a judge must rank before its scores are shown. The texts are ours.

Of each item there are four texts: the reference itself, its paraphrase, the same evidence led to the opposite emotion,
and the reference of another clip with the opposite emotion.
"""

import dataclasses
import functools
import hashlib
import importlib.resources
import itertools
import json
from collections.abc import Mapping, Sequence

import numpy as np

from deemo_jax.evaluation.judge.protocols.judgement import Judgement, TextPair
from deemo_jax.evaluation.judge.protocols.prefer import Contest, Verdict

VERSION = 1
LEVELS = ("identical", "paraphrase", "wrong label", "unrelated")
# The share of comparisons within items that a judge must get right.
ENOUGH = 0.9
# Which of two levels is preferred, for a judge of pairs.
CONTESTS = (("identical", "wrong label"), ("paraphrase", "wrong label"), ("wrong label", "unrelated"))
# Wrong comparisons that a message names, at most.
NAMED = 5


@dataclasses.dataclass(frozen=True, slots=True)
class GoldResult:
    """How a judge ranks the gold set.

    Attributes:
        version: of the set.
        sha256: of its file.
        means: level -> mean score, of clue and label together; empty for a judge of pairs.
        compared: comparisons within items.
        right: of these; one without a reply is wrong.
        wrong: the others, in words.
        passed: the levels' means fall in their order, and at least `ENOUGH` of the comparisons are right.
    """

    version: int
    sha256: str
    means: Mapping[str, float]
    compared: int
    right: int
    wrong: tuple[str, ...]
    passed: bool

    def told(self) -> str:
        """In a sentence."""
        levels = ", ".join(f"{level} {mean:.2f}" for level, mean in self.means.items())
        means = f"; means: {levels}" if levels else ""
        return (
            f"{self.right} of {self.compared} comparisons of the gold set are right (gold set {self.version}){means}."
        )

    def trouble(self) -> str:
        """Why the judge does not pass, with the first comparisons that are wrong."""
        more = f" and {len(self.wrong) - NAMED} more" if len(self.wrong) > NAMED else ""
        named = "; ".join(self.wrong[:NAMED]) or "the means are not in their order"
        return f"{self.told()} Wrong: {named}{more}"


@functools.cache
def gold_texts() -> tuple[tuple[Mapping[str, str], ...], str]:
    """Of each item, the texts of its levels; and the hash of the file."""
    folder = importlib.resources.files("deemo_jax.evaluation.judge") / "gold"
    content = (folder / f"gold-{VERSION}.jsonl").read_bytes()
    rows = [json.loads(line) for line in content.splitlines()]
    # Items of both emotions take turns, so that the next item is another clip with the opposite emotion.
    texts = tuple(
        {
            "identical": row["reference"],
            "paraphrase": row["paraphrase"],
            "wrong label": row["wrong"],
            "unrelated": following["reference"],
        }
        for row, following in zip(rows, [*rows[1:], rows[0]], strict=True)
    )
    return texts, hashlib.sha256(content).hexdigest()


def gold_pairs() -> list[TextPair]:
    """For a protocol that scores: the pairs of all items, of each in the order of `LEVELS`."""
    return [TextPair(texts["identical"], texts[level]) for texts in gold_texts()[0] for level in LEVELS]


def gold_contests() -> list[Contest]:
    """For `prefer`: the contests of all items, of each in the order of `CONTESTS`; `one` is the better text."""
    return [
        Contest(texts[better], texts[worse], texts["identical"])
        for texts in gold_texts()[0]
        for better, worse in CONTESTS
    ]


def rank_scores(judged: Sequence[Sequence[Judgement]]) -> GoldResult:
    """Checks the judgements of `gold_pairs`; a paraphrase may score as high as the reference itself."""
    each = [one[0] for one in judged]
    totals = np.array(
        [np.nan if one.clue is None or one.label is None else (one.clue + one.label) / 2 for one in each]
    ).reshape(-1, len(LEVELS))
    known = np.isfinite(totals).all(axis=1)
    means = np.round(totals[known].mean(axis=0), 12) if known.any() else np.full(len(LEVELS), np.nan)
    in_order = bool(means[0] >= means[1] > means[2] > means[3])
    wrong, compared = [], 0
    for item, scores in enumerate(totals, 1):
        for better, worse in itertools.combinations(range(len(LEVELS)), 2):
            compared += 1
            as_high = (better, worse) == (0, 1) and scores[better] == scores[worse]
            if not (scores[better] > scores[worse] or as_high):  # true of NaN, too
                wrong.append(
                    f"item {item}: {LEVELS[better]} {_score(scores[better])}, {LEVELS[worse]} {_score(scores[worse])}"
                )
    return _result(dict(zip(LEVELS, means.tolist(), strict=True)), compared, wrong, in_order)


def rank_contests(judged: Sequence[Sequence[Verdict]]) -> GoldResult:
    """Checks the verdicts of `gold_contests`: over both orders the better text must win more than it loses."""
    wrong = []
    for number, verdicts in enumerate(judged):
        won = [verdict.won for verdict in verdicts]
        if None in won or sum(w for w in won if w is not None) <= len(won) / 2:
            item, contest = divmod(number, len(CONTESTS))
            better, worse = CONTESTS[contest]
            wrong.append(f"item {item + 1}: {better} is not preferred to {worse}")
    return _result({}, len(judged), wrong, True)


def _result(means: Mapping[str, float], compared: int, wrong: Sequence[str], in_order: bool) -> GoldResult:
    right = compared - len(wrong)
    passed = in_order and right >= ENOUGH * compared
    return GoldResult(VERSION, gold_texts()[1], means, compared, right, tuple(wrong), passed)


def _score(value: float) -> str:
    return f"{value:g}" if np.isfinite(value) else "without a score"
