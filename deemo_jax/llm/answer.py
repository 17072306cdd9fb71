"""A model's answer as it came, read out of a reply in which nothing need have the form that the interface promises."""

import dataclasses
import json
from collections.abc import Callable
from typing import Any

from deemo_jax.llm.outcome import Usage
from deemo_jax.llm.reading import shortened

# Tokens that a count is believed, and characters of a model's name.
MAX_TOKENS = 100_000_000
MAX_MODEL = 200
# How servers call what their filters leave out.
FILTERED = "content_filter"
# HTTP: worth another attempt, beside 500 and above.
TOO_MANY = 429
TRANSIENT = frozenset({408, 409, 425, TOO_MANY})


@dataclasses.dataclass(frozen=True, slots=True)
class Answer:
    """A model's answer, as it came.

    Attributes:
        text: what it wrote; None where the reply holds no answer.
        refusal: why it would not answer; empty where it did.
        cut: whether it was cut at the longest length.
        usage: tokens, as the server counted them.
        model: as the server reports it.
        note: what is wrong with a reply without answer.
    """

    text: str | None
    refusal: str = ""
    cut: bool = False
    usage: Usage = dataclasses.field(default_factory=Usage)
    model: str = ""
    note: str = ""


def read_answer(content: bytes, hide: Callable[[str], str]) -> Answer:
    """What a reply of Chat Completions with status 200 holds.

    Args:
        content: the reply, of bounded length.
        hide: takes the key out of texts.
    """
    try:
        return answer_in(table(json.loads(content)), hide)
    except (ValueError, RecursionError):
        return Answer(None, note=f"the reply is no JSON: {shortened(hide(content.decode('utf-8', 'replace')))}")


def answer_in(whole: dict[str, Any], hide: Callable[[str], str]) -> Answer:
    """The same of a reply that is decoded already."""
    choices, model = whole.get("choices"), whole.get("model")
    choice = table(choices[0] if isinstance(choices, list) and choices else None)
    message, finish = table(choice.get("message")), choice.get("finish_reason")
    text, refusal = message.get("content"), message.get("refusal")
    if finish == FILTERED and not refusal:
        refusal = "left out by the server's filter of contents"
    return Answer(
        text=hide(text) if isinstance(text, str) else None,
        refusal=shortened(hide(refusal)) if isinstance(refusal, str) else "",
        cut=finish == "length",
        usage=_usage(table(whole.get("usage"))),
        model=shortened(hide(model))[:MAX_MODEL] if isinstance(model, str) else "",
        note="" if isinstance(text, str) else "the reply holds no text",
    )


def table(value: Any) -> dict[str, Any]:
    """The value where it is an object of JSON; else an empty one."""
    return value if isinstance(value, dict) else {}


def _usage(counts: dict[str, Any]) -> Usage:
    def count(name: str) -> int:
        value = counts.get(name)
        return value if type(value) is int and 0 <= value <= MAX_TOKENS else 0

    return Usage(count("prompt_tokens"), count("completion_tokens"))
