"""Whether what a manifest says of its film is so: its length and its counts of frames, which reports add up."""

from collections.abc import Mapping
from typing import Any

from deemo_jax.core.errors import UserError
from deemo_jax.deid.manifest import Manifest, Masks

# Counts of `Manifest.faces`, `text` and `background` that are no more than the frames of the source.
OF_FRAMES = {
    "faces": ("looked", "full_size", "filled", "dropped", "empty", "seen_again"),
    "text": ("looked", "frames", "seen_again"),
    "background": ("without_person",),
}
# A span may differ from the film by so many seconds: the last frame of a film lasts as long as the others on average.
TOLERANCE_S = 1.0
# How long a frame that the copy leaves out lasted, seconds, at most.
LONGEST_FRAME_S = 1.0


def check_claims(manifest: Manifest, recorded: Masks, seconds: float) -> None:
    """Compares a manifest with its film.

    Args:
        manifest: of a clip.
        recorded: its masks, as many as the film has frames.
        seconds: how long the film lasts, as it was read.

    Raises:
        UserError: a length or a count is not that of the film.
    """
    if manifest.span is not None:
        claimed = manifest.span[1] - manifest.span[0]
        left_out = LONGEST_FRAME_S * len(recorded.dropped)
        if not -TOLERANCE_S <= claimed - seconds <= TOLERANCE_S + left_out:
            raise UserError(
                f"{manifest.clip_id}: its manifest is of {claimed:.1f} s, and the film lasts {seconds:.1f};"
                " de-identify the clip again"
            )
    frames = len(recorded.rectangles) + len(recorded.dropped)
    exact = {"frames": frames, "dropped": len(recorded.dropped)}
    for part, keys in OF_FRAMES.items():
        counts: Mapping[str, Any] = getattr(manifest, part)
        wrong = {key for key in keys if key in counts and not _is_count(counts[key], frames)}
        if part == "faces":
            wrong |= {key for key, count in exact.items() if key in counts and counts[key] != count}
        if wrong:
            raise UserError(
                f"{manifest.clip_id}: its manifest counts frames that the film does not have ({part}:"
                f" {', '.join(sorted(wrong))}); de-identify the clip again"
            )


def _is_count(value: object, most: int) -> bool:
    return type(value) is int and 0 <= value <= most
