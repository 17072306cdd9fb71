"""The full-size recipe on one accelerator, beside PyTorch: `python -m benchmarks.gpu_step [--part recipe]`.

In bfloat16, with random weights. `recipe` is the training step of configs/deemo_llama_7b.py from pixels and from what
the feature cache holds, with its MFU: FLOPs by `benchmarks.frozen_flops` over what the chip can do at most. `answers`
is greedy decoding. Beside both Hugging Face's modules (`benchmarks.gpu_peer`), as they are and, for the step, compiled.
"""

import argparse
import functools
import itertools
import os
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np

from benchmarks import frozen_flops
from benchmarks.ratios import spread
from configs import deemo_llama_7b
from deemo_jax.core import cli
from deemo_jax.core.recipe import Recipe
from deemo_jax.generation.answers import respond
from deemo_jax.models import mesh as mesh_lib
from deemo_jax.models.batch import Batch
from deemo_jax.models.deemo_llama import DeemoLlama, DeemoLlamaConfig, example_batch, init_params
from deemo_jax.models.encoding import encoder
from deemo_jax.models.from_recipe import build, make_model
from deemo_jax.models.parts.attention import Backend
from deemo_jax.models.parts.layers import Remat
from deemo_jax.models.presets import VICUNA_7B
from deemo_jax.training.fit.chips import chip_of_kind
from deemo_jax.training.step import init_state, lower_step

# Runs that are not counted: they warm caches up, or compile.
WARM_UP = 3


def main(arguments: list[str] | None = None) -> int:
    """Prints the times of one part."""
    parser = cli.Parser("python -m benchmarks.gpu_step", description=__doc__)
    parser.add_argument("--part", choices=("recipe", "answers"), default="recipe")
    parser.add_argument("--attention", nargs="+", choices=list(Backend), default=["cudnn"])
    parser.add_argument("--remat", nargs="+", choices=list(Remat), default=["block", "dots"])
    parser.add_argument("--unroll", type=int, nargs="+", default=[1, 32], help="blocks in a turn of the loop")
    parser.add_argument("--peers", nargs="*", choices=("eager", "compiled"), default=["eager", "compiled"])
    parser.add_argument("--batch", type=int, nargs="+", default=[2, 16], help="rows")
    parser.add_argument("--length", type=int, default=512, help="positions of a row, or of a prompt")
    parser.add_argument("--new", type=int, default=128, help="tokens of an answer")
    parser.add_argument("--repeats", type=int, default=10)
    flags = parser.parse_args(arguments)
    # Both frameworks are in this process, and each takes memory when it needs it.
    os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")
    device = jax.devices()[0]
    print(f"{device.device_kind}, JAX {jax.__version__}, bfloat16, {flags.length} positions, n {flags.repeats}")
    for line in {"recipe": recipe_steps, "answers": answers}[flags.part](flags):
        print(line, flush=True)
    return 0


def recipe_steps(flags: argparse.Namespace) -> Iterator[str]:
    """A line for each attention, batch size, remat, unroll and source: the whole step of the recipe."""
    setup = None
    for backend, remat, unroll in itertools.product(flags.attention, flags.remat, flags.unroll):
        for size in flags.batch:
            config = deemo_llama_7b.get_config()
            config.model.attention, config.data.batch_size = backend, size
            config.model.decoder.remat, config.model.decoder.unroll = remat, unroll
            config.data.data_dir, config.data.max_length = "none", flags.length
            recipe = Recipe.from_config(config)
            mesh = mesh_lib.make_mesh(recipe.mesh)
            model = make_model(recipe, mesh)
            setup = setup or build(recipe, mesh)
            raw = full_batch(model, recipe)
            encode = encoder(model, setup.frozen, mesh)
            kept = {"encoded_video": encode("video", raw.frames), "encoded_audio": encode("audio", raw.mel)}
            cached, rest = frozen_flops.of_a_clip(model, recipe)
            for source, batch, flops in (
                ("from pixels", raw, cached + rest),
                ("from features", raw.replace(frames=None, mel=None, **kept), rest),
            ):
                batch = mesh_lib.put_batch(batch, mesh)
                held = [init_state(recipe, jax.tree.map(jnp.copy, setup.trainable))]
                step = lower_step(model, recipe, mesh, held[0], setup.frozen, batch).compile()

                def run(held: Any = held, step: Any = step, frozen: Any = setup.frozen, batch: Any = batch) -> Any:
                    held[0], metrics = step(held[0], frozen, batch)
                    return metrics

                name = f"{source}, {backend}, remat {remat}, unroll {unroll}, batch {size}"
                yield _told(name, _timed(run, flags.repeats), size, "examples", step, size * flops)
                del step, held, run
    yield from _twins(flags, recipe, cached, rest)


