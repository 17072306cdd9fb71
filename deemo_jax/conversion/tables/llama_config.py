"""Compares the config.json of a Hugging Face decoder with a recipe's, for numbers that no shape shows.

Every key is compared, known to change nothing of what the decoder computes (`HARMLESS`), or refused by its name.
"""

import dataclasses
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from deemo_jax.core.errors import UserError
from deemo_jax.core.files import read_json
from deemo_jax.models.parts.llama import LlamaConfig, RopeScaling


@dataclasses.dataclass(frozen=True)
class Architecture:
    """What a `model_type` means beside the numbers of its config.json.

    Attributes:
        qkv_bias, qk_norm: see `LlamaConfig`.
        defaults: values of missing keys, where they are not those of the first LLaMA.
        window: whether a sliding_window counts without use_sliding_window.
        written: the keys of `FIXED` that its config.json has.
    """

    qkv_bias: bool = False
    qk_norm: bool = False
    defaults: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    window: bool = False
    written: tuple[str, ...] = ("hidden_act",)


_QWEN = {"vocab_size": 151936, "intermediate_size": 22016, "num_key_value_heads": 32}
ARCHITECTURES: Mapping[str, Architecture] = {
    "llama": Architecture(window=True, written=("hidden_act", "attention_bias", "mlp_bias")),
    "qwen2": Architecture(qkv_bias=True, defaults=_QWEN),
    "qwen3": Architecture(qk_norm=True, defaults={**_QWEN, "head_dim": 128}),
}
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
# Keys that are compared beside `FIELDS` and `FIXED`.
COMPARED = (
    *("model_type", "num_key_value_heads", "head_dim", "tie_word_embeddings", "max_position_embeddings", "rope_theta"),
    *("rope_scaling", "rope_parameters", "sliding_window", "use_sliding_window", "layer_types", "quantization_config"),
)
# Keys that change nothing of what these decoders compute: names, training, generation, the storage of the file.
# max_window_layers counts where a sliding window is used, and a pretraining_tp above 1 only splits matrix products.
# fmt: off
HARMLESS = frozenset([
    "architectures", "_name_or_path", "transformers_version", "torch_dtype", "dtype", "auto_map", "initializer_range",
    "use_cache", "attention_dropout", "bos_token_id", "eos_token_id", "pad_token_id", "unk_token_id", "pretraining_tp",
    "max_window_layers", "max_sequence_length", "output_attentions", "output_hidden_states", "return_dict",
    "use_return_dict", "tokenizer_class", "chunk_size_feed_forward", "problem_type", "id2label", "label2id",
    "is_encoder_decoder", "is_decoder", "torchscript", "_attn_implementation", "_attn_implementation_autoset",
    "attn_implementation", "task_specific_params", "use_flash_attn", "gradient_checkpointing", "unsloth_version",
    "unsloth_fixed",
])
# fmt: on


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
    kind = theirs.get("model_type", "llama") if isinstance(theirs, dict) else None
    if not isinstance(kind, str) or kind not in ARCHITECTURES:
        raise UserError(f"{path}: is of a {kind!r} model; the decoder is one of {', '.join(ARCHITECTURES)}")
    theirs = {**ARCHITECTURES[kind].defaults, **{key: value for key, value in theirs.items() if value is not None}}
    complaints = [*_differences(theirs, ours, ARCHITECTURES[kind], path), *_foreign(theirs, ARCHITECTURES[kind], path)]
    tied = theirs.get("tie_word_embeddings", False)
    if not isinstance(tied, bool):
        complaints.append(f"its tie_word_embeddings is {tied!r}, which is neither true nor false")
    elif ours.tied and not tied:
        complaints.append("config.model.decoder.tied is True, there it is False")
    if complaints:
        raise UserError(f"{path}: {'; '.join(complaints)}")
    return tied


def _differences(theirs: Mapping[str, Any], ours: LlamaConfig, kind: Architecture, path: Path) -> list[str]:
    wanted = {name: theirs.get(key, default) for key, name, default in FIELDS}
    wanted["kv_heads"] = theirs.get("num_key_value_heads", wanted["heads"])
    wanted["theta"], wanted["rope_scaling"] = _rope(theirs, path)
    wanted["qkv_bias"], wanted["qk_norm"] = kind.qkv_bias, kind.qk_norm
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
        complaints.append(
            f"config.model.decoder.head_width gives heads {ours.head_dim} wide, there they are {head} wide"
        )
    return complaints


def _foreign(theirs: Mapping[str, Any], kind: Architecture, path: Path) -> list[str]:
    """What the folder's model has and this decoder does not support, a sentence each."""
    inner = _object(theirs, "rope_parameters", path)
    complaints = [
        f"its {key} is {value!r}, and the decoder is made for {made!r}"
        for key, made in FIXED
        for value in (theirs.get(key, _written(inner, key, made)),)
        if value != made
    ]
    window = theirs.get("sliding_window")
    if window is not None and theirs.get("use_sliding_window", kind.window) is not False:
        complaints.append(f"its sliding_window is {window!r}, and the decoder looks back at everything")
    layers = theirs.get("layer_types", [])
    if not isinstance(layers, list) or any(layer != "full_attention" for layer in layers):
        complaints.append("its layer_types are not all 'full_attention', and every layer of the decoder is")
    if theirs.get("quantization_config") is not None:
        complaints.append("it has a quantization_config; get the weights unquantised")
    known = {*COMPARED, *HARMLESS, *(key for key, *_ in FIELDS), *(key for key, _ in FIXED)}
    unknown = sorted(key for key in theirs if key not in known)
    if unknown:
        complaints.append(
            f"its {', '.join(unknown[:8])} {'is' if len(unknown) == 1 else 'are'} not known here; take out of a copy "
            "of the file what changes nothing of what the model computes"
        )
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
    """The content of config.json for a decoder whose weights are written in a dtype; `check` accepts it.

    Raises:
        UserError: no public architecture is like it.
    """
    kinds = [
        name for name, one in ARCHITECTURES.items() if (one.qkv_bias, one.qk_norm) == (ours.qkv_bias, ours.qk_norm)
    ]
    if not kinds:
        raise UserError("config.model.decoder: no public architecture has both qkv_bias and qk_norm; leave one out")
    kind = ARCHITECTURES[kinds[0]]
    scaling = ours.rope_scaling
    stretch = scaling and {
        "rope_type": "llama3",
        "factor": scaling.factor,
        "low_freq_factor": scaling.low,
        "high_freq_factor": scaling.high,
        "original_max_position_embeddings": scaling.original,
    }
    return {
        "architectures": [f"{kinds[0].capitalize()}ForCausalLM"],
        "model_type": kinds[0],
        **{key: getattr(ours, name) for key, name, _ in FIELDS},
        "num_key_value_heads": ours.kv_heads,
        "head_dim": ours.head_dim,
        "max_position_embeddings": ours.context,
        "rope_theta": ours.theta,
        "rope_scaling": stretch,
        **{key: value for key, value in FIXED if key in kind.written},
        "tie_word_embeddings": ours.tied,
        "torch_dtype": dtype,
    }
