"""How captions are cleaned before they are stored."""

from collections.abc import Callable, Mapping

from deemo_jax.core.schema import is_whole
from deemo_jax.data.captions.skips import SkipKind

# Video-LLaMA's characters that become spaces, and the number of words that it keeps, in WebVid's captions.
SPACED = str.maketrans(dict.fromkeys('.!"()*#:;~', " "))
MOST_WORDS = 50
# Characters of a stored caption, at most. Stage 1 is shown 32 tokens of it; a longer text is no caption.
MOST_CHARACTERS = 4096


def webvid_caption(text: str) -> str:
    """Video-LLaMA's rule for WebVid: lower case, some punctuation as spaces, single spaces, at most 50 words."""
    return " ".join(text.lower().translate(SPACED).split()[:MOST_WORDS])


def raw_caption(text: str) -> str:
    """The caption as it is, without blanks at its ends: what Video-LLaMA does with those of CC3M."""
    return text.strip()


# Name of a rule -> the rule.
RULES: Mapping[str, Callable[[str], str]] = {"webvid": webvid_caption, "raw": raw_caption}


def caption_trouble(text: str) -> SkipKind | None:
    """What is wrong with a caption that was cleaned; None where it can be stored."""
    if not text:
        return SkipKind.NO_CAPTION
    if len(text) > MOST_CHARACTERS:
        return SkipKind.LONG_CAPTION
    return None if is_whole(text) else SkipKind.BROKEN_CAPTION
