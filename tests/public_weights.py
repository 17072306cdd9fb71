"""Stand-ins for the public checkpoints, and a plain mapping of their names to the project's parameter tree.

Each tensor is a pure function of (seed, key, shape), so golden values of the reference code can be met without a
download. `Get` looks a public key up; mapping a `Get` that returns something else than weights works as well.
"""

import functools
import hashlib
import json
import math
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import numpy as np

MANIFESTS = Path(__file__).parent / "data" / "checkpoints"
Tree = dict[str, Any]
Get = Callable[[str], np.ndarray]


def tensor(key: str, shape: tuple[int, ...], seed: int = 0) -> np.ndarray:
    """The float64 values that stand in for one public tensor."""
    if key.endswith("log_logit_scale"):
        return np.asarray(math.log(20.0))
    noise = generator(key, seed).standard_normal(shape)
    if re.search("token|pos_embed|position_embedding|bias_k|bias_v", key) and "embed_tokens" not in key:
        return noise / 2
    if len(shape) >= 2:
        return noise / math.sqrt(math.prod(shape[1:]))
    return noise / 10 + (1.0 if key.endswith("weight") else 0.0)


def generator(key: str, seed: int = 0) -> np.random.Generator:
    """The random generator that belongs to a key."""
    return np.random.default_rng(int.from_bytes(hashlib.sha256(f"{seed}:{key}".encode()).digest()[:8], "little"))


def golden_input(name: str, shape: tuple[int, ...]) -> np.ndarray:
    """A golden file's input, by the same rule."""
    return generator(f"input:{name}").standard_normal(shape).astype(np.float32)


@functools.cache
def shapes(manifest: str) -> dict[str, tuple[int, ...]]:
    """Key to shape, of one public file."""
    content = json.loads((MANIFESTS / f"{manifest}.json").read_text())
    return {key: tuple(shape) for key, shape in content["tensors"].items()}


def file_of(manifest: str, decoder_width: int | None = None) -> Get:
    """Looks keys up in one stand-in file, in float32; its projection can be made narrower."""

    def get(key: str) -> np.ndarray:
        shape = shapes(manifest)[key]
        if decoder_width and re.search(r"llama_proj\.", key):
            shape = (decoder_width, *shape[1:])
        return tensor(key, shape).astype(np.float32)

    return get


