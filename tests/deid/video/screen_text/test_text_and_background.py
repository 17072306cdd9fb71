"""Text on a person's clothes is covered and text on the wall goes with the wall, by the command's and by Beam's way."""

import dataclasses
from fractions import Fraction

import cv2
import numpy as np
import pytest
from skimage import data

from deemo_jax.audit.clip_check import check_clip
from deemo_jax.core.packaged_files import find
from deemo_jax.deid.clip import deidentify_clip
from deemo_jax.deid.keys import load_key
from deemo_jax.deid.manifest import find_manifests, load_manifest, load_masks, verify
from deemo_jax.deid.settings import Settings
from deemo_jax.deid.video import masks
from deemo_jax.deid.video.screen_text import text_network
from deemo_jax.media.video import read_frames
from deemo_jax.sample.render.phone_file import Metadata, write_mp4

pytestmark = pytest.mark.skipif(
    find(text_network.MODEL.place) is None, reason="make picture_models installs the detector"
)
COVER = Settings(text_in_picture="cover", voice="mcadams")
# What is written, and its lower left corner: on the clothes and on the wall.
CLOTHES, WALL = ("LI 27", (86, 232)), ("ROVERS", (230, 41))


def ink(words):
    """The pixels of what is written."""
    layer = np.zeros((240, 320), np.uint8)
    return cv2.putText(layer, *words, cv2.FONT_HERSHEY_SIMPLEX, 0.6, 255, 2) > 0


@pytest.fixture(scope="module")
def film(tmp_path_factory):
    """Three frames of a portrait in a grey room, with words on the chest and on the wall."""
    image = np.full((240, 320, 3), 60, np.uint8)
    image[20:, :220] = cv2.resize(data.astronaut()[:400, 60:460], (220, 220), interpolation=cv2.INTER_AREA)
    for words in (CLOTHES, WALL):
        image[ink(words)] = 255
    path = tmp_path_factory.mktemp("written") / "film.mp4"
    write_mp4(path, [image] * 3, Fraction(10), np.zeros(4800, np.float32), 16_000, Metadata((), "", ""))
    return path


def unlike(frames, words, shade):
    """How far the pixels of what was written are from a shade, at most."""
    return max(int(np.abs(frame.image[ink(words)].astype(int) - shade).max()) for frame in frames)


def test_with_background_grey_both_are_gone_and_the_audit_passes(film, key, tmp_path):
    made = deidentify_clip(film, tmp_path, "c1", dataclasses.replace(COVER, background="grey"), key)
    frames = list(read_frames(tmp_path / made.file))
    assert unlike(frames, CLOTHES, masks.FILL) < 16 and unlike(frames, WALL, 127) < 12
    assert frames[1].image[150:216, 20:80].std() > 10  # clothes beside the words
    covered = masks.region(load_masks(tmp_path / made.masks).rectangles[1], 320, 240)
    assert covered[ink(CLOTHES)].all() and made.text["frames"] == 3 and made.background["without_person"] == 0
    found = check_clip(None, tmp_path / made.file, made, None, 1, text=True)
    assert found.failures == () and found.text_at_s == () and found.text_promised


def test_beam_covers_text_too(film, tmp_path):
    beam = pytest.importorskip("apache_beam")
    from apache_beam.testing.util import assert_that, equal_to

    from deemo_jax.deid.beam import Deidentify

    load_key(tmp_path / "voice.key")
    out = tmp_path / "out"
    with beam.Pipeline() as pipeline:
        outcomes = pipeline | beam.Create([str(film)]) | Deidentify(out, COVER, tmp_path / "voice.key")
        assert_that(outcomes | beam.Map(lambda o: o.status), equal_to(["done"]))
    (path,) = find_manifests([out])
    made = load_manifest(path)
    verify(made, out)
    assert made.text["frames"] == 3 and made.settings["text_in_picture"] == "cover"
    frames = list(read_frames(out / made.file))
    assert max(unlike(frames, CLOTHES, masks.FILL), unlike(frames, WALL, masks.FILL)) < 16
