"""Questions for the tests of the client, and what is made of outcomes."""

import collections
from collections.abc import Iterable

from deemo_jax.llm.outcome import Failure, Outcome
from deemo_jax.llm.request import Decoding, Message, Request

SECRET = "sk-test-3f9a01bc7d"
SCHEMA = {
    "type": "object",
    "properties": {"clue": {"type": "integer", "minimum": 1, "maximum": 10}, "reason": {"type": "string"}},
    "required": ["clue"],
    "additionalProperties": False,
}


def questions(count: int, *, text: str = "How alike are clip {} and its answer?", sample: int = 0) -> list[Request]:
    """So many different questions, with the keys q0, q1, ..."""
    return [
        Request(
            f"q{number}",
            (Message("system", "You compare texts."), Message("user", text.format(number))),
            SCHEMA,
            sample=sample,
            protocol="test/1",
            decoding=Decoding(temperature=0.0, max_tokens=40),
        )
        for number in range(count)
    ]


def kinds(outcomes: Iterable[tuple[Request, Outcome]]) -> dict[str, int]:
    """How many outcomes there are of each kind; those of replies are called 'reply'."""
    return dict(collections.Counter(o.kind if isinstance(o, Failure) else "reply" for _, o in outcomes))
