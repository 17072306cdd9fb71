"""Public files of a tiny model, made from its own random parameters by the tables read backwards."""

import json
from pathlib import Path
from typing import Any

import jax
import numpy as np
import safetensors.numpy

from configs.deemo_llama_7b import get_config
from deemo_jax.conversion.plan import parameters
from deemo_jax.conversion.sources import SOURCES
from deemo_jax.conversion.tables.rules import WeightTable, to_public
from deemo_jax.core.recipe import Recipe
from deemo_jax.models.deemo_llama import DeemoLlamaConfig

QFORMER = {"width": 16, "heads": 2, "mlp": 32, "dropout": 0.0, "attention_dropout": 0.0}
DECODER = {"name": "llama", "vocab": 40, "width": 32, "depth": 3, "heads": 4, "kv_heads": 2, "mlp": 48, "eps": 1e-5}
MODEL: dict[str, Any] = {
    "video": {
        "encoder": {"name": "vit", "width": 24, "depth": 2, "heads": 3, "mlp": 40, "patch": 56, "output_norm": True},
        "connector": {
            "name": "per_frame",
            "frame": {**QFORMER, "queries": 3, "depth": 4, "cross_every": 2},
            "video": {**QFORMER, "queries": 4, "depth": 2, "cross_every": 1},
            "max_frames": 8,
        },
        "projector": {"name": "linear"},
    },
    "audio": {
        "encoder": {"name": "imagebind", "width": 24, "depth": 2, "heads": 2, "mlp": 40, "stride": 16, "head": 16},
        "connector": {"name": "clips", "qformer": {**QFORMER, "queries": 2, "depth": 2, "cross_every": 1}},
        "projector": {"name": "linear"},
    },
    "decoder": DECODER,
}
TOWERS = "eva_vit_g", "blip2", "imagebind", "llama"
CONNECTORS = "video_llama", "video_llama_audio"
JOINT = {"name": "joint", "qformer": MODEL["video"]["connector"]["frame"], "max_frames": 8}


def recipe(precision: str = "float32", **model: Any) -> Recipe:
    """A recipe of the tiny model; `model` replaces whole parts of it."""
    connector = model.get("video", MODEL["video"])["connector"]["name"]
    config = get_config(f"precision={precision},connector={connector}")
    config.model = {**MODEL, **model}
    return Recipe.from_config(config)


def random(of: Recipe, seed: int = 0) -> dict[str, np.ndarray]:
    """Path -> random float32 values for every parameter."""
    rng = np.random.default_rng(seed)
    return {path: rng.standard_normal(leaf.shape, np.float32) for path, leaf in sorted(parameters(of).items())}


def table(name: str, of: Recipe, folder: Path, keys: tuple[str, ...] = ()) -> WeightTable:
    """A source's table for a recipe."""
    return SOURCES[name].table(DeemoLlamaConfig.from_config(of.model), keys, folder)


def write_public(
    folder: Path, of: Recipe, names: tuple[str, ...] = TOWERS, values: dict[str, np.ndarray] | None = None
) -> dict[str, str]:
    """Writes the named public files; name -> path."""
    values = random(of) if values is None else values
    if not (folder / "llama" / "config.json").exists():
        write_llama_config(folder / "llama", of.model["decoder"])
    paths = {}
    for name in names:
        path = folder / "llama" if name == "llama" else folder / f"{name}.safetensors"
        file = path / "model.safetensors" if path.is_dir() else path
        safetensors.numpy.save_file(to_public(table(name, of, folder / "llama"), values), file)
        paths[name] = str(path)
    return paths


def write_llama_config(folder: Path, decoder: dict[str, Any], **more: Any) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    content = {
        "model_type": "llama",
        "vocab_size": decoder["vocab"],
        "hidden_size": decoder["width"],
        "num_hidden_layers": decoder["depth"],
        "num_attention_heads": decoder["heads"],
        "num_key_value_heads": decoder["kv_heads"],
        "intermediate_size": decoder["mlp"],
        "rms_norm_eps": decoder["eps"],
    }
    (folder / "config.json").write_text(json.dumps(content | more))


def change(path: str, **changes: np.ndarray | None) -> None:
    """Plants, replaces or (None) removes tensors of a file; '__' in a name stands for '.'."""
    tensors = safetensors.numpy.load_file(path)
    for name, value in changes.items():
        key = name.replace("__", ".")
        if value is None:
            del tensors[key]
        else:
            tensors[key] = value
    safetensors.numpy.save_file(tensors, path)


def same(tree: dict[str, Any], values: dict[str, np.ndarray]) -> None:
    """Asserts that a flat tree has these values, bit for bit."""
    assert tree.keys() == values.keys()
    jax.tree.map(np.testing.assert_array_equal, tree, values)
