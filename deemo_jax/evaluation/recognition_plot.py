"""The picture of an evaluation: how well emotions were recognised, and how well cues were named."""

from pathlib import Path

import numpy as np
from matplotlib.axes import Axes

from deemo_jax.core.files import atomic
from deemo_jax.core.plots import BLUE, INK, ORANGE, SKY, VERMILION, canvas, png, tidy
from deemo_jax.evaluation.results import Results


def plot(results: Results, path: str | Path) -> None:
    """Draws the accuracy of each modality set beside the best possible one and, where known, how cues are named."""
    panels = 2 if results.cues else 1
    height = 1.9 + 0.55 * max(len(results.sets), 3 * (panels - 1))
    figure = canvas(6.2 * panels, height)
    axes = figure.subplots(1, panels, squeeze=False)[0]
    _plot_accuracy(axes[0], results)
    if results.cues:
        _plot_cues(axes[1], results)
    with atomic(path) as temporary:
        temporary.write_bytes(png(figure))


def _plot_accuracy(axes: Axes, results: Results) -> None:
    rows = np.arange(len(results.sets))[::-1]
    scores = [s.accuracy for s in results.sets.values()]
    values = 100 * np.array([s.value for s in scores])
    whiskers = 100 * np.array([[s.value - s.low for s in scores], [s.high - s.value for s in scores]])
    axes.barh(rows, values, height=0.56, color=SKY, label="model, 95 % interval")
    axes.errorbar(values, rows, xerr=np.abs(whiskers), fmt="none", ecolor=INK, elinewidth=1.4, capsize=4)
    for y, value in zip(rows, values, strict=True):
        axes.text(2, y, f"{value:.1f}", va="center", color=INK, weight="bold")
    if results.bayes:
        best = 100 * np.array([results.bayes.get(name, np.nan) for name in results.sets])
        axes.vlines(best, rows - 0.38, rows + 0.38, color=ORANGE, lw=3.5, label="Bayes-optimal")
    axes.axvline(100 * results.majority, color=INK, ls=":", lw=1.8, label="majority class")
    axes.set(xlim=(0, 100), xlabel="accuracy (%)", title=f"Emotion recognition, {results.n} clips")
    axes.set_yticks(rows, list(results.sets))
    _finish(axes)


def _plot_cues(axes: Axes, results: Results) -> None:
    name, of_set = next(iter(results.cues.items()))
    pairs = {
        f"{cue}: {what}": (getattr(scores, what), getattr(scores, f"{what}_shuffled"))
        for cue, scores in of_set.items()
        for what in ("precision", "recall")
    }
    # The two rows of a cue stand together, cues apart.
    rows = -np.array([i + 0.4 * (i // 2) for i in range(len(pairs))])
    for k, (legend, colour, marker) in enumerate([("as given", BLUE, "o"), ("reasonings shuffled", VERMILION, "s")]):
        shown = [pair[k] for pair in pairs.values()]
        values = 100 * np.array([s.value for s in shown])
        bounds = 100 * np.array([s.bounds() for s in shown]).T
        axes.errorbar(
            values,
            rows + (0.16, -0.16)[k],
            xerr=np.abs(bounds - values),
            fmt=marker,
            color=colour,
            capsize=3,
            markersize=6,
            label=legend,
        )
    axes.set(xlim=(0, 102), xlabel="% [95 % interval]", title=f"Cues named in the reasoning (given: {name})")
    axes.set_yticks(rows, list(pairs))
    _finish(axes)


def _finish(axes: Axes) -> None:
    tidy(axes, "x")
    axes.spines["left"].set_visible(False)
    axes.tick_params(axis="y", length=0)
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.18), ncols=3, frameon=False, fontsize=9)
