"""A view as one HTML file that loads nothing: style, script, pictures and numbers are in it.

All texts are escaped by the template engine, whoever wrote them; a Content-Security-Policy allows the one script and
the one style sheet of this folder by their hashes, pictures within the file, and no connection.
"""

import json
from pathlib import Path
from typing import Any

from markupsafe import Markup

from deemo_jax.core.html_page import allowed, shown, template
from deemo_jax.core.versions import version
from deemo_jax.evaluation.page.page_view import View
from deemo_jax.evaluation.published import CLIPS
from deemo_jax.evaluation.report import p_value

FOLDER = Path(__file__).parent
TEMPLATE, STYLE, SCRIPT = "page.html.jinja", "page.css", "page.js"
# Characters that could end the element that JSON stands in, or a line of it.
UNSAFE = {"<": "\\u003c", ">": "\\u003e", "&": "\\u0026"}


def render(view: View) -> str:
    """The page."""
    style, script = ((FOLDER / name).read_text(encoding="utf-8") for name in (STYLE, SCRIPT))
    page = template(FOLDER / TEMPLATE, _shown, p_value=p_value, ticks=ticks)
    return page.render(
        view=view,
        data=Markup(embedded(view.to_json())),
        charts={name: Markup(of.chart) for name, of in view.reliability.items()},
        style=Markup(style),
        script=Markup(script),
        policy=policy(style, script),
        published_clips=CLIPS,
        version=version("deemo-jax"),
    )


def ticks(span: tuple[float, float]) -> list[float]:
    """Every tenth from one share to another, both of them whole tenths."""
    return [tenth / 10 for tenth in range(round(10 * span[0]), round(10 * span[1]) + 1)]


def embedded(value: Any) -> str:
    """JSON that may stand in a <script> element: it is ASCII, and holds no `<`, `>` and `&`."""
    text = json.dumps(value, ensure_ascii=True, allow_nan=False, separators=(",", ":"))
    for letter, escaped in UNSAFE.items():
        text = text.replace(letter, escaped)
    return text


def policy(style: str, script: str) -> str:
    """The Content-Security-Policy of the page."""
    return "; ".join(
        (
            "default-src 'none'",
            f"script-src {allowed(script)}",
            f"style-src {allowed(style)}",
            "img-src data:",
            "base-uri 'none'",
            "form-action 'none'",
        )
    )


def _shown(value: Any) -> Any:
    """What the engine does to each value before it escapes it."""
    plain = isinstance(value, str) and not isinstance(value, Markup)
    return shown(value, len(value)) if plain and not value.startswith("data:image/jpeg") else value
