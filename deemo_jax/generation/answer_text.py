"""Answers as text: where they end, and which part of them is the reasoning. Imports no JAX."""

import re
from collections.abc import Iterable

from deemo_jax.core.schema import DEEMO_LABELS, Labels
from deemo_jax.data.tokenizer import Tokenizer

# Texts before a stop text; some tokenizers give a stop other ids behind each of them.
CONTEXTS = ("", " ", "\n", "a", ".")


def parse_reasoning(answer: str, labels: Labels = DEEMO_LABELS) -> str:
    """An answer without its first statement, such as 'The emotion is negative.', of a label or of any one word."""
    words = "|".join([r"\w+", *(re.escape(name) for name in labels)])
    return re.sub(rf"^\s*the emotion is (?:{words})\s*(?:[.,:;]|$)", "", answer, flags=re.IGNORECASE).strip()


def cut(text: str, stops: Iterable[str]) -> tuple[str, bool]:
    """The text before the first stop text in it, and whether there was one."""
    found = [place for stop in stops if stop and (place := text.find(stop)) >= 0]
    return (text[: min(found)].rstrip(), True) if found else (text, False)


def stop_ids(tokenizer: Tokenizer, stops: Iterable[str]) -> tuple[tuple[int, ...], ...]:
    """The sequences of ids with which stop texts usually end a text.

    A stop can have several: LLaMA's '###' is id 835 by itself, and 2277, 29937 behind a letter.
    """
    found: dict[tuple[int, ...], None] = {}
    for stop in stops:
        for context in CONTEXTS if stop.strip() else ():
            ids = tokenizer.encode(context + stop)
            for start in reversed(range(len(ids))):
                text = tokenizer.decode(ids[start:])
                if stop in text:
                    if text.strip() == stop.strip():
                        found[tuple(ids[start:])] = None
                    break
    return tuple(found)
