"""Whole films: people who change at a cut, who walk out of the picture, and a film in which nobody is seen."""

import dataclasses

import cv2
import numpy as np
import pytest
from skimage import data

from deemo_jax.deid.clip import Refused, deidentify_clip
from deemo_jax.deid.settings import Settings
from deemo_jax.media.clip_writer import write_clip
from deemo_jax.media.picture import Frame
from deemo_jax.media.video import read_frames

GREY = Settings(background="grey", empty_scenes="accept", smallest_face=0.2)
HEIGHT, WIDTH, SIDE = 180, 320, 180


def film(path, lefts):
    """Writes the astronaut's portrait before a striped wall, its left edge at a column or absent in each frame."""
    wall = np.tile(np.where(np.arange(WIDTH) // 16 % 2, 70, 130).astype(np.uint8)[:, None], (HEIGHT, 1, 3))
    person = cv2.resize(data.astronaut()[:400, 60:460], (SIDE, SIDE), interpolation=cv2.INTER_AREA)
    person[:60, :45] = 100  # no flag
    frames = []
    for t, left in enumerate(lefts):
        image = wall.copy()
        if left is not None:
            image[:, left : left + SIDE] = person[:, : WIDTH - left]
        frames.append(Frame(t, t / 10, image))
    write_clip(path, frames, 10)
    return path


def kept(path, key):
    """The manifest of the copy, and the share of not grey pixels in the left and in the right half of every frame."""
    made = deidentify_clip(path, path.parent / "deid", "c1", GREY, key)
    images = np.stack([frame.image for frame in read_frames(path.parent / "deid" / made.file)]).astype(int)
    other = (np.abs(images - 127).max(axis=-1) > 14)[:, SIDE // 2 :]
    return made, other[..., : WIDTH // 2].mean(axis=(1, 2)), other[..., WIDTH // 2 :].mean(axis=(1, 2))


def test_one_person_follows_another_at_a_cut_and_walks_out(tmp_path, key):
    first, second, gone = [0] * 4, [140] * 3 + [170, 200, 240, 280], [None] * 3
    made, left, right = kept(film(tmp_path / "cut.mp4", first + second + gone), key)
    assert (left[:4] > 0.5).all() and (right[:4] < 0.01).all()
    # The first frame after the cut shows who is there and nothing of who was; only a sleeve reaches into this half.
    assert (left[4:7] < 0.2).all() and (right[4:7] > 0.35).all()
    assert (left[8:] < 0.01).all() and (right[8:10] > 0.1).all()
    assert (right[11:] < 0.01).all()
    assert made.background["without_person"] <= 2 and 0.1 < made.background["kept_share"] < 0.3


def test_a_film_in_which_nobody_is_seen_is_refused(tmp_path, key):
    path = film(tmp_path / "empty.mp4", [None] * 3)
    for empty_scenes in ("refuse", "accept"):
        with pytest.raises(Refused, match="no face was found in any frame"):
            deidentify_clip(path, tmp_path / "deid", "c1", dataclasses.replace(GREY, empty_scenes=empty_scenes), key)
    assert not list(tmp_path.glob("deid/*.mp4"))
