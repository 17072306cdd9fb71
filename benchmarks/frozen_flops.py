"""FLOPs of a training step by what is frozen, from the sizes of parts and the tokens that each works on.

Of N parameters that D tokens pass: 2 N D for a frozen encoder, 4 N D for the frozen decoder, through which gradients go
back, and 6 N D for what learns. Attention's own products, a few per cent at these lengths, are left out.
"""

import dataclasses
import re

import numpy as np

from deemo_jax.core.recipe import Recipe
from deemo_jax.models.deemo_llama import DeemoLlama, param_shapes
from deemo_jax.models.params import is_trainable
from deemo_jax.models.weights import flatten

# The loss is on the answer, which is the last fifth of the positions (`benchmarks.gpu_step.full_batch`).
ANSWER = 5


def of_a_clip(model: DeemoLlama, recipe: Recipe) -> tuple[float, float]:
    """FLOPs a clip of a step: of what the feature cache holds, and of the rest.

    Raises:
        ValueError: not the recipe of a per-frame video connector and of audio.
    """
    config, data = model.config, recipe.data
    if config.video is None or config.audio is None:
        raise ValueError("both video and audio are counted")
    tokens = {
        "video/encoder": data.frames * config.video.encoder.config.tokens,
        # All of the trunk works on all tokens, of which the vector is one.
        "audio/encoder": data.clips * dataclasses.replace(config.audio.encoder.config, output="patches").tokens,
        "video/connector/frame_qformer": data.frames * recipe.model["video"]["connector"]["frame"]["queries"],
        "video/(connector|projector)": config.tokens.video,
        "audio/(connector|projector)": config.tokens.audio,
        "decoder/blocks": data.max_length,
        # A tied head is the embedding, whose rows are looked up without any FLOPs.
        "decoder/embedding" if config.decoder.config.tied else "decoder/head": data.max_length // ANSWER,
    }
    cached = rest = 0.0
    for path, leaf in flatten(param_shapes(model)).items():
        part = next((part for part in tokens if re.match(part, path)), "")
        passes = 6 if is_trainable(path, recipe.trainable) else 4 if path.startswith("decoder") else 2
        spent = float(passes * np.prod(leaf.shape) * tokens.get(part, 0))
        cached, rest = (cached + spent, rest) if passes == 2 else (cached, rest + spent)
    return cached, rest
