"""A recipe at toy width over a dataset of a few clips, as a config file: `tests/training/tiny.py:DATA_DIR`."""

import io
from pathlib import Path
from typing import Any

import numpy as np
from ml_collections import ConfigDict
from PIL import Image

STEPS = 40
INIT = "init.safetensors"
# Compiling is what the tests of whole runs wait for: the smaller connector, and one Q-Former that drops out.
QFORMER = {"width": 16, "heads": 2, "mlp": 32, "dropout": 0.0, "attention_dropout": 0.0}
MODEL = {
    "video": {
        "encoder": {"name": "vit", "width": 16, "depth": 2, "heads": 2, "mlp": 32, "patch": 56, "image": 224},
        "connector": {
            "name": "joint",
            "qformer": {**QFORMER, "queries": 4, "depth": 1, "cross_every": 1, "dropout": 0.1},
            "frame_embedding": True,
            "max_frames": 2,
        },
        "projector": {"name": "linear"},
    },
    "audio": {
        "encoder": {
            "name": "imagebind",
            "width": 16,
            "depth": 2,
            "heads": 2,
            "mlp": 32,
            "patch": 16,
            "stride": 56,
            "head": 16,
        },
        "connector": {"name": "clips", "qformer": {**QFORMER, "queries": 2, "depth": 1, "cross_every": 1}},
        "projector": {"name": "linear"},
    },
    "decoder": {"name": "llama", "vocab": 260, "width": 32, "depth": 2, "heads": 4, "kv_heads": 2, "mlp": 64},
}


def get_config(data_dir: str) -> ConfigDict:
    """Everything but the encoders learns, so that a few steps show; from the weights beside the data, if any are."""
    init = Path(data_dir, INIT)
    return ConfigDict(
        {
            "name": "tiny",
            "seed": 3,
            "data": {
                "data_dir": data_dir,
                "batch_size": 4,
                "max_length": 192,
                "frames": 2,
                "clips": 2,
                "workers": 1,
                "cached_views": 0,
                "validation_split": "",
            },
            "tokenizer": {"name": "bytes"},
            "prompt": {"task": "recognition_reasoning"},
            "model": MODEL,
            "init": str(init) if init.exists() else "",
            "trainable": ["!.*/encoder/.*", ".*"],
            "frozen_dtype": "bfloat16",
            "optimizer": {"lr": 1e-2, "lr_min": 1e-4, "warmup_steps": 2},
            "train": {"steps": STEPS, "log_every": 1, "checkpoint_every": 7, "keep": 2, "keep_best": 1, "nan_limit": 3},
            "mesh": {"data": -1, "fsdp": 1, "tensor": 1, "replicated_below": 0},
        }
    )


def records(count: int, seed: int) -> list[dict[str, Any]]:
    """Clips of noise, as `deemo_jax.data.build.records.make_record` gives them."""
    rng = np.random.default_rng(seed)
    return [_record(index, rng) for index in range(count)]


def write_init(data_dir: Path, model: dict[str, Any] = MODEL) -> None:
    """Weights to begin with: to compile hundreds of random draws takes longer than to train."""
    from deemo_jax.models.deemo_llama import DeemoLlama, DeemoLlamaConfig, param_shapes
    from deemo_jax.models.weights import save_tree
    from tests.models.tiny import drawn

    save_tree(data_dir / INIT, drawn(param_shapes(DeemoLlama(DeemoLlamaConfig.from_config(model)))))


def write_tiny_dataset(data_dir: Path) -> Path:
    """Twelve clips to train on and four to test on, beside weights to begin with."""
    from deemo_jax.data.build.dataset_writer import write_dataset
    from tfds_builders.deemo_mer.deemo_mer_dataset_builder import Builder

    splits = {"train": records(12, 0), "test": records(4, 1)}
    write_dataset(lambda folder: Builder(records=splits, data_dir=folder), data_dir, overwrite=False)
    write_init(data_dir)
    return data_dir


def write_tiny_run(folder: Path, frame_embedding: bool = True) -> Path:
    """The workdir of a run that has learnt nothing yet, over `write_tiny_dataset(folder / "data")`."""
    from deemo_jax.core.recipe import Recipe
    from deemo_jax.core.run_folder.checkpoint import Checkpoints
    from deemo_jax.core.run_folder.workdir import Workdir, begin
    from deemo_jax.data.prompts import INSTRUCTION_VERSION
    from deemo_jax.models.checkpoint_origin import describe
    from deemo_jax.models.from_recipe import build
    from deemo_jax.models.mesh import MeshRecipe, make_mesh
    from deemo_jax.training.step import init_state

    config = get_config(str(write_tiny_dataset(folder / "data")))
    if not frame_embedding:
        config.model.video.connector.frame_embedding = False
        write_init(folder / "data", config.model.to_dict())
    recipe = Recipe.from_config(config)
    workdir = Workdir(folder / "work")
    begin(workdir, recipe.resolved(), overwrite=False)
    setup = build(recipe, make_mesh(MeshRecipe()))
    with Checkpoints(workdir.checkpoints) as checkpoints:
        facts = describe(recipe.resolved(), setup.frozen, INSTRUCTION_VERSION)
        checkpoints.save(0, init_state(recipe, setup.trainable).parts(), facts)
    return workdir.path


def _record(index: int, rng: np.random.Generator) -> dict[str, Any]:
    return {
        "clip_id": f"clip{index}",
        "video_id": f"video{index}",
        "person_id": f"person{index}",
        "start_s": 0.0,
        "end_s": 3.0,
        "frames": [_jpeg(rng) for _ in range(2)],
        "mel": rng.standard_normal((2, 128, 204), np.float32),
        "transcript": f"word {index}",
        "nfbl": [{"start_s": 0.0, "end_s": 1.0, "label": "nod"}],
        "emotion": "positive" if index % 2 else "negative",
        "reasoning": "so",
        "provenance": dict.fromkeys(("video", "audio", "transcript", "source", "settings", "software"), "test"),
    }


def _jpeg(rng: np.random.Generator) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(np.full((224, 224, 3), rng.integers(0, 256, 3), np.uint8)).save(buffer, "JPEG")
    return buffer.getvalue()
