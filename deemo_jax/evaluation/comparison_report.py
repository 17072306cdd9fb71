"""A comparison as a table for a terminal, in Markdown, CSV, JSON and LaTeX, beside a bar chart."""

import csv
import io
from pathlib import Path

from deemo_jax.core.errors import UserError
from deemo_jax.core.files import atomic, open_output, write_json
from deemo_jax.core.tables import Table, as_csv, as_markdown
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
    folder = open_output(folder)
    paths = {Path(name).suffix: folder / name for name in COMPARISON}
    if there := [path for path in paths.values() if path.exists() and not overwrite]:
        raise UserError(f"{there[0]}: is there already; name another folder with --out, or give --overwrite")
    # Matplotlib is imported only where something is drawn: tables alone are there sooner.
    from deemo_jax.core.plots import png, svg
    from deemo_jax.evaluation.comparison_plot import plot

    shown, chart = table(found), plot(found)
    page = [f"# {as_markdown(found.scores.source)}", f"![Accuracy of each system]({paths['.png'].name})"]
    page += [f"## {shown.caption}\n\n{shown.markdown()}", "\n".join(f"- {as_markdown(note)}" for note in notes(found))]
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


def _csv(found: Comparison) -> str:
    rows, buffer = found.rows(), io.StringIO()
    writer = csv.DictWriter(buffer, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(
        {key: as_csv(cell) if isinstance(cell, str) else cell for key, cell in row.items()} for row in rows
    )
    return buffer.getvalue()
