"""Greedy decoding beside Hugging Face's: `python -m benchmarks.decoding [--new 64] [--repeats 7]`.

Our side is `deemo_jax.generation.answers.respond`, which answers every question, without candidates. Both sides have
the same weights and prompts, float32 and all cores, and run in turns; how many of their tokens are the same is printed.
The floor is the time in which this machine reads the weights once for each token. Needs PyTorch.
"""

import functools
import os
import sys
from typing import Any

import jax
import numpy as np
import torch

from benchmarks import peers
from benchmarks.decoder_sizes import SIZES
from deemo_jax.core import cli
from deemo_jax.generation.answers import respond
from deemo_jax.models.batch import Batch

# Tokens of a prompt.
PROMPT = 64


def main() -> int:
    """Prints a line per size and batch."""
    parser = cli.Parser("python -m benchmarks.decoding", description=__doc__)
    parser.add_argument("--new", type=int, default=64, help="tokens to say")
    parser.add_argument("--repeats", type=int, default=7, help="runs of each")
    flags = parser.parse_args()
    torch.set_num_threads(os.cpu_count() or 1)
    print(
        f"{jax.devices()[0].device_kind}, {os.cpu_count()} cores, prompts of {PROMPT}, {flags.new} new tokens, float32"
    )
    for name, sizes in SIZES.items():
        model, params = peers.model(sizes)
        theirs = peers.peer(sizes, peers.on_host(params))
        floor_ms = flags.new * peers.read_seconds(params) * 1e3
        options = {"max_new_tokens": flags.new, "eos_id": -1, "pad_id": 0, "stops": ()}
        for rows in (1, 8):
            ids = np.random.default_rng(rows).integers(3, sizes["vocab"], (rows, PROMPT))
            ours = functools.partial(respond, model, params, prompts(ids), None, None, **options)
            ask = functools.partial(continued, theirs, torch.from_numpy(ids), flags.new)
            said, expected = np.asarray(ours()[0]), ask().numpy()[:, PROMPT:]
            times = peers.paired(ours, ask, flags.repeats)
            print(
                f"{name:<22} batch {rows}: {peers.told(*times)}  "
                f"floor {floor_ms:.0f} ms  same tokens {np.mean(said == expected):.0%}"
            )
    return 0


def continued(model: Any, ids: torch.Tensor, new: int) -> torch.Tensor:
    """Prompts and Hugging Face's greedy continuation."""
    with torch.inference_mode():
        return model.generate(ids, do_sample=False, max_new_tokens=new, eos_token_id=None, pad_token_id=0)


def prompts(ids: np.ndarray) -> Batch:
    """A batch of text prompts without padding."""
    rows, length = ids.shape
    batch: Any = Batch.zeros(rows, length, None, None)
    positions = np.broadcast_to(np.arange(length, dtype=np.int32), ids.shape)
    return batch.replace(token_ids=ids.astype(np.int32), positions=positions, valid=np.ones(ids.shape, bool))


if __name__ == "__main__":
    sys.exit(cli.guarded(main))
