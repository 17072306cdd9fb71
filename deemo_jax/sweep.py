"""The paper's Table 4 of a run: how well it answers with each subset of modalities.

    python -m deemo_jax.sweep --workdir runs/sample --truth runs/sample_data/raw/truth.jsonl
    python -m deemo_jax.sweep --workdir runs/sample --subsets T,TV,TVA --published

One trained model answers the split once for each subset, as `evaluate` does: where a dataset has features, these are
read in place of films; an interrupted sweep goes on where it stopped; one that is there is only shown. Beside the
evaluation's files its folder gets comparison.md, .csv, .tex, .json, .png and .svg.
"""

from absl import flags

from deemo_jax.core import cli
from deemo_jax.core.errors import UserError
from deemo_jax.evaluation import comparison_report
from deemo_jax.evaluation.run_flags import define_run_flags
from deemo_jax.evaluation.subsets import TABLE_4, parse_subsets

RUN = define_run_flags()
SUBSETS = flags.DEFINE_string(
    "subsets",
    TABLE_4,
    "What the model is given, divided by commas: letters of T (transcript), V (video), A (audio), N (NFBL). Each is "
    "compared with the last one.",
)
PUBLISHED = flags.DEFINE_bool("published", False, "Show the rows of the paper's Table 4 beside.")


def main() -> None:
    if not RUN.workdir.value:
        raise UserError("name a run with --workdir")
    parse_subsets(SUBSETS.value)
    # JAX is imported only here, so that mistakes in flags answer at once.
    from deemo_jax.evaluation.ablation import ablate

    found, folder = ablate(RUN.request(calibrate=False), SUBSETS.value, published=PUBLISHED.value)
    # They follow from the predictions beside them, so that nothing is lost when they are written again.
    comparison_report.write(found, folder, overwrite=True)
    print(comparison_report.text(found))
    print(f"\nwritten: {folder / 'comparison.md'}")


if __name__ == "__main__":
    cli.run(main)
