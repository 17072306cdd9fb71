"""ImageBind's audio trunk, one of six modalities in `imagebind_huge.pth`. Both sides order patches by mel bin first."""

import math

from deemo_jax.conversion.tables.rules import Ignored, Rule, WeightTable
from deemo_jax.conversion.tables.transforms import (
    CONVOLUTION,
    FUSED_BIAS,
    FUSED_QKV,
    LINEAR,
    LINEAR_FROM_HEADS,
    TABLE,
    TOKEN,
    constant,
)

# Prefixes of public keys.
STEM = "modality_preprocessors.audio"
BLOCK = "modality_trunks.audio.blocks.{layer}"
QKV = tuple(f"blocks/attention/{part}" for part in ("query", "key", "value"))
# The modalities that are ignored.
OTHERS = "vision|text|depth|thermal|imu"

_HEAD = "modality_heads.audio.2.weight"
_SCALE = "modality_postprocessors.audio.1.log_logit_scale"


def imagebind_audio(output: str, scale: float) -> WeightTable:
    """The audio trunk.

    Args:
        output: of the encoder's config; the head is read for 'vector' only.
        scale: length of the clip vectors; the file's own must be the same.
    """
    head = (Rule(_HEAD, "head/kernel", LINEAR), Rule(_SCALE, (), constant(math.log(scale))))
    patches = (Ignored(f"{_HEAD}|{_SCALE}".replace(".", r"\."), "the head, which patch tokens do not pass"),)
    return WeightTable(
        "imagebind",
        (
            # "rgbt_stem" is the name in ImageBind's class for images, which audio uses too.
            Rule(f"{STEM}.cls_token", "class_token", TOKEN),
            Rule(f"{STEM}.rgbt_stem.proj.weight", "patch", CONVOLUTION),
            Rule(f"{STEM}.rgbt_stem.norm_layer.weight", "patch_norm/scale"),
            Rule(f"{STEM}.rgbt_stem.norm_layer.bias", "patch_norm/bias"),
            Rule(f"{STEM}.pos_embedding_helper.pos_embed", "positions", TABLE),
            Rule(f"{BLOCK}.attn.in_proj_weight", tuple(f"{path}/kernel" for path in QKV), FUSED_QKV),
            Rule(f"{BLOCK}.attn.in_proj_bias", tuple(f"{path}/bias" for path in QKV), FUSED_BIAS),
            Rule(f"{BLOCK}.attn.bias_k", "blocks/attention/extra_key", TOKEN),
            Rule(f"{BLOCK}.attn.bias_v", "blocks/attention/extra_value", TOKEN),
            Rule(f"{BLOCK}.attn.out_proj.weight", "blocks/attention/out/kernel", LINEAR_FROM_HEADS),
            Rule(f"{BLOCK}.attn.out_proj.bias", "blocks/attention/out/bias"),
            Rule(f"{BLOCK}.norm_1.weight", "blocks/norm1/scale"),
            Rule(f"{BLOCK}.norm_1.bias", "blocks/norm1/bias"),
            Rule(f"{BLOCK}.mlp.fc1.weight", "blocks/mlp/up/kernel", LINEAR),
            Rule(f"{BLOCK}.mlp.fc1.bias", "blocks/mlp/up/bias"),
            Rule(f"{BLOCK}.mlp.fc2.weight", "blocks/mlp/down/kernel", LINEAR),
            Rule(f"{BLOCK}.mlp.fc2.bias", "blocks/mlp/down/bias"),
            Rule(f"{BLOCK}.norm_2.weight", "blocks/norm2/scale"),
            Rule(f"{BLOCK}.norm_2.bias", "blocks/norm2/bias"),
            Rule("modality_heads.audio.0.weight", "head_norm/scale"),
            Rule("modality_heads.audio.0.bias", "head_norm/bias"),
            *(head if output == "vector" else ()),
        ),
        (
            Ignored(
                rf"modality_(preprocessors|trunks|heads|postprocessors)\.({OTHERS})\..*", "ImageBind's other modalities"
            ),
            *(() if output == "vector" else patches),
        ),
    )
