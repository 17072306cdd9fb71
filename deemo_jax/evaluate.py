"""Scores a run, or any other system's outputs.

    python -m deemo_jax.evaluate --workdir runs/sample
    python -m deemo_jax.evaluate --workdir runs/sample --modalities "all;transcript;video,audio" --limit 50
    python -m deemo_jax.evaluate --predictions theirs.jsonl --truth truth.jsonl
    python -m deemo_jax.evaluate --workdir runs/sample --sheet --source raw --deid deid

The first two answer every clip of the split once per modality set and write WORKDIR/evaluation/: predictions.jsonl,
recognition.json, report.md and recognition.png. --predictions needs no model; with --workdir the scores are written
there, without it only shown. --sheet draws WORKDIR/evaluation/sheet.png from the predictions that are there, and
answers the clips first when there are none.
"""

from collections.abc import Sequence
from pathlib import Path

from absl import flags

from deemo_jax import cli, formats
from deemo_jax.errors import UserError
from deemo_jax.evaluation import report, results
from deemo_jax.evaluation.predictions import Prediction, by_set, parse_sets, read_predictions, read_truth, with_truth
from deemo_jax.files import write_jsonl

WORKDIR = flags.DEFINE_string("workdir", "", "Folder of a run; results go to its evaluation/.")
MODALITIES = flags.DEFINE_string(
    "modalities",
    "all;transcript;video;audio",
    "What the model is given: sets divided by ';', each a comma-separated choice of audio, video, transcript, nfbl.",
)
FROM_STEP = flags.DEFINE_integer("from_step", None, "Which checkpoint of the run; default: the newest.", lower_bound=0)
SPLIT = flags.DEFINE_string("split", "", "Which split to answer; empty is the run's config.data.test_split.")
LIMIT = flags.DEFINE_integer("limit", 0, "Only so many clips of the split; 0 is all.", lower_bound=0)
BATCH_SIZE = flags.DEFINE_integer("batch_size", 32, "Clips that are answered at once.", lower_bound=1)
MAX_NEW_TOKENS = flags.DEFINE_integer("max_new_tokens", 160, "The longest answer, in tokens.", lower_bound=1)
PREDICTIONS = flags.DEFINE_string("predictions", "", "Score this JSON-lines file instead of running a model.")
TRUTH = flags.DEFINE_string("truth", "", "JSON lines with clip_id, emotion and reasoning that overrule the labels.")
SHEET = flags.DEFINE_bool("sheet", False, "Draw the contact sheet of an evaluated run; needs --source and --deid.")
SOURCE = flags.DEFINE_string("source", "", "Folder of the raw clips, for --sheet.")
DEID = flags.DEFINE_string("deid", "", "Folder of the de-identified clips and their manifests, for --sheet.")
ACCEPT_DATA_CHANGE = flags.DEFINE_bool(
    "accept_data_change", False, "Take other data than the run was trained on; the report says so."
)
VERIFY_DATA = flags.DEFINE_bool("verify_data", False, "First hold the hash of every shard against what build recorded.")
ROWS = flags.DEFINE_integer("rows", 8, "Rows of the sheet.", lower_bound=1, upper_bound=40)
SHOW_FORMAT = flags.DEFINE_bool("show_format", False, "Show what predictions and truth look like, and stop.")


def main(argv: Sequence[str]) -> None:
    if len(argv) > 1:
        raise UserError(f"{argv[1]!r} is no flag; --help lists the flags")
    if SHOW_FORMAT.value:
        print(formats.shown((formats.PREDICTIONS, formats.ANNOTATIONS)))
        return
    if not WORKDIR.value and not PREDICTIONS.value:
        raise UserError("name a run with --workdir, or a file of predictions with --predictions")
    if PREDICTIONS.value and WORKDIR.value and Path(WORKDIR.value, "config.json").exists():
        raise UserError(
            f"{WORKDIR.value}: holds a run of its own; give the scores of {PREDICTIONS.value} another --workdir"
        )
    if SHEET.value and not (WORKDIR.value and SOURCE.value and DEID.value):
        raise UserError("--sheet needs --workdir, --source (raw clips) and --deid (de-identified clips)")
    folder = Path(WORKDIR.value, "evaluation") if WORKDIR.value else None
    answered = folder and not PREDICTIONS.value and (folder / "predictions.jsonl").exists()
    if not (SHEET.value and answered):
        _score(folder)
    if SHEET.value and folder:
        _sheet(folder)


def _score(folder: Path | None) -> None:
    rows, source, notes = _from_file() if PREDICTIONS.value else _from_run()
    found = results.score(by_set(rows), source, notes)
    print(report.text(found))
    if folder:
        if not PREDICTIONS.value:
            write_jsonl(folder / "predictions.jsonl", (row.to_json() for row in rows))
        report.write(found, folder)
        print(f"\nwritten: {folder / 'report.md'}")


def _from_file() -> tuple[list[Prediction], str, tuple[str, ...]]:
    truth = read_truth(TRUTH.value) if TRUTH.value else None
    rows = list(read_predictions(PREDICTIONS.value, truth))
    clips = len({row.clip_id for row in rows})
    notes = (f"{clips} of the {len(truth)} clips in {TRUTH.value} were predicted and scored.",) if truth else ()
    return rows, f"Predictions of {PREDICTIONS.value}", notes


def _from_run() -> tuple[list[Prediction], str, tuple[str, ...]]:
    # JAX is imported only here: scoring a file of predictions needs none of it.
    from deemo_jax.evaluation.predict import predict
    from deemo_jax.training.data_record import check_run
    from deemo_jax.training.run import load_run

    sets = parse_sets(MODALITIES.value)
    truth = read_truth(TRUTH.value) if TRUTH.value else None
    config, model, params = load_run(WORKDIR.value, FROM_STEP.value)
    remarks = check_run(WORKDIR.value, config["data"], accept=ACCEPT_DATA_CHANGE.value, verify=VERIFY_DATA.value)
    answers = predict(
        config,
        model,
        params,
        sets,
        batch_size=BATCH_SIZE.value,
        max_new_tokens=MAX_NEW_TOKENS.value,
        split=SPLIT.value,
        limit=LIMIT.value,
    )
    rows = with_truth(answers.predictions, truth) if truth else answers.predictions
    return rows, f"Run {WORKDIR.value}, split {SPLIT.value or config['data']['test_split']}", (*remarks, *answers.notes)


def _sheet(folder: Path) -> None:
    from deemo_jax.evaluation import sheet

    predictions = _from_file()[0] if PREDICTIONS.value else read_predictions(folder / "predictions.jsonl")
    name, rows = next(iter(by_set(predictions).items()))
    path = folder / "sheet.png"
    subtitle = (
        f"{len(rows)} clips, evenly spaced; given: {name}. The raw column shows identities: for the holder's eyes."
    )
    sheet.draw(sheet.collect(sheet.spread(rows, ROWS.value), SOURCE.value, DEID.value), path, subtitle)
    print(f"contact sheet: {path}")


if __name__ == "__main__":
    cli.run(main)
