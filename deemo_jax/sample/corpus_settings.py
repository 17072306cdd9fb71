"""What a corpus is made from, and how its clips are numbered."""

import dataclasses
import re

from deemo_jax.sample.identity import SPEAKERS

CLIP_ID = re.compile(r"s\d+_\d{6}")
CLIPS_PER_VIDEO = 4  # clips that are cut from one recording


@dataclasses.dataclass(frozen=True, slots=True)
class CorpusSettings:
    """What a corpus is made from. The frame rate is in frames per second."""

    seed: int = 0
    width: int = 320
    height: int = 240
    frame_rate: int = 10


def clip_id(seed: int, index: int) -> str:
    """The name of a clip, of the form `CLIP_ID`: 's3_000017'."""
    return f"s{seed}_{index:06d}"


def place(index: int) -> tuple[int, int, int]:
    """Speaker of the `index`-th clip, which of the speaker's recordings it is cut from, and which place it has there.

    Speakers take turns.
    """
    return index % SPEAKERS, *divmod(index // SPEAKERS, CLIPS_PER_VIDEO)


def recordings(clips: int) -> list[list[int]]:
    """The clips of each recording."""
    of_recording: dict[tuple[int, int], list[int]] = {}
    for index in range(clips):
        of_recording.setdefault(place(index)[:2], []).append(index)
    return list(of_recording.values())
