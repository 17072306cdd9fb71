"""Renders sections as one HTML page without scripts, with pictures inside; as text; and their numbers as JSON."""

import base64
import html
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from deemo_jax.audit.report_parts import Figure, Section
from deemo_jax.core.files import atomic
from deemo_jax.core.tables import Table

# The verdicts on a section.
PROMISED, BROKEN, MEASURED, UNKNOWN, WAITING = "kept", "broken", "measured", "not measured", "waits for a person"
# Sections about promises of de-identification; the others only inform.
WITH_PROMISES = frozenset({"promises", "faces", "container"})

VIEWPORT = '<meta name="viewport" content="width=device-width, initial-scale=1">'
STYLE = """
:root { color-scheme: light; }
body { font: 16px/1.5 system-ui, sans-serif; color: #222; background: #fff; max-width: 60rem; margin: 2rem auto;
  padding: 0 1rem; }
h1 { font-size: 1.7rem; margin-bottom: 0.2rem; }
h2 { font-size: 1.25rem; margin-top: 2.5rem; border-bottom: 2px solid #0072B2; padding-bottom: 0.2rem; }
.table { margin: 1rem 0; }
.scroll { overflow-x: auto; }
.table figcaption { padding-bottom: 0.4rem; }
table { border-collapse: collapse; font-size: 0.9rem; font-variant-numeric: tabular-nums; }
th, td { text-align: left; padding: 0.25rem 0.9rem 0.25rem 0; border-bottom: 1px solid #ddd; vertical-align: top; }
th { border-bottom: 2px solid #999; }
figure { margin: 1.2rem 0; }
figure img { max-width: 100%; height: auto; }
figcaption { color: #555; font-size: 0.9rem; }
li { margin: 0.3rem 0; }
p, li, figcaption { overflow-wrap: anywhere; }
.broken { color: #A63C00; font-weight: 600; }
.kept { color: #00694C; font-weight: 600; }
.unknown { color: #777; }
"""


def verdict(section: Section) -> str:
    """The verdict on a section: whether its promises are kept; without promises, whether it was measured."""
    if section.failures:
        return BROKEN
    if not section.tables and not section.figures:
        return UNKNOWN
    if section.name == "human" and section.numbers.get("misses") is None:
        return WAITING
    return PROMISED if section.name in WITH_PROMISES else MEASURED


def page(title: str, lead: str, sections: Sequence[Section]) -> str:
    """The whole HTML page.

    Args:
        title: heading.
        lead: a sentence below it.
        sections: in order; a table at the top lists the verdict on each.
    """
    rows = []
    for section in sections:
        said = verdict(section)
        mark = {BROKEN: "broken", PROMISED: "kept", UNKNOWN: "unknown", WAITING: "unknown"}.get(said, "")
        why = "; ".join(section.failures) or (section.notes[0] if said == UNKNOWN and section.notes else "")
        link = f'<a href="#{_text(section.name)}">{_text(section.title)}</a>'
        rows.append(f'<tr><td>{link}</td><td class="{mark}">{said}</td><td>{_text(why)}</td></tr>')
    overview = _wrapped(
        "Promises kept and broken, and what was measured",
        "<tr><th>part</th><th>verdict</th><th></th></tr>",
        "\n".join(rows),
    )
    parts = [f"<h1>{_text(title)}</h1>", f"<p>{_text(lead)}</p>", overview, *map(_section, sections)]
    head = f'<meta charset="utf-8">{VIEWPORT}<title>{_text(title)}</title><style>{STYLE}</style>'
    policy = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"
    guard = f'<meta http-equiv="Content-Security-Policy" content="{policy}">'
    body = "\n".join(parts)
    return f'<!doctype html>\n<html lang="en"><head>{guard}{head}</head>\n<body>\n{body}\n</body></html>\n'


def write_page(path: Path, title: str, lead: str, sections: Sequence[Section]) -> None:
    """Writes the page, whole or not at all."""
    with atomic(path) as temporary:
        temporary.write_text(page(title, lead, sections), encoding="utf-8")


def numbers(sections: Sequence[Section]) -> dict[str, Any]:
    """Name of each section -> its verdict, failures, notes and numbers, for JSON."""
    return {
        section.name: {
            "verdict": verdict(section),
            "failures": list(section.failures),
            "notes": list(section.notes),
            "numbers": dict(section.numbers),
        }
        for section in sections
    }


def text(sections: Sequence[Section]) -> str:
    """The sections for a terminal: their tables, and what was not measured."""
    parts = []
    for section in sections:
        said = verdict(section)
        parts.append(f"== {section.title} ({said})" + (f": {section.notes[0]}" if said == UNKNOWN else ""))
        parts += [f"{table.caption}\n{table.text()}" for table in section.tables]
    return "\n\n".join(parts)


def _section(section: Section) -> str:
    parts = [f'<h2 id="{_text(section.name)}">{_text(section.title)}</h2>']
    if section.failures:
        items = "".join(f"<li>{_text(failure)}</li>" for failure in section.failures)
        parts.append(f'<ul class="broken">{items}</ul>')
    parts += [_table(table) for table in section.tables]
    parts += [_figure(figure) for figure in section.figures]
    if section.notes:
        parts.append(f"<ul>{''.join(f'<li>{_text(note)}</li>' for note in section.notes)}</ul>")
    return "\n".join(parts)


def _table(table: Table) -> str:
    header = "".join(f"<th>{_text(cell)}</th>" for cell in table.header)
    rows = "\n".join(f"<tr>{''.join(f'<td>{_text(cell)}</td>' for cell in row)}</tr>" for row in table.rows)
    return _wrapped(table.caption, f"<tr>{header}</tr>", rows)


def _wrapped(caption: str, header: str, rows: str) -> str:
    # The caption is outside of what scrolls: as wide as its table, it would be cut off on a narrow screen.
    table = f'<div class="scroll"><table>\n{header}\n{rows}\n</table></div>'
    return f'<figure class="table"><figcaption>{_text(caption)}</figcaption>{table}</figure>'


def _figure(figure: Figure) -> str:
    source = "data:image/png;base64," + base64.b64encode(figure.png).decode("ascii")
    caption = _text(figure.caption)
    return f'<figure><img src="{source}" alt="{caption}"><figcaption>{caption}</figcaption></figure>'


def _text(value: str) -> str:
    """Text escaped for HTML; characters that are not printable become blanks."""
    return html.escape("".join(c if c.isprintable() else " " for c in value), quote=True)
