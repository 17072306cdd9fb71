"""Scores a run, or any other system's outputs.

    python -m deemo_jax.evaluate --workdir runs/sample
    python -m deemo_jax.evaluate --workdir runs/sample --modalities "all;transcript;video,audio" --limit 50
    python -m deemo_jax.evaluate --predictions theirs.jsonl --truth truth.jsonl
    python -m deemo_jax.evaluate --predictions words.jsonl --wheel wheel.json
    python -m deemo_jax.evaluate --workdir runs/sample --sheet --source raw --deid deid
    python -m deemo_jax.evaluate --compare runs/a runs/b theirs.jsonl --truth truth.jsonl --out runs/table5 --published

The first two answer every clip of the split once per modality set. Each evaluation has a folder of its own in
WORKDIR/evaluation/, or --out: predictions.jsonl, recognition.json, report.md and recognition.png. One that was
interrupted goes on where it stopped; one that is there is shown, not made again. --predictions needs no model; its
scores are only shown without --workdir or --out. --sheet draws sheet.png beside the predictions of the evaluation that
the other flags ask for; without any of them, of the one that was finished last. --compare makes one table of runs, each
by its evaluation that was finished last, and of files of predictions, with the differences from the first.
"""

from collections.abc import Sequence
from pathlib import Path

from absl import flags

from deemo_jax.core import cli, formats
from deemo_jax.core.errors import UserError
from deemo_jax.core.schema import DEEMO_LABELS, Labels, set_name
from deemo_jax.evaluation import comparison_report, output_folder, report
from deemo_jax.evaluation.compared_systems import labels_of, predictions_of, read_systems
from deemo_jax.evaluation.comparison import compare
from deemo_jax.evaluation.evaluate_file import FileRequest, evaluate_file
from deemo_jax.evaluation.evaluate_words import PAGE_NAME, WordsRequest, evaluate_words
from deemo_jax.evaluation.modality_sets import fullest, parse_sets
from deemo_jax.evaluation.predictions import by_set, read_predictions
from deemo_jax.evaluation.published import TABLE_5
from deemo_jax.evaluation.reading.synonyms import label_synonyms
from deemo_jax.evaluation.truth import read_truth

