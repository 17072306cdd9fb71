"""What stands around an answer's own words: JSON, tags of thinking, code fences, quotations."""

import json
import re
from collections.abc import Callable, Mapping

from deemo_jax.evaluation.reading.clauses import words_of

# Keys under which systems give their label, most telling first.
KEYS = ("emotion", "label", "answer", "final_answer", "prediction", "sentiment", "emotional_state", "polarity", "name")
# A quotation, by its marks: single quotes are apostrophes too, and are left alone. It has no line end and at most so
# many characters, so that a mark without its partner takes nothing away.
_QUOTED = re.compile(r"\"[^\"\n]{1,300}\"|“[^”\n]{1,300}”|„[^“”\n]{1,300}[“”]|«[^»\n]{1,300}»|「[^」\n]{1,300}」")


def unwrapped(answer: str) -> tuple[str, bool]:
    """The text that holds the label, and whether a key or a tag named it as the answer.

    An object of JSON with one of `KEYS` gives that key's value, empty for null. Of <think>...</think> only what
    follows is read, of <answer>...</answer> what is within.
    """
    text = answer[answer.rfind("</think>") + len("</think>") :] if "</think>" in answer else answer
    start = text.rfind("<answer>")
    if start >= 0:
        return text[start + len("<answer>") :].partition("</answer>")[0], True
    brace = text.find("{")
    if brace >= 0:
        try:
            value, _ = json.JSONDecoder().raw_decode(text, brace)
        except (ValueError, RecursionError):
            return text, False
        found = _field(value)
        if found is not None:
            return found, True
    return text, False


def _field(value: object, depth: int = 0) -> str | None:
    if not isinstance(value, Mapping) or depth > 2:
        return None
    fields = {str(key).lower(): content for key, content in value.items()}
    for key in KEYS:
        if key in fields:
            content = fields[key]
            if isinstance(content, Mapping):
                return _field(content, depth + 1)
            return content if isinstance(content, str) else ""
    return None


def without_quotations(text: str, is_name: Callable[[tuple[str, ...]], bool]) -> str:
    """A text without what it quotes. A quotation of a name alone stays, and so does one that is the whole text.

    Args:
        text: of an answer.
        is_name: whether words are the name of a label or of a field.
    """
    whole = text.strip()
    if (match := _QUOTED.fullmatch(whole)) is not None:
        return match[0][1:-1]
    return _QUOTED.sub(lambda found: found[0] if is_name(words_of(found[0])) else " ", text)