def _twins(flags: argparse.Namespace, recipe: Recipe, cached: float, rest: float) -> Iterator[str]:
    from benchmarks import gpu_peer

    for peer in flags.peers:
        twin = gpu_peer.Twin(compiled=peer == "compiled")
        for size in flags.batch:
            steps = gpu_peer.steps(twin, size, flags.length, recipe.data.frames, recipe.data.clips)
            for source, run in steps.items():
                flops = rest + (cached if source == "from pixels" else 0)
                name = f"{source}, {gpu_peer.VERSIONS}, {peer}, batch {size}"
                yield _told(name, _timed(run, flags.repeats), size, "examples", flops=size * flops)


def full_batch(model: Any, recipe: Recipe) -> Any:
    """A batch in which every row shows all modalities, and of which the last fifth of the positions is learnt."""
    size, length = recipe.data.batch_size, recipe.data.max_length
    batch: Any = example_batch(model.config, size, length, recipe.data.frames, recipe.data.clips)
    tokens = model.config.tokens.audio + model.config.tokens.video
    slots, learnt, every = (
        np.full((size, length), -1, np.int32),
        np.zeros((size, length), np.float32),
        np.ones(size, bool),
    )
    slots[:, 1 : 1 + tokens] = np.arange(tokens)
    learnt[:, -(length // frozen_flops.ANSWER) :] = 1
    return batch.replace(
        slots=slots,
        positions=np.broadcast_to(np.arange(length, dtype=np.int32), (size, length)),
        valid=np.ones((size, length), bool),
        loss_mask=learnt,
        index=np.arange(size, dtype=np.int32),
        **dict.fromkeys(("has_video", "has_audio", "has_transcript", "has_nfbl", "record_valid"), every),
    )


def answers(flags: argparse.Namespace) -> Iterator[str]:
    """A line for each batch size: greedy answers of a fixed number of tokens, the prompts' pass included."""
    from benchmarks import gpu_peer

    theirs = gpu_peer.decoder() if flags.peers else None
    params = None
    for size in flags.batch:
        ids = np.random.default_rng(size).integers(3, VICUNA_7B["vocab"], (size, flags.length))
        for unroll in flags.unroll:
            sizes = {"name": "llama", **VICUNA_7B, "unroll": unroll}
            model = DeemoLlama(DeemoLlamaConfig.from_config({"dtype": "bfloat16", "decoder": sizes}))
            params = params or _drawn(functools.partial(init_params, model))
            options: Any = {"max_new_tokens": flags.new, "eos_id": -1, "pad_id": 0, "stops": ()}
            run: Any = functools.partial(respond, model, params, _prompts(ids), None, None, **options)
            yield _told(
                f"answers, unroll {unroll}, batch {size}", _timed(run, flags.repeats), size * flags.new, "tokens"
            )
        if theirs:
            name = f"answers, {gpu_peer.VERSIONS}, eager, batch {size}"
            run = gpu_peer.answers(theirs, ids, flags.new)
            yield _told(name, _timed(run, flags.repeats), size * flags.new, "tokens")


def _prompts(ids: np.ndarray) -> Batch:
    rows, length = ids.shape
    batch: Any = Batch.zeros(rows, length, None, None)
    positions = np.broadcast_to(np.arange(length, dtype=np.int32), ids.shape)
    return batch.replace(token_ids=ids.astype(np.int32), positions=positions, valid=np.ones(ids.shape, bool))


def _drawn(init: Callable[[Any], Any]) -> Any:
    """Random bfloat16 values for what `init` would make of a key."""

    def draw(key: Any) -> Any:
        shapes = jax.eval_shape(lambda: nn.unbox(init(key)))
        return jax.tree.map(lambda leaf: 0.02 * jax.random.normal(key, leaf.shape, jnp.bfloat16), shapes)

    return jax.jit(draw)(jax.random.key(0))


def _timed(run: Callable[[], Any], repeats: int) -> list[float]:
    """Seconds of each run."""
    seconds = []
    for _ in range(WARM_UP + repeats):
        start = time.perf_counter()
        jax.block_until_ready(run())
        seconds.append(time.perf_counter() - start)
    return seconds[WARM_UP:]


def _told(
    name: str, seconds: list[float], count: int, what: str, compiled: Any = None, flops: float | None = None
) -> str:
    median = float(np.median(seconds))
    line = f"{name}: {spread([1e3 * s for s in seconds], '.0f')} ms, {count / median:.4g} {what} a second"
    if compiled:
        line += f", {compiled.memory_analysis().temp_size_in_bytes / 2**30:.1f} GiB beside the weights"
    chip = chip_of_kind(jax.devices()[0].device_kind)
    if flops:
        line += f", {flops / median / 1e12:.0f} TFLOP/s" + (f", MFU {flops / median / chip.flops:.1%}" if chip else "")
    return line


if __name__ == "__main__":
    sys.exit(cli.guarded(main))
