"""A comparison as a table for a terminal, in Markdown, CSV, JSON and LaTeX, and as a bar chart."""

import csv
import io
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from deemo_jax.core.errors import UserError
from deemo_jax.core.files import atomic, write_json
from deemo_jax.core.plots import GRID, INK, ORANGE, SKY, VERMILION, canvas, png, svg, tidy
from deemo_jax.core.tables import Table
from deemo_jax.evaluation import published
from deemo_jax.evaluation.comparison import Comparison
from deemo_jax.evaluation.judge.number_text import with_interval
from deemo_jax.evaluation.output_folder import COMPARISON
from deemo_jax.evaluation.report import p_value, recognition_certainty


def table(found: Comparison) -> Table:
    """The comparison as a table; scores in percent with their 95 % intervals, differences in points."""
    rows = []
    seeds = len(found.systems[0].repeats)
    for system in found.systems:
        scores, gap = found.scores.sets[system.name], found.difference(system)
        told = [str(scores.accuracy)]
        if seeds:
            told.append(found.spreads[system.name].told("accuracy"))
        told += [str(scores.f1_weighted), str(scores.f1_macro), *_overlaps(found, system.name)]
        told += [str(scores.unparsed), str(found.scores.n)]
        against = ["", "", ""]
        if gap:
            against = [f"{gap.accuracy:+}", p_value(gap.p), p_value(gap.p if gap.p_holm is None else gap.p_holm)]
        best = _percent(found.scores.bayes.get(system.name))
        rows.append([system.name, system.modalities, *system.differs.values(), *told, *against, best])
    empty = [""] * len(found.columns)
    for row in found.published:
        told = [f"{100 * row.accuracy:.2f}", *[""] * bool(seeds), f"{100 * row.f1_weighted:.2f}"]
        overlaps = [f"{mean:.2f}" if mean else "" for mean in (row.clue_overlap, row.label_overlap)]
        told += ["", *overlaps[: 2 * found.has_overlaps], "", str(published.CLIPS)]
        rows.append([f"{row.method} (published)", row.modalities, *empty, *told, "", "", "", ""])
    header = ["system", "modalities", *found.columns, "accuracy"]
    header += [f"mean ± SD of {seeds} seeds"] if seeds else []
    header += ["weighted F1", "macro F1"]
    header += ["clue overlap, 1-10", "label overlap, 1-10"] if found.has_overlaps else []
    header += ["unparsed", "clips"]
    header += [f"accuracy of {found.reference} less its", "p", "p (Holm)", "Bayes-optimal accuracy"]
    shown = len(header) if found.scores.bayes else len(header) - 1
    return Table("Recognition, % [95 % interval]", tuple(header[:shown]), tuple(tuple(row[:shown]) for row in rows))


def _overlaps(found: Comparison, system: str) -> list[str]:
    """Cells of a system's judged reasonings."""
    means = [found.judged.of(system, score) if found.judged else None for score in ("clue", "label")]
    return [with_interval(mean) if mean else "" for mean in means] if found.has_overlaps else []


def _percent(score: float | None) -> str:
    return "" if score is None else f"{100 * score:.1f}"


def notes(found: Comparison) -> list[str]:
    """What a reader of the table must know, a sentence a line."""
    said = [*recognition_certainty(found.scores), *found.scores.notes]
    if seeds := len(found.systems[0].repeats):
        said.append(
            f"Scores and unparsed answers are of all answers of {seeds} seeds; their intervals say nothing of other "
            "seeds, the standard deviation (SD) between seeds nothing of other clips."
        )
    if found.judged:
        checked = "corrected by people" if found.judged.calibrated else "not calibrated on people"
        said.append(f"Overlaps are by {found.judged.judge}; they are {checked} (docs/judge.md).")
        said += [
            f"The reasonings of {name} were judged on {count} of {found.scores.n} clips."
            for name, count in found.judged.rows.items()
            if count != found.scores.n
        ]
        for system in found.systems:
            less = [found.overlap_difference(system, score) for score in ("clue", "label")]
            clue, label = (with_interval(gap) if gap else "" for gap in less)
            if clue:
                said.append(
                    f"{found.reference} less {system.name}, as judged on the clips of both, paired: "
                    f"clue overlap {clue}, label overlap {label}."
                )
    if found.published:
        table = found.published[0].table
        said.append(
            f"Published rows are those of Table {table} of arXiv 2504.19549, scored there on {published.CLIPS} clips "
            "of DEEMO-MER; nothing of them is measured here: read them beside scores on those clips only."
        )
    if any(row.clue_overlap for row in found.published):
        said.append(
            "Their overlaps are by gpt-4o-mini-2024-07-18 with prompts that are not public; scores of another judge are"
            " not to be compared with them."
        )
    return said


def text(found: Comparison) -> str:
    """The table for a terminal."""
    shown = table(found)
    return "\n\n".join([f"{shown.caption}\n{shown.text()}", *notes(found)])


def write(found: Comparison, folder: Path, *, overwrite: bool = False) -> None:
    """Writes comparison.md, .csv, .tex, .png, .svg and, last, .json into a folder.

    Raises:
        UserError: a comparison is there and may not be overwritten, or the folder cannot be written.
    """
    paths = {Path(name).suffix: folder / name for name in COMPARISON}
    if there := [path for path in paths.values() if path.exists() and not overwrite]:
        raise UserError(f"{there[0]}: is there already; name another folder with --out, or give --overwrite")
    shown, chart = table(found), plot(found)
    page = [f"# {found.scores.source}", f"![Accuracy of each system]({paths['.png'].name})"]
    page += [f"## {shown.caption}\n\n{shown.markdown()}", "\n".join(f"- {note}" for note in notes(found))]
    contents = {
        ".md": ("\n\n".join(page) + "\n").encode(),
        ".csv": _csv(found).encode(),
        ".tex": (shown.latex() + "\n").encode(),
        ".png": png(chart),
        ".svg": svg(chart),
    }
    paths[".json"].unlink(missing_ok=True)
    for ending, content in contents.items():
        with atomic(paths[ending]) as temporary:
            temporary.write_bytes(content)
    write_json(paths[".json"], found.to_json())


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


def _csv(found: Comparison) -> str:
    rows, buffer = found.rows(), io.StringIO()
    writer = csv.DictWriter(buffer, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return buffer.getvalue()