WORKDIR = flags.DEFINE_string("workdir", "", "Folder of a run; results go to its evaluation/.")
OUT = flags.DEFINE_string(
    "out", "", "Folder of this evaluation; default: one below evaluation/ with a name of its own."
)
OVERWRITE = flags.DEFINE_bool("overwrite", False, "Remove the evaluation that is there and evaluate again.")
MODALITIES = flags.DEFINE_string(
    "modalities",
    "",
    "What the model is given: sets divided by ';', each a comma-separated choice of audio, video, transcript, nfbl, or "
    "'all'. Default: all;transcript;video;audio, as far as the run knows them.",
)
FROM_STEP = flags.DEFINE_integer("from_step", None, "Which checkpoint of the run; default: the newest.", lower_bound=0)
SPLIT = flags.DEFINE_string("split", "", "Which split to answer; empty is the run's config.data.test_split.")
LIMIT = flags.DEFINE_integer("limit", 0, "Only so many clips of the split; 0 is all.", lower_bound=0)
BATCH_SIZE = flags.DEFINE_integer("batch_size", 32, "Clips that are answered at once, by all devices.", lower_bound=1)
MAX_NEW_TOKENS = flags.DEFINE_integer("max_new_tokens", 160, "The longest answer, in tokens.", lower_bound=1)
DATA_DIR = flags.DEFINE_string("data_dir", "", "Where the run's dataset lies now, if it was moved.")
CALIBRATE = flags.DEFINE_bool(
    "calibrate",
    None,
    "Learn, on the split `validation`, temperatures that make probabilities honest. Default: when the run has none yet "
    "and no --limit is given.",
)
PREDICTIONS = flags.DEFINE_string("predictions", "", "Score this JSON-lines file instead of running a model.")
TRUTH = flags.DEFINE_string(
    "truth",
    "",
    "JSON lines with clip_id, emotion and reasoning that overrule the labels. Where they state their corpus, its cues "
    "and the best accuracy are in the report.",
)
LABELS = flags.DEFINE_string(
    "labels",
    "",
    "The emotions that --predictions, --compare and --truth name, divided by commas. Default: negative,positive.",
)
SYNONYMS = flags.DEFINE_string(
    "synonyms", "", "JSON with other words for labels, by which the answers of files of predictions are read."
)
WHEEL = flags.DEFINE_list(
    "wheel",
    [],
    "Score the lists of emotion words in --predictions by these emotion wheels, JSON files divided by commas. "
    "--synonyms then leads other words to those of the wheels.",
)
SHEET = flags.DEFINE_bool("sheet", False, "Draw the contact sheet of an evaluated run; needs --source and --deid.")
SOURCE = flags.DEFINE_string("source", "", "Folder of the raw clips, for --sheet.")
DEID = flags.DEFINE_string("deid", "", "Folder of the de-identified clips and their manifests, for --sheet.")
ACCEPT_DATA_CHANGE = flags.DEFINE_bool(
    "accept_data_change", False, "Take other data than the run was trained on; the report says so."
)
VERIFY_DATA = flags.DEFINE_bool("verify_data", False, "First hold the hash of every shard against what build recorded.")
COMPARE = flags.DEFINE_bool("compare", False, "One table of the runs and files of predictions that are named after it.")
PUBLISHED = flags.DEFINE_bool("published", False, "With --compare: show the rows of the paper's Table 5 beside.")
ROWS = flags.DEFINE_integer("rows", 8, "Rows of the sheet.", lower_bound=1, upper_bound=40)
SHOW_FORMAT = flags.DEFINE_bool("show_format", False, "Show what predictions and truth look like, and stop.")
# Flags that choose an evaluation; without any of them --sheet draws that of the last one.
WHICH = (OUT, OVERWRITE, MODALITIES, FROM_STEP, SPLIT, LIMIT, MAX_NEW_TOKENS, DATA_DIR, CALIBRATE, PREDICTIONS, TRUTH)


def main(words: Sequence[str]) -> None:
    if COMPARE.value:
        _compare(words)
        return
    cli.refuse_words(words)
    if PUBLISHED.value:
        raise UserError("--published goes with --compare")
    if SHOW_FORMAT.value:
        print(
            formats.shown(
                (formats.PREDICTIONS, formats.ANNOTATIONS, formats.SYNONYMS, formats.WORD_LISTS, formats.WHEEL)
            )
        )
        return
    if not WORKDIR.value and not PREDICTIONS.value:
        raise UserError("name a run with --workdir, or a file of predictions with --predictions")
    if LABELS.value and not PREDICTIONS.value:
        raise UserError("--labels goes with --predictions or --compare: a run has those of its dataset")
    if SYNONYMS.value and not PREDICTIONS.value:
        raise UserError("--synonyms goes with --predictions or --compare: a run's own answers have one form")
    if WHEEL.value:
        _evaluate_words()
        return
    if SHEET.value and not (WORKDIR.value and SOURCE.value and DEID.value):
        raise UserError("--sheet needs --workdir, --source (raw clips) and --deid (de-identified clips)")
    folder = None if any(flag.present for flag in WHICH) else output_folder.newest(Path(WORKDIR.value, "evaluation"))
    if not (SHEET.value and folder):
        folder = _evaluate_file() if PREDICTIONS.value else _evaluate_run()
    if SHEET.value and folder:
        _draw_sheet(folder)


def _evaluate_file() -> Path | None:
    found, folder = evaluate_file(
        FileRequest(
            predictions=Path(PREDICTIONS.value),
            truth=_path(TRUTH.value),
            labels=_labels(),
            synonyms=_path(SYNONYMS.value),
            workdir=_path(WORKDIR.value),
            out=_path(OUT.value),
            overwrite=OVERWRITE.value,
        )
    )
    print(report.text(found))
    if folder:
        print(f"\nwritten: {folder / 'report.md'}")
    return folder


