"""Sizes of the published models as plain data, for recipes; `DeemoLlamaConfig.from_config` reads them."""

from typing import Any

# EVA-CLIP's ViT-g/14 without its last block and with BLIP-2's norm on the output, as BLIP-2 uses it.
VIT_G: dict[str, Any] = {
    "name": "vit",
    "width": 1408,
    "depth": 39,
    "heads": 16,
    "mlp": 6144,
    "patch": 14,
    "image": 224,
    "eps": 1e-6,
    "output_norm": True,
}

IMAGEBIND_AUDIO: dict[str, Any] = {
    "name": "imagebind",
    "width": 768,
    "depth": 12,
    "heads": 12,
    "mlp": 3072,
    "patch": 16,
    "stride": 10,
    "head": 1024,
    "output": "vector",
}

# Without dropout, as it is frozen in `VIDEO_BRANCH`; where it is trained, BLIP-2's rates are 0.1.
BLIP2_QFORMER: dict[str, Any] = {
    "queries": 32,
    "width": 768,
    "depth": 12,
    "heads": 12,
    "mlp": 3072,
    "cross_every": 2,
    "dropout": 0.0,
    "attention_dropout": 0.0,
}

# The Q-Formers over all frames and over all audio clips in Video-LLaMA.
_SMALL_QFORMER: dict[str, Any] = {
    "width": 768,
    "depth": 2,
    "heads": 12,
    "mlp": 3072,
    "cross_every": 1,
    "dropout": 0.1,
    "attention_dropout": 0.1,
}

# Video-LLaMA's: a Q-Former on each frame, then one over all frames.
VIDEO_BRANCH: dict[str, Any] = {
    "encoder": VIT_G,
    "connector": {
        "name": "per_frame",
        "frame": BLIP2_QFORMER,
        "video": {**_SMALL_QFORMER, "queries": 32},
        "max_frames": 32,
    },
    "projector": {"name": "linear"},
}

# One Q-Former over the tokens of all frames: the DEEMO paper, section 4.1, taken literally.
JOINT_VIDEO_BRANCH: dict[str, Any] = {
    "encoder": VIT_G,
    "connector": {
        "name": "joint",
        "qformer": {**BLIP2_QFORMER, "dropout": 0.1, "attention_dropout": 0.1},
        "frame_embedding": False,
        "max_frames": 32,
    },
    "projector": {"name": "linear"},
}

# Video-LLaMA's.
AUDIO_BRANCH: dict[str, Any] = {
    "encoder": IMAGEBIND_AUDIO,
    "connector": {"name": "clips", "qformer": {**_SMALL_QFORMER, "queries": 8}, "max_clips": 8},
    "projector": {"name": "linear"},
}

# Vicuna-7B v1.5, which stands on LLaMA-2.
VICUNA_7B: dict[str, Any] = {
    "name": "llama",
    "vocab": 32000,
    "width": 4096,
    "depth": 32,
    "heads": 32,
    "kv_heads": 32,
    "mlp": 11008,
    "eps": 1e-5,
    "theta": 10000.0,
    "rope_scaling": None,
    "context": 4096,
}

# Vicuna-7B v1.1 and v0, which stand on LLaMA-1. v0's embedding has one row more, for padding.
VICUNA_7B_V1: dict[str, Any] = {**VICUNA_7B, "eps": 1e-6, "context": 2048}
VICUNA_7B_V0: dict[str, Any] = {**VICUNA_7B_V1, "vocab": 32001}

LLAMA3_8B: dict[str, Any] = {
    **VICUNA_7B,
    "vocab": 128256,
    "kv_heads": 8,
    "mlp": 14336,
    "theta": 500000.0,
    "context": 8192,
}

# What follows are the sizes in the config.json of the named weights on Hugging Face. Contexts are those that all
# versions of the weights have, base and instruction-tuned, without another stretch of rotary positions.
#
# LLaMA-3.1 differs from 3 in its context: rotary wavelengths above 3's 8192 positions are stretched.
LLAMA31_8B: dict[str, Any] = {
    **LLAMA3_8B,
    "rope_scaling": {"factor": 8.0, "low": 1.0, "high": 4.0, "original": 8192},
    "context": 131072,
}

# meta-llama/Llama-3.2-3B and 1B, whose heads are their embeddings.
LLAMA32_3B: dict[str, Any] = {
    **LLAMA31_8B,
    "width": 3072,
    "depth": 28,
    "heads": 24,
    "mlp": 8192,
    "rope_scaling": {"factor": 32.0, "low": 1.0, "high": 4.0, "original": 8192},
    "tied": True,
}
LLAMA32_1B: dict[str, Any] = {**LLAMA32_3B, "width": 2048, "depth": 16, "heads": 32}

# Qwen/Qwen2.5-7B and 0.5B.
QWEN25_7B: dict[str, Any] = {
    "name": "llama",
    "vocab": 152064,
    "width": 3584,
    "depth": 28,
    "heads": 28,
    "kv_heads": 4,
    "mlp": 18944,
    "eps": 1e-6,
    "theta": 1000000.0,
    "rope_scaling": None,
    "context": 32768,
    "qkv_bias": True,
    "tied": False,
}
QWEN25_05B: dict[str, Any] = {
    **QWEN25_7B,
    "vocab": 151936,
    "width": 896,
    "depth": 24,
    "heads": 14,
    "kv_heads": 2,
    "mlp": 4864,
    "tied": True,
}

# Qwen/Qwen3-8B and 0.6B. In the latter the heads are together wider than the residual stream.
QWEN3_8B: dict[str, Any] = {
    "name": "llama",
    "vocab": 151936,
    "width": 4096,
    "depth": 36,
    "heads": 32,
    "kv_heads": 8,
    "mlp": 12288,
    "eps": 1e-6,
    "theta": 1000000.0,
    "rope_scaling": None,
    "context": 32768,
    "head_width": 128,
    "qk_norm": True,
    "tied": False,
}
QWEN3_06B: dict[str, Any] = {
    **QWEN3_8B,
    "width": 1024,
    "depth": 28,
    "heads": 16,
    "mlp": 3072,
    "tied": True,
}

# AffectGPT's on Qwen2.5: all kernels of a block.
LORA: dict[str, Any] = {
    "rank": 16,
    "alpha": 32.0,
    "dropout": 0.05,
    "targets": ["q", "k", "v", "o", "gate", "up", "down"],
}
