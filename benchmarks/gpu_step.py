"""The full-size recipe's training step, and its decoder beside PyTorch's: `python -m benchmarks.gpu_step`.

On one accelerator, in bfloat16, with random weights. `recipe` is the step of configs/deemo_llama_7b.py, encoders
included. `decoder` is one pass through the 32 blocks and back to the embeddings, as a frozen decoder is used; beside it
the same blocks of Hugging Face's transformers (PyTorch's fused attention), as they are and compiled. The two parts are
processes of their own: each framework takes the memory it wants. Rows differ in length, so that padding is masked.
Axes: B batch, T positions, D width.
"""

import argparse
import functools
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np

from benchmarks.ratios import spread
from configs import deemo_llama_7b
from deemo_jax.core import cli
from deemo_jax.core.recipe import Recipe
from deemo_jax.models import mesh as mesh_lib
from deemo_jax.models.deemo_llama import example_batch
from deemo_jax.models.from_recipe import build, make_model
from deemo_jax.models.parts.attention import Backend
from deemo_jax.models.parts.layers import Remat
from deemo_jax.models.parts.llama import Llama, LlamaConfig
from deemo_jax.training.step import init_state, lower_step

# Runs that are not counted: they warm caches up, or compile.
WARM_UP = 3


def main(arguments: list[str] | None = None) -> int:
    """Prints the times of one part."""
    parser = cli.Parser("python -m benchmarks.gpu_step", description=__doc__)
    parser.add_argument("--part", choices=("recipe", "decoder"), default="decoder")
    parser.add_argument("--attention", nargs="+", choices=list(Backend), default=["xla", "cudnn"])
    parser.add_argument("--batch", type=int, nargs="+", default=[8], help="rows")
    parser.add_argument("--length", type=int, default=512, help="positions of a row")
    parser.add_argument("--depth", type=int, default=32, help="blocks of the decoder")
    parser.add_argument("--width", type=int, default=4096, help="of the decoder, 128 for each head")
    parser.add_argument("--repeats", type=int, default=10)
    flags = parser.parse_args(arguments)
    device = jax.devices()[0]
    print(f"{device.device_kind}, JAX {jax.__version__}, bfloat16, {flags.length} positions, n {flags.repeats}")
    for line in {"recipe": recipe_steps, "decoder": decoder_steps}[flags.part](flags):
        print(line, flush=True)
    return 0


