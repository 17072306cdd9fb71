"""Which texts the English finders can read at all: others must not pass for de-identified because nothing was found."""

import re
import unicodedata

from deemo_jax.deid.text.spans import TAG
from deemo_jax.deid.text.word_lists import COMMON, word_set

_WORDS = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)*")
# Letters of another script: two of them side by side are a word, one alone may be a symbol ("µ", "π") or an initial.
_FEWEST_LETTERS = 2
# Words of English that other languages with the same letters lack, or have much more seldom.
_ENGLISH = COMMON - word_set(
    "a i me he as an am in so do no on at us art fast hell man mine not war was will son far per plus rest"
)
# English speech has more than a half of such words, other languages have hardly any.
_ENGLISH_SHARE = 0.2
# In fewer words, chance decides.
_FEWEST_WORDS = 8


def unread(text: str) -> str | None:
    """Why the English finders cannot read a text; None where they can.

    They look for Latin letters, for capitals and for English words beside them. So they cannot read other scripts, of
    which many have no capitals, nor other languages. Tags that stand in the text count for nothing.

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
    """Whether a text of some length has any capital: without, the rules find names by lists only."""
    plain = TAG.sub(" ", text)
    return len(_WORDS.findall(plain)) < _FEWEST_WORDS or any(c.isupper() for c in plain)


def _foreign_letters(word: str) -> int:
    return sum(c.isalpha() and not unicodedata.name(c, "").startswith("LATIN") for c in word)


def _is_caseless(word: str) -> bool:
    """Whether its first foreign letter belongs to a script without capitals: one sign may be a whole word there."""
    first = next((c for c in word if c.isalpha() and not unicodedata.name(c, "").startswith("LATIN")), "")
    return bool(first) and first.lower() == first.upper()
