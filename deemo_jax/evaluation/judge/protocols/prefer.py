"""Which of two reasonings is better, asked in both orders; a tie is allowed."""

import dataclasses
import itertools
from collections.abc import Sequence

from deemo_jax.evaluation.judge.protocols.judgement import MOST_REASON, TEXT, Asker, schema
from deemo_jax.evaluation.judge.protocols.prompt_file import load_prompts
from deemo_jax.evaluation.judge.protocols.quoted import quoted
from deemo_jax.llm.outcome import Outcome, Reply
from deemo_jax.llm.request import Decoding, Request

BETTER = ("first", "second", "tie")
REPLY = schema(reason=TEXT, better={"type": "string", "enum": list(BETTER)})


@dataclasses.dataclass(frozen=True, slots=True)
class Contest:
    """Two reasonings about one clip.

    Attributes:
        one, other: the reasonings.
        reference: "" for none.
    """

    one: str
    other: str
    reference: str = ""


@dataclasses.dataclass(frozen=True, slots=True)
class Verdict:
    """What the judge says of a contest in one order.

    Attributes:
        swapped: whether `other` stood first.
        won: by `one`: 1, 0, or 0.5 for a tie; None where the judge gave no verdict.
        first_won: by the text that stood first, likewise.
        reason: in the judge's words, cut to `MOST_REASON` characters.
        failure: its kind, where there is no verdict; else "".
        model: as the server reports it.
        decoding: as the request was sent; None where no reply came.
    """

    swapped: bool
    won: float | None
    first_won: float | None
    reason: str = ""
    failure: str = ""
    model: str = ""
    decoding: Decoding | None = None


def judge_preferences(contests: Sequence[Contest], repeats: int, decoding: Decoding, ask: Asker) -> list[list[Verdict]]:
    """Judges contests, two requests each and repeat.

    Args:
        contests: whose reasonings have words.
        repeats: how often each order is asked about.
        decoding: how replies are drawn.
        ask: sends the requests.

    Returns:
        Of each contest, its verdicts: of every repeat, the order as it is and then the other.
    """
    orders = list(itertools.product(range(len(contests)), range(repeats), (False, True)))
    outcomes = ask([_request(contests[order[0]], order, decoding) for order in orders])
    found: list[list[Verdict]] = [[] for _ in contests]
    for order in orders:
        found[order[0]].append(_read(outcomes[_key(*order)], order[2]))
    return found


def _key(number: int, sample: int, swapped: bool) -> str:
    return f"{number}.{sample}.{'swapped' if swapped else 'straight'}"


def _request(contest: Contest, order: tuple[int, int, bool], decoding: Decoding) -> Request:
    _, sample, swapped = order
    texts = [quoted(contest.one), quoted(contest.other)]
    first, second = reversed(texts) if swapped else texts
    key, prompts = _key(*order), load_prompts("prefer")
    if contest.reference.strip():
        reference = quoted(contest.reference)
        return prompts.request(
            key, "with_reference", REPLY, sample, decoding, reference=reference, first=first, second=second
        )
    return prompts.request(key, "without_reference", REPLY, sample, decoding, first=first, second=second)


def _read(outcome: Outcome, swapped: bool) -> Verdict:
    if not isinstance(outcome, Reply):
        return Verdict(swapped, None, None, failure=outcome.kind)
    first_won = {"first": 1.0, "second": 0.0, "tie": 0.5}[outcome.value["better"]]
    won = 1 - first_won if swapped else first_won
    reason = str(outcome.value["reason"])[:MOST_REASON]
    return Verdict(swapped, won, first_won, reason, model=outcome.model, decoding=outcome.decoding)
