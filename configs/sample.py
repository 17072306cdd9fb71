"""The sample: the DEEMO paper's architecture and recipe (section 5.2) in small, for the corpus of `deemo_jax.sample`.

The pre-trained encoders and decoder (configs/sample_towers) are frozen; Q-Formers, their queries, position tables and
projections are trained. So is the Q-Former on each frame, of which there is no pre-trained one of this width.

    python -m deemo_jax.train --config configs/sample.py --workdir runs/sample
    python -m deemo_jax.train --config configs/sample.py:transcript --workdir runs/text   # modalities, comma-separated
    python -m deemo_jax.sweep --config configs/sample.py --workdir runs/design --generated   # a model for each choice
"""

from collections.abc import Iterator, Mapping
from typing import Any

from ml_collections import ConfigDict

from configs import design_ablations

# Of both encoders and all Q-Formers.
WIDTH = 96
BLOCKS: dict[str, Any] = {"width": WIDTH, "depth": 4, "heads": 4, "mlp": 4 * WIDTH}
# Without dropout: at BLIP-2's rate of 0.1 some runs do not learn to use the video in a few hundred steps.
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
    "decoder": {
        "name": "llama",
        "vocab": 259,
        "width": 128,
        "depth": 4,
        "heads": 4,
        "kv_heads": 4,
        "mlp": 352,
        # The backward pass computes attention again: on CPUs that is faster than to read its scores from memory.
        "remat": "dots",
    },
}


def get_config(modalities: str = "all") -> ConfigDict:
    """The recipe; `modalities` is what the model is shown, e.g. 'video,audio'."""
    return ConfigDict(
        {
            "name": "sample",
            "seed": 42,
            "data": {
                "dataset": "deemo_mer",
                "mixture": {},
                "mixing": "batch",
                "data_dir": "runs/sample_data/tfds",
                # All speakers are invented, so `generate` warns of clips that are not in the dataset.
                "corpus": "synthetic",
                "train_split": "train",
                "test_split": "test",
                # None; the loss on it would be measured before each checkpoint, and the best one kept.
                "validation_split": "",
                "batch_size": 8,
                "max_length": 272,
                "max_answer": 0,
                "frames": 8,
                "frame_sampling": "uniform",
                "frame_crop": False,
                "clips": 4,
                "modalities": modalities or "all",
                # Probabilities that a record does not show a modality. One model is to answer from every subset of
                # them, so each must often be the only one. The paper always shows all.
                "modality_dropout": {"video": 0.3, "audio": 0.45, "transcript": 0.7, "nfbl": 0.9},
                "workers": 2,
                # What frozen encoders make of a clip, 0.2 MB, is read from the disk where `cache` has put it.
                "cached_views": 1,
                # Shares of unreadable rows above which the run ends: of a batch, of 100 steps, of the split.
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
            # A few hundred steps at width 96 need a higher rate than Video-LLaMA's 3e-5, for 100,000 steps at width
            # 768.
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
                "accumulate": 1,
            },
            "train": {
                "steps": 640,
                "log_every": 10,
                # A save holds the loop up for half a second, less than 1 % of the time in which so many steps are made.
                "checkpoint_every": 320,
                "keep": 2,
                "keep_best": 1,
                "nan_limit": 10,
                "trackers": ["tensorboard"],
            },
            "mesh": {"data": -1, "fsdp": 1, "tensor": 1},
        }
    )


def sweep(recipe: Mapping[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Rows of `sweep --generated`: a name, and the keys of the config that differ from the recipe's."""
    return design_ablations.rows(recipe, stage1="runs/stage1")
