"""A clip that tests of prompts share."""

from deemo_jax.core.schema import Clip, NFBLSegment

CLIP = Clip(
    clip_id="c1",
    video_id="v1",
    person_id="p1",
    start_s=0.0,
    end_s=3.0,
    transcript="I gave her this chance.",
    nfbl=(NFBLSegment(0.0, 1.0, "folding arms"), NFBLSegment(1.0, 2.0, "touching the neck")),
    emotion="negative",
    reasoning="The words speak of blame.",
)
