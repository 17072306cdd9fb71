"""Tells texts that the English engines cannot read: where they find nothing, such a text is not de-identified."""

import re
import unicodedata

from deemo_jax.deid.text.spans import TAG
from deemo_jax.deid.text.word_lists import COMMON, word_set

_WORDS = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)*")
# Letters of another script in a word from which it is a foreign word; a single one may be a symbol ("µ") or an initial.
_FEWEST_LETTERS = 2
# Common English words without those that are frequent in other languages, too.
_ENGLISH = COMMON - word_set(
    "a i me he as an am in so do no on at us art fast hell man mine not war was will son far per plus rest"
)
# Share of these among all words from which a text is English: there it is above a half, elsewhere near 0.
_ENGLISH_SHARE = 0.2
# Texts of fewer words are not checked, since the share would be a matter of chance.
_FEWEST_WORDS = 8


def unread(text: str) -> str | None:
    """Why the English engines cannot read a text; None where they can.

    They need Latin letters, capitals and English words beside names, so they cannot read other scripts and languages.
    Tags in the text are ignored.

    Args:
        text: as `deemo_jax.deid.text.spans.clean` leaves it.
    """
    words = _WORDS.findall(unicodedata.normalize("NFKC", TAG.sub(" ", text)))
    strange = [word for word in words if _foreign_letters(word) >= (1 if _is_caseless(word) else _FEWEST_LETTERS)]
    if strange:
        return "words of it are in another script than Latin"
    if len(words) >= _FEWEST_WORDS:
        known = sum(word.replace("’", "'").lower() in _ENGLISH for word in words)
        if known < _ENGLISH_SHARE * len(words):
            return "it does not seem to be English"
    return None


def has_capitals(text: str) -> bool:
    """Whether a text has any capital; without, the rules find names by lists only. True for very short texts."""
    plain = TAG.sub(" ", text)
    return len(_WORDS.findall(plain)) < _FEWEST_WORDS or any(c.isupper() for c in plain)


def _foreign_letters(word: str) -> int:
    return sum(c.isalpha() and not unicodedata.name(c, "").startswith("LATIN") for c in word)


def _is_caseless(word: str) -> bool:
    """Whether the first foreign letter of a word belongs to a script without capitals, where one sign may be a word."""
    first = next((c for c in word if c.isalpha() and not unicodedata.name(c, "").startswith("LATIN")), "")
    return bool(first) and first.lower() == first.upper()
