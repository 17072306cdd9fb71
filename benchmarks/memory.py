"""Memory of training: parameters of the 7B on several meshes, a step by remat and accumulation, and int8.

`python -m benchmarks.memory` prints three tables and a line. The first two are what the rules of the mesh say
(`deemo_jax.models.mesh`); nothing is allocated. The third is what XLA says of the compiled step of a smaller decoder,
on this machine. The line compares the sample's decoder with itself in int8, on text.
"""

import dataclasses
import functools
import sys
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import AbstractMesh

from benchmarks.decoder_sizes import SIZES
from configs import deemo_llama_7b, sample
from deemo_jax.core import cli
from deemo_jax.core.recipe import MeshRecipe, OptimizerRecipe, Recipe
from deemo_jax.core.tables import markdown
from deemo_jax.models import mesh as mesh_lib
from deemo_jax.models.batch import Batch
from deemo_jax.models.deemo_llama import DeemoLlama, DeemoLlamaConfig, param_shapes
from deemo_jax.models.from_recipe import abstract_params, make_model
from deemo_jax.models.int8 import SCALE, quantize_all
from deemo_jax.models.params import split, trainable_paths
from deemo_jax.models.parts.llama import Llama, LlamaConfig, Storage
from deemo_jax.models.placement import placements, table
from deemo_jax.models.weights import flatten, load_tree, unflatten
from deemo_jax.training.step import abstract_state, lower_step

# (data, fsdp, tensor).
MESHES = ((1, 1, 1), (1, 8, 1), (1, 1, 8), (1, 16, 1), (4, 64, 1), (1, 256, 1), (8, 32, 4))
SHOWN = (1, 256, 1)
TOWERS = Path(__file__).parents[1] / "configs" / "sample_towers" / "towers.safetensors"
TEXT = "He sounds calm, leans back and smiles: the clip is positive. She frowns and crosses her arms: negative."
# Rows and positions of the step whose memory is told.
ROWS, LENGTH = 16, 256
REMATS = ("none", "dots", "block")
GIB, MIB = 2**30, 2**20


def main(arguments: list[str] | None = None) -> int:
    """Prints the three tables."""
    cli.Parser("python -m benchmarks.memory", description=__doc__).parse_args(arguments)
    print("GiB of the 7B recipe's parameters on a device, frozen ones in bfloat16 or int8:\n")
    header: tuple[str, ...] = ("data x fsdp x tensor", "bfloat16", "int8", "of which whole though large")
    print(markdown(header, [_mesh_row(sizes) for sizes in MESHES], right=(1, 2, 3)), flush=True)
    print(f"\nWhat a run over {' x '.join(map(str, SHOWN))} says at its start:\n")
    print(table(_parameters(SHOWN, "bfloat16"), MeshRecipe.replicated_below))
    print(f"\nMiB beside the weights of a step through a frozen decoder of width 512, {ROWS} x {LENGTH} positions:\n")
    print(
        markdown(("parts of the batch", *REMATS), [_step_row(parts) for parts in (1, 4)], right=(1, 2, 3)), flush=True
    )
    loss, slope, size = int8_error()
    print(
        f"\nThe sample's decoder in int8, on {len(TEXT)} letters: the loss of a token is {loss:.4f} nats apart, the "
        f"slope at its input {slope:.1%}; its blocks take {size:.2f} of their bytes in bfloat16."
    )
    return 0


def _mesh_row(sizes: tuple[int, int, int]) -> tuple[str, ...]:
    bfloat16, int8 = (_parameters(sizes, dtype) for dtype in ("bfloat16", "int8"))
    below = MeshRecipe.replicated_below
    left = sum(row.device_bytes for row in int8 if not row.axes and np.prod(row.shape) >= below)
    held = (sum(row.device_bytes for row in rows) for rows in (bfloat16, int8))
    whole = left if sizes[1] * sizes[2] > 1 else 0
    return " x ".join(map(str, sizes)), *(f"{size / GIB:.2f}" for size in (*held, whole))


def _parameters(sizes: tuple[int, int, int], dtype: str) -> Any:
    config = deemo_llama_7b.get_config()
    config.frozen_dtype, config.data.data_dir = dtype, "none"
    recipe, mesh = Recipe.from_config(config), AbstractMesh(sizes, mesh_lib.AXES)
    return placements(abstract_params(make_model(recipe, mesh), recipe, mesh)[0])  # type: ignore[arg-type]


