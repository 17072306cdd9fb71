"""Texts of unknown origin as a page shows them: bounded, and without characters that a file or a reader trips over."""

import re

# Characters of one text on the page, at most.
MAX_SHOWN = 4_000
# Control characters but tab and line feed, and halves of characters.
UNSHOWN = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")


def shown(text: str, limit: int = MAX_SHOWN) -> str:
    """The text with U+FFFD in place of what cannot be shown, cut after `limit` characters with a word on how many."""
    rest = len(text) - limit
    whole = UNSHOWN.sub("�", text[:limit])
    return whole if rest <= 0 else f"{whole} … ({rest:,} more characters are not shown)"
