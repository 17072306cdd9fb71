"""Plots of all reports: one style, drawn without a display, as PNG bytes."""

import io
import re
from typing import Literal
from xml.etree import ElementTree

import matplotlib
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine

# Okabe and Ito's palette (2008): told apart by every common kind of colour vision.
BLUE, SKY, ORANGE, VERMILION, GREEN, INK = "#0072B2", "#56B4E9", "#E69F00", "#D55E00", "#009E73", "#222222"
PINK = "#CC79A7"
GRID = "#DDDDDD"


def canvas(width: float, height: float) -> Figure:
    """An empty figure of a width and height in inches, at 110 dots an inch."""
    figure = Figure(figsize=(width, height), dpi=110, layout=ConstrainedLayoutEngine(w_pad=0.1, h_pad=0.08))
    FigureCanvasAgg(figure)
    return figure


def tidy(axes: Axes, grid: Literal["both", "x", "y"] = "both") -> None:
    """Draws a light grid behind the data, and no frame at the top and on the right."""
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(axis=grid, color=GRID, lw=0.8)
    axes.set_axisbelow(True)


def png(figure: Figure) -> bytes:
    """The figure as a file's bytes, without a date in it."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", metadata={"Software": None})
    return buffer.getvalue()


def svg(figure: Figure) -> bytes:
    """The figure as bytes of an SVG file, without a date in it, and the same for the same figure."""
    buffer = io.BytesIO()
    with matplotlib.rc_context({"svg.hashsalt": "deemo_jax"}):
        figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None})
    return buffer.getvalue()


def inline_svg(figure: Figure) -> str:
    """The figure as an <svg> element to put into a page: no style sheet, no `style`, no size, no background.

    Ink is the page's text colour, and the grid a faint one of it; texts are texts, in the page's font.
    """
    figure.patch.set_visible(False)
    for axes in figure.axes:
        axes.patch.set_visible(False)
    with matplotlib.rc_context({"svg.fonttype": "none"}):
        root = ElementTree.fromstring(svg(figure))
    for parent in list(root.iter()):
        for child in [child for child in parent if _local(child.tag) in ("metadata", "style")]:
            parent.remove(child)
    for element in root.iter():
        _plain(element)
    return ElementTree.tostring(root, encoding="unicode", short_empty_elements=False)


# Declarations that become attributes of the same name.
_DECLARED = re.compile(r"(?:fill|stroke|opacity|text-anchor|font-size|font-weight)[a-z-]*")
# Of elements that only carry a name for humans.
_NAMED = re.compile(r"[a-z0-9.]+_\d+")
_INK = ("#000000", INK)
_FAINT = "0.18"


def _local(name: str) -> str:
    return name.rpartition("}")[2]


def _plain(element: ElementTree.Element) -> None:
    """Writes an SVG element so that it needs no name space and no style sheet."""
    style = dict(part.split(": ", 1) for part in element.attrib.pop("style", "").split("; ") if ": " in part)
    kept = {_local(name): value for name, value in element.attrib.items()}
    kept |= {name: value for name, value in style.items() if _DECLARED.fullmatch(name)}
    for name in ("fill", "stroke"):
        if kept.get(name) in _INK:
            kept[name] = "currentColor"
        elif kept.get(name) == GRID.lower():
            kept |= {name: "currentColor", f"{name}-opacity": _FAINT}
    if _NAMED.fullmatch(kept.get("id", "")):
        del kept["id"]
    if _local(element.tag) == "svg":
        kept = {"viewBox": kept["viewBox"]}
    elif _local(element.tag) == "text":
        kept.setdefault("fill", "currentColor")
    element.tag = _local(element.tag)
    element.attrib.clear()
    element.attrib.update(kept)
