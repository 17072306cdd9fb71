"""The parts that a recipe can name: name -> (class of its config, module).

    encoder     raw input (B, items, ...) to tokens (B, items, P, E); its config has `input_shape`, of one item
    connector   those tokens to (B, queries, E'); its config has `tokens`, the number of queries
    projector   the queries to (B, queries, D), D the decoder's width
    decoder     the sequence (B, T, D) to hidden states and logits, with the methods of `Llama`

Items are frames or audio clips. To add a part, give it a row here and name it in a recipe.
"""

import flax.linen as nn

from deemo_jax.models.parts.connectors import Clips, ClipsConfig, Joint, JointConfig, PerFrame, PerFrameConfig
from deemo_jax.models.parts.imagebind import ImageBindAudio, ImageBindConfig
from deemo_jax.models.parts.llama import Llama, LlamaConfig
from deemo_jax.models.parts.projectors import LinearProjector, LinearProjectorConfig
from deemo_jax.models.parts.vit import ViT, ViTConfig

Registry = dict[str, tuple[type, type[nn.Module]]]

ENCODERS: Registry = {"vit": (ViTConfig, ViT), "imagebind": (ImageBindConfig, ImageBindAudio)}
CONNECTORS: Registry = {
    "per_frame": (PerFrameConfig, PerFrame),
    "joint": (JointConfig, Joint),
    "clips": (ClipsConfig, Clips),
}
PROJECTORS: Registry = {"linear": (LinearProjectorConfig, LinearProjector)}
DECODERS: Registry = {"llama": (LlamaConfig, Llama)}
