"""Whether the cues that reasonings name come from the modalities that they name.

Every clip is answered with all that the system is shown, and again without each source: the words (transcript), the
voice (audio), the body (video and NFBL). What is still claimed of a source that was taken away did not come from it.
"""

import dataclasses
import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from deemo_jax.core.errors import UserError
from deemo_jax.core.files import atomic, open_output, sha256, write_json
from deemo_jax.core.schema import DEEMO_LABELS, Labels, Modality, set_name
from deemo_jax.core.stats import Interval
from deemo_jax.core.tables import Table, as_markdown
from deemo_jax.data.corpus_statement import NEUTRAL
from deemo_jax.evaluation import output_folder
from deemo_jax.evaluation.modality_sets import fullest, shown_to
from deemo_jax.evaluation.predictions import Prediction, by_set, persons, read_predictions
from deemo_jax.evaluation.reading.claims import Claim, Source, claims, read_sources
from deemo_jax.evaluation.report import certainty
from deemo_jax.evaluation.scores.cue_scores import CueReader
from deemo_jax.evaluation.scores.faithfulness_scores import FaithfulnessScores, source_scores
from deemo_jax.evaluation.truth import Truth, read_truth

if TYPE_CHECKING:
    from deemo_jax.evaluation.evaluate_run import EvaluationRequest

PAGE, JSON = output_folder.FAITHFULNESS


@dataclasses.dataclass(frozen=True, slots=True)
class Faithfulness:
    """What is left of claims when their source is taken away.

    Attributes:
        source: what was evaluated, in a line.
        whole: the modality set of the answers to whole clips.
        masked: source of cues -> the modality set without it.
        scores: source of cues -> scores.
        by_cues: sources whose claims are read by the cues that the truth states; those of others by keywords.
        persons: over how many persons intervals are; None where persons are unknown, and they are over clips.
        notes: sentences for a reader of the numbers.
    """

    source: str
    whole: str
    masked: Mapping[str, str]
    scores: FaithfulnessScores
    by_cues: Sequence[str]
    persons: int | None
    notes: Sequence[str]

    def to_json(self) -> dict[str, Any]:
        """What faithfulness.json holds."""
        rows = {
            name: {
                "modalities": self.masked[name],
                "read_by": "cues" if name in self.by_cues else "keywords",
                **of_source.to_json(),
            }
            for name, of_source in self.scores.items()
        }
        return {
            "source": self.source,
            "modalities": self.whole,
            "persons": self.persons,
            "notes": list(self.notes),
            "sources": rows,
        }


def faithfulness_of_run(request: "EvaluationRequest", keywords: Path | None = None) -> tuple[Faithfulness, Path]:
    """Has a run answer whole and masked clips, as `evaluate_run` does, and writes faithfulness.md and .json beside.

    Args:
        request: of the evaluation; its sets are not used.
        keywords: file of sources; None for this project's own.

    Returns:
        The scores, and the folder of the evaluation, which holds the predictions.

    Raises:
        UserError: as `evaluate_run` and `read_sources`; or no source can be taken away.
    """
    # They import JAX, which files of predictions do not need.
    from deemo_jax.evaluation.evaluate_run import evaluate_run
    from deemo_jax.generation.load import read_recipe

    sources = read_sources(keywords)
    shown = shown_to(read_recipe(request.workdir, request.data_dir))
    masked, _ = _masked_sets(sources, shown)
    if not masked:
        raise UserError(f"{request.workdir}: is shown {set_name(shown)} only, so that no source can be taken away")
    sets = list(dict.fromkeys([set_name(shown), *masked.values()]))
    _, folder, _ = evaluate_run(dataclasses.replace(request, sets=";".join(sets)))
    labels = output_folder.scored_labels(folder)
    truth = read_truth(request.truth, labels) if request.truth else None
    rows = by_set(read_predictions(folder / output_folder.PREDICTIONS, labels=labels))
    found = measure(rows, sources, truth, f"Run {request.workdir}")
    write(found, folder)
    return found, folder


def faithfulness_of_file(
    predictions: Path,
    *,
    truth: Path | None = None,
    labels: Labels = DEEMO_LABELS,
    keywords: Path | None = None,
    out: Path | None = None,
    overwrite: bool = False,
) -> Faithfulness:
    """Scores another system's answers to whole and masked clips.

    Args:
        predictions: JSON lines, with the modality sets that `measure` needs.
        truth: a file that overrules labels, and may state cues; None for none.
        labels: that the rows name.
        keywords: file of sources; None for this project's own.
        out: folder for faithfulness.md and .json; None to write nothing.
        overwrite: replaces those that are there.

    Raises:
        UserError: a file is missing or malformed, or lacks masked sets; or scores are there already.
    """
    if out and (out / JSON).exists() and not overwrite:
        raise UserError(f"{out / JSON}: is there; --overwrite replaces it")
    stated = read_truth(truth, labels) if truth else None
    rows = by_set(read_predictions(predictions, stated, labels))
    source = f"Predictions of {predictions} (SHA-256 {sha256(predictions)})"
    found = measure(rows, read_sources(keywords), stated, source)
    if out:
        write(found, open_output(out))
    return found


