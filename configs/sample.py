"""The sample: the paper's architecture and recipe (section 5.2) at toy width, for the corpus of `deemo_jax.sample`.

Frozen are the pre-trained encoders and the decoder (configs/sample_towers); learnt are the Q-Formers, their queries,
the position tables and the projections. The per-frame Q-Former is learnt too: nobody pre-trained one at this width.

    python -m deemo_jax.train --config configs/sample.py --workdir runs/sample
    python -m deemo_jax.train --config configs/sample.py:transcript --workdir runs/text   # modalities, comma-separated
"""

from typing import Any

from ml_collections import ConfigDict

WIDTH = 96
BLOCKS: dict[str, Any] = {"width": WIDTH, "depth": 4, "heads": 4, "mlp": 4 * WIDTH}
# No dropout (BLIP-2 has 0.1): with it, a few hundred steps learn to use the video in some runs only.
QFORMER: dict[str, Any] = {"width": WIDTH, "heads": 4, "mlp": 4 * WIDTH, "depth": 2}
QFORMER |= {"dropout": 0.0, "attention_dropout": 0.0}
MODEL: dict[str, Any] = {
    "dtype": "float32",
    "attention": "reference",
    "audio": {
        "encoder": {"name": "imagebind", **BLOCKS, "patch": 16, "stride": 16, "head": 128, "output": "vector"},
        "connector": {"name": "clips", "max_clips": 8, "qformer": {**QFORMER, "queries": 8, "cross_every": 1}},
        "projector": {"name": "linear"},
    },
    "video": {
        "encoder": {"name": "vit", **BLOCKS, "patch": 28, "image": 224},
        "connector": {
            "name": "per_frame",
            "frame": {**QFORMER, "queries": 8, "cross_every": 2},
            "video": {**QFORMER, "queries": 16, "cross_every": 1},
            "max_frames": 8,
        },
        "projector": {"name": "linear"},
    },
    "decoder": {"name": "llama", "vocab": 259, "width": 128, "depth": 4, "heads": 4, "kv_heads": 4, "mlp": 352},
}


def get_config(modalities: str = "all") -> ConfigDict:
    """The recipe; `modalities` is what the model is shown, e.g. 'video,audio'."""
    return ConfigDict(
        {
            "name": "sample",
            "seed": 42,
            "data": {
                "dataset": "deemo_mer",
                "data_dir": "runs/sample_data/tfds",
                # All speakers are invented: `generate` warns when a clip is not in the dataset.
                "corpus": "synthetic",
                "train_split": "train",
                "test_split": "test",
                "batch_size": 8,
                "max_length": 336,
                "frames": 8,
                "clips": 4,
                "modalities": modalities or "all",
                # One model answers every subset of modalities, so each must often be the only one. The paper trains
                # with all of them always.
                "modality_dropout": {"video": 0.3, "audio": 0.45, "transcript": 0.7, "nfbl": 0.9},
                "workers": 2,
                # What the encoders make of a clip takes 0.2 MB.
                "encode_once_mb": 256,
                # Shares of rows that may be unreadable before the run ends: of a batch, of 100 steps, of the split.
                "masked_batch": 0.5,
                "masked_window": 0.25,
                "masked_split": 0.25,
            },
            "tokenizer": {"name": "bytes"},
            "prompt": {"task": "recognition_reasoning", "template": "deemo"},
            "model": MODEL,
            "init": "configs/sample_towers/towers.safetensors",
            "trainable": [".*/connector/.*", ".*/projector/.*"],
            "frozen_dtype": "float32",
            # Video-LLaMA peaks at 3e-5 over 100,000 steps at width 768; a few hundred steps at width 96 need more.
            "optimizer": {
                "lr": 1e-3,
                "lr_min": 3e-5,
                "warmup_start": 1e-6,
                "warmup_steps": 20,
                "weight_decay": 0.05,
                "b1": 0.9,
                "b2": 0.999,
                "eps": 1e-8,
                "clip_norm": 1.0,
            },
            "train": {"steps": 640, "log_every": 10, "checkpoint_every": 100, "keep": 2, "nan_limit": 10},
            "mesh": {"data": -1, "fsdp": 1, "tensor": 1},
        }
    )
