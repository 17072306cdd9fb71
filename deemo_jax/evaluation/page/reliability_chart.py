"""The reliability diagram of a system: how often it is right beside how sure it is."""

from typing import Any

import numpy as np
from jaxtyping import Float

from deemo_jax.core.plots import INK, ORANGE, SKY, canvas, inline_svg, tidy
from deemo_jax.evaluation.scores.probability_scores import KnownOdds
from deemo_jax.generation.label_odds import BINS, Reliability, reliability


def chart(known: KnownOdds) -> str:
    """The diagram as an SVG element: bars of the shares of right answers, and dots at the mean probabilities.

    Dots are of the probabilities with the temperature, where one was learnt; those without it are rings then.
    """
    bins, left, width = _bins(known)
    figure = canvas(3.6, 3.4)
    axes = figure.subplots()
    axes.bar(left, bins.right / np.maximum(bins.clips, 1), width, align="edge", color=SKY, alpha=0.3)
    axes.plot([left[0], 1], [left[0], 1], color=INK, ls=":", lw=1.4)
    if known.temperature is not None:
        _dots(axes, reliability(known.odds, known.truth), facecolors="none", edgecolors=INK)
    _dots(axes, bins, facecolors=ORANGE, edgecolors="none")
    margin = 0.04 * (1 - left[0])
    axes.set(xlim=(left[0] - margin, 1 + margin), ylim=(0, 1.04), xlabel="probability", ylabel="share right")
    tidy(axes, "y")
    return inline_svg(figure)


def table(known: KnownOdds) -> list[dict[str, Any]]:
    """The bins that have clips, as the page embeds them: from, to, clips, mean probability, share of right answers."""
    bins, left, width = _bins(known)
    return [
        {
            "from": float(left[i]),
            "to": float(left[i] + width),
            "clips": int(bins.clips[i]),
            "sure": float(bins.sure[i] / bins.clips[i]),
            "right": float(bins.right[i] / bins.clips[i]),
        }
        for i in range(BINS)
        if bins.clips[i]
    ]


def _bins(known: KnownOdds) -> tuple[Reliability, Float[np.ndarray, " bins"], float]:
    """The bins of the probabilities as users get them, where each begins, and how wide each is."""
    least = 1 / known.odds.shape[1]
    width = (1 - least) / BINS
    return reliability(known.scaled, known.truth), least + width * np.arange(BINS), width


def _dots(axes: Any, bins: Reliability, **colours: str) -> None:
    """A dot for each bin with clips; its area grows with their share."""
    full = bins.clips > 0
    clips = bins.clips[full]
    axes.scatter(
        bins.sure[full] / clips, bins.right[full] / clips, 12 + 300 * clips / clips.sum(), clip_on=False, **colours
    )
