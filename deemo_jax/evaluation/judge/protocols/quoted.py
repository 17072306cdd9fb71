"""Texts as a judge is shown them: JSON strings of bounded length, out of whose quotes no text can step."""

import json
from collections.abc import Sequence

# Characters of a text that a judge is shown, at most; DEEMO's reasonings have some hundred.
MOST_CHARACTERS = 4000
CUT = " [cut]"


def quoted(text: str) -> str:
    """A text as a JSON string; what is longer than `MOST_CHARACTERS` is cut."""
    return json.dumps(_bounded(text, MOST_CHARACTERS), ensure_ascii=False)


def quoted_list(words: Sequence[str]) -> str:
    """Words as a JSON list; together they are bounded like a text."""
    return json.dumps([_bounded(word, MOST_CHARACTERS // 50) for word in words[:50]], ensure_ascii=False)


def is_cut(text: str) -> bool:
    """Whether the judge does not see all of a text."""
    return len(text) > MOST_CHARACTERS


def _bounded(text: str, most: int) -> str:
    shown = text if len(text) <= most else text[:most] + CUT
    # Halves of characters, which no encoding takes.
    return shown.encode("utf-8", "replace").decode()
