"""Plots of all reports: one style, drawn without a display, as PNG bytes."""

import io
from typing import Literal

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
