"""A comparison as a bar chart."""

import numpy as np
from matplotlib.figure import Figure

from deemo_jax.core.plots import GRID, INK, ORANGE, SKY, VERMILION, canvas, tidy
from deemo_jax.evaluation.comparison import Comparison


def plot(found: Comparison) -> Figure:
    """Bars of accuracy with 95 % whiskers, those of published rows in grey and without whiskers."""
    rows = found.rows()
    places = np.arange(len(rows))[::-1]
    figure = canvas(7.5, 1.6 + 0.42 * len(rows))
    axes = figure.subplots()
    for is_published, colour, legend in ((False, SKY, "95 % interval"), (True, GRID, "published")):
        shown = [(y, row) for y, row in zip(places, rows, strict=True) if row["published"] == is_published]
        if shown:
            axes.barh(
                [y for y, _ in shown], [100 * row["accuracy"] for _, row in shown], 0.6, color=colour, label=legend
            )
    labelled = False
    for y, row in zip(places, rows, strict=True):
        value = 100 * row["accuracy"]
        if row["accuracy_low"] is not None:
            ends = [[value - 100 * row["accuracy_low"]], [100 * row["accuracy_high"] - value]]
            axes.errorbar(value, y, xerr=np.abs(ends), fmt="none", ecolor=INK, elinewidth=1.4, capsize=4)
        if spread := found.spreads.get(row["system"]):
            values = [100 * one for one in spread.values("accuracy")]
            axes.plot(values, [y - 0.2] * len(values), ".", color=VERMILION, label="" if labelled else "one seed")
            labelled = True
        axes.text(2, y, f"{value:.1f}", va="center", color=INK, weight="bold")
    best = [100 * (row["bayes_optimal_accuracy"] or np.nan) for row in rows]
    if np.isfinite(best).any():
        axes.vlines(best, places - 0.38, places + 0.38, color=ORANGE, lw=3.5, label="Bayes-optimal")
    axes.axvline(100 * found.scores.majority, color=INK, ls=":", lw=1.8, label="majority class of these clips")
    axes.set(xlim=(0, 100), xlabel="accuracy (%)", title=f"Emotion recognition, {found.scores.n} clips")
    names = [f"{row['system']} (published)" if row["published"] else row["system"] for row in rows]
    axes.set_yticks(places, names, parse_math=False)  # a name may hold a '$'
    tidy(axes, "x")
    figure.legend(loc="outside lower center", ncols=3, frameon=False, fontsize=9)
    return figure
