"""A decoder of this project and Hugging Face's with the same weights, run in turns, and their times as text."""

import time
from collections.abc import Callable
from typing import Any

import jax
import numpy as np

from benchmarks.ratios import clock_and_processor
from deemo_jax.conversion.tables.llama import llama
from deemo_jax.conversion.tables.rules import to_public
from deemo_jax.core.errors import UserError
from deemo_jax.models.batch import Batch
from deemo_jax.models.deemo_llama import DeemoLlama, DeemoLlamaConfig, init_params
from deemo_jax.models.parts.llama import LlamaConfig
from deemo_jax.models.weights import flatten

try:
    import torch
    import transformers
except ImportError as error:
    raise UserError("the peers are PyTorch's: make setup EXTRAS=convert") from error


def model(sizes: dict[str, Any], **branches: Any) -> tuple[DeemoLlama, dict[str, Any]]:
    """Our model and random float32 parameters."""
    made = DeemoLlama(DeemoLlamaConfig.from_config({"decoder": {"name": "llama", **sizes}, **branches}))
    return made, jax.jit(lambda key: init_params(made, key))(jax.random.key(0))


def peer(sizes: dict[str, Any], values: dict[str, np.ndarray]) -> Any:
    """Hugging Face's LLaMA with the decoder's weights (`on_host`)."""
    config = LlamaConfig(**{key: sizes[key] for key in ("vocab", "width", "depth", "heads", "kv_heads", "mlp")})
    theirs = decoder(config).eval()
    load(theirs, to_public(llama(LlamaConfig(), tied=False).mounted("decoder"), values))
    return theirs


def decoder(config: LlamaConfig) -> Any:
    """Hugging Face's LLaMA in the sizes of ours, with random weights."""
    sizes = transformers.LlamaConfig(
        vocab_size=config.vocab,
        hidden_size=config.width,
        num_hidden_layers=config.depth,
        num_attention_heads=config.heads,
        num_key_value_heads=config.kv_heads,
        intermediate_size=config.mlp,
        rms_norm_eps=config.eps,
    )
    return transformers.LlamaForCausalLM(sizes)


def labels_of(batch: Batch) -> tuple[torch.Tensor, torch.Tensor]:
    """The ids of a batch, and the same as Hugging Face's loss takes them, with -100 where nothing is learnt."""
    ids = torch.from_numpy(np.array(batch.token_ids)).long()
    return ids, ids.masked_fill(torch.from_numpy(np.array(batch.loss_mask)) == 0, -100)


def load(module: Any, values: dict[str, np.ndarray]) -> None:
    """Puts values into a PyTorch module, every one of its tensors."""
    module.load_state_dict({key: torch.from_numpy(np.array(value, np.float32)) for key, value in values.items()})


def on_host(params: dict[str, Any]) -> dict[str, np.ndarray]:
    """Path -> NumPy array."""
    return {path: np.asarray(leaf) for path, leaf in flatten(params).items()}


def read_seconds(params: dict[str, Any]) -> float:
    """Seconds in which memory of the size of the decoder's matrices is read: the least that a token takes.

    The embedding is left out, as only single rows of it are read. Matrices that fit into the processor's caches are
    read from there, in the decoders as here.
    """
    size = sum(leaf.nbytes for path, leaf in flatten(params).items() if path != "decoder/embedding")
    values, times = torch.ones(size // 4), []
    for _ in range(5):
        start = time.perf_counter()
        values.sum()
        times.append(time.perf_counter() - start)
    return min(times)


def paired(ours: Callable[[], Any], theirs: Callable[[], Any], repeats: int) -> tuple[np.ndarray, np.ndarray]:
    """Seconds on the clock and of processor time of runs in turns, without the first of each; a row for each run."""
    times: tuple[list[Any], list[Any]] = ([], [])
    for turn in range(repeats + 1):
        for function, kept in zip((ours, theirs), times, strict=True):
            start = time.perf_counter(), time.process_time()
            jax.block_until_ready(function())
            if turn:
                kept.append((time.perf_counter() - start[0], time.process_time() - start[1]))
    return np.array(times[0]), np.array(times[1])


def told(ours: np.ndarray, theirs: np.ndarray) -> str:
    """The medians on the clock, and the ratios of the pairs, as text."""
    return (
        f"ours {np.median(ours[:, 0]) * 1e3:7.1f} ms  PyTorch {np.median(theirs[:, 0]) * 1e3:7.1f} ms  "
        f"{clock_and_processor(ours, theirs)}"
    )
