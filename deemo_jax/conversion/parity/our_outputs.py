"""What this project's modules compute from a checkpoint, at the same stages as `pytorch_outputs`.

Each function yields arrays in the order in which `pytorch_outputs` yields its own. `dtype` is the compute dtype.
"""

import dataclasses
from collections.abc import Iterator, Mapping
from typing import Any

import flax.traverse_util
import jax
import jax.numpy as jnp
import numpy as np

from deemo_jax.models.parts import llama
from deemo_jax.models.parts.attention import Backend, make_mask
from deemo_jax.models.parts.imagebind import ImageBindAudio, ImageBindConfig
from deemo_jax.models.parts.layers import LayerNorm, RMSNorm
from deemo_jax.models.parts.projectors import LinearProjector, LinearProjectorConfig
from deemo_jax.models.parts.qformer import QFormer, QFormerConfig, QFormerLayer
from deemo_jax.models.parts.vit import ViT, ViTConfig
from deemo_jax.models.weights import Stored

Tensors = Mapping[str, Stored]


def vision_tower(
    stored: Tensors, config: ViTConfig, depths: list[int], pixels: np.ndarray, dtype: Any
) -> Iterator[Any]:
    """The ViT's tokens after each of `depths` blocks, and behind the last block the normed output."""
    params, frames = subtree(stored, "video/encoder"), jnp.asarray(pixels)
    for depth in depths:
        cut = dataclasses.replace(config, depth=depth, output_norm=False)
        yield ViT(cut, dtype).apply({"params": _first(params, depth)}, frames)
    if depths[-1] == config.depth:
        yield ViT(config, dtype).apply({"params": params}, frames)


def imagebind(
    stored: Tensors, config: ImageBindConfig, depths: list[int], mel: np.ndarray, dtype: Any
) -> Iterator[Any]:
    """Patch tokens after each of `depths` blocks, and behind the last block the clip vectors."""
    params, clips = subtree(stored, "audio/encoder"), jnp.asarray(mel)
    for depth in depths:
        cut = dataclasses.replace(config, depth=depth, output="patches")
        yield ImageBindAudio(cut, dtype).apply({"params": _first(params, depth)}, clips)
    if depths[-1] == config.depth and config.output == "vector":
        yield ImageBindAudio(config, dtype).apply({"params": params}, clips)


def decoder(stored: Tensors, config: llama.LlamaConfig, depth: int, ids: np.ndarray, dtype: Any) -> Iterator[jax.Array]:
    """Embeddings, each block's output, and behind the last block the logits."""
    x: Any = jnp.asarray(stored["decoder/embedding"][...])[ids].astype(dtype)
    yield x
    slots = jnp.broadcast_to(jnp.arange(ids.shape[1]), ids.shape)
    angles = slots[..., None] * jnp.asarray(llama.rope_frequencies(config), jnp.float32)
    mask = make_mask(jnp.ones(ids.shape, bool), slots)
    block = llama.LlamaBlock(config, dtype, Backend.REFERENCE)
    run = jax.jit(lambda params, x: block.apply({"params": params}, (x, None), angles, mask, 0, 0)[0][0])
    for index in range(depth):
        x = run(subtree(stored, "decoder/blocks", index), x)
        yield x
    if depth < config.depth:
        return
    x = RMSNorm(config.eps, dtype).apply({"params": subtree(stored, "decoder/norm")}, x)
    found = (name for name in ("embedding", "head") if f"decoder/{name}" in stored)
    head = llama.output_head({name: jnp.asarray(stored[f"decoder/{name}"][...]) for name in found}).astype(dtype)
    yield jnp.einsum("BTD,DV->BTV", x, head, preferred_element_type=jnp.float32)


def qformer(stored: Tensors, mount: str, config: QFormerConfig, tokens: np.ndarray, dtype: Any) -> Iterator[Any]:
    """The queries before the first layer, after each layer, and the whole module's output."""
    params, shown = subtree(stored, mount), jnp.asarray(tokens)
    params["queries"] = jnp.asarray(params["queries"])
    x = LayerNorm(config.eps, dtype).apply({"params": params["norm"]}, params["queries"])
    x = jnp.broadcast_to(jnp.asarray(x), (len(tokens), *params["queries"].shape))
    yield x
    for index in range(config.depth):
        row, offset = divmod(index, config.cross_every)
        member = params["groups"][f"plain{offset}" if offset else "cross"]
        layer = QFormerLayer(config, not offset, False, dtype, Backend.REFERENCE)
        x = layer.apply({"params": jax.tree.map(lambda rows, row=row: rows[row], member)}, x, shown.astype(dtype), None)
        yield x
    yield QFormer(config, dtype).apply({"params": params}, shown)


def projector(stored: Tensors, mount: str, tokens: np.ndarray, dtype: Any) -> Iterator[Any]:
    """Query tokens in the decoder's width."""
    params = subtree(stored, mount)
    width = params["linear"]["kernel"].shape[-1]
    yield LinearProjector(LinearProjectorConfig(), width, dtype).apply({"params": params}, jnp.asarray(tokens))


def positions(stored: Tensors, path: str, tokens: np.ndarray, dtype: Any) -> Iterator[Any]:
    """Tokens of frames or clips (Float[B F P E]) with their positions added."""
    yield jnp.asarray(tokens, dtype) + jnp.asarray(stored[path][: tokens.shape[1]])[None, :, None].astype(dtype)


def _first(params: dict[str, Any], depth: int) -> dict[str, Any]:
    """The parameters of a tower cut to its first blocks."""
    return params | {"blocks": jax.tree.map(lambda rows: rows[:depth], params["blocks"])}


def depths_until(depth: int, layers: int) -> list[int]:
    """1, 2, 4, ... and the last of `depth` blocks (of `layers`, where that is not 0 and less)."""
    last = min(layers or depth, depth)
    return sorted({min(1 << power, last) for power in range(last.bit_length() + 1)})


def subtree(stored: Tensors, mount: str, row: int | None = None) -> dict[str, Any]:
    """The tensors under a path as a nested dict; of stacked tensors one row, where `row` is given."""
    flat = {
        path.removeprefix(f"{mount}/"): tensor[...] if row is None else tensor[row]
        for path, tensor in stored.items()
        if path.startswith(f"{mount}/")
    }
    return flax.traverse_util.unflatten_dict(flat, sep="/")
