"""A tiny decoder with LoRA, of which tests/golden/lora_seed0.npz has what PEFT computes of the same values in float64.

`tests/conversion/parity/test_peft.py` compares the file with PEFT.
"""

import functools
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax

from deemo_jax.models.deemo_llama import DeemoLlama
from deemo_jax.models.parts.llama import Llama
from deemo_jax.models.weights import flatten, unflatten
from tests.models import tiny

GOLDEN = Path(__file__).parents[1] / "golden" / "lora_seed0.npz"
LORA = {"rank": 2, "alpha": 6.0, "dropout": 0.5}
DECODER = {"name": "llama", "vocab": 40, "width": 16, "depth": 2, "heads": 2, "kv_heads": 1, "mlp": 24, "context": 64}
IDS = jnp.asarray(np.random.default_rng(0).integers(0, 40, (2, 7)), jnp.int32)


@functools.cache
def built(lora: bool = True, **more: Any) -> tuple[DeemoLlama, dict[str, np.ndarray]]:
    """The model, of which only the decoder is there, and path in the decoder -> values of all kernels, A and B too.

    Args:
        lora: whether it has LoRA.
        more: fields of the decoder.
    """
    decoder = {**DECODER, **more, "lora": LORA if lora else None}
    model, params = tiny.built_from(tiny.config(audio=None, video=None, decoder=decoder))
    return model, flatten(params["decoder"])


def module(**changes: Any) -> Llama:
    """The decoder with LoRA as a module of its own."""
    return Llama(built()[0].config.decoder.config, **changes)


def halves() -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """LoRA's values and the others."""
    params = built()[1]
    return tuple({path: leaf for path, leaf in params.items() if ("lora_" in path) is lora} for lora in (True, False))


@functools.cache
def slope(model: Llama, dropout: bool = False) -> Any:
    """(LoRA, frozen, key) -> ((mean cross-entropy of the next token, logits), its gradients for LoRA)."""

    def loss(lora: Any, frozen: Any, key: Any) -> Any:
        rngs = {"dropout": key} if dropout else {}
        params = {"params": unflatten({**lora, **frozen})}
        logits = model.apply(params, IDS, jnp.ones(IDS.shape, bool), method="score", rngs=rngs)
        return optax.softmax_cross_entropy_with_integer_labels(logits[:, :-1], IDS[:, 1:]).mean(), logits

    return jax.jit(jax.value_and_grad(loss, has_aux=True))


def off(found: Any, expected: Any) -> float:
    """The largest difference, as a share of the largest value."""
    return float(np.abs(np.asarray(found) - expected).max() / np.abs(expected).max())
