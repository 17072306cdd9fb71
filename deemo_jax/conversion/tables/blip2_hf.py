"""BLIP-2 by Hugging Face's names, e.g. in the folder of blip2-flan-t5-xxl: vision tower, its norm, and Q-Former.

Hugging Face's later code gives the tower's last norm the eps of its blocks, 1e-6; BLIP-2's code and this project 1e-5.
"""

from deemo_jax.conversion.tables.rules import Ignored, Rule, WeightTable
from deemo_jax.conversion.tables.transforms import (
    CONVOLUTION,
    FLAT,
    FUSED_BIAS_WITHOUT_KEY,
    FUSED_QKV,
    LINEAR,
    LINEAR_FROM_HEADS,
    TABLE,
    TOKEN,
)

TOWER = "vision_model"
LAYER = f"{TOWER}.encoder.layers.{{layer}}"
QKV = tuple(f"blocks/attention/{part}" for part in ("query", "key", "value"))

_IGNORED = (
    Ignored(r"language_(model|projection)\..*", "BLIP-2's own language model"),
    Ignored(r"qformer\.embeddings\.position_ids", "a buffer of the text branch"),
    Ignored(
        r"(embeddings|qformer\.embeddings)\..*|qformer\.encoder\.layer\.\d+\.(intermediate|output)\..*",
        "the Q-Former's text branch",
    ),
)

_BIASES = (Rule(f"{LAYER}.self_attn.qkv.bias", (f"{QKV[0]}/bias", f"{QKV[2]}/bias"), FUSED_BIAS_WITHOUT_KEY),)
_SEPARATE_BIASES = (
    Rule(f"{LAYER}.self_attn.q_bias", f"{QKV[0]}/bias", FLAT),
    Rule(f"{LAYER}.self_attn.v_bias", f"{QKV[2]}/bias", FLAT),
)


def vision_model(separate_biases: bool = False) -> WeightTable:
    """The vision tower.

    Args:
        separate_biases: whether queries and values have biases of their own, as in files of Hugging Face's first
            version; in later files one bias of 3 x width holds zeros for the keys.
    """
    return WeightTable(
        "blip2_hf",
        (
            Rule(f"{TOWER}.embeddings.class_embedding", "class_token", TOKEN),
            Rule(f"{TOWER}.embeddings.position_embedding", "positions", TABLE),
            Rule(f"{TOWER}.embeddings.patch_embedding.weight", "patch/kernel", CONVOLUTION),
            Rule(f"{TOWER}.embeddings.patch_embedding.bias", "patch/bias"),
            Rule(f"{LAYER}.layer_norm1.weight", "blocks/norm1/scale"),
            Rule(f"{LAYER}.layer_norm1.bias", "blocks/norm1/bias"),
            Rule(f"{LAYER}.self_attn.qkv.weight", tuple(f"{path}/kernel" for path in QKV), FUSED_QKV),
            *(_SEPARATE_BIASES if separate_biases else _BIASES),
            Rule(f"{LAYER}.self_attn.projection.weight", "blocks/attention/out/kernel", LINEAR_FROM_HEADS),
            Rule(f"{LAYER}.self_attn.projection.bias", "blocks/attention/out/bias"),
            Rule(f"{LAYER}.layer_norm2.weight", "blocks/norm2/scale"),
            Rule(f"{LAYER}.layer_norm2.bias", "blocks/norm2/bias"),
            Rule(f"{LAYER}.mlp.fc1.weight", "blocks/mlp/up/kernel", LINEAR),
            Rule(f"{LAYER}.mlp.fc1.bias", "blocks/mlp/up/bias"),
            Rule(f"{LAYER}.mlp.fc2.weight", "blocks/mlp/down/kernel", LINEAR),
            Rule(f"{LAYER}.mlp.fc2.bias", "blocks/mlp/down/bias"),
            Rule(f"{TOWER}.post_layernorm.weight", "output_norm/scale"),
            Rule(f"{TOWER}.post_layernorm.bias", "output_norm/bias"),
        ),
        _IGNORED,
    )
