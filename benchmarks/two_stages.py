"""Is stage 1 worth it at sample scale? `python -m benchmarks.two_stages [--seeds 3] [--steps 640]`, after `make chain`.

For each seed three runs: stage 1 (configs/sample_pretrain.py), stage 2 (configs/sample.py) that begins with it, and
stage 2 alone, with the same seed, data and number of steps. Stage 1 shows films as stage 2 does, whole and in steady
frames, so that features of its frozen encoder are kept (docs/cache.md). Prints two tables over all seeds of the test
split, of all modalities and of the video alone, which is what stage 1 has seen; intervals and p-values over persons are
those of `deemo_jax.sweep`. The same command goes on where it was stopped.
"""

import sys
from pathlib import Path

from configs import sample, sample_pretrain
from deemo_jax.ablation.cells import Cell, When
from deemo_jax.ablation.sweep import SweepRequest, do_all
from deemo_jax.core import cli
from deemo_jax.core.config import plain
from deemo_jax.core.schema import Modality
from deemo_jax.data.features.make import make_features
from deemo_jax.evaluation import comparison_report
from deemo_jax.evaluation.evaluate_run import EvaluationRequest
from deemo_jax.training.loop import train

# Tokens (bytes) of "The emotion is negative." and a few more: reasonings are not scored.
STATEMENT = 32


def main() -> int:
    """Trains what is missing, and prints the tables."""
    parser = cli.Parser("python -m benchmarks.two_stages", description=__doc__)
    parser.add_argument(
        "--workdir", type=Path, default=Path("runs/two_stages"), help="folder of the runs (%(default)s)"
    )
    parser.add_argument("--seeds", type=int, default=3, help="1 to so many (%(default)s)")
    parser.add_argument("--steps", type=int, default=sample.get_config().train.steps, help="of stage 2 (%(default)s)")
    parser.add_argument("--truth", type=Path, default=Path("runs/sample_data/raw/truth.jsonl"), help="(%(default)s)")
    flags = parser.parse_args()
    seeds, place = range(1, 1 + flags.seeds), flags.workdir / f"steps{flags.steps}"
    first = {seed: flags.workdir / "stage_1" / f"seed{seed}" for seed in seeds}
    config = sample_pretrain.get_config()
    config.data.update({"frame_sampling": "uniform", "frame_crop": False, "cached_views": 1})
    make_features(config, splits=[config.data.train_split])
    for seed in seeds:
        config.seed = seed
        if not train(config, first[seed], resume=True).finished:
            return cli.EXIT_STOPPED
    config = sample.get_config()
    config.train.steps = flags.steps
    evaluation = EvaluationRequest(workdir=place, truth=flags.truth, calibrate=False, max_new_tokens=STATEMENT)
    rows: list[tuple[str, int, dict[str, str]]] = [("alone", seed, {}) for seed in seeds]
    rows += [("after_stage_1", seed, {"init": str(first[seed])}) for seed in seeds]
    for name, given in (("all", None), ("video", frozenset({Modality.VIDEO}))):
        cells = tuple(Cell(row, When.TRAINING, given, changes, seed) for row, seed, changes in rows)
        found = do_all(
            SweepRequest(
                workdir=place, config=plain(config), cells=cells, evaluation=evaluation, out=place / name, cache=True
            )
        )
        if found is None:
            return cli.EXIT_STOPPED
        print(f"{name}, {flags.steps} steps of stage 2, seeds 1 to {flags.seeds}\n\n{comparison_report.text(found)}\n")
    return 0


if __name__ == "__main__":
    sys.exit(cli.guarded(main))
