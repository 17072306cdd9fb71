"""A training step with and without the feature cache: `python -m benchmarks.feature_cache [--repeats 7] [--steps 60]`.

The 7B recipe in small, float32, batch 2, 8 frames and 8 spectrograms: towers, BLIP-2's Q-Former on each frame and
decoder have the proportions of the paper's, so that at 300 positions the FLOPs of what is cached are to the decoder's
as 4.6 to 8 (`benchmarks.frozen_flops`). Then the sample is trained for some steps from its features, for the share of
time that it waits for data; `make train` makes its dataset.
"""

import sys
import tempfile
import time
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from benchmarks import frozen_flops
from benchmarks.gpu_step import full_batch
from benchmarks.ratios import spread
from configs import sample
from deemo_jax.core import cli
from deemo_jax.core.recipe import Recipe
from deemo_jax.data.features.make import make_features
from deemo_jax.models import mesh as mesh_lib
from deemo_jax.models.encoding import encoder
from deemo_jax.models.from_recipe import build, make_model
from deemo_jax.training.loop import train
from deemo_jax.training.step import init_state, lower_step

FRAMES = CLIPS = 8
QFORMER: dict[str, Any] = {
    "width": 192,
    "heads": 4,
    "mlp": 768,
    "queries": 32,
    "dropout": 0.0,
    "attention_dropout": 0.0,
}
MODEL: dict[str, Any] = {
    "video": {
        "encoder": {"name": "vit", "width": 384, "depth": 8, "heads": 6, "mlp": 1536, "patch": 28, "image": 224},
        "connector": {
            "name": "per_frame",
            "frame": {**QFORMER, "depth": 4, "cross_every": 2},
            "video": {**QFORMER, "depth": 2, "cross_every": 1},
        },
        "projector": {"name": "linear"},
    },
    "audio": {
        "encoder": {
            "name": "imagebind",
            "width": 128,
            "depth": 6,
            "heads": 4,
            "mlp": 512,
            "patch": 16,
            "stride": 16,
            "head": 192,
        },
        "connector": {"name": "clips", "qformer": {**QFORMER, "depth": 2, "cross_every": 1, "queries": 8}},
        "projector": {"name": "linear"},
    },
    "decoder": {"name": "llama", "vocab": 2048, "width": 512, "depth": 8, "heads": 8, "kv_heads": 8, "mlp": 1376},
}


def main(arguments: list[str] | None = None) -> int:
    """Prints a table over lengths, and the share of time that training waits for data."""
    parser = cli.Parser("python -m benchmarks.feature_cache", description=__doc__)
    parser.add_argument("--lengths", type=int, nargs="+", default=[100, 200, 300, 500], help="positions of a sequence")
    parser.add_argument("--repeats", type=int, default=7, help="pairs of steps")
    parser.add_argument("--steps", type=int, default=60, help="steps of the sample; 0: none")
    flags = parser.parse_args(arguments)
    print("| positions | FLOPs allow | speed-up, clock | speed-up, processor time | of what is allowed |")
    print("| --- | --- | --- | --- | --- |")
    for length in flags.lengths:
        recipe = scaled(length)
        cached, rest = frozen_flops.of_a_clip(make_model(recipe), recipe)
        allowed = (cached + rest) / rest
        found = paired(*steps(recipe), flags.repeats)
        clock, processor = found[:, 0], found[:, 1]
        share = f"{np.median(processor) / allowed:.2f}"
        print(f"| {length} | {allowed:.2f} | {spread(clock)} | {spread(processor)} | {share} |", flush=True)
    print(f"\n{jax.devices()[0].device_kind}, float32, batch {recipe.data.batch_size}, n {flags.repeats}.")
    if flags.steps:
        print(f"The sample, trained from its features, waits for data in {waits(flags.steps):.2%} of the time.")
    return 0


def scaled(length: int) -> Recipe:
    """The small 7B recipe, with random weights."""
    config = sample.get_config()
    config.model, config.init = {"dtype": "float32", "attention": "reference", **MODEL}, ""
    config.trainable = ["!.*/frame_qformer/.*", ".*/connector/.*", ".*/projector/.*"]
    config.data.batch_size, config.data.frames, config.data.clips = 2, FRAMES, CLIPS
    config.data.max_length = length
    return Recipe.from_config(config)


def steps(recipe: Recipe) -> tuple[Callable[[], None], Callable[[], None]]:
    """One step from pixels and spectrograms, and one from features, of the same clips."""
    mesh = mesh_lib.make_mesh(recipe.mesh)
    setup = build(recipe, mesh)
    raw = full_batch(setup.model, recipe)
    encode = encoder(setup.model, setup.frozen, mesh)
    features = {"encoded_video": encode("video", raw.frames), "encoded_audio": encode("audio", raw.mel)}

    def stepped(batch: Any) -> Callable[[], None]:
        batch = mesh_lib.put_batch(batch, mesh)
        held = [init_state(recipe, jax.tree.map(jnp.copy, setup.trainable))]
        step = lower_step(setup.model, recipe, mesh, held[0], setup.frozen, batch).compile()

        def run() -> None:
            held[0], metrics = step(held[0], setup.frozen, batch)
            jax.block_until_ready(metrics)

        return run

    return stepped(raw), stepped(raw.replace(frames=None, mel=None, **features))


def paired(before: Callable[[], None], after: Callable[[], None], repeats: int) -> np.ndarray:
    """Time before / time after of each pair of runs, on the clock and of processor time: [repeats, 2]."""

    def timed(run: Callable[[], None]) -> np.ndarray:
        start = np.array([time.perf_counter(), time.process_time()])
        run()
        return np.array([time.perf_counter(), time.process_time()]) - start

    before()
    after()
    return np.stack([timed(before) / timed(after) for _ in range(repeats)])


def waits(count: int) -> float:
    """The share of its time that the sample's training waits for data, which it reads as features."""
    config = sample.get_config()
    config.train.steps = count
    make_features(config)
    with tempfile.TemporaryDirectory() as folder:
        return train(config, folder).data_wait


if __name__ == "__main__":
    sys.exit(cli.guarded(main))
