"""Short silent films of invented persons with captions: who moves how, and with which hand, for a first stage.

Faces are covered before a film is written. Persons, rooms and cameras are of the family `towers`, beyond those that the
towers saw, and are not in the corpus. No caption names an emotion.
"""

import functools
from pathlib import Path

import numpy as np
from jaxtyping import UInt8

from deemo_jax.core import parallel
from deemo_jax.core.errors import UserError
from deemo_jax.core.files import write_jsonl
from deemo_jax.core.progress import with_progress
from deemo_jax.deid.video import masks
from deemo_jax.media.clip_writer import write_clip
from deemo_jax.media.picture import Frame
from deemo_jax.sample.cues import Tone
from deemo_jax.sample.identity import Identity, make_identity
from deemo_jax.sample.render import scene
from deemo_jax.sample.render.camera import draw_camera
from deemo_jax.sample.render.motion import Motion, draw_motion
from deemo_jax.sample.seeds import generator

WIDTH, HEIGHT, FRAMES, FRAME_RATE = 320, 240, 16, 8
# How much larger than the face its cover is, as a share of the face's box.
MARGIN = 0.35
# Number of the first speaker; the towers saw some 250.
FIRST_SPEAKER = 1000
# Gestures of one hand; `Motion.mirror` says of which.
ONE_HANDED = frozenset({"touching neck", "holding microphone"})


def make(out: Path, count: int, seed: int, workers: int = 1) -> int:
    """Writes media/<clip_id>.mp4, or what is missing of it, and captions.jsonl, the source of `build captions`.

    Returns:
        How many films were made.

    Raises:
        UserError: no film is asked for, or `out` cannot be written.
    """
    if count < 1:
        raise UserError(f"--clips {count}: choose 1 or more")
    media = out / "media"
    try:
        media.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"{media}: cannot be made ({error.strerror}); choose another --out") from error
    jobs = [(seed, index) for index in range(count)]
    made = with_progress(parallel.each(functools.partial(_film, media), jobs, workers), "captioned films", count)
    rows, fresh = [], 0
    for row, is_new in made:
        rows.append(row)
        fresh += is_new
    write_jsonl(out / "captions.jsonl", rows)
    return fresh


def caption(identity: Identity, motion: Motion) -> str:
    """What is seen: 'touching neck, left hand; jumper'. Left is the left of the picture."""
    said = motion.gesture or "hands at rest"
    if motion.gesture in ONE_HANDED:
        said += f", {'left' if motion.mirror else 'right'} hand"
    return f"{said}; {identity.outfit.style}"


def _film(media: Path, job: tuple[int, int]) -> tuple[dict[str, str], bool]:
    seed, index = job
    rng = generator("captions", seed, index)
    identity = make_identity(seed, FIRST_SPEAKER + index // 4, "towers")
    motion = draw_motion(rng, Tone(rng.choice(list(Tone))), FRAMES / FRAME_RATE, identity.set.microphone)
    name = f"t{seed}_{index:06d}"
    path = media / f"{name}.mp4"
    is_new = not path.exists()
    if is_new:
        film = scene.Film(
            identity, draw_camera(rng, WIDTH, HEIGHT), [motion.pose(t / FRAME_RATE) for t in range(FRAMES)]
        )
        frames = (Frame(t, t / FRAME_RATE, _covered(film, t)) for t in range(FRAMES))
        write_clip(path, frames, FRAME_RATE)
    return {"clip_id": name, "media": path.name, "caption": caption(identity, motion)}, is_new


def _covered(film: scene.Film, t: int) -> UInt8[np.ndarray, "H W 3"]:
    image = film.frame(t)
    box = masks.enlarge(film.placement.faces[t][None], MARGIN, WIDTH, HEIGHT)
    return masks.cover(image, box, "solid")
