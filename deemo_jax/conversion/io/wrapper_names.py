"""Removes the prefixes that training tools add to a model's own tensor names."""

import dataclasses
import re
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from deemo_jax.conversion.io.tensor_entry import Entry
from deemo_jax.core.errors import UserError

# Prefixes of every name: of DistributedDataParallel and DataParallel; PEFT; Lightning with DeepSpeed; Opacus.
FRONT = ("module.", "base_model.model.", "_forward_module.", "_module.")
# Key of the number of averaged models in files of torch.optim.swa_utils; all other keys there begin with `module.`.
COUNTER = "n_averaged"
# Parts anywhere in a name: of torch.compile, FSDP and activation checkpointing.
INSIDE = re.compile(r"(?<![^.])(?:_orig_mod|_fsdp_wrapped_module|_checkpoint_wrapped_module)\.")
# Names, as PEFT writes them, of adapters, which change the weights beside them: without them the weights are another
# model's.
DELTA = re.compile(
    r"(?:.*\.)?(?:lora_\w+|base_layer|original_module|modules_to_save|ia3_l|(?:hada|lokr|oft|vera)_\w+)(?:\..*)?"
)
# What a person can do about an adapter.
MERGE = "merge it into its model first (PEFT: model.merge_and_unload().save_pretrained(DIR)) and give that folder"


def unwrapped(tensors: Mapping[str, Entry], path: Path, *, adapter: bool = False) -> dict[str, Entry]:
    """The tensors under the model's own names; several prefixes may follow each other in any order.

    Args:
        tensors: public key -> tensor.
        path: of the file, for messages.
        adapter: whether an adapter is asked for.

    Raises:
        UserError: two tensors have the same name without prefixes; or there is an adapter, LoRA or another, where none
            is asked for.
    """
    averaged = COUNTER in tensors and all(key == COUNTER or key.startswith("module.") for key in tensors)
    names = {key: INSIDE.sub("", key) for key in tensors if not (averaged and key == COUNTER)}
    while front := next((front for front in FRONT if all(name.startswith(front) for name in names.values())), None):
        names = {key: name.removeprefix(front) for key, name in names.items()}
    found: dict[str, Entry] = {}
    for key, name in names.items():
        if name in found:
            raise UserError(f"{path}: holds {name} twice, once as {key}; give a file of one model")
        found[name] = tensors[key] if name == key else _renamed(tensors[key], key)
    if deltas := [name for name in found if not adapter and DELTA.fullmatch(name)]:
        raise UserError(f"{path}: holds an adapter that is not merged ({len(deltas)} parts, e.g. {deltas[0]}); {MERGE}")
    return found


def _renamed(entry: Entry, key: str) -> Entry:
    """The entry for its name without prefixes; the file still knows it by `key`."""

    def read(_: str) -> np.ndarray:
        return entry.read(key)

    return dataclasses.replace(entry, read=read)
