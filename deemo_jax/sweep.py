"""The paper's Table 4 of a run: how well it answers with each subset of modalities.

    python -m deemo_jax.sweep --workdir runs/sample --truth runs/sample_data/raw/truth.jsonl
    python -m deemo_jax.sweep --workdir runs/sample --subsets T,TV,TVA --published

One trained model answers the split once for each subset, as `evaluate` does: where a dataset has features, these are
read in place of films; an interrupted sweep goes on where it stopped; one that is there is only shown. Beside the
evaluation's files its folder gets comparison.md, .csv, .tex, .json, .png and .svg.
"""

from pathlib import Path

from absl import flags

from deemo_jax.core import cli
from deemo_jax.core.errors import UserError
from deemo_jax.evaluation import comparison_report
from deemo_jax.evaluation.subsets import TABLE_4, parse_subsets

WORKDIR = flags.DEFINE_string("workdir", "", "Folder of a run; results go to its evaluation/.")
SUBSETS = flags.DEFINE_string(
    "subsets",
    TABLE_4,
    "What the model is given, divided by commas: letters of T (transcript), V (video), A (audio), N (NFBL). Each is "
    "compared with the last one.",
)
PUBLISHED = flags.DEFINE_bool("published", False, "Show the rows of the paper's Table 4 beside.")
OUT = flags.DEFINE_string("out", "", "Folder of this evaluation; default: one below evaluation/ with its own name.")
OVERWRITE = flags.DEFINE_bool("overwrite", False, "Remove the evaluation that is there and evaluate again.")
FROM_STEP = flags.DEFINE_integer("from_step", None, "Which checkpoint of the run; default: the newest.", lower_bound=0)
SPLIT = flags.DEFINE_string("split", "", "Which split to answer; empty is the run's config.data.test_split.")
LIMIT = flags.DEFINE_integer("limit", 0, "Only so many clips of the split; 0 is all.", lower_bound=0)
BATCH_SIZE = flags.DEFINE_integer("batch_size", 32, "Clips that are answered at once, by all devices.", lower_bound=1)
MAX_NEW_TOKENS = flags.DEFINE_integer("max_new_tokens", 160, "The longest answer, in tokens.", lower_bound=1)
DATA_DIR = flags.DEFINE_string("data_dir", "", "Where the run's dataset lies now, if it was moved.")
TRUTH = flags.DEFINE_string(
    "truth", "", "JSON lines that overrule the labels; where they state the best accuracy, it is shown beside."
)
ACCEPT_DATA_CHANGE = flags.DEFINE_bool("accept_data_change", False, "Take other data than the run was trained on.")
VERIFY_DATA = flags.DEFINE_bool("verify_data", False, "First hold the hash of every shard against what build recorded.")


def main() -> None:
    if not WORKDIR.value:
        raise UserError("name a run with --workdir")
    parse_subsets(SUBSETS.value)
    # JAX is imported only here, so that mistakes in flags answer at once.
    from deemo_jax.evaluation.ablation import ablate
    from deemo_jax.evaluation.evaluate_run import EvaluationRequest

    request = EvaluationRequest(
        workdir=Path(WORKDIR.value),
        split=SPLIT.value,
        limit=LIMIT.value,
        step=FROM_STEP.value,
        batch_size=BATCH_SIZE.value,
        max_new_tokens=MAX_NEW_TOKENS.value,
        data_dir=DATA_DIR.value,
        accept_data_change=ACCEPT_DATA_CHANGE.value,
        verify_data=VERIFY_DATA.value,
        truth=Path(TRUTH.value) if TRUTH.value else None,
        out=Path(OUT.value) if OUT.value else None,
        overwrite=OVERWRITE.value,
        calibrate=False,
    )
    found, folder = ablate(request, SUBSETS.value, published=PUBLISHED.value)
    # They follow from the predictions beside them, so that nothing is lost when they are written again.
    comparison_report.write(found, folder, overwrite=True)
    print(comparison_report.text(found))
    print(f"\nwritten: {folder / 'comparison.md'}")


if __name__ == "__main__":
    cli.run(main)
