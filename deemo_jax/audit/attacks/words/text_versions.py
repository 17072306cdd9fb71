"""The versions of texts that are attacked: as said, redacted, and without what the truth calls identifiers."""

import dataclasses
import re
from collections.abc import Collection, Sequence

from deemo_jax.audit.attacks.words.spoken_texts import DIRECT, QUASI, SpokenText
from deemo_jax.core.progress import with_progress
from deemo_jax.deid.text.fuzzy_names import Names
from deemo_jax.deid.text.redaction import redact
from deemo_jax.deid.text.spans import Engine, Limited, clean

AS_SAID, REDACTED = "as said", "redacted"
# By the truth alone, where a file has identifiers: what is left if a redaction were perfect.
NO_DIRECT, NO_IDENTIFIER = "no direct identifier", "no direct or quasi identifier"
# In place of an identifier; without its kind.
GONE = "[-]"


@dataclasses.dataclass(frozen=True, slots=True)
class TextVersions:
    """The texts in all versions.

    Attributes:
        texts: name of the version -> each text.
        unread: which texts the redaction could not read, so that they count as raw.
        given: how many redacted texts are the file's own.
    """

    texts: dict[str, list[str]]
    unread: tuple[bool, ...]
    given: int


def versions_of(said: Sequence[SpokenText], names: Names, engine: Engine) -> TextVersions:
    """Redacts what the file has no redacted text of, and takes the identifiers out where they are known.

    Args:
        said: the texts.
        names: always removed.
        engine: finds the rest.
    """
    redacted, unread = [], []
    for text in with_progress(said, "redacting", len(said)):
        own = text.redacted
        redacted.append(redact(text.text, names, engine).text if own is None else clean(own))
        unread.append(own is None and isinstance(engine, Limited) and engine.unread(clean(text.text)) is not None)
    found = {AS_SAID: [clean(text.text) for text in said], REDACTED: redacted}
    if any(text.identifiers for text in said):
        found[NO_DIRECT] = [clean(without(text, {DIRECT})) for text in said]
        found[NO_IDENTIFIER] = [clean(without(text, {DIRECT, QUASI})) for text in said]
    return TextVersions(found, tuple(unread), sum(text.redacted is not None for text in said))


def without(said: SpokenText, kinds: Collection[str]) -> str:
    """The text with `GONE` in place of its identifiers of these kinds; those that touch become one."""
    parts, here = [], 0
    for one in sorted(said.identifiers, key=lambda one: one.start):
        if one.kind in kinds and one.end > here:
            parts += [said.text[here : one.start], GONE] if one.start >= here else []
            here = one.end
    return "".join([*parts, said.text[here:]])


def left_in(words: str, text: str) -> bool:
    """Whether words still stand in a text, whole and in any case."""
    found = re.escape(" ".join(clean(words).casefold().split())).replace(r"\ ", r"\s+")
    return re.search(rf"(?<!\w){found}(?!\w)", text.casefold()) is not None
