"""What HTML pages of one file each share: a template engine that escapes, bounded texts, hashes of their parts."""

import base64
import hashlib
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jinja2

# Characters of one text on the page, at most.
MAX_SHOWN = 4_000
# Control characters but tab and line feed, and halves of characters.
UNSHOWN = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")


def template(path: Path, finalize: Callable[[Any], Any], **filters: Callable[..., Any]) -> jinja2.Template:
    """A template that escapes all texts, whoever wrote them, and refuses names that it is not given.

    Args:
        path: of the template; those that it includes lie beside it.
        finalize: what is done to each value before it is escaped.
        filters: by their names in the template.
    """
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(path.parent),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=finalize,
    )
    environment.filters |= filters
    return environment.get_template(path.name)


def shown(text: str, limit: int = MAX_SHOWN) -> str:
    """The text with U+FFFD in place of what cannot be shown, cut after `limit` characters with a word on how many."""
    rest = len(text) - limit
    whole = UNSHOWN.sub("�", text[:limit])
    return whole if rest <= 0 else f"{whole} … ({rest:,} more characters are not shown)"


def allowed(text: str) -> str:
    """The source of a Content-Security-Policy that allows the style or script that is this text, and no other."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
