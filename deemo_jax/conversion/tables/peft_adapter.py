"""LoRA adapters in PEFT's layout: adapter_config.json, and A and B under the names of Hugging Face's LLaMA."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from deemo_jax.conversion.tables.llama import LAYER
from deemo_jax.conversion.tables.rules import Rule, WeightTable
from deemo_jax.conversion.tables.transforms import LINEAR, LINEAR_FROM_HEADS
from deemo_jax.core.errors import UserError
from deemo_jax.core.files import read_json
from deemo_jax.models.parts.lora import SUFFIX, TARGETS, LoraConfig

# The file that marks a folder as an adapter.
ADAPTER = "adapter_config.json"
# The prefix that PEFT puts before the model's own names; `open_public` takes it off.
PREFIX = "base_model.model."
# A target in a config -> its module in a block of Hugging Face's LLaMA.
PUBLIC: Mapping[str, str] = {
    "q": "self_attn.q_proj",
    "k": "self_attn.k_proj",
    "v": "self_attn.v_proj",
    "o": "self_attn.o_proj",
    "gate": "mlp.gate_proj",
    "up": "mlp.up_proj",
    "down": "mlp.down_proj",
}
# (key of adapter_config.json, the only value that LoRA here has, which is also that of a missing key).
PLAIN: tuple[tuple[str, Any], ...] = (
    ("peft_type", "LORA"),
    ("bias", "none"),
    ("fan_in_fan_out", False),
    ("use_rslora", False),
    ("use_dora", False),
    ("use_qalora", False),
    ("lora_bias", False),
)
# Keys that are empty or null where all layers and targets are adapted alike.
ALIKE = ("rank_pattern", "alpha_pattern", "layers_to_transform", "modules_to_save", "target_parameters")
# What PEFT calls all linear layers of the blocks.
ALL = "all-linear"


def adapter(lora: LoraConfig) -> WeightTable:
    """A and B of a decoder, by the names in the file without `PREFIX`."""
    rules = []
    for target in lora.targets:
        public, ours = f"{LAYER}.{PUBLIC[target]}.lora", f"blocks/{TARGETS[target]}{SUFFIX}/lora"
        rules += [
            Rule(f"{public}_A.weight", f"{ours}_a", LINEAR_FROM_HEADS),
            Rule(f"{public}_B.weight", f"{ours}_b", LINEAR),
        ]
    return WeightTable("lora", tuple(rules))


def adapter_config(lora: LoraConfig) -> dict[str, Any]:
    """The content of adapter_config.json."""
    return {
        **dict(PLAIN),
        "task_type": "CAUSAL_LM",
        "base_model_name_or_path": None,
        "inference_mode": True,
        "init_lora_weights": True,
        "r": lora.rank,
        "lora_alpha": int(lora.alpha) if lora.alpha.is_integer() else lora.alpha,
        "lora_dropout": lora.dropout,
        "target_modules": [PUBLIC[target].split(".")[-1] for target in lora.targets],
    }


def check(folder: Path, ours: LoraConfig | None) -> LoraConfig:
    """Compares an adapter's config with that of a recipe's decoder.

    Returns:
        The recipe's.

    Raises:
        UserError: the recipe has no LoRA, there is no config, it is another kind of adapter, or values differ; all of
            them, with the keys to set.
    """
    path = folder / ADAPTER
    if ours is None:
        raise UserError(f"{folder}: this config's decoder has no LoRA; set config.model.decoder.lora, or leave it out")
    if not path.is_file():
        raise UserError(f"{folder}: has no {ADAPTER}; give the folder of a PEFT adapter")
    theirs = read_json(path)
    if not isinstance(theirs, dict):
        raise UserError(f"{path}: holds no object of names and values")
    complaints = [
        f"its {key} is {theirs[key]!r}, and LoRA here has {made!r}"
        for key, made in PLAIN
        if theirs.get(key) not in (None, made)
    ]
    complaints += [f"its {key} is {theirs[key]!r}, which is not supported" for key in ALIKE if theirs.get(key)]
    complaints += [
        f"config.model.decoder.lora.{name} is {value:g}, there it is {theirs.get(key)!r}"
        for key, name, value in (("r", "rank", ours.rank), ("lora_alpha", "alpha", ours.alpha))
        if theirs.get(key) != value
    ]
    complaints += _targets(theirs.get("target_modules"), ours)
    if complaints:
        raise UserError(f"{path}: {'; '.join(complaints)}")
    return ours


def _targets(theirs: Any, ours: LoraConfig) -> list[str]:
    """What is wrong with an adapter's targets, a sentence each."""
    names = list(TARGETS) if theirs == ALL else theirs
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        return [f"its target_modules is {theirs!r}, where a list of modules belongs"]
    known = {public.split(".")[-1]: target for target, public in PUBLIC.items()} | {name: name for name in TARGETS}
    found = {name: known.get(name.split(".")[-1]) for name in names}
    if strangers := [name for name, target in found.items() if target is None]:
        return [
            f"its target_modules has {', '.join(map(repr, strangers))}, which no kernel of this decoder is called; "
            f"there are {', '.join(public.split('.')[-1] for public in PUBLIC.values())}"
        ]
    if set(found.values()) != set(ours.targets):
        wanted = [target for target in TARGETS if target in found.values()]
        return [f"config.model.decoder.lora.targets is {list(ours.targets)}, there it is {wanted}"]
    return []
