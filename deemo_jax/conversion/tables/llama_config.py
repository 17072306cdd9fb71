"""Compares the config.json of a Hugging Face LLaMA folder with a recipe's decoder, for numbers that no shape shows."""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from deemo_jax.core.errors import UserError
from deemo_jax.core.files import read_json
from deemo_jax.models.parts.llama import LlamaConfig, RopeScaling

# (key in config.json, field of `LlamaConfig`, value where the key is missing: that of the first LLaMA).
FIELDS: tuple[tuple[str, str, Any], ...] = (
    ("vocab_size", "vocab", 32000),
    ("hidden_size", "width", 4096),
    ("num_hidden_layers", "depth", 32),
    ("num_attention_heads", "heads", 32),
    ("intermediate_size", "mlp", 11008),
    ("rms_norm_eps", "eps", 1e-6),
)
# (key in config.json, the only value that the decoder supports, which is also that of a missing key).
FIXED: tuple[tuple[str, Any], ...] = (
    ("hidden_act", "silu"),
    ("partial_rotary_factor", 1.0),
    ("attention_bias", False),
    ("mlp_bias", False),
)


def check(folder: Path, ours: LlamaConfig) -> bool:
    """Compares a folder's config with the recipe's decoder.

    Returns:
        Whether the output head is tied to the embedding.

    Raises:
        UserError: no config, another architecture, or values that differ; all of them, with the keys to set.
    """
    path = folder / "config.json"
    if not path.is_file():
        raise UserError(f"{folder}: has no config.json; give the whole folder, not one file of it")
    theirs = read_json(path)
    if not isinstance(theirs, dict) or theirs.get("model_type", "llama") != "llama":
        found = theirs.get("model_type") if isinstance(theirs, dict) else None
        raise UserError(f"{path}: is of a {found!r} model; the decoder is a LLaMA")
    complaints = [*_differences(theirs, ours, path), *_foreign(theirs, path)]
    tied = _written(theirs, "tie_word_embeddings", False)
    if not isinstance(tied, bool):
        complaints.append(f"its tie_word_embeddings is {tied!r}, which is neither true nor false")
    if complaints:
        raise UserError(f"{path}: {'; '.join(complaints)}")
    return tied


def _differences(theirs: Mapping[str, Any], ours: LlamaConfig, path: Path) -> list[str]:
    wanted = {name: _written(theirs, key, default) for key, name, default in FIELDS}
    wanted["kv_heads"] = _written(theirs, "num_key_value_heads", wanted["heads"])
    wanted["theta"], wanted["rope_scaling"] = _rope(theirs, path)
    complaints = [
        f"config.model.decoder.{name} is {getattr(ours, name)!r}, there it is {value!r}"
        for name, value in wanted.items()
        if getattr(ours, name) != value
    ]
    if theirs.get("max_position_embeddings") is not None:
        context = _number(theirs, "max_position_embeddings", None, path)
        if context < ours.context:
            complaints.append(f"config.model.decoder.context is {ours.context}, there it is {context:g}")
    head = theirs.get("head_dim")
    if head not in (None, ours.head_dim):
        complaints.append(f"its heads are {head} wide, and width / heads gives {ours.head_dim}")
    return complaints


def _foreign(theirs: Mapping[str, Any], path: Path) -> list[str]:
    """What the folder's model has and this decoder does not support, a sentence each."""
    inner = _object(theirs, "rope_parameters", path)
    complaints = [
        f"its {key} is {value!r}, and the decoder is made for {made!r}"
        for key, made in FIXED
        for value in (_written(theirs, key, _written(inner, key, made)),)
        if value != made
    ]
    window = theirs.get("sliding_window")
    if window is not None and theirs.get("use_sliding_window") is not False:
        complaints.append(f"its sliding_window is {window!r}, and the decoder looks back at everything")
    if theirs.get("quantization_config") is not None:
        complaints.append("it has a quantization_config; get the weights unquantised")
    return complaints


def _rope(theirs: Mapping[str, Any], path: Path) -> tuple[float, RopeScaling | None]:
    """The base of the rotary wavelengths, and their stretch; newer files have both under 'rope_parameters'."""
    parameters = _object(theirs, "rope_parameters", path)
    scaling = _object(theirs, "rope_scaling", path) or parameters
    theta = _number(parameters if parameters.get("rope_theta") is not None else theirs, "rope_theta", 10000.0, path)
    kind = scaling.get("rope_type", scaling.get("type", "default"))
    if kind == "default":
        return theta, None
    if kind != "llama3":
        raise UserError(f"{path}: stretches its rotary positions by {kind!r}; only LLaMA-3's way is known here")
    factor, low, high, original = (
        _number(scaling, key, None, path)
        for key in ("factor", "low_freq_factor", "high_freq_factor", "original_max_position_embeddings")
    )
    return theta, RopeScaling(factor, low, high, int(original))


def _written(values: Mapping[str, Any], key: str, default: Any) -> Any:
    """The value of a key; the default where the key is missing or null."""
    return default if values.get(key) is None else values[key]


def _object(theirs: Mapping[str, Any], key: str, path: Path) -> Mapping[str, Any]:
    """The object under a key; an empty one where the key is missing or null."""
    value = _written(theirs, key, {})
    if not isinstance(value, dict):
        raise UserError(f"{path}: its {key} is {value!r}, where an object of names and numbers belongs")
    return value


def _number(values: Mapping[str, Any], key: str, default: float | None, path: Path) -> float:
    """The finite number under a key; the default where the key is missing or null."""
    value = _written(values, key, default)
    if value is None:
        raise UserError(f"{path}: its stretch of rotary positions lacks {key}")
    try:
        number = float(value) if isinstance(value, int | float) and not isinstance(value, bool) else math.nan
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        raise UserError(f"{path}: its {key} is {value!r}, which is no number that can be used")
    return number


def written(ours: LlamaConfig, dtype: str) -> dict[str, Any]:
    """The content of config.json for a decoder whose weights are written in a dtype; `check` accepts it."""
    scaling = ours.rope_scaling
    stretch = scaling and {
        "rope_type": "llama3",
        "factor": scaling.factor,
        "low_freq_factor": scaling.low,
        "high_freq_factor": scaling.high,
        "original_max_position_embeddings": scaling.original,
    }
    return {
        "architectures": ["LlamaForCausalLM"],
        "model_type": "llama",
        **{key: getattr(ours, name) for key, name, _ in FIELDS},
        "num_key_value_heads": ours.kv_heads,
        "head_dim": ours.head_dim,
        "max_position_embeddings": ours.context,
        "rope_theta": ours.theta,
        "rope_scaling": stretch,
        **{key: value for key, value in FIXED if key != "partial_rotary_factor"},
        "tie_word_embeddings": False,
        "torch_dtype": dtype,
    }
