"""A Hugging Face LLaMA folder's config.json beside the recipe's decoder: numbers that no tensor's shape gives away."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from deemo_jax.errors import UserError
from deemo_jax.files import read_json
from deemo_jax.models.llama import LlamaConfig, RopeScaling

# Theirs, ours, and what theirs means when it is not written down (the first LLaMA's).
FIELDS: tuple[tuple[str, str, Any], ...] = (
    ("vocab_size", "vocab", None),
    ("hidden_size", "width", None),
    ("num_hidden_layers", "depth", None),
    ("num_attention_heads", "heads", None),
    ("intermediate_size", "mlp", None),
    ("rms_norm_eps", "eps", 1e-6),
)


def check(folder: Path, ours: LlamaConfig) -> bool:
    """Compares a folder's config with the recipe's; whether its output head is tied to the embedding.

    Raises:
        UserError: no config, another architecture, or numbers that differ: all of them, with the keys to set.
    """
    path = folder / "config.json"
    if not path.is_file():
        raise UserError(f"{folder}: has no config.json; give the whole folder, not one file of it")
    theirs = read_json(path)
    if not isinstance(theirs, dict) or theirs.get("model_type", "llama") != "llama":
        found = theirs.get("model_type") if isinstance(theirs, dict) else None
        raise UserError(f"{path}: is of a {found!r} model; the decoder is a LLaMA")
    wanted = {name: theirs.get(key, default) for key, name, default in FIELDS}
    wanted["kv_heads"] = theirs.get("num_key_value_heads") or wanted["heads"]
    wanted["theta"], wanted["rope_scaling"] = _rope(theirs, path)
    complaints = [
        f"config.model.decoder.{name} is {getattr(ours, name)!r}, there it is {value!r}"
        for name, value in wanted.items()
        if value is not None or name == "rope_scaling"
        if getattr(ours, name) != value
    ]
    context = theirs.get("max_position_embeddings")
    if isinstance(context, int) and context < ours.context:
        complaints.append(f"config.model.decoder.context is {ours.context}, there it is {context}")
    head = theirs.get("head_dim")
    if head not in (None, ours.head_dim):
        complaints.append(f"its heads are {head} wide, and width / heads gives {ours.head_dim}")
    if complaints:
        raise UserError(f"{path}: {'; '.join(complaints)}")
    return bool(theirs.get("tie_word_embeddings", False))


def _rope(theirs: Mapping[str, Any], path: Path) -> tuple[float, RopeScaling | None]:
    """Newer files keep all of it under 'rope_parameters'."""
    parameters = theirs.get("rope_parameters") or {}
    scaling = theirs.get("rope_scaling") or parameters
    theta = float(parameters.get("rope_theta", theirs.get("rope_theta", 10000.0)))
    kind = scaling.get("rope_type", scaling.get("type", "default"))
    if kind == "default":
        return theta, None
    if kind != "llama3":
        raise UserError(f"{path}: stretches its rotary positions by {kind!r}; only LLaMA-3's way is known here")
    try:
        stretch = RopeScaling(
            factor=float(scaling["factor"]),
            low=float(scaling["low_freq_factor"]),
            high=float(scaling["high_freq_factor"]),
            original=int(scaling["original_max_position_embeddings"]),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise UserError(f"{path}: its rope_scaling lacks {error}") from error
    return theta, stretch
