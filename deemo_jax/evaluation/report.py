"""The report of an evaluation: tables for a terminal and in Markdown, beside a plot."""

import itertools
import math
from pathlib import Path

from deemo_jax.core.files import atomic, write_json
from deemo_jax.core.tables import Table, as_markdown
from deemo_jax.evaluation.results import Results
from deemo_jax.evaluation.scores.paired_tests import DISCORDANCE, LEVEL, POWER, smallest_difference
from deemo_jax.evaluation.scores.resampled_tables import FEWEST_PERSONS


def tables(results: Results) -> list[Table]:
    """The results as tables; scores are in percent, with their 95 % intervals."""
    found = [_recognition(results)]
    header: tuple[str, ...]
    rows: list[tuple[str, ...]]
    if results.differences:
        caption = "Differences on the same clips, points [paired 95 % interval]"
        rows = [
            (
                name,
                f"{d.accuracy:+}",
                f"{d.f1_weighted:+}",
                p_value(d.p),
                p_value(d.p if d.p_holm is None else d.p_holm),
            )
            for name, d in results.differences.items()
        ]
        found.append(Table(caption, ("", "accuracy", "weighted F1", "p (accuracy)", "p (Holm)"), tuple(rows)))
    if results.cues:
        header = ("modalities", "cue", "precision", "when shuffled", "recall", "when shuffled")
        rows = [
            (name, cue, str(s.precision), str(s.precision_shuffled), str(s.recall), str(s.recall_shuffled))
            for name, of_set in results.cues.items()
            for cue, s in of_set.items()
        ]
        found.append(Table("Cues that the reasoning names, % [95 % interval]", header, tuple(rows)))
    if results.protocols:
        found.append(_protocols(results))
    if results.probabilities:
        count = len(next(iter(results.sets.values())).classes)
        guess = "a thrown coin" if count == 2 else f"a guess among {count}"
        caption = f"Probabilities of the emotion (0 is best; {guess} has an NLL of {math.log(count):.3f})"
        header = ("modalities", "temperature", "ECE", "calibrated", "NLL", "calibrated", "clips")
        rows = [
            (name, *map(_number, (s.temperature, s.ece, s.ece_calibrated, s.nll, s.nll_calibrated)), str(s.n))
            for name, s in results.probabilities.items()
        ]
        found.append(Table(caption, header, tuple(rows)))
    return found


def _protocols(results: Results) -> Table:
    rows = [
        (
            name,
            *(str(value) for r in (s.answer, s.likelihood) for value in (r.accuracy, r.f1_weighted, r.unparsed)),
            str(s.agreement),
            f"{s.both} of {s.answer.n}",
        )
        for name, s in results.protocols.items()
    ]
    by = [column for by in ("answer", "likelihood") for column in (f"accuracy by {by}", "weighted F1", "unparsed")]
    header = ("modalities", *by, "agreement", "labelled by both")
    return Table("Labels by the answer, and by the likeliest statement, % [95 % interval]", header, tuple(rows))


def _recognition(results: Results) -> Table:
    columns = {
        "modalities": [*results.sets, "(majority class)"],
        "accuracy": [*(str(s.accuracy) for s in results.sets.values()), f"{100 * results.majority:.1f}"],
    }
    if results.bayes:
        best = results.bayes
        columns["Bayes-optimal"] = [f"{100 * best[name]:.1f}" if name in best else "" for name in results.sets]
    for title, score in (("weighted F1", "f1_weighted"), ("macro F1", "f1_macro"), ("unparsed",) * 2, ("clips", "n")):
        columns[title] = [str(getattr(s, score)) for s in results.sets.values()]
    rows = tuple(itertools.zip_longest(*columns.values(), fillvalue=""))
    by = "" if results.protocol == "answer" else " by the likeliest statement"
    return Table(f"Recognition{by}, % [95 % interval]", tuple(columns), rows)


def notes(results: Results) -> list[str]:
    """Notes on the tables for a reader, a line each."""
    kind = [f"The corpus is {results.corpus}, as its truth file states."] if results.corpus else []
    return [*recognition_certainty(results), *results.notes, *kind]


def recognition_certainty(results: Results) -> list[str]:
    """What intervals and tests of recognition rest on, a sentence a line."""
    return certainty(results.n, results.persons, tested=bool(results.differences), repeats=results.repeats)


def certainty(
    n: int, persons: int | None, *, tested: bool, intervals: str = "Intervals of recognition", repeats: int = 1
) -> list[str]:
    """What intervals and tests rest on, a sentence a line.

    Args:
        n: clips.
        persons: how many they show; None where this is unknown.
        tested: whether differences are shown.
        intervals: which intervals are over persons where these are known.
        repeats: answers to each clip, those of models trained with so many seeds.
    """
    of_each = "clips" if repeats == 1 else f"answers, those of {repeats} seeds"
    if persons is not None and persons < FEWEST_PERSONS:
        who = "1 person" if persons == 1 else f"{persons} persons"
        said = [f"No intervals: the clips show {who}, and {FEWEST_PERSONS} are the fewest for one."]
    elif persons is not None:
        said = [f"{intervals} are over {persons} persons, each drawn with all their {of_each}."]
    elif repeats > 1:
        said = [f"Intervals are over clips, each drawn with all its {of_each}: not every row has a person_id."]
    else:
        said = ["Intervals are over clips, as if each showed another person: not every row has a person_id."]
    if tested:
        test = f"sign-flips over {'clips' if persons is None else 'persons'}"
        test = "McNemar's exact test" if persons is None and repeats == 1 else test
        said.append(f"p is of equal accuracy, two-sided, by {test}; Holm's is adjusted for all differences shown.")
        least = smallest_difference(n)
        shown = "no difference" if least is None else f"differences in accuracy from {100 * least:.1f} points on"
        said.append(
            f"{n} clips can show {shown} ({100 * POWER:.0f} % power, {100 * LEVEL:.0f} % level, independent clips of "
            f"which {100 * DISCORDANCE:.0f} % are told right by just one of both)."
        )
    return said


def p_value(p: float) -> str:
    """A p-value with three digits."""
    return f"{p:.3f}" if p >= 0.001 else "< 0.001"


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"


def text(results: Results) -> str:
    """The tables for a terminal."""
    parts = [f"{table.caption}\n{table.text()}" for table in tables(results)]
    return "\n\n".join([*parts, *notes(results)])


def markdown(results: Results, picture: str = "") -> str:
    """The tables as a Markdown page; `picture` is the name of the plot's file beside it."""
    parts = [f"# Evaluation\n\n{as_markdown(results.source)}"]
    if picture:
        parts.append(f"![Accuracy by modality set]({picture})")
    parts += [f"## {table.caption}\n\n{table.markdown()}" for table in tables(results)]
    if said := notes(results):
        parts.append("\n".join(f"- {as_markdown(note)}" for note in said))
    return "\n\n".join(parts) + "\n"


def write(results: Results, folder: Path) -> None:
    """Writes recognition.png, report.md and, last, recognition.json into `folder`."""
    # Matplotlib is imported only where something is drawn: tables alone are there sooner.
    from deemo_jax.evaluation.recognition_plot import plot

    plot(results, folder / "recognition.png")
    with atomic(folder / "report.md") as temporary:
        temporary.write_text(markdown(results, "recognition.png"), encoding="utf-8")
    write_json(folder / "recognition.json", results.to_json())
