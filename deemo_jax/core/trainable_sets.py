"""Names for what learns, which stand in `config.trainable` for ordered lists of patterns."""

from collections.abc import Iterable, Mapping

# Name -> patterns; see `deemo_jax.models.params.is_trainable`.
TRAINABLE_SETS: Mapping[str, tuple[str, ...]] = {
    # The paper, sections 4.2 and 5.2: Q-Formers with their queries, positions and projections. BLIP-2's Q-Former on
    # each frame, which only the connector `per_frame` has, stays frozen as in Video-LLaMA.
    "paper": ("(?!.*/frame_qformer/).*/connector/.*", ".*/projector/.*"),
    "projections": (".*/projector/.*",),
    # What `config.model.decoder.lora` puts beside the decoder's kernels, and nothing else.
    "lora": (r"decoder/.*/lora_[ab]",),
    "full": (".*",),
}


def patterns(items: Iterable[str]) -> tuple[str, ...]:
    """The patterns of a list of names and patterns, in its order."""
    return tuple(pattern for item in items for pattern in TRAINABLE_SETS.get(item, (item,)))
