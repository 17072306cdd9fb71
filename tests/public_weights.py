"""Stand-ins for the public checkpoints: their keys and shapes with known numbers.

Each tensor is a pure function of (seed, key, shape), so golden values of the reference code can be met without a
download.
"""

import hashlib
import json
import math
import re
from pathlib import Path
from typing import Any

import numpy as np
import safetensors.numpy

MANIFESTS = Path(__file__).parent / "data" / "checkpoints"

# Source -> its manifest.
FILES = {
    "eva_vit_g": "eva_vit_g",
    "blip2": "blip2_pretrained_flant5xxl",
    "imagebind": "imagebind_huge",
    "video_llama": "finetune-vicuna7b-v2",
    "video_llama_audio": "finetune_vicuna7b_audiobranch",
    "llama": "vicuna-7b",
}


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


def manifest(name: str) -> dict[str, Any]:
    """A public file's "tensors" and "ignore" (key -> shape), "wrapper", "beside"."""
    return json.loads((MANIFESTS / f"{name}.json").read_text())


def shapes(name: str, keep: str = "", decoder_width: int | None = None, extras: bool = True) -> dict[str, tuple]:
    """Key -> shape of a public file.

    Args:
        name: of the manifest.
        keep: only keys that this regular expression finds.
        decoder_width: in place of the published one, for projections to the decoder.
        extras: also what a converter must skip, shrunk to one number each: nobody looks at it.
    """
    content = manifest(name)
    found = {key: tuple(shape) for key, shape in content["tensors"].items()}
    found |= dict.fromkeys(content["ignore"], (1,)) if extras else {}
    if decoder_width:
        found |= {key: (decoder_width, *shape[1:]) for key, shape in found.items() if "llama_proj." in key}
    return {key: shape for key, shape in found.items() if re.search(keep, key)}


def values(wanted: dict[str, tuple[int, ...]]) -> dict[str, np.ndarray]:
    """The tensors of `shapes`, float32."""
    return {key: tensor(key, shape).astype(np.float32) for key, shape in wanted.items()}


def write(path: Path, wanted: dict[str, tuple[int, ...]]) -> Path:
    """Writes them as safetensors, which needs no PyTorch."""
    safetensors.numpy.save_file(values(wanted), path)
    return path


def write_llama(folder: Path, decoder: dict[str, Any], wanted: dict[str, tuple[int, ...]]) -> Path:
    """A Hugging Face folder of a decoder: weights and config."""
    folder.mkdir()
    write(folder / "model.safetensors", wanted)
    names = {"vocab": "vocab_size", "width": "hidden_size", "depth": "num_hidden_layers", "mlp": "intermediate_size"}
    names |= {"heads": "num_attention_heads", "kv_heads": "num_key_value_heads", "eps": "rms_norm_eps"}
    config = {theirs: decoder[ours] for ours, theirs in names.items()}
    (folder / "config.json").write_text(json.dumps({"model_type": "llama", **config}))
    return folder
