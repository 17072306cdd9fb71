"""BLIP-2's modules by Hugging Face, in the sizes of ours."""

from typing import Any

from deemo_jax.core.errors import UserError
from deemo_jax.models.parts.qformer import QFormerConfig
from deemo_jax.models.parts.vit import ViTConfig

try:
    import transformers
except ImportError as error:
    raise UserError("the peers are PyTorch's: make setup EXTRAS=convert") from error


def vision(config: ViTConfig) -> Any:
    """A vision tower with its norm."""
    sizes = transformers.Blip2VisionConfig(
        hidden_size=config.width,
        intermediate_size=config.mlp,
        num_hidden_layers=config.depth,
        num_attention_heads=config.heads,
        image_size=config.image,
        patch_size=config.patch,
        layer_norm_eps=config.eps,
    )
    made = transformers.Blip2VisionModel(sizes)
    made.post_layernorm.eps = 1e-5  # BLIP-2's own; Hugging Face's is that of the blocks
    return made


def qformer(config: QFormerConfig, encoder_width: int) -> Any:
    """A Q-Former without dropout, over tokens of a width."""
    sizes = transformers.Blip2QFormerConfig(
        hidden_size=config.width,
        num_hidden_layers=config.depth,
        num_attention_heads=config.heads,
        intermediate_size=config.mlp,
        layer_norm_eps=config.eps,
        cross_attention_frequency=config.cross_every,
        encoder_hidden_size=encoder_width,
        hidden_dropout_prob=0.0,
        attention_probs_dropout_prob=0.0,
    )
    return transformers.Blip2QFormerModel(sizes)
