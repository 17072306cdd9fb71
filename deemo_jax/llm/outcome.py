"""What became of a request: a reply that fits its schema, or why there is none."""

import dataclasses
from typing import Any, Literal

from deemo_jax.llm.request import Decoding

Kind = Literal["refusal", "malformed", "out_of_range", "timeout", "server", "rejected", "connection", "over_budget"]
"""Why there is no reply:

refusal: the model, or a filter of the server, would not answer.
malformed: no JSON object that fits the schema.
out_of_range: JSON that fits but for numbers out of their range, or words out of their list.
timeout: no whole reply in time.
server: the server failed, or had too much to do.
rejected: the server did not take the request; sent again it would not either.
connection: the connection was not made, or was lost.
over_budget: not sent, since the money that may be spent was spent.
"""
# Answers of the model itself: they are paid for and kept, so that nobody pays for them again.
ANSWERED: tuple[Kind, ...] = ("refusal", "malformed", "out_of_range")
# How a reply's form was asked for, from the most to the least that a server can do.
Form = Literal["json_schema", "json_object", "text"]


@dataclasses.dataclass(frozen=True, slots=True)
class Usage:
    """Tokens that the server counted."""

    prompt_tokens: int = 0
    completion_tokens: int = 0

    def __add__(self, other: "Usage") -> "Usage":
        return Usage(self.prompt_tokens + other.prompt_tokens, self.completion_tokens + other.completion_tokens)


@dataclasses.dataclass(frozen=True, slots=True)
class Reply:
    """A reply that fits its schema.

    Attributes:
        value: the JSON object.
        usage: of all answers that were paid for until one fitted.
        model: as the server reports it, which may be more exact than what was asked for.
        attempts: how often the request was sent.
        cached: whether it was paid for by an earlier run, or by an equal request of this one.
        decoding: as it was sent: settings that the server does not take are None.
        form: how the form was asked for.
    """

    value: dict[str, Any] = dataclasses.field(hash=False)
    usage: Usage
    model: str
    attempts: int
    cached: bool
    decoding: Decoding = dataclasses.field(default_factory=Decoding)
    form: Form = "json_schema"


@dataclasses.dataclass(frozen=True, slots=True)
class Failure:
    """Why there is no reply.

    Attributes:
        kind: see `Kind`.
        detail: in words, one line, of bounded length, without the key.
        attempts: how often the request was sent.
        usage: of the answers that were paid for and did not fit.
        cached: whether an earlier run, or an equal request of this one, found it.
    """

    kind: Kind
    detail: str
    attempts: int
    usage: Usage = Usage()
    cached: bool = False


Outcome = Reply | Failure
