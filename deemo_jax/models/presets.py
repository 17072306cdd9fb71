"""The published models' sizes as plain data, for recipes: `DeemoLlamaConfig.from_config` takes them as they are."""

from typing import Any

# EVA-CLIP ViT-g/14 without its last block, with BLIP-2's norm on the output (`output_norm`).
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

# As part of a frozen frame encoder it runs without dropout; where it is trained, raise both rates to 0.1.
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

_SMALL_QFORMER: dict[str, Any] = {
    "width": 768,
    "depth": 2,
    "heads": 12,
    "mlp": 3072,
    "cross_every": 1,
    "dropout": 0.1,
    "attention_dropout": 0.1,
}

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

AUDIO_BRANCH: dict[str, Any] = {
    "encoder": IMAGEBIND_AUDIO,
    "connector": {"name": "clips", "qformer": {**_SMALL_QFORMER, "queries": 8}, "max_clips": 8},
    "projector": {"name": "linear"},
}

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

# The first versions stand on LLaMA-1; v0 was handed out with one row more (padding).
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

# 3.1 differs in how far it sees: wavelengths beyond the 8192 positions of 3 are stretched.
LLAMA31_8B: dict[str, Any] = {
    **LLAMA3_8B,
    "rope_scaling": {"factor": 8.0, "low": 1.0, "high": 4.0, "original": 8192},
    "context": 131072,
}
