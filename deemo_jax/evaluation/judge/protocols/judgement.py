"""What a judge says of one reasoning, and how a protocol asks."""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from deemo_jax.llm.outcome import Failure, Outcome, Reply
from deemo_jax.llm.request import Decoding, Request

# The ends of the scale of all scores.
LOWEST, HIGHEST = 1, 10
# Characters of a reason that are kept.
MOST_REASON = 1000
# Sends requests with different keys; the outcome of each by its key.
Asker = Callable[[Sequence[Request]], Mapping[str, Outcome]]


@dataclasses.dataclass(frozen=True, slots=True)
class TextPair:
    """A reference reasoning, and one that is scored against it."""

    reference: str
    prediction: str


@dataclasses.dataclass(frozen=True, slots=True)
class Judgement:
    """One judgement of a pair.

    Attributes:
        clue: clue overlap, 1 to 10; None where the judge gave none.
        label: label overlap, likewise.
        reason: in the judge's words, cut to `MOST_REASON` characters.
        failures: kinds of failures (`deemo_jax.llm.outcome.Kind`), one for each request without a reply.
        models: as the server reports them.
        decoding: as the requests were sent; None where no reply came.
    """

    clue: int | None
    label: int | None
    reason: str = ""
    failures: tuple[str, ...] = ()
    models: tuple[str, ...] = ()
    decoding: Decoding | None = None


class Overlap(Protocol):
    """A protocol that scores pairs by themselves, such as `deemo`."""

    def __call__(
        self, pairs: Sequence[TextPair], repeats: int, decoding: Decoding, ask: Asker
    ) -> list[list[Judgement]]:
        """Judges pairs.

        Args:
            pairs: whose texts both have words.
            repeats: how often each is judged.
            decoding: how replies are drawn.
            ask: sends the requests.

        Returns:
            Of each pair, its repeats.
        """


def schema(**properties: Mapping[str, Any]) -> dict[str, Any]:
    """A JSON Schema of an object that has these properties, in this order, and no others."""
    return {
        "type": "object",
        "properties": dict(properties),
        "required": list(properties),
        "additionalProperties": False,
    }


SCORE = {"type": "integer", "minimum": LOWEST, "maximum": HIGHEST}
TEXT = {"type": "string"}


def judgement(outcomes: Sequence[Outcome], clue: int | None, label: int | None, reason: str) -> Judgement:
    """A judgement with what its outcomes tell of models, decoding and failures."""
    replies = [one for one in outcomes if isinstance(one, Reply)]
    return Judgement(
        clue=clue,
        label=label,
        reason=reason[:MOST_REASON],
        failures=tuple(one.kind for one in outcomes if isinstance(one, Failure)),
        models=tuple(sorted({one.model for one in replies})),
        decoding=replies[0].decoding if replies else None,
    )
