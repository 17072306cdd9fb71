"""Scores a run, or any other system's outputs.

    python -m deemo_jax.evaluate --workdir runs/sample
    python -m deemo_jax.evaluate --workdir runs/sample --modalities "all;transcript;video,audio" --limit 50
    python -m deemo_jax.evaluate --predictions theirs.jsonl --truth truth.jsonl
    python -m deemo_jax.evaluate --predictions words.jsonl --wheel wheel.json
    python -m deemo_jax.evaluate --workdir runs/sample --faithfulness
    python -m deemo_jax.evaluate --workdir runs/sample --judge MODEL --base_url http://localhost:8000/v1
    python -m deemo_jax.evaluate --judge MODEL --protocol prefer runs/a theirs.jsonl
    python -m deemo_jax.evaluate --workdir runs/sample --sheet --source raw --deid deid
    python -m deemo_jax.evaluate --compare runs/a runs/b theirs.jsonl --truth truth.jsonl --out runs/table5 --published
    python -m deemo_jax.evaluate --report runs/a theirs.jsonl --truth truth.jsonl --metadata persons.csv --out runs/page

The first two answer every clip of the split once per modality set. Each evaluation has a folder of its own in
WORKDIR/evaluation/, or --out: predictions.jsonl, recognition.json, report.md and recognition.png. One that was
interrupted goes on where it stopped; one that is there is shown, not made again. --predictions needs no model; its
scores are only shown without --workdir or --out. --sheet draws sheet.png beside the predictions of the evaluation that
the other flags ask for; without any of them, of the one that was finished last. --compare makes one table of runs, each
by its evaluation that was finished last, and of files of predictions, with the differences from the first. --report
makes one HTML page of the same, with confusion, calibration, groups of people, and every clip. --judge has a language
model score the reasonings of what was evaluated; nothing but the reasonings is sent to it.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import cast

from absl import flags

from deemo_jax.core import cli, evaluation_formats, formats
from deemo_jax.core.errors import UserError
from deemo_jax.core.schema import DEEMO_LABELS, Labels
from deemo_jax.evaluation import comparison_report, faithfulness, output_folder, report
from deemo_jax.evaluation.compare_request import CompareRequest, compare_systems
from deemo_jax.evaluation.evaluate_file import FileRequest, evaluate_file
from deemo_jax.evaluation.evaluate_words import PAGE_NAME, WordsRequest, evaluate_words
from deemo_jax.evaluation.judge_flags import define_judge_flags
from deemo_jax.evaluation.modality_sets import fullest, parse_sets
from deemo_jax.evaluation.predictions import PROTOCOLS, Protocol, by_set, read_predictions
from deemo_jax.evaluation.reading.synonyms import label_synonyms
from deemo_jax.evaluation.run_flags import define_run_flags, path_of
from deemo_jax.evaluation.truth import read_truth

RUN = define_run_flags()
MODALITIES = flags.DEFINE_string(
    "modalities",
    "",
    "What the model is given: sets divided by ';', each a comma-separated choice of audio, video, transcript, nfbl, or "
    "'all'. Default: all;transcript;video;audio, as far as the run knows them.",
)
CALIBRATE = flags.DEFINE_bool(
    "calibrate",
    None,
    "Learn, on the split `validation`, temperatures that make probabilities honest. Default: when the run has none yet "
    "and no --limit is given.",
)
PREDICTIONS = flags.DEFINE_string("predictions", "", "Score this JSON-lines file instead of running a model.")
LABELS = flags.DEFINE_string(
    "labels",
    "",
    "The emotions that --predictions, --compare, --report and --truth name, divided by commas. Default: DEEMO's.",
)
SYNONYMS = flags.DEFINE_string(
    "synonyms", "", "JSON with other words for labels, by which the answers of files of predictions are read."
)
READ = flags.DEFINE_enum(
    "read",
    "answer",
    PROTOCOLS,
    "What gives a row of --predictions its emotion: what its answer states, or its greatest log-likelihood.",
)
WHEEL = flags.DEFINE_list(
    "wheel",
    [],
    "Score the lists of emotion words in --predictions by these emotion wheels, JSON files divided by commas. "
    "--synonyms then leads other words to those of the wheels.",
)
FAITHFULNESS = flags.DEFINE_bool(
    "faithfulness",
    False,
    "Score whether claims of the reasonings go when the modality that they name is taken away.",
)
KEYWORDS = flags.DEFINE_string(
    "keywords", "", "JSON with sources of cues and the words that name them, for --faithfulness; default: our own."
)
SHEET = flags.DEFINE_bool("sheet", False, "Draw the contact sheet of an evaluated run; needs --source and --deid.")
SOURCE = flags.DEFINE_string("source", "", "Folder of the raw clips, for --sheet.")
DEID = flags.DEFINE_string(
    "deid",
    "",
    "Folder of the de-identified clips and their manifests, for --sheet; of --report too.",
)
COMPARE = flags.DEFINE_bool("compare", False, "One table of the runs and files of predictions that are named after it.")
REPORT = flags.DEFINE_bool("report", False, "One HTML page of the runs and files that are named after it, in --out.")
METADATA = flags.DEFINE_string(
    "metadata",
    "",
    "For --report: JSON lines or CSV with clip_id or person_id; its other columns make groups.",
)
INCLUDE_RAW_TEXT = flags.DEFINE_bool(
    "include_raw_text", False, "For --report and --judge: show and send texts also where names were not taken out."
)
PUBLISHED = flags.DEFINE_bool(
    "published", False, "With --compare, --report: show the rows of the paper's Table 5 beside."
)
JUDGE = define_judge_flags()
ROWS = flags.DEFINE_integer("rows", 8, "Rows of the sheet.", lower_bound=1, upper_bound=40)
SHOW_FORMAT = flags.DEFINE_bool("show_format", False, "Show what predictions and truth look like, and stop.")
# Flags that choose an evaluation; without any of them --sheet draws that of the last one.
WHICH = (*RUN.choosing, MODALITIES, CALIBRATE, PREDICTIONS)


# Flags that say how a run answers clips, which have no part where its answers are there already.
ANSWERING = (
    RUN.from_step,
    RUN.split,
    RUN.limit,
    RUN.batch_size,
    RUN.max_new_tokens,
    RUN.accept_data_change,
    RUN.verify_data,
    CALIBRATE,
)


def main(words: Sequence[str]) -> None:
    JUDGE.refuse_without_judge()
    if KEYWORDS.value and not FAITHFULNESS.value:
        raise UserError("--keywords goes with --faithfulness")
    if METADATA.value and not REPORT.value:
        raise UserError("--metadata goes with --report")
    if INCLUDE_RAW_TEXT.value and not (REPORT.value or JUDGE.judge.value):
        raise UserError("--include_raw_text goes with --report or --judge")
    if COMPARE.value or REPORT.value:
        _compare(words) if COMPARE.value else _report(words)
        return
    if JUDGE.judge.value:
        _judge(words)
        return
    cli.refuse_words(words)
    if PUBLISHED.value:
        raise UserError("--published goes with --compare or --report")
    if SHOW_FORMAT.value:
        print(formats.shown((formats.ANNOTATIONS, *evaluation_formats.ALL)))
        return
    if not RUN.workdir.value and not PREDICTIONS.value:
        raise UserError("name a run with --workdir, or a file of predictions with --predictions")
    if LABELS.value and not PREDICTIONS.value:
        raise UserError("--labels goes with --predictions or --compare: a run has those of its dataset")
    if SYNONYMS.value and not PREDICTIONS.value:
        raise UserError("--synonyms goes with --predictions or --compare: a run's own answers have one form")
    if PREDICTIONS.value:
        _refuse_unused("--predictions", *ANSWERING, RUN.data_dir, MODALITIES)
    if FAITHFULNESS.value:
        _faithfulness()
        return
    if READ.present and (WHEEL.value or not PREDICTIONS.value):
        raise UserError("--read goes with --predictions, without --wheel; the report of a run shows both protocols")
    if WHEEL.value:
        _evaluate_words()
        return
    if SHEET.value and not (RUN.workdir.value and SOURCE.value and DEID.value):
        raise UserError("--sheet needs --workdir, --source (raw clips) and --deid (de-identified clips)")
    folder = (
        None if any(flag.present for flag in WHICH) else output_folder.newest(Path(RUN.workdir.value, "evaluation"))
    )
    if not (SHEET.value and folder):
        folder = _evaluate_file() if PREDICTIONS.value else _evaluate_run()
    if SHEET.value and folder:
        _draw_sheet(folder)


def _refuse_unused(mode: str, *others: flags.FlagHolder) -> None:
    """Refuses flags that would change nothing of what is asked for."""
    if given := [flag.name for flag in others if flag.present]:
        raise UserError(f"--{given[0]} has no part in {mode}; leave it out")


def _evaluate_file() -> Path | None:
    found, folder = evaluate_file(
        FileRequest(
            predictions=Path(PREDICTIONS.value),
            truth=path_of(RUN.truth),
            labels=_labels(),
            synonyms=path_of(SYNONYMS),
            workdir=path_of(RUN.workdir),
            out=path_of(RUN.out),
            overwrite=RUN.overwrite.value,
            protocol=cast(Protocol, READ.value),
        )
    )
    print(report.text(found))
    if folder:
        print(f"\nwritten: {folder / 'report.md'}")
    return folder


def _evaluate_words() -> None:
    if not PREDICTIONS.value:
        raise UserError("--wheel goes with --predictions: rows with lists of emotion words")
    if LABELS.value or RUN.truth.value or SHEET.value or RUN.workdir.value:
        raise UserError(
            "--wheel takes no --labels, --truth, --sheet or --workdir: rows have their true words; write to --out"
        )
    out = path_of(RUN.out)
    request = WordsRequest(
        predictions=Path(PREDICTIONS.value),
        wheels=tuple(map(Path, WHEEL.value)),
        synonyms=path_of(SYNONYMS),
        out=out,
        overwrite=RUN.overwrite.value,
    )
    print(evaluate_words(request))
    if out:
        print(f"\nwritten: {out / PAGE_NAME}")


def _faithfulness() -> None:
    if MODALITIES.value or WHEEL.value or SHEET.value or READ.present or SYNONYMS.value:
        raise UserError("--faithfulness takes no --modalities, --wheel, --sheet, --read or --synonyms")
    keywords = path_of(KEYWORDS)
    if PREDICTIONS.value:
        folder = path_of(RUN.out)
        found = faithfulness.faithfulness_of_file(
            Path(PREDICTIONS.value),
            truth=path_of(RUN.truth),
            labels=_labels(),
            keywords=keywords,
            out=folder,
            overwrite=RUN.overwrite.value,
        )
    else:
        found, folder = faithfulness.faithfulness_of_run(RUN.request(calibrate=False), keywords)
    print(faithfulness.text(found))
    if folder:
        print(f"\nwritten: {folder / faithfulness.PAGE}")


def _evaluate_run() -> Path:
    if MODALITIES.value:
        parse_sets(MODALITIES.value)
    # JAX is imported only here: scoring a file of predictions needs none of it, and mistakes in flags answer at once.
    from deemo_jax.evaluation.evaluate_run import evaluate_run

    found, folder, was_there = evaluate_run(RUN.request(sets=MODALITIES.value, calibrate=CALIBRATE.value))
    print(report.text(found))
    there = "evaluated before (--overwrite does it again)" if was_there else "written"
    print(f"\n{there}: {folder / 'report.md'}")
    return folder


def _compare(words: Sequence[str]) -> None:
    if RUN.workdir.value or PREDICTIONS.value or SHEET.value or WHEEL.value or REPORT.value or JUDGE.judge.value:
        raise UserError(
            "--compare takes runs and files without --workdir, --predictions, --report, --judge, --sheet and --wheel"
        )
    if READ.present:
        raise UserError("--read has no part in --compare; score each file by --predictions FILE --read likelihood")
    _refuse_unused("--compare", *ANSWERING, RUN.data_dir, FAITHFULNESS, SOURCE, DEID)
    request = CompareRequest(
        paths=list(map(Path, words)),
        modalities=MODALITIES.value,
        labels=_labels() if LABELS.value else None,
        truth=path_of(RUN.truth),
        synonyms=path_of(SYNONYMS),
        published=PUBLISHED.value,
        out=path_of(RUN.out),
        overwrite=RUN.overwrite.value,
    )
    print(comparison_report.text(compare_systems(request)))
    if request.out:
        print(f"\nwritten: {request.out / 'comparison.md'}")


def _report(words: Sequence[str]) -> None:
    if RUN.workdir.value or PREDICTIONS.value or SHEET.value or WHEEL.value or JUDGE.judge.value:
        raise UserError("--report takes runs and files without --workdir, --predictions, --judge, --sheet and --wheel")
    if READ.present:
        raise UserError("--read goes with --predictions; the answers on a page are read by what they state")
    _refuse_unused("--report", *ANSWERING, FAITHFULNESS, SOURCE)
    from deemo_jax.evaluation.page.write_page import PageRequest, write_page

    request = PageRequest(
        paths=list(map(Path, words)),
        out=path_of(RUN.out),
        modalities=MODALITIES.value,
        labels=_labels() if LABELS.value else None,
        truth=path_of(RUN.truth),
        synonyms=path_of(SYNONYMS),
        published=PUBLISHED.value,
        metadata=path_of(METADATA),
        data_dir=RUN.data_dir.value,
        deid=path_of(DEID),
        include_raw_text=INCLUDE_RAW_TEXT.value,
        overwrite=RUN.overwrite.value,
    )
    path, shown = write_page(request)
    print("\n\n".join([comparison_report.text(shown.found), *shown.left_out]))
    print(f"\nwritten: {path} ({path.stat().st_size / 1e6:.1f} MB, {len(shown.cards)} clips shown)")


def _judge(words: Sequence[str]) -> None:
    named = [flag.value for flag in (RUN.workdir, PREDICTIONS) if flag.value]
    others = (SHEET, WHEEL, PUBLISHED, FAITHFULNESS)
    if any(flag.value for flag in others) or len(named) > 1 or (named and words):
        raise UserError(
            "--judge takes --workdir, --predictions, or runs and files behind it, one of these, and none of "
            + ", ".join(f"--{flag.name}" for flag in others)
        )
    _refuse_unused("--judge", *ANSWERING, RUN.data_dir, RUN.overwrite, READ, SOURCE, DEID)
    told = JUDGE.told(
        list(map(Path, named or words)),
        truth=path_of(RUN.truth),
        labels=_labels() if LABELS.value else None,
        synonyms=path_of(SYNONYMS),
        modalities=MODALITIES.value,
        include_raw_text=INCLUDE_RAW_TEXT.value,
        out=path_of(RUN.out),
    )
    print(told)


def _draw_sheet(folder: Path) -> None:
    from deemo_jax.evaluation import contact_sheet

    labels = _labels() if PREDICTIONS.value else output_folder.scored_labels(folder)
    truth = read_truth(RUN.truth.value, labels) if PREDICTIONS.value and RUN.truth.value else None
    synonyms = label_synonyms(SYNONYMS.value, labels) if SYNONYMS.value else None
    sets = by_set(read_predictions(PREDICTIONS.value or folder / output_folder.PREDICTIONS, truth, labels, synonyms))
    name, path = fullest(sets), folder / "sheet.png"
    contact_sheet.draw_spread(sets[name], name, path, SOURCE.value, DEID.value, ROWS.value)
    print(f"contact sheet of {name}: {path}")


def _labels() -> Labels:
    return Labels.parse(LABELS.value) if LABELS.value else DEEMO_LABELS


if __name__ == "__main__":
    cli.run_with_words(main)
