"""The public files that can be converted, by name, and the table of weights that each is read with."""

import dataclasses
from collections.abc import Callable, Collection, Mapping
from pathlib import Path

from deemo_jax.conversion.io.public_file import PublicFile, open_adapter, open_public
from deemo_jax.conversion.tables import (
    blip2,
    blip2_hf,
    connectors,
    eva_vit_g,
    imagebind,
    llama,
    llama_config,
    peft_adapter,
    qformer,
)
from deemo_jax.conversion.tables.rules import WeightTable
from deemo_jax.core.errors import UserError
from deemo_jax.models.deemo_llama import BranchConfig, DeemoLlamaConfig

Keys = Collection[str]


@dataclasses.dataclass(frozen=True)
class Source:
    """A kind of public file.

    Attributes:
        what: what it is, in a few words, for help texts.
        table: gives its table of weights, from the model's config, the file's keys and its path.
        open: opens the path that a person names.
    """

    what: str
    table: Callable[[DeemoLlamaConfig, Keys, Path], WeightTable]
    open: Callable[[str | Path], PublicFile] = open_public


def _eva_vit_g(config: DeemoLlamaConfig, keys: Keys, path: Path) -> WeightTable:
    _video(config, "vit")
    return eva_vit_g.EVA_VIT_G.mounted("video/encoder")


def _blip2(config: DeemoLlamaConfig, keys: Keys, path: Path) -> WeightTable:
    mount, cross_every = _frame_qformer(config)
    return blip2.LN_VISION.mounted("video/encoder") + blip2.blip2_qformer(cross_every).mounted(mount)


def _blip2_hf(config: DeemoLlamaConfig, keys: Keys, path: Path) -> WeightTable:
    mount, cross_every = _frame_qformer(config)
    separate = any(key.endswith(".self_attn.q_bias") for key in keys)
    tower = blip2_hf.vision_model(separate).mounted("video/encoder")
    return tower + qformer.hugging_face_qformer("blip2_hf", cross_every).mounted(mount)


def _imagebind(config: DeemoLlamaConfig, keys: Keys, path: Path) -> WeightTable:
    encoder = _audio(config, "imagebind").encoder.config
    return imagebind.imagebind_audio(encoder.output, encoder.scale).mounted("audio/encoder")


def _llama(config: DeemoLlamaConfig, keys: Keys, path: Path) -> WeightTable:
    # Whether the head is tied to the embedding is read from config.json only: a file without a head may also be an
    # incomplete download.
    ours = config.decoder.config
    return llama.llama(ours, llama_config.check(path, ours)).mounted("decoder")


def _lora(config: DeemoLlamaConfig, keys: Keys, path: Path) -> WeightTable:
    return peft_adapter.adapter(peft_adapter.check(path, config.decoder.config.lora)).mounted("decoder")


def _video_llama(config: DeemoLlamaConfig, keys: Keys, path: Path) -> WeightTable:
    connector = _video(config, "vit").connector
    if connector.name != "per_frame":
        raise UserError("its connector belongs to connector=per_frame, and this config has " + connector.name)
    return connectors.video_llama(connector.config.video.cross_every).mounted("video")


def _video_llama_audio(config: DeemoLlamaConfig, keys: Keys, path: Path) -> WeightTable:
    connector = _audio(config, "imagebind").connector
    return connectors.video_llama_audio(connector.config.qformer.cross_every).mounted("audio")


def _minigpt4(config: DeemoLlamaConfig, keys: Keys, path: Path) -> WeightTable:
    _video(config, "vit")
    return connectors.minigpt4().mounted("video")


SOURCES: Mapping[str, Source] = {
    "eva_vit_g": Source("EVA-CLIP ViT-g/14: eva_vit_g.pth", _eva_vit_g),
    "blip2": Source("BLIP-2's Q-Former and vision norm: blip2_pretrained_flant5xxl.pth", _blip2),
    "blip2_hf": Source("instead of these two: the Hugging Face folder of a BLIP-2", _blip2_hf),
    "imagebind": Source("ImageBind: imagebind_huge.pth", _imagebind),
    "llama": Source("the decoder: a Hugging Face folder of Vicuna, another LLaMA, Qwen2.5 or Qwen3", _llama),
    "lora": Source("LoRA on that decoder: the folder of a PEFT adapter", _lora, open_adapter),
    "video_llama": Source("Video-LLaMA's video connector: finetune-vicuna7b-v2.pth", _video_llama),
    "video_llama_audio": Source("Video-LLaMA's audio connector: finetune_vicuna7b_audiobranch.pth", _video_llama_audio),
    "minigpt4": Source("MiniGPT-4's projection: pretrained_minigpt4_7b.pth", _minigpt4),
}

# (prefix of a path, source that fills it), for parameters that must be filled; the first prefix that fits counts.
FILLERS: tuple[tuple[str, str], ...] = (
    ("video/encoder/output_norm/", "blip2"),
    ("video/encoder/", "eva_vit_g"),
    ("video/connector/", "blip2"),
    ("audio/encoder/", "imagebind"),
    ("decoder/", "llama"),
)


def _frame_qformer(config: DeemoLlamaConfig) -> tuple[str, int]:
    """The path at which BLIP-2's Q-Former lies in the model's video connector, and its `cross_every`."""
    connector = _video(config, "vit").connector
    if connector.name == "joint":
        return "video/connector/qformer", connector.config.qformer.cross_every
    return "video/connector/frame_qformer", connector.config.frame.cross_every


def _video(config: DeemoLlamaConfig, encoder: str) -> BranchConfig:
    return _branch(config.video, "video", encoder)


def _audio(config: DeemoLlamaConfig, encoder: str) -> BranchConfig:
    return _branch(config.audio, "audio", encoder)


def _branch(branch: BranchConfig | None, name: str, encoder: str) -> BranchConfig:
    """The branch.

    Raises:
        UserError: the model has none, or one with another encoder.
    """
    if branch is None or branch.encoder.name != encoder:
        raise UserError(f"this config has no {name} branch with a {encoder} encoder; leave the source out")
    return branch
