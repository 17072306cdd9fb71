"""DEEMO-LLaMA at full size: stage 2 of the DEEMO paper (sections 4 and 5.2), from public weights.

    python -m deemo_jax.convert --config configs/deemo_llama_7b.py --out weights/deemo_llama_7b \\
        --source eva_vit_g=eva_vit_g.pth --source blip2=blip2_pretrained_flant5xxl.pth \\
        --source imagebind=imagebind_huge.pth --source llama=vicuna-7b-v1.5
    python -m deemo_jax.train --config configs/deemo_llama_7b.py --workdir runs/deemo_7b \\
        --config.init=weights/deemo_llama_7b --config.tokenizer.path=weights/deemo_llama_7b \\
        --config.data.data_dir=DATA

The paper states: ViT-g/14, ImageBind and Vicuna 7B frozen, Q-Formers and projections trained, 8 frames, 32 video and 8
audio queries of width 768, batch size 2. What it leaves open is chosen by arguments (`configs/deemo_llama_7b.py:
connector=joint,vicuna=v0`); the first choice is the default:

    connector   per_frame: BLIP-2's Q-Former on each frame, then a small one, as in Video-LLaMA; joint: one BLIP-2
                Q-Former over the tokens of all frames, which is the paper taken literally
    decoder     vicuna; llama3, llama3.1: LLaMA-3's 8B; llama3.2, llama3.2-1b: 3B and 1B; qwen2.5, qwen2.5-0.5b: 7B and
                0.5B; qwen3, qwen3-0.6b: 8B and 0.6B. All but Vicuna's have their tokenizer in a tokenizer.json
    vicuna      v1.5: public and ungated; v1.1; v0: the one that Video-LLaMA's public connectors were trained with
    template    deemo: the paper's Eq. 1; with vicuna=v0 the default is video_llama, which those connectors were trained
                with, and with Qwen's decoders qwen or qwen3, the form of their instruction-tuned weights. Any other
                name in `deemo_jax/systems/registry.py` whose decoder has the same special ids
    trainable   paper: Q-Formers, queries, positions and projections; projections; lora: low-rank kernels beside the
                decoder's alone, for a model whose connectors are trained; paper+lora: both at once; full: everything
    audio       vector: one ImageBind vector for each 2-second clip; patches: its 229 patch tokens
    precision   bfloat16; float32 for comparisons

Sizes can be overridden one by one. Scaled rotary positions are given as a whole to a decoder without them, and key by
key to one that has them:

    --config configs/deemo_llama_7b.py --config.model.decoder.rope_scaling='{"factor": 4.0, "original": 4096}'
    --config configs/deemo_llama_7b.py:decoder=llama3.1 --config.model.decoder.rope_scaling.factor=32.0

The paper states neither learning rate, schedule and number of steps nor the number of audio clips; these, and no
dropout of modalities, are AffectGPT's, on which DEEMO-LLaMA builds.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from ml_collections import ConfigDict
from ml_collections.config_dict import placeholder

from configs import design_ablations
from deemo_jax.models import presets
from deemo_jax.systems.deemo.template import DEEMO
from deemo_jax.systems.qwen.template import QWEN, QWEN3
from deemo_jax.systems.registry import TEMPLATES
from deemo_jax.systems.video_llama.template import VIDEO_LLAMA

# Decoders beside Vicuna.
OTHERS: dict[str, dict[str, Any]] = {
    "llama3": presets.LLAMA3_8B,
    "llama3.1": presets.LLAMA31_8B,
    "llama3.2": presets.LLAMA32_3B,
    "llama3.2-1b": presets.LLAMA32_1B,
    "qwen2.5": presets.QWEN25_7B,
    "qwen2.5-0.5b": presets.QWEN25_05B,
    "qwen3": presets.QWEN3_8B,
    "qwen3-0.6b": presets.QWEN3_06B,
}
# Beginning of a decoder's name -> template of its instruction-tuned weights.
CHATS = {"qwen2.5": QWEN, "qwen3": QWEN3}
# Argument -> its choices, the default first.
CHOICES: dict[str, tuple[str, ...]] = {
    "connector": ("per_frame", "joint"),
    "decoder": ("vicuna", *OTHERS),
    "vicuna": ("v1.5", "v1.1", "v0"),
    "template": tuple(TEMPLATES),
    "trainable": ("paper", "projections", "lora", "paper+lora", "full"),
    "audio": ("vector", "patches"),
    "precision": ("bfloat16", "float32"),
}
VICUNAS: dict[str, dict[str, Any]] = {
    "v1.5": presets.VICUNA_7B,
    "v1.1": presets.VICUNA_7B_V1,
    "v0": presets.VICUNA_7B_V0,
}
VIDEO = {"per_frame": presets.VIDEO_BRANCH, "joint": presets.JOINT_VIDEO_BRANCH}


def get_config(arguments: str = "") -> ConfigDict:
    """The recipe; `arguments` are 'name=choice' pairs, comma-separated.

    An argument that is not named has its first choice, except the template of vicuna=v0 and of Qwen's decoders.

    Raises:
        ValueError: an unknown name or choice, or a Vicuna for another decoder.
    """
    chosen = _parse(arguments)
    decoder = {**(OTHERS.get(chosen["decoder"]) or VICUNAS[chosen["vicuna"]]), "remat": "block", "unroll": 1}
    if decoder["rope_scaling"] is None:
        # ml_collections lets a flag replace a None only where the type of other values is declared.
        decoder["rope_scaling"] = placeholder(ConfigDict)
    audio = {**presets.AUDIO_BRANCH, "encoder": {**presets.IMAGEBIND_AUDIO, "output": chosen["audio"]}}
    trainable = chosen["trainable"].split("+")
    if "lora" in trainable:
        decoder["lora"] = presets.LORA
    return ConfigDict(
        {
            "name": "deemo_llama_7b",
            "seed": 42,
            "data": {
                "dataset": "deemo_mer",
                "mixture": {},
                "mixing": "batch",
                "data_dir": "",
                "train_split": "train",
                "test_split": "test",
                "validation_split": "",
                "batch_size": 2,
                "max_length": 512,
                "max_answer": 0,
                "frames": 8,
                "frame_sampling": "uniform",
                "frame_crop": False,
                "clips": 8,
                "modalities": "all",
                "modality_dropout": {},
                "workers": 8,
                # Frames are taken at even distances, and the towers and BLIP-2's Q-Former do not learn: what they make
                # of a clip, 0.4 MB in bfloat16, is read from the disk where `cache` has put it.
                "cached_views": 0 if "full" in trainable else 1,
                "masked_batch": 0.5,
                "masked_window": 0.25,
                "masked_split": 0.25,
            },
            "tokenizer": {"name": "llama", "path": ""},
            "prompt": {
                "task": "recognition_reasoning",
                "template": chosen["template"],
            },
            "model": {
                "dtype": chosen["precision"],
                "attention": "reference" if chosen["precision"] == "float32" else "xla",
                "audio": audio,
                "video": VIDEO[chosen["connector"]],
                "decoder": decoder,
            },
            "init": "",
            "trainable": trainable,
            "frozen_dtype": chosen["precision"],
            "optimizer": {
                "lr": 3e-5,
                "lr_min": 1e-5,
                "warmup_start": 1e-6,
                "warmup_steps": 1000,
                "weight_decay": 0.05,
                "b1": 0.9,
                "b2": 0.999,
                "eps": 1e-8,
                "clip_norm": 0.0,
                "accumulate": 1,
            },
            "train": {
                "steps": 100_000,
                "log_every": 50,
                "checkpoint_every": 1000,
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
    return design_ablations.rows(recipe, stage1="runs/stage1", joint_init=recipe["init"] and f"{recipe['init']}_joint")


def _parse(arguments: str) -> dict[str, str]:
    given: dict[str, str] = {}
    for pair in filter(None, arguments.split(",")):
        name, _, choice = pair.partition("=")
        if choice not in CHOICES.get(name, ()):
            known = "; ".join(f"{name}={'|'.join(choices)}" for name, choices in CHOICES.items())
            raise ValueError(f"{pair!r} is no argument of this recipe; choose from {known}")
        given[name] = choice
    if "vicuna" in given and given.get("decoder", "vicuna") != "vicuna":
        raise ValueError(f"vicuna={given['vicuna']} and decoder={given['decoder']} name two decoders; leave one out")
    chat = next((CHATS[name] for name in CHATS if given.get("decoder", "").startswith(name)), DEEMO)
    template = VIDEO_LLAMA if given.get("vicuna") == "v0" else chat
    return {name: choices[0] for name, choices in CHOICES.items()} | {"template": template.name} | given
