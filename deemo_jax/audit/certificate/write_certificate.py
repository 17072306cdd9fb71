"""Writes the certificate: one HTML file that loads nothing and runs nothing, and the hashes of all files beside it."""

import re
from pathlib import Path
from typing import Any

from markupsafe import Markup

from deemo_jax.audit.certificate.command_told import without_paths
from deemo_jax.audit.certificate.contents import Certificate
from deemo_jax.audit.certificate.file_hashes import LISTING
from deemo_jax.core.errors import UserError
from deemo_jax.core.files import atomic
from deemo_jax.core.html_page import allowed, shown, template

FOLDER = Path(__file__).parent
TEMPLATE, STYLE = "certificate.html.jinja", "certificate.css"
PAGE = "certificate.html"
FILES = (PAGE, LISTING)
# An interval, as tables show it.
BRACKETS = re.compile(r"\[[^\]]{1,30}\]")
# In the style sheet, the place of the hash that stands at the foot of each printed page; digits of it.
PLACE, DIGITS = "ROOT_HASH", 16


def render(certificate: Certificate) -> str:
    """The page. All texts are escaped by the template engine, whoever wrote them."""
    style = (FOLDER / STYLE).read_text(encoding="utf-8").replace(PLACE, certificate.hashes.root[:DIGITS])
    page = template(FOLDER / TEMPLATE, _shown, longest=longest, together=together)
    return page.render(
        of=certificate,
        style=Markup(style),
        policy=f"default-src 'none'; style-src {allowed(style)}; base-uri 'none'; form-action 'none'",
        listing=LISTING,
    )


def write_certificate(certificate: Certificate, folder: Path) -> Path:
    """Writes page and hashes into `folder`, both or none, each whole; returns the path of the page.

    Raises:
        UserError: one cannot be written.
    """
    page = render(certificate)
    for path in (folder / name for name in FILES):
        if path.is_dir():
            raise UserError(f"{path}: is a folder, and a file is to be written there; move it away")
    with atomic(folder / LISTING) as listing, atomic(folder / PAGE) as written:
        listing.write_text(certificate.hashes.text, encoding="utf-8")
        written.write_text(page, encoding="utf-8")
    return folder / PAGE


def longest(text: str) -> int:
    """Characters of the longest word."""
    return max(map(len, text.split()), default=0)


def together(text: str) -> str:
    """The text with blanks that do not break a line within brackets, in which intervals stand."""
    return BRACKETS.sub(lambda found: found[0].replace(" ", "\N{NO-BREAK SPACE}"), text)


def _shown(value: Any) -> Any:
    """What the engine does to each value before it escapes it."""
    return shown(without_paths(value)) if isinstance(value, str) and not isinstance(value, Markup) else value
