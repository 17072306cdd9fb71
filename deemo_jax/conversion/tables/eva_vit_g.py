"""EVA-CLIP's ViT-g/14 by its names in `eva_vit_g.pth`, the file that BLIP-2 and Video-LLaMA load."""

from deemo_jax.conversion.tables.rules import Ignored, Rule, WeightTable
from deemo_jax.conversion.tables.transforms import CONVOLUTION, FLAT, FUSED_QKV, LINEAR, LINEAR_FROM_HEADS, TABLE, TOKEN

BLOCK = "blocks.{layer}"

EVA_VIT_G = WeightTable(
    "eva_vit_g",
    (
        Rule("cls_token", "class_token", TOKEN),
        Rule("pos_embed", "positions", TABLE),
        Rule("patch_embed.proj.weight", "patch/kernel", CONVOLUTION),
        Rule("patch_embed.proj.bias", "patch/bias"),
        Rule(f"{BLOCK}.norm1.weight", "blocks/norm1/scale"),
        Rule(f"{BLOCK}.norm1.bias", "blocks/norm1/bias"),
        Rule(
            f"{BLOCK}.attn.qkv.weight",
            tuple(f"blocks/attention/{p}/kernel" for p in ("query", "key", "value")),
            FUSED_QKV,
        ),
        Rule(f"{BLOCK}.attn.q_bias", "blocks/attention/query/bias", FLAT),
        Rule(f"{BLOCK}.attn.v_bias", "blocks/attention/value/bias", FLAT),
        Rule(f"{BLOCK}.attn.proj.weight", "blocks/attention/out/kernel", LINEAR_FROM_HEADS),
        Rule(f"{BLOCK}.attn.proj.bias", "blocks/attention/out/bias"),
        Rule(f"{BLOCK}.norm2.weight", "blocks/norm2/scale"),
        Rule(f"{BLOCK}.norm2.bias", "blocks/norm2/bias"),
        Rule(f"{BLOCK}.mlp.fc1.weight", "blocks/mlp/up/kernel", LINEAR),
        Rule(f"{BLOCK}.mlp.fc1.bias", "blocks/mlp/up/bias"),
        Rule(f"{BLOCK}.mlp.fc2.weight", "blocks/mlp/down/kernel", LINEAR),
        Rule(f"{BLOCK}.mlp.fc2.bias", "blocks/mlp/down/bias"),
    ),
    (
        Ignored(r"blocks\.39\..*", "the last block, which BLIP-2 leaves out"),
        Ignored(r"(norm|head)\..*", "EVA's own norm and head, which BLIP-2 leaves out"),
    ),
)
