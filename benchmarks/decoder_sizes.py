"""Sizes of the decoders that benchmarks measure."""

from typing import Any

# Name -> sizes of a decoder: the sample's, and two with LLaMA's vocabulary.
SIZES: dict[str, dict[str, Any]] = {
    "128 x 4, 259 ids": {"vocab": 259, "width": 128, "depth": 4, "heads": 4, "kv_heads": 4, "mlp": 352},
    "256 x 4, 32,000 ids": {"vocab": 32000, "width": 256, "depth": 4, "heads": 8, "kv_heads": 8, "mlp": 688},
    "512 x 8, 32,000 ids": {"vocab": 32000, "width": 512, "depth": 8, "heads": 8, "kv_heads": 8, "mlp": 1376},
}