def measure(
    rows: Mapping[str, Sequence[Prediction]], sources: Sequence[Source], truth: Truth | None, said_of: str
) -> Faithfulness:
    """Scores every source whose masked answers are there.

    Args:
        rows: modality set -> predictions, as `by_set` returns them; the fullest one is of whole clips.
        sources: to look for.
        truth: where it states a cue with a source's name, claims are statements of that cue; else, and without a
            truth, they are clauses with the source's words.
        said_of: what was evaluated, in a line.

    Raises:
        UserError: no masked set is there.
    """
    whole = fullest(rows)
    masked, notes = _masked_sets(sources, Modality.parse_set(whole))
    for name, chosen in list(masked.items()):
        if chosen not in rows:
            notes.append(f"{name}: there are no answers to {chosen!r}, so it is not scored.")
            del masked[name]
    if not masked:
        raise UserError(
            f"no source can be scored: {' '.join(notes)} Give answers to clips without it, as rows of that set"
        )
    whole_rows = rows[whole]
    who = persons(whole_rows)
    cues = truth.corpus.cues if truth and truth.corpus else {}
    scores, by_cues = {}, [name for name in masked if name in cues]
    for source in sources:
        if source.name not in masked:
            continue
        read = _cue_claims(source.name, cues) if source.name in cues else _keyword_claims(source)
        true = None
        if truth and source.name in cues:
            states = (truth.cues(row.clip_id).get(source.name, NEUTRAL) for row in whole_rows)
            true = [Claim(frozenset({state})) for state in states]
        of_whole, of_masked = (
            [read(row.reasoning) for row in of_set] for of_set in (whole_rows, rows[masked[source.name]])
        )
        scores[source.name] = source_scores(of_whole, of_masked, who, true)
    count = None if who is None else int(who.max()) + 1
    notes = [*certainty(len(whole_rows), count, tested=False, intervals="Intervals"), *notes]
    return Faithfulness(said_of, whole, masked, scores, by_cues, count, notes)


def table(found: Faithfulness) -> Table:
    """The scores as a table; shares in percent with their 95 % intervals."""
    known = any(scores.right for scores in found.scores.values())
    header = ["source", "answered again with", "claims an answer", "without the source", "unfaithful", "when shuffled"]
    header += ["right", "right without the source"] if known else []
    rows = []
    for name, s in found.scores.items():
        cells = [name, found.masked[name], f"{s.claims / s.n:.2f}", f"{s.claims_masked / s.n:.2f}"]
        cells += [_told(s.unfaithful), "-" if math.isnan(s.shuffled) else f"{100 * s.shuffled:.1f}"]
        rows.append((*cells, *([_told(s.right), _told(s.right_masked)] if known else [])))
    caption = f"Claims that stay when their source is taken away, % [95 % interval]; whole clips are {found.whole}"
    return Table(caption, tuple(header), tuple(rows))


def text(found: Faithfulness) -> str:
    """The table and its notes for a terminal."""
    shown = table(found)
    return "\n\n".join([f"{shown.caption}\n{shown.text()}", *found.notes])


def write(found: Faithfulness, folder: Path) -> None:
    """Writes faithfulness.md and, last, faithfulness.json."""
    shown = table(found)
    notes = "\n".join(f"- {as_markdown(note)}" for note in found.notes)
    with atomic(folder / PAGE) as temporary:
        page = f"# Faithfulness\n\n{as_markdown(found.source)}\n\n## {shown.caption}\n\n{shown.markdown()}\n\n{notes}\n"
        temporary.write_text(page, encoding="utf-8")
    write_json(folder / JSON, found.to_json())


def _masked_sets(sources: Sequence[Source], shown: frozenset[Modality]) -> tuple[dict[str, str], list[str]]:
    """Source -> the name of what is shown without it; and a sentence on each source that cannot be taken away."""
    sets, notes = {}, []
    for source in sources:
        if not source.masks & shown:
            notes.append(f"{source.name}: is not shown at all, so it is not scored.")
        elif not (rest := shown - source.masks):
            notes.append(f"{source.name}: nothing is left to answer from without it, so it is not scored.")
        else:
            sets[source.name] = set_name(rest)
    return sets, notes


def _keyword_claims(source: Source) -> Callable[[str], list[Claim]]:
    return lambda reasoning: claims(reasoning, source)


def _cue_claims(cue: str, cues: Mapping[str, Mapping[str, str]]) -> Callable[[str], list[Claim]]:
    reader = CueReader(cues)

    def read(reasoning: str) -> list[Claim]:
        state = reader.stated(reasoning).get(cue, NEUTRAL)
        return [] if state == NEUTRAL else [Claim(frozenset({state}))]

    return read


def _told(share: Interval | None) -> str:
    return "-" if share is None or math.isnan(share.value) else str(share)
