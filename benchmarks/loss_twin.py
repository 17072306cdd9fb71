"""The sample's stage 1 beside its PyTorch twin: `python -m benchmarks.loss_twin [--steps 100]`, after `make chain`.

Both begin with the same weights and take the same batches of captioned films (configs/sample_pretrain.py, without
dropout), in float32. How far float32 lets two such curves part is seen from the twin trained once more with the rows of
each batch in reverse, which only changes the order of sums. Prints the losses and the differences; `--plot` draws them.
Needs PyTorch.
"""

import sys
from pathlib import Path
from typing import Any

import jax
import numpy as np

from benchmarks import peers
from benchmarks.video_twin import TwinTraining, VideoTwin
from configs import sample_pretrain
from deemo_jax.core import cli, plots
from deemo_jax.core.files import atomic
from deemo_jax.core.recipe import Recipe
from deemo_jax.data.pipeline import make_pipeline
from deemo_jax.models.batch import Batch
from deemo_jax.models.from_recipe import Setup, build
from deemo_jax.models.mesh import MeshRecipe, make_mesh
from deemo_jax.models.params import merge
from deemo_jax.training.step import init_state, make_step


def main() -> int:
    """Prints the comparison."""
    parser = cli.Parser("python -m benchmarks.loss_twin", description=__doc__)
    parser.add_argument("--data_dir", default="runs/captions/tfds", help="of the captions (%(default)s)")
    parser.add_argument("--steps", type=int, default=100, help="of each, which is the whole schedule (%(default)s)")
    parser.add_argument("--plot", type=Path, help="SVG file to write")
    flags = parser.parse_args()
    config = sample_pretrain.get_config()
    config.data.data_dir, config.train.steps = flags.data_dir, flags.steps
    ours, theirs, again = losses(Recipe.from_config(config))
    for step in sorted({0, *range(9, flags.steps, 10), flags.steps - 1}):
        print(f"step {step + 1:>3}: ours {ours[step]:.6f}, PyTorch {theirs[step]:.6f}, reversed {again[step]:.6f}")
    for name, losses_of in (("ours", ours), ("PyTorch with reversed rows", again)):
        off = np.abs(losses_of - theirs) / theirs
        print(f"{name} less PyTorch, relative: at most {off.max():.1e}, median {np.median(off):.1e}")
    if flags.plot:
        with atomic(flags.plot) as beside:
            beside.write_bytes(_plot(ours, theirs, again))
    return 0


def losses(recipe: Recipe) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The loss before each step of a run: ours, the twin's, and the twin's with rows in reverse; Float[steps] each."""
    setup = build(recipe, make_mesh(MeshRecipe()))
    batches = make_pipeline(recipe, setup.model.config.tokens, train=True)
    first, second = (TwinTraining(twin_of(setup), recipe) for _ in range(2))
    step, state = jax.jit(make_step(setup.model, recipe)), init_state(recipe, setup.trainable)
    found = []
    for number in range(recipe.train.steps):
        batch = batches.batch_at(number)
        state, metrics = step(state, setup.frozen, batch)
        found.append((float(metrics["loss"]), first.step(batch), second.step(_reversed(batch))))
    ours, theirs, again = np.array(found).T
    return ours, theirs, again


def twin_of(setup: Setup) -> VideoTwin:
    """The twin with a model's values."""
    return VideoTwin(setup.model.config, peers.on_host(merge(setup.trainable, setup.frozen)))


def _reversed(batch: Batch) -> Batch:
    return jax.tree.map(lambda rows: np.ascontiguousarray(rows[::-1]), batch)


def _plot(ours: np.ndarray, theirs: np.ndarray, again: np.ndarray) -> bytes:
    """Both curves, and below them how far they are apart."""
    figure = plots.canvas(7.0, 5.0)
    above, below = figure.subplots(2, 1, sharex=True, height_ratios=(3, 2))
    steps: Any = np.arange(1, 1 + len(ours))
    above.plot(steps, ours, color=plots.SKY, lw=4, label="deemo_jax")
    above.plot(steps, theirs, color=plots.INK, lw=1.2, ls="--", label="PyTorch twin")
    above.set_ylabel("loss, nats a byte")
    above.legend(frameon=False)
    for losses_of, colour, name in (
        (ours, plots.SKY, "deemo_jax"),
        (again, plots.ORANGE, "PyTorch with the rows of each batch reversed"),
    ):
        # A difference of exactly 0 has no place on a logarithmic axis.
        off = np.maximum(np.abs(losses_of - theirs) / theirs, 1e-9)
        below.semilogy(steps, off, color=colour, lw=1.5, label=name)
    below.set_ylabel("less PyTorch, relative")
    below.set_xlabel("step")
    below.legend(frameon=False)
    for axes in (above, below):
        plots.tidy(axes)
    return plots.svg(figure)


if __name__ == "__main__":
    sys.exit(cli.guarded(main))