def recipe_steps(flags: argparse.Namespace) -> Iterator[str]:
    """A line for each attention and batch size: the whole step of the recipe."""
    setup = None
    for backend in flags.attention:
        for size in flags.batch:
            config = deemo_llama_7b.get_config()
            config.model.attention, config.data.batch_size = backend, size
            config.data.data_dir, config.data.max_length = "none", flags.length
            recipe = Recipe.from_config(config)
            mesh = mesh_lib.make_mesh(recipe.mesh)
            model = make_model(recipe, mesh)
            setup = setup or build(recipe, mesh)
            batch = mesh_lib.put_batch(full_batch(model, recipe), mesh)
            state = init_state(recipe, jax.tree.map(jnp.copy, setup.trainable))
            step = lower_step(model, recipe, mesh, state, setup.frozen, batch).compile()
            seconds = []
            for _ in range(WARM_UP + flags.repeats):
                start = time.perf_counter()
                state, metrics = step(state, setup.frozen, batch)
                jax.block_until_ready(metrics)
                seconds.append(time.perf_counter() - start)
            yield _told(f"recipe, {backend}, batch {size}", seconds[WARM_UP:], size, "examples", step)


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
    learnt[:, -length // 5 :] = 1
    return batch.replace(
        slots=slots,
        positions=np.broadcast_to(np.arange(length, dtype=np.int32), (size, length)),
        valid=np.ones((size, length), bool),
        loss_mask=learnt,
        index=np.arange(size, dtype=np.int32),
        **dict.fromkeys(("has_video", "has_audio", "has_transcript", "has_nfbl", "record_valid"), every),
    )


def decoder_steps(flags: argparse.Namespace) -> Iterator[str]:
    """A line for each way to run the decoder, ours and PyTorch's."""
    heads, mlp = flags.width // 128, flags.width * 43 // 16  # 11008 at 4096, as in LLaMA 7B
    for size in flags.batch:
        lengths = np.linspace(0.6 * flags.length, flags.length, size).astype(int)
        valid = np.arange(flags.length) < lengths[:, None]
        for remat in (Remat.NONE, Remat.BLOCK):
            for backend in flags.attention:
                config = LlamaConfig(
                    width=flags.width, depth=flags.depth, heads=heads, kv_heads=heads, mlp=mlp, remat=remat
                )
                run, compiled = _ours(Llama(config, jnp.bfloat16, Backend(backend)), valid)
                name = f"decoder, {backend}, remat {remat}, batch {size}"
                yield _told(name, _timed(run, flags.repeats), valid.size, "positions", compiled)
        for mode, run in _theirs(flags, heads, mlp, valid):
            yield _told(f"decoder, {mode}, batch {size}", _timed(run, flags.repeats), valid.size, "positions")


def _ours(decoder: Llama, valid: np.ndarray) -> tuple[Callable[[], Any], Any]:
    def drawn(key: Any) -> Any:
        shapes = jax.eval_shape(
            lambda: nn.unbox(decoder.init(key, jnp.zeros((1, 2), jnp.int32), jnp.ones((1, 2), bool), method="score"))
        )
        return jax.tree.map(lambda leaf: 0.02 * jax.random.normal(key, leaf.shape, jnp.bfloat16), shapes)

    params, positions = jax.jit(drawn)(jax.random.key(0)), np.broadcast_to(np.arange(valid.shape[1]), valid.shape)
    x_BTD = jax.random.normal(jax.random.key(1), (*valid.shape, decoder.config.width), jnp.bfloat16)

    def loss(x_BTD: Any, params: Any) -> Any:
        hidden: Any = decoder.apply(params, x_BTD, positions, valid)
        return jnp.square(hidden.astype(jnp.float32)).mean()

    compiled = jax.jit(jax.value_and_grad(loss)).lower(x_BTD, params).compile()
    return functools.partial(compiled, x_BTD, params), compiled


def _theirs(
    flags: argparse.Namespace, heads: int, mlp: int, valid: np.ndarray
) -> Iterator[tuple[str, Callable[[], Any]]]:
    import torch
    import transformers

    config = transformers.LlamaConfig(
        hidden_size=flags.width,
        num_hidden_layers=flags.depth,
        num_attention_heads=heads,
        num_key_value_heads=heads,
        intermediate_size=mlp,
    )
    on = "cuda" if torch.cuda.is_available() else "cpu"
    torch.set_default_dtype(torch.bfloat16)
    with torch.device(on):
        blocks = transformers.LlamaModel._from_config(config, attn_implementation="sdpa").requires_grad_(False)
    x_BTD = torch.randn(*valid.shape, flags.width, device=on, requires_grad=True)
    mask = torch.from_numpy(valid.astype(np.int64)).to(on)

    def step(run: Any) -> None:
        x_BTD.grad = None
        hidden = run(inputs_embeds=x_BTD, attention_mask=mask, use_cache=False).last_hidden_state
        hidden.float().square().mean().backward()
        if on == "cuda":
            torch.cuda.synchronize()

    name = f"transformers {transformers.__version__}, PyTorch {torch.__version__}"
    yield f"{name}, eager", functools.partial(step, blocks)
    yield f"{name}, compiled", functools.partial(step, torch.compile(blocks))


def _timed(run: Callable[[], Any], repeats: int) -> list[float]:
    """Seconds of each run."""
    seconds = []
    for _ in range(WARM_UP + repeats):
        start = time.perf_counter()
        jax.block_until_ready(run())
        seconds.append(time.perf_counter() - start)
    return seconds[WARM_UP:]


def _told(name: str, seconds: list[float], count: int, what: str, compiled: Any = None) -> str:
    room = f", {compiled.memory_analysis().temp_size_in_bytes / 2**30:.1f} GiB beside the weights" if compiled else ""
    rate = count / float(np.median(seconds))
    return f"{name}: {spread([1e3 * s for s in seconds], '.0f')} ms, {rate:.4g} {what} a second{room}"


if __name__ == "__main__":
    sys.exit(cli.guarded(main))