def vit(get: Get, blip2: Get, depth: int, heads: int = 16) -> Tree:
    """EVA's ViT and, from BLIP-2's file, the norm behind it."""

    def block(index: int) -> Tree:
        name = f"blocks.{index}"
        width = get(f"{name}.norm1.weight").shape[0]
        rows = np.split(get(f"{name}.attn.qkv.weight"), 3)
        query, key, value = (_split_out(row, heads) for row in rows)
        per_head = (heads, width // heads)
        return {
            "norm1": _norm(get, f"{name}.norm1"),
            "norm2": _norm(get, f"{name}.norm2"),
            "attention": {
                "query": {"kernel": query, "bias": get(f"{name}.attn.q_bias").reshape(per_head)},
                "key": {"kernel": key},
                "value": {"kernel": value, "bias": get(f"{name}.attn.v_bias").reshape(per_head)},
                "out": _merge_heads(get, f"{name}.attn.proj", heads),
            },
            "mlp": {"up": _linear(get, f"{name}.mlp.fc1"), "down": _linear(get, f"{name}.mlp.fc2")},
        }

    return {
        "class_token": get("cls_token")[0, 0],
        "positions": get("pos_embed")[0],
        "patch": {"kernel": get("patch_embed.proj.weight").transpose(2, 3, 1, 0), "bias": get("patch_embed.proj.bias")},
        "blocks": stack([block(index) for index in range(depth)]),
        "output_norm": _norm(blip2, "ln_vision"),
    }


def imagebind(get: Get, depth: int = 12, heads: int = 12) -> Tree:
    """ImageBind's audio trunk."""

    def block(index: int) -> Tree:
        name = f"modality_trunks.audio.blocks.{index}"
        kernels = [_split_out(row, heads) for row in np.split(get(f"{name}.attn.in_proj_weight"), 3)]
        biases = [row.reshape(heads, -1) for row in np.split(get(f"{name}.attn.in_proj_bias"), 3)]
        projections = {
            part: {"kernel": kernel, "bias": bias}
            for part, kernel, bias in zip(("query", "key", "value"), kernels, biases, strict=True)
        }
        return {
            "norm1": _norm(get, f"{name}.norm_1"),
            "norm2": _norm(get, f"{name}.norm_2"),
            "attention": {
                **projections,
                "extra_key": get(f"{name}.attn.bias_k").reshape(heads, -1),
                "extra_value": get(f"{name}.attn.bias_v").reshape(heads, -1),
                "out": _merge_heads(get, f"{name}.attn.out_proj", heads),
            },
            "mlp": {"up": _linear(get, f"{name}.mlp.fc1"), "down": _linear(get, f"{name}.mlp.fc2")},
        }

    stem = "modality_preprocessors.audio"
    return {
        "class_token": get(f"{stem}.cls_token")[0, 0],
        "positions": get(f"{stem}.pos_embedding_helper.pos_embed")[0],
        "patch": get(f"{stem}.rgbt_stem.proj.weight").transpose(2, 3, 1, 0),
        "patch_norm": _norm(get, f"{stem}.rgbt_stem.norm_layer"),
        "blocks": stack([block(index) for index in range(depth)]),
        "head_norm": _norm(get, "modality_heads.audio.0"),
        "head": {"kernel": get("modality_heads.audio.2.weight").T},
    }


def qformer(get: Get, queries: str, prefix: str, depth: int, cross_every: int, heads: int = 12) -> Tree:
    """A BERT-shaped Q-Former without its text branch; `queries` is its query tokens' key."""

    def attend(name: str) -> Tree:
        parts = {part: _split_heads(get, f"{name}.self.{part}", heads) for part in ("query", "key", "value")}
        return {**parts, "out": _merge_heads(get, f"{name}.output.dense", heads)}

    def layer(index: int, cross: bool) -> Tree:
        name = f"{prefix}.bert.encoder.layer.{index}"
        tree = {
            "self_attention": attend(f"{name}.attention"),
            "self_norm": _norm(get, f"{name}.attention.output.LayerNorm"),
            "mlp": {
                "up": _linear(get, f"{name}.intermediate_query.dense"),
                "down": _linear(get, f"{name}.output_query.dense"),
            },
            "mlp_norm": _norm(get, f"{name}.output_query.LayerNorm"),
        }
        if cross:
            tree["cross_attention"] = attend(f"{name}.crossattention")
            tree["cross_norm"] = _norm(get, f"{name}.crossattention.output.LayerNorm")
        return tree

    groups = [
        {"cross": layer(first, True)}
        | {f"plain{offset}": layer(first + offset, False) for offset in range(1, cross_every)}
        for first in range(0, depth, cross_every)
    ]
    return {
        "queries": get(queries)[0],
        "norm": _norm(get, f"{prefix}.bert.embeddings.LayerNorm"),
        "groups": stack(groups),
    }


def blip2_qformer(get: Get) -> Tree:
    """The frame Q-Former."""
    return qformer(get, "query_tokens", "Qformer", depth=12, cross_every=2)


def video_qformer(get: Get) -> Tree:
    """Video-LLaMA's, over the queries of all frames."""
    return qformer(get, "video_query_tokens", "video_Qformer", depth=2, cross_every=1)


def audio_connector(get: Get) -> Tree:
    """Video-LLaMA's audio Q-Former with its clip positions."""
    return {
        "clip_positions": get("audio_position_embedding.weight"),
        "qformer": qformer(get, "audio_query_tokens", "audio_Qformer", depth=2, cross_every=1),
    }


def projector(get: Get, name: str) -> Tree:
    """A linear projection."""
    return {"linear": _linear(get, name)}


def llama(get: Get, depth: int, heads: int, kv_heads: int | None = None) -> Tree:
    """A LLaMA; `kv_heads` is for grouped queries."""
    split_into = (("query", "q", heads), ("key", "k", kv_heads or heads), ("value", "v", kv_heads or heads))

    def block(index: int) -> Tree:
        name = f"model.layers.{index}"
        tree = {
            ours: {"kernel": _split_out(get(f"{name}.self_attn.{theirs}_proj.weight"), parts)}
            for ours, theirs, parts in split_into
        }
        out = get(f"{name}.self_attn.o_proj.weight").T
        tree["out"] = {"kernel": out.reshape(heads, -1, out.shape[-1])}
        for part in ("gate", "up", "down"):
            tree[part] = {"kernel": get(f"{name}.mlp.{part}_proj.weight").T}
        tree["norm1"] = {"scale": get(f"{name}.input_layernorm.weight")}
        tree["norm2"] = {"scale": get(f"{name}.post_attention_layernorm.weight")}
        return tree

    return {
        "embedding": get("model.embed_tokens.weight"),
        "blocks": stack([block(index) for index in range(depth)]),
        "norm": {"scale": get("model.norm.weight")},
        "head": get("lm_head.weight").T,
    }


def stack(trees: list[Tree]) -> Tree:
    """Layers of one form to one tree with a leading layer axis."""
    return jax.tree.map(lambda *leaves: np.stack(leaves), *trees)


def _norm(get: Get, name: str) -> Tree:
    return {"scale": get(f"{name}.weight"), "bias": get(f"{name}.bias")}


def _linear(get: Get, name: str) -> Tree:
    return {"kernel": get(f"{name}.weight").T, "bias": get(f"{name}.bias")}


def _split_out(weight: np.ndarray, heads: int) -> np.ndarray:
    return weight.T.reshape(weight.shape[1], heads, -1)


def _split_heads(get: Get, name: str, heads: int) -> Tree:
    return {"kernel": _split_out(get(f"{name}.weight"), heads), "bias": get(f"{name}.bias").reshape(heads, -1)}


def _merge_heads(get: Get, name: str, heads: int) -> Tree:
    kernel = get(f"{name}.weight").T
    return {"kernel": kernel.reshape(heads, -1, kernel.shape[-1]), "bias": get(f"{name}.bias")}
