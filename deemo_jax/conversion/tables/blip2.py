"""BLIP-2's Q-Former, and the norm behind its vision tower, by their names in `blip2_pretrained_flant5xxl.pth`."""

import dataclasses

from deemo_jax.conversion.tables.qformer import bert_qformer
from deemo_jax.conversion.tables.rules import Ignored, Rule, WeightTable
from deemo_jax.systems.blip2.weight_names import QFORMER

# The norm on the vision tower's output; BLIP-2 trains it with the Q-Former, so it is in this file.
LN_VISION = WeightTable(
    "blip2", (Rule("ln_vision.weight", "output_norm/scale"), Rule("ln_vision.bias", "output_norm/bias"))
)

_IGNORED = (
    Ignored(r"Qformer\.bert\.embeddings\.position_ids", "a buffer of the text branch"),
    Ignored(
        r"Qformer\.(cls|bert\.embeddings\.(word|position)_embeddings|bert\.encoder\.layer\.\d+\.(intermediate|output))\..*",
        "the Q-Former's text branch",
    ),
    Ignored(r"(t5|opt)_proj\..*", "the projection to BLIP-2's own language model"),
    Ignored(r"(visual_encoder|t5_model|opt_model)\..*", "BLIP-2's other parts"),
)


def blip2_qformer(cross_every: int) -> WeightTable:
    """The Q-Former with its queries."""
    table = bert_qformer("blip2", QFORMER, cross_every)
    return dataclasses.replace(table, ignored=_IGNORED)
