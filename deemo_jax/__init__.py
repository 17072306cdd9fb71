"""De-identity multimodal emotion recognition and reasoning in JAX.

A clip of a person speaking goes in; who they are is taken out; what they feel, and why, comes back
(DEEMO, ACM MM 2025). Imports run one way: commands, workshops (training, evaluation, data, models, deid,
media, synthetic), and on the ground `schema`, `files` and `errors`.

    deemo_jax.load("runs/sample").describe("clip.mp4")
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

    from deemo_jax.generation.describer import Describer


def load(workdir: "str | Path", step: int | None = None, **options: Any) -> "Describer":
    """Opens a trained run that describes clips; see `deemo_jax.generation.describer.Describer.load`.

    Raises:
        UserError: no run, no checkpoint, or they do not belong together.
    """
    from deemo_jax.generation.describer import Describer  # here, so that importing the package stays cheap

    return Describer.load(workdir, step, **options)