def _evaluate_words() -> None:
    if not PREDICTIONS.value:
        raise UserError("--wheel goes with --predictions: rows with lists of emotion words")
    if LABELS.value or TRUTH.value or SHEET.value or WORKDIR.value:
        raise UserError(
            "--wheel takes no --labels, --truth, --sheet or --workdir: rows have their true words; write to --out"
        )
    out = _path(OUT.value)
    request = WordsRequest(
        predictions=Path(PREDICTIONS.value),
        wheels=tuple(map(Path, WHEEL.value)),
        synonyms=_path(SYNONYMS.value),
        out=out,
        overwrite=OVERWRITE.value,
    )
    print(evaluate_words(request))
    if out:
        print(f"\nwritten: {out / PAGE_NAME}")


def _evaluate_run() -> Path:
    if MODALITIES.value:
        parse_sets(MODALITIES.value)
    # JAX is imported only here: scoring a file of predictions needs none of it, and mistakes in flags answer at once.
    from deemo_jax.evaluation.evaluate_run import EvaluationRequest, evaluate_run

    found, folder, was_there = evaluate_run(
        EvaluationRequest(
            workdir=Path(WORKDIR.value),
            sets=MODALITIES.value,
            split=SPLIT.value,
            limit=LIMIT.value,
            step=FROM_STEP.value,
            batch_size=BATCH_SIZE.value,
            max_new_tokens=MAX_NEW_TOKENS.value,
            data_dir=DATA_DIR.value,
            accept_data_change=ACCEPT_DATA_CHANGE.value,
            verify_data=VERIFY_DATA.value,
            truth=_path(TRUTH.value),
            out=_path(OUT.value),
            overwrite=OVERWRITE.value,
            calibrate=CALIBRATE.value,
        )
    )
    print(report.text(found))
    there = "evaluated before (--overwrite does it again)" if was_there else "written"
    print(f"\n{there}: {folder / 'report.md'}")
    return folder


def _compare(words: Sequence[str]) -> None:
    if not words:
        raise UserError("name runs or files of predictions behind --compare")
    if WORKDIR.value or PREDICTIONS.value or SHEET.value or WHEEL.value:
        raise UserError("--compare takes runs and files without --workdir, --predictions, --sheet and --wheel")
    sets = parse_sets(MODALITIES.value) if MODALITIES.value else []
    if len(sets) > 1:
        raise UserError(
            "--compare compares one set; name one with --modalities, or none for the fullest of each system"
        )
    paths = list(map(Path, words))
    labels = _labels() if LABELS.value else labels_of([predictions_of(path) for path in paths])
    truth = read_truth(TRUTH.value, labels) if TRUTH.value else None
    synonyms = label_synonyms(Path(SYNONYMS.value), labels) if SYNONYMS.value else None
    systems = read_systems(paths, labels, truth, set_name(sets[0]) if sets else "", synonyms)
    found = compare(systems, labels, TABLE_5 if PUBLISHED.value else ())
    if OUT.value:
        comparison_report.write(found, Path(OUT.value), overwrite=OVERWRITE.value)
    print(comparison_report.text(found))
    if OUT.value:
        print(f"\nwritten: {Path(OUT.value, 'comparison.md')}")


def _draw_sheet(folder: Path) -> None:
    from deemo_jax.evaluation import contact_sheet

    labels = _labels() if PREDICTIONS.value else output_folder.scored_labels(folder)
    truth = read_truth(TRUTH.value, labels) if PREDICTIONS.value and TRUTH.value else None
    synonyms = label_synonyms(SYNONYMS.value, labels) if SYNONYMS.value else None
    sets = by_set(read_predictions(PREDICTIONS.value or folder / output_folder.PREDICTIONS, truth, labels, synonyms))
    name, path = fullest(sets), folder / "sheet.png"
    contact_sheet.draw_spread(sets[name], name, path, SOURCE.value, DEID.value, ROWS.value)
    print(f"contact sheet of {name}: {path}")


def _labels() -> Labels:
    return Labels.parse(LABELS.value) if LABELS.value else DEEMO_LABELS


def _path(value: str) -> Path | None:
    return Path(value) if value else None


if __name__ == "__main__":
    cli.run_with_words(main)
