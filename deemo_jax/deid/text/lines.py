"""Redacts lines of speech together, since a name may begin in one cue of a film and end in the next."""

import itertools
import re
from collections.abc import Iterator, Sequence

from deemo_jax.deid.text.fuzzy_names import Names
from deemo_jax.deid.text.redaction import MAX_CHARACTERS, find, replaced
from deemo_jax.deid.text.spans import Engine, Redaction, Span, clean

# The beginning of a line in which somebody begins to speak: a dash, a bracket, or a label.
_TURN = re.compile(r"[>\-–—•\[(]|[^\s:：]{1,40}(?: [^\s:：]{1,40}){0,5}[:：]")


def joint(line: str) -> str:
    """What joins a line to the one before it: a line break where somebody begins to speak, else a blank."""
    return "\n" if _TURN.match(line) else " "


def redact_lines(lines: Sequence[str], names: Names, engine: Engine) -> list[Redaction]:
    """Redacts lines together; where a find reaches over the end of a line, each line gets a tag.

    Args:
        lines: each of at most 100,000 characters.
        names: as for `deemo_jax.deid.text.redaction.redact`.
        engine: as for that.

    Raises:
        UserError: as that.
    """
    return [done for block in _blocks([clean(line) for line in lines]) for done in _redacted(block, names, engine)]


def _blocks(lines: Sequence[str]) -> Iterator[list[str]]:
    """Groups lines into blocks that the engine can read at once."""
    block: list[str] = []
    length = 0
    for line in lines:
        if block and length + 1 + len(line) > MAX_CHARACTERS:
            yield block
            block, length = [], 0
        block.append(line)
        length += 1 + len(line)
    if block:
        yield block


def _redacted(lines: Sequence[str], names: Names, engine: Engine) -> Iterator[Redaction]:
    spans = find("".join([lines[0], *(joint(line) + line for line in lines[1:])]), names, engine)
    begins = itertools.accumulate((len(line) + 1 for line in lines), initial=0)
    at = 0
    for line, begin in zip(lines, begins, strict=False):
        while at < len(spans) and spans[at].end <= begin:
            at += 1
        here, reach = [], at
        while reach < len(spans) and spans[reach].start < begin + len(line):
            span = spans[reach]
            here.append(Span(max(span.start - begin, 0), min(span.end - begin, len(line)), span.kind))
            reach += 1
        yield replaced(line, here)