def _step_row(parts: int) -> tuple[str, ...]:
    return f"{parts}", *(f"{_temporary(remat, parts) / MIB:.0f}" for remat in REMATS)


def _temporary(remat: str, parts: int) -> int:
    """Bytes that a compiled step takes beside its arguments and results."""
    sizes = SIZES["512 x 8, 32,000 ids"]
    model = DeemoLlama(DeemoLlamaConfig.from_config({"decoder": {**sizes, "name": "llama", "remat": remat}}))
    config = sample.get_config()
    recipe = dataclasses.replace(Recipe.from_config(config), optimizer=OptimizerRecipe(accumulate=parts))
    mesh = mesh_lib.make_mesh(recipe.mesh, jax.devices()[:1])
    place = mesh_lib.replicated(mesh)
    abstract = jax.tree.map(lambda leaf: jax.ShapeDtypeStruct(*_of(leaf), sharding=place), param_shapes(model))
    trainable, frozen = split(abstract, trainable_paths(flatten(abstract), ("decoder/blocks/norm1/.*",)))
    batch: Any = Batch.zeros(ROWS, LENGTH, None, None)
    batch = batch.replace(loss_mask=np.ones((ROWS, LENGTH), np.float32), record_valid=np.ones(ROWS, bool))
    state = abstract_state(recipe, trainable, mesh)
    step = lower_step(model, recipe, mesh, state, frozen, batch).compile()
    return step.memory_analysis().temp_size_in_bytes


def _of(leaf: Any) -> tuple[Any, Any]:
    return leaf.shape, leaf.dtype


def int8_error() -> tuple[float, float, float]:
    """Of the sample's decoder in int8, beside itself in float32.

    Returns:
        Difference of the mean loss of a token (nats); of the loss's slope at the embeddings, relative; and bytes of the
        blocks' parameters, relative to bfloat16.
    """
    config = LlamaConfig(**{key: value for key, value in sample.MODEL["decoder"].items() if key != "name"})
    plain = flatten(jax.tree.map(lambda leaf: jnp.asarray(leaf, jnp.float32), load_tree(TOWERS)["decoder"]))
    rounded = in_int8(config, plain)
    ids = jnp.asarray([[1, *(byte + 3 for byte in TEXT.encode())]])
    (loss, slope), (near, close) = _told(config, False, plain, ids), _told(config, True, rounded, ids)
    size = sum(leaf.nbytes for path, leaf in rounded.items() if path.startswith("blocks/"))
    half = sum(leaf.size * 2 for path, leaf in plain.items() if path.startswith("blocks/"))
    return abs(float(near - loss)), float(jnp.linalg.norm(close - slope) / jnp.linalg.norm(slope)), size / half


def in_int8(config: LlamaConfig, params: dict[str, Any]) -> dict[str, Any]:
    """path -> value of a decoder's parameters, with its kernels in int8."""
    model = DeemoLlama(DeemoLlamaConfig.from_config({"decoder": _plain(config)}), Storage(int8=True))
    scales = {path: leaf for path, leaf in flatten(param_shapes(model)["decoder"]).items() if path.endswith(SCALE)}
    return quantize_all({**params, **scales})


def _plain(config: LlamaConfig) -> dict[str, Any]:
    known = {field.name: getattr(config, field.name) for field in dataclasses.fields(config)}
    return {"name": "llama", **known, "remat": str(config.remat)}


@functools.partial(jax.jit, static_argnums=(0, 1))
def _told(config: LlamaConfig, int8: bool, params: Any, ids: Any) -> tuple[Any, Any]:
    model, tree = Llama(config, storage=Storage(int8=int8)), {"params": unflatten(params)}
    valid, positions = jnp.ones(ids.shape, bool), jnp.arange(ids.shape[1])[None]

    def loss(x_BTD: Any) -> Any:
        logits: Any = model.apply(tree, model.apply(tree, x_BTD, positions, valid), method="logits")
        logp = jax.nn.log_softmax(logits)
        return -jnp.take_along_axis(logp[:, :-1], ids[:, 1:, None], -1).mean()

    return jax.value_and_grad(loss)(model.apply(tree, ids, method="embed"))


if __name__ == "__main__":
    sys.exit(cli.guarded(main))
