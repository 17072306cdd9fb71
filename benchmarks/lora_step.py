"""One training step of LoRA beside PEFT's: `python -m benchmarks.lora_step [--rows 4] [--repeats 7]`.

LoRA on all kernels of a frozen LLaMA with 32,000 ids; on the other side Hugging Face's module with the same weights and
PEFT's LoRA on it, trained with their own loss and PyTorch's AdamW. Without dropout, so that losses can be compared: the
first is printed, and the one after all steps. Both sides keep what the backward pass needs and recompute nothing, have
float32 and all cores that the process may have, and run in turns. On a busy machine give them one (`taskset -c 0`):
PyTorch's threads wait for each other by spinning, which counts as processor time. Needs PyTorch and peft.
"""

import os
import sys
from collections.abc import Callable
from typing import Any

import jax
import numpy as np
import torch

from benchmarks import peers
from benchmarks.decoder_sizes import SIZES
from benchmarks.one_step import LENGTH, our_step, text_batch
from deemo_jax.conversion.tables import peft_adapter
from deemo_jax.conversion.tables.rules import to_public
from deemo_jax.core import cli
from deemo_jax.core.errors import UserError
from deemo_jax.models.presets import LORA

try:
    import peft
except ImportError as error:
    raise UserError("the peer is PEFT's: pip install peft") from error

SIZE = SIZES["512 x 8, 32,000 ids"]
DECODER = {**SIZE, "remat": "none", "lora": {**LORA, "dropout": 0.0}}
RATE = 1e-3
RECIPE = {
    "model": {"decoder": {"name": "llama", **DECODER}},
    "trainable": ["lora"],
    "optimizer": {"lr": RATE, "lr_min": RATE, "warmup_steps": 0, "clip_norm": 0.0},
}


def main() -> int:
    """Prints the comparison."""
    parser = cli.Parser("python -m benchmarks.lora_step", description=__doc__)
    parser.add_argument("--rows", type=int, default=4, help="examples in a batch")
    parser.add_argument("--repeats", type=int, default=7, help="steps of each")
    flags = parser.parse_args()
    cores = len(os.sched_getaffinity(0))
    torch.set_num_threads(cores)
    model, params = peers.model(DECODER)
    batch = jax.device_put(text_batch(flags.rows, SIZE["vocab"]))
    ours, theirs = our_step(model, params, batch, RECIPE), their_step(model, params, batch)
    losses = ours(), theirs()
    print(f"{jax.devices()[0].device_kind}, {cores} cores, {flags.rows} x {LENGTH} positions, float32")
    print(f"first loss: ours {losses[0]:.6f}, PEFT {losses[1]:.6f}")
    print(f"step: {peers.told(*peers.paired(ours, theirs, flags.repeats)).replace('PyTorch', 'PEFT')}")
    print(f"loss after {flags.repeats + 2} steps: ours {ours():.6f}, PEFT {theirs():.6f}")
    return 0


def their_step(model: Any, params: Any, batch: Any) -> Callable[[], float]:
    """The same with Hugging Face's module and PEFT's LoRA, both with our values."""
    values = peers.on_host(params)
    lora = model.config.decoder.config.lora
    plain = peers.peer(SIZE, {path: leaf for path, leaf in values.items() if "lora_" not in path})
    theirs = peft.get_peft_model(plain, peft.LoraConfig(**peft_settings(lora)))
    public = to_public(peft_adapter.adapter(lora).mounted("decoder"), values)
    state = {peft_adapter.PREFIX + key: torch.from_numpy(np.array(value)) for key, value in public.items()}
    peft.set_peft_model_state_dict(theirs, state)
    trained = [value for value in theirs.parameters() if value.requires_grad]
    optimizer = torch.optim.AdamW(trained, lr=RATE, betas=(0.9, 0.999), weight_decay=0.05)
    ids, labels = peers.labels_of(batch)

    def run() -> float:
        loss = theirs(input_ids=ids, labels=labels).loss
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss.item()

    return run


def peft_settings(lora: Any) -> dict[str, Any]:
    """Arguments of PEFT's `LoraConfig`."""
    names = ("task_type", "r", "lora_alpha", "lora_dropout", "target_modules")
    return {name: peft_adapter.adapter_config(lora)[name] for name in names}


if __name__ == "__main__":
    sys.exit(cli.guarded(main))
