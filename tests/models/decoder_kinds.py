"""Tiny decoders of every kind that is published: their config.json, ours, and the tensors that their files hold."""

import dataclasses
from typing import Any

import jax.numpy as jnp
import numpy as np

from deemo_jax.conversion.tables.llama import llama
from deemo_jax.conversion.tables.rules import expected
from deemo_jax.core.config import from_plain
from deemo_jax.models.deemo_llama import DeemoLlama, DeemoLlamaConfig, param_shapes
from deemo_jax.models.parts.llama import LlamaConfig
from deemo_jax.models.weights import flatten, unflatten
from tests import public_weights

# With a row that no tokenizer uses, as Qwen's padded vocabularies have.
SIZES = {"vocab": 211, "width": 64, "depth": 3, "heads": 4, "kv_heads": 2, "mlp": 96}
PUBLIC = {
    "vocab_size": 211,
    "hidden_size": 64,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "intermediate_size": 96,
    "max_position_embeddings": 4096,
}
STRETCH = {"factor": 32.0, "low": 1.0, "high": 4.0, "original": 32}
THEIRS = {"factor": 32.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0, "original_max_position_embeddings": 32}


@dataclasses.dataclass(frozen=True)
class Kind:
    """A decoder.

    Attributes:
        ours: its part of a recipe.
        public: its config.json.
    """

    ours: dict[str, Any]
    public: dict[str, Any]

    @property
    def config(self) -> LlamaConfig:
        plain = {key: value for key, value in self.ours.items() if key != "name"}
        return from_plain(LlamaConfig, plain, "model.decoder")

    def weights(self) -> dict[str, np.ndarray]:
        """Public key -> values."""
        wanted = {key: fill.shape for key, fill in self._fills().items()}
        return public_weights.values(wanted)

    def parameters(self) -> dict[str, Any]:
        """Our parameters with these weights, a nested dict."""
        shapes, weights = self._shapes(), self.weights()
        params = {path: np.empty(leaf.shape, np.float32) for path, leaf in shapes.items()}
        for key, fill in self._fills().items():
            for (path, row), value in zip(fill.targets, fill.values(weights[key]), strict=True):
                params[path][... if row is None else row] = value
        return unflatten({path: jnp.asarray(value) for path, value in params.items()})

    def model(self) -> DeemoLlama:
        return DeemoLlama(DeemoLlamaConfig.from_config({"decoder": self.ours}))

    def _shapes(self) -> dict[str, Any]:
        return flatten(param_shapes(self.model()))

    def _fills(self) -> dict[str, Any]:
        table = llama(self.config, self.public.get("tie_word_embeddings", False)).mounted("decoder")
        return expected(table, self._shapes())


def _kind(ours: dict[str, Any], public: dict[str, Any]) -> Kind:
    return Kind({"name": "llama", **SIZES, **ours}, {**PUBLIC, **public})


_QWEN = {"eps": 1e-6, "theta": 1e6}
_QWEN_PUBLIC = {"rms_norm_eps": 1e-6, "rope_theta": 1e6}
KINDS = {
    "qwen2.5": _kind({**_QWEN, "qkv_bias": True}, {"model_type": "qwen2", **_QWEN_PUBLIC}),
    "qwen2.5-tied": _kind(
        {**_QWEN, "qkv_bias": True, "tied": True},
        {"model_type": "qwen2", **_QWEN_PUBLIC, "tie_word_embeddings": True, "use_sliding_window": False},
    ),
    "qwen3": _kind(
        {**_QWEN, "qk_norm": True, "head_width": 24}, {"model_type": "qwen3", **_QWEN_PUBLIC, "head_dim": 24}
    ),
    "qwen3-tied": _kind(
        {**_QWEN, "qk_norm": True, "head_width": 24, "tied": True},
        {"model_type": "qwen3", **_QWEN_PUBLIC, "head_dim": 24, "tie_word_embeddings": True},
    ),
    "llama3.2": _kind(
        {"eps": 1e-5, "theta": 5e5, "rope_scaling": STRETCH, "tied": True},
        {
            "model_type": "llama",
            "rms_norm_eps": 1e-5,
            "rope_theta": 5e5,
            "rope_scaling": {"rope_type": "llama3", **THEIRS},
            "head_dim": 16,
            "tie_word_embeddings": True,
        },
    ),
}
