"""Replaces identifying words in a text by tags such as [NAME]; what is recorded is their places, never the words.

The rules know English. They hide what a reader learns at a glance, and do not make a text anonymous: who knows the
story, or compares the wording, may still recognise the speaker.
"""

import itertools
from collections.abc import Iterable, Sequence

from deemo_jax.core.errors import UserError
from deemo_jax.deid.text.english_rules import Rules
from deemo_jax.deid.text.fuzzy_names import Names
from deemo_jax.deid.text.spans import KINDS, TAG, Engine, Kind, Redaction, Span, clean

# Characters of a text, at most.
MAX_CHARACTERS = 100_000


def redact(text: str, names: Names | Sequence[str] = (), engine: Engine | None = None) -> Redaction:
    """Replaces identifying words in a text by tags; a second redaction changes nothing.

    Args:
        text: at most 100,000 characters.
        names: always removed, whatever the engine finds; see `Names`.
        engine: finds the rest; by default `deemo_jax.deid.text.english_rules.Rules`.

    Raises:
        UserError: the text is too long, or an entry of `names` is no name.
    """
    text = clean(text)
    return replaced(text, find(text, names, engine))


def replaced(text: str, spans: Iterable[Span]) -> Redaction:
    """The text with a tag in place of each span; spans must be in order and not overlap."""
    parts, replacements, here, length = [], [], 0, 0
    for span in spans:
        tag = f"[{span.kind}]"
        parts += [text[here : span.start], tag]
        start = length + span.start - here
        length, here = start + len(tag), span.end
        replacements.append((span.kind, start, length))
    return Redaction("".join([*parts, text[here:]]), tuple(replacements))


def find(text: str, names: Names | Sequence[str] = (), engine: Engine | None = None) -> list[Span]:
    """The spans that `redact` replaces in a cleaned text, in order and without overlaps.

    Tags in the text are spans, too. Overlapping finds are united under one tag: that of a listed name or, without one,
    of the longest.

    Raises:
        UserError: as `redact`.
    """
    if len(text) > MAX_CHARACTERS:
        raise UserError(f"a text of {len(text)} characters; give at most {MAX_CHARACTERS:,} at once")
    tags = [Span(m.start(), m.end(), m[0][1:-1]) for m in TAG.finditer(text)]  # type: ignore[arg-type]
    known = (names if isinstance(names, Names) else Names(names)).find(text)
    finder = Rules() if engine is None else engine
    found = [span for span in finder.find(text) if 0 <= span.start < span.end <= len(text) and span.kind in KINDS]
    return _joined(_outside(known, tags, text) + tags, _outside(found, tags, text))


def _outside(spans: Iterable[Span], tags: Sequence[Span], text: str) -> list[Span]:
    """The spans without the tags that they overlap; the words beside these remain as spans."""
    taken = bytearray(len(text))
    for tag in tags:
        taken[tag.start : tag.end] = b"\1" * (tag.end - tag.start)
    pieces: list[Span] = []
    for span in spans:
        if not any(taken[span.start : span.end]):
            pieces.append(span)
            continue
        for is_tag, places in itertools.groupby(range(span.start, span.end), key=lambda place: taken[place]):
            inside = [place for place in places if not is_tag and text[place].isalnum()]
            if inside:
                pieces.append(Span(inside[0], inside[-1] + 1, span.kind))
    return pieces


def _joined(first: Iterable[Span], second: Iterable[Span] = ()) -> list[Span]:
    """The spans in order, with overlaps united; their kind is that of a span of `first`, else of the longest."""
    ranked = [(s.start, s.end, 0, s) for s in first] + [(s.start, s.end, 1, s) for s in second]
    joined: list[tuple[int, int, tuple[int, int], Kind]] = []
    for start, end, rank, span in sorted(ranked, key=lambda r: (r[0], -r[1], r[2])):
        weight = (-rank, end - start)
        if joined and start < joined[-1][1]:
            left, right, heavier, kind = joined[-1]
            kind, heavier = (span.kind, weight) if weight > heavier else (kind, heavier)
            joined[-1] = (left, max(right, end), heavier, kind)
        else:
            joined.append((start, end, weight, span.kind))
    return [Span(start, end, kind) for start, end, _, kind in joined]
