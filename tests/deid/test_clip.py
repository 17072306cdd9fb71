import dataclasses
import json

import numpy as np
import pytest

from deemo_jax.audit.clip_check import check_clip
from deemo_jax.core.errors import UserError
from deemo_jax.deid.clip import Refused, deidentify_clip
from deemo_jax.deid.manifest import file_names, load_manifest, load_masks, verify
from deemo_jax.deid.settings import Settings
from deemo_jax.deid.video import tracks
from deemo_jax.deid.video.detection import centerface, face_network
from deemo_jax.deid.video.detection.batched_network import BatchedNetwork
from deemo_jax.deid.video.track_file import load_tracks
from deemo_jax.media.audio import read_audio
from deemo_jax.media.clip_writer import write_clip
from deemo_jax.media.picture import Frame
from deemo_jax.media.probe import contains
from deemo_jax.media.video import frame_times, read_frames


@pytest.mark.parametrize("mode", ["default", "paper"])
def test_an_ordinary_clip(raw, tmp_path, key, mode):
    manifest = deidentify_clip(raw.path, tmp_path, "c1", Settings.preset(mode), key)
    assert {p.name for p in tmp_path.iterdir()} == {*file_names("c1")}
    assert load_manifest(tmp_path / "c1.manifest.json") == manifest
    output = verify(manifest, tmp_path)
    result = check_clip(raw.path, output, manifest, raw.truth)
    assert result.failures == () and result.coverage >= 0.98 and result.true_boxes == result.frames == 12
    assert contains(raw.path, raw.planted) == list(raw.planted)
    text = (tmp_path / "c1.manifest.json").read_text()
    assert repr(key.alpha("c1", 0.5, 0.9)) not in text and key.secret.decode() not in text and key.key_id in text
    assert manifest.notes and "zero-padded" in manifest.notes[0]
    assert manifest.faces["frames"] == 12 and manifest.faces["boxes"] >= 12 and manifest.faces["filled"] == 0
    # Of a face that is filled nothing is left; H.264 moves a fill by a few levels.
    x0, y0, x1, y1 = np.round(raw.faces[6]).astype(int)
    inside = list(read_frames(output))[6].image[y0:y1, x0:x1].astype(int)
    assert (np.abs(inside - 127).max() < 25) == (mode == "default")
    # Nothing but the masks and the encoder changes the picture.
    masks = load_masks(tmp_path / manifest.masks)
    for before, after, rectangles in zip(read_frames(raw.path), read_frames(output), masks.rectangles, strict=True):
        outside = np.ones(before.image.shape[:2], bool)
        for x0, y0, x1, y1 in rectangles:
            outside[max(0, y0 - 8) : y1 + 8, max(0, x0 - 8) : x1 + 8] = False
        assert abs(before.image[outside].astype(int) - after.image[outside]).mean() < 6


def test_a_face_lost_for_one_frame_is_bridged(make_clip, tmp_path, key):
    clip = make_clip(tmp_path / "raw.mp4", hidden=(5,))
    manifest = deidentify_clip(clip.path, tmp_path / "out", "c1", Settings(), key)
    assert manifest.faces["bridged"] >= 1
    assert check_clip(clip.path, tmp_path / "out" / manifest.file, manifest, clip.truth).failures == ()


@pytest.fixture
def forgetful(monkeypatch):
    """A first pass that forgets what it found in frame 5."""

    def boxes_per_frame(*args):
        return [np.zeros((0, 4)) if t == 5 else boxes for t, boxes in enumerate(tracks.boxes_per_frame(*args))]

    monkeypatch.setattr("deemo_jax.deid.video.covering.boxes_per_frame", boxes_per_frame)


@pytest.mark.slow
@pytest.mark.parametrize("in_batches", [False, True])
def test_threads_change_nothing_that_is_found(raw, tmp_path, key, monkeypatch, in_batches):
    one = deidentify_clip(raw.path, tmp_path / "one", "c1", Settings(), key)
    if in_batches:
        network = BatchedNetwork(face_network.network())
        monkeypatch.setattr(centerface, "network", lambda: network)
    many = deidentify_clip(raw.path, tmp_path / "many", "c1", Settings(), key, threads=3)
    assert one.faces == many.faces
    assert one.masks_sha256 == many.masks_sha256 and one.tracks_sha256 == many.tracks_sha256


def test_covered_pictures_are_searched_again(raw, tmp_path, key, forgetful):
    manifest = deidentify_clip(raw.path, tmp_path, "c1", Settings(), key)
    assert manifest.faces["seen_again"] >= 1 and manifest.faces["filled"] == 0
    result = check_clip(raw.path, tmp_path / manifest.file, manifest, raw.truth)
    assert result.failures == ()
    assert load_masks(tmp_path / manifest.masks).rectangles[5]


def test_searching_again_is_at_other_frames_than_the_first_pass(make_clip, tmp_path, key, forgetful):
    """At 25 frames a second the first pass looks at every other frame, and not at the fifth."""
    clip = make_clip(tmp_path / "raw.mp4", rate=25)
    manifest = deidentify_clip(clip.path, tmp_path / "out", "c1", Settings(), key)
    assert manifest.faces["looked"] == 7 and manifest.faces["seen_again"] >= 1
    assert check_clip(clip.path, tmp_path / "out" / manifest.file, manifest, clip.truth).failures == ()


def test_a_face_that_is_still_seen_is_refused_with_its_time(raw, tmp_path, key, forgetful, monkeypatch):
    monkeypatch.setattr("deemo_jax.deid.video.recheck.LOOKS", 1)
    with pytest.raises(Refused, match=r"still seen .* 0\.50, ") as refusal:
        deidentify_clip(raw.path, tmp_path, "c1", Settings(), key)
    # With this frame those around it, which were to be searched then.
    assert min(abs(time_s - 0.5) for time_s in refusal.value.times_s) < 1e-3 and len(refusal.value.times_s) < 12
    assert not list(tmp_path.iterdir())
    manifest = deidentify_clip(raw.path, tmp_path, "c1", Settings(on_missing="mask_frame"), key)
    assert manifest.faces["filled"] == len(refusal.value.times_s)
    assert load_masks(tmp_path / manifest.masks).rectangles[5] == ((0, 0, 320, 240),)


def test_a_face_lost_for_longer_is_refused_with_the_times(make_clip, tmp_path, key):
    clip = make_clip(tmp_path / "raw.mp4", hidden=(5, 6, 7))
    strict = Settings(hole_s=0.2)
    with pytest.raises(Refused, match=r"0\.50, 0\.60, 0\.70 s") as refusal:
        deidentify_clip(clip.path, tmp_path / "out", "c1", strict, key)
    np.testing.assert_allclose(refusal.value.times_s, [0.5, 0.6, 0.7], atol=1e-3)
    assert not (tmp_path / "out").exists()
    whole = dataclasses.replace(strict, on_missing="mask_frame")
    manifest = deidentify_clip(clip.path, tmp_path / "out", "c1", whole, key)
    assert manifest.faces["filled"] == 3
    masks = load_masks(tmp_path / "out" / manifest.masks)
    assert [r == ((0, 0, 320, 240),) for r in masks.rectangles] == [t in (5, 6, 7) for t in range(12)]
    assert check_clip(clip.path, tmp_path / "out" / manifest.file, manifest, clip.truth).failures == ()


def test_frames_can_be_dropped_and_the_rest_keeps_its_time(make_clip, tmp_path, key):
    clip = make_clip(tmp_path / "raw.mp4", hidden=(5, 6, 7))
    manifest = deidentify_clip(clip.path, tmp_path, "c1", Settings(hole_s=0.2, on_missing="drop_frame"), key)
    assert manifest.faces["dropped"] == 3 and manifest.faces["frames"] == 12 and manifest.faces["filled"] == 0
    assert load_masks(tmp_path / manifest.masks).dropped == (5, 6, 7)
    kept = [t / 10 for t in range(12) if t not in (5, 6, 7)]
    np.testing.assert_allclose(frame_times(tmp_path / manifest.file), kept, atol=1e-3)
    assert check_clip(clip.path, tmp_path / manifest.file, manifest, clip.truth).failures == ()


def test_tracks_can_be_corrected_and_applied_again(make_clip, tmp_path, key, monkeypatch):
    clip = make_clip(tmp_path / "raw.mp4", hidden=(5, 6, 7))
    deidentify_clip(clip.path, tmp_path / "first", "c1", Settings(hole_s=0.2, on_missing="mask_frame"), key)
    row = json.loads((tmp_path / "first" / "c1.tracks.json").read_text())
    assert row["missing"] == [5, 6, 7] and row["frames"] == 12
    row["missing"] = []
    row["tracks"].append({"points": [[4, 200, 20, 220, 40], [8, 240, 20, 260, 40]]})
    corrected = tmp_path / "corrected.json"
    corrected.write_text(json.dumps(row))
    monkeypatch.setattr("deemo_jax.deid.video.covering.first_pass", None)
    manifest = deidentify_clip(clip.path, tmp_path / "out", "c1", Settings(), key, tracks=corrected, preview=True)
    assert manifest.faces["corrected"] and manifest.faces["looked"] == 0 and manifest.faces["filled"] == 0
    rectangles = load_masks(tmp_path / "out" / manifest.masks).rectangles
    assert [any(r[0] > 190 and r[3] < 60 for r in frame) for frame in rectangles] == [4 <= t <= 8 for t in range(12)]
    assert any(abs(r[0] - 214) <= 1 for r in rectangles[6])  # half-way, with its margin
    assert load_tracks(tmp_path / "out" / manifest.tracks, 12, (320, 240)).tracks[-1].frames == (4, 8)
    preview = list(read_frames(tmp_path / "out" / "c1.preview.mp4"))
    plain = list(read_frames(tmp_path / "out" / manifest.file))
    assert len(preview) == 12 and abs(preview[6].image.astype(int) - plain[6].image).max() > 60


@pytest.mark.parametrize(
    "change,message",
    [
        ({"frames": 11}, "tracks of 11 frames"),
        ({"missing": [12]}, "whole numbers from 0 to 11"),
        ({"tracks": [{"points": [[1, 2, 3, 4]]}]}, "track 1: points are five numbers"),
        ({"tracks": [{"points": [[1, 0, 0, 9, float("nan")]]}]}, "NaN is no number"),
        ({"tracks": [{"points": [[3, 0, 0, 9, 9], [2, 0, 0, 9, 9]]}]}, "track 1: frames ascend"),
        ({"tracks": [{"points": [[3, 9, 0, 9, 9]]}]}, "x0 < x1"),
        ({"tracks": {}}, "needs the lists"),
        ({"version": 9}, "of version 2"),
        ({"not_faces": [[1, 2, 3]]}, "lists boxes"),
        ({"source_sha256": "other"}, "another clip"),
    ],
)
def test_bad_tracks(tmp_path, change, message):
    path = tmp_path / "c.tracks.json"
    row = {"version": 2, "width": 320, "height": 240, "frames": 12, "missing": [], "tracks": []}
    path.write_text(json.dumps(row | {"source_sha256": "own"} | change))
    with pytest.raises(UserError, match=message):
        load_tracks(path, 12, (320, 240), "own")


def test_corrected_tracks_are_of_one_clip_and_hide_its_faces(make_clip, tmp_path, key):
    clip, twin = make_clip(tmp_path / "raw.mp4", frames=6), make_clip(tmp_path / "twin.mp4", frames=6, speed=2.0)
    deidentify_clip(clip.path, tmp_path / "first", "c1", Settings(), key)
    corrected, out = tmp_path / "first" / "c1.tracks.json", tmp_path / "out"
    with pytest.raises(UserError, match="tracks of another clip"):
        deidentify_clip(twin.path, out, "c2", Settings(), key, tracks=corrected)
    row = json.loads(corrected.read_text())

    def apply(**change):
        (tmp_path / "changed.json").write_text(json.dumps(row | change))
        return deidentify_clip(clip.path, out, "c1", Settings(), key, tracks=tmp_path / "changed.json")

    with pytest.raises(Refused, match="no face was found"):
        apply(tracks=[{"points": [[0, -50, -50, -10, -10]]}])
    elsewhere = [{"points": [[0, 0, 200, 30, 230], [5, 0, 200, 30, 230]]}]
    with pytest.raises(Refused, match=r"surely a face is seen beside the corrected tracks in 6 of 6 .*not_faces"):
        apply(tracks=elsewhere)
    assert not out.exists()
    assert apply(tracks=elsewhere, not_faces=[[0, 0, 320, 240]]).faces["corrected"]


def test_a_film_without_a_face_is_refused_with_all_settings(make_clip, tmp_path, key):
    clip = make_clip(tmp_path / "raw.mp4", hidden=tuple(range(12)))
    for on_missing in ("refuse", "mask_frame"):
        with pytest.raises(Refused, match="no face"):
            deidentify_clip(clip.path, tmp_path / "out", "c1", Settings(on_missing=on_missing), key)


def test_bad_files(raw, tmp_path, key):
    text = tmp_path / "text.mp4"
    text.write_text("no film")
    broken = tmp_path / "broken.mp4"
    broken.write_bytes(raw.path.read_bytes()[: raw.path.stat().st_size * 2 // 3])
    for path in (text, broken, tmp_path / "absent.mp4"):
        with pytest.raises(UserError, match=path.name):
            deidentify_clip(path, tmp_path / "out", "c1", Settings(), key)
    assert not (tmp_path / "out").exists()


def test_a_copy_that_differs_is_not_kept(raw, tmp_path, key, monkeypatch):
    def forgetful(path, frames, *args):
        write_clip(path, (f for i, f in enumerate(frames) if i != 3), *args)

    monkeypatch.setattr("deemo_jax.deid.clip.write_clip", forgetful)
    with pytest.raises(UserError, match="other frame times"):
        deidentify_clip(raw.path, tmp_path / "out", "c1", Settings(), key)
    assert not list((tmp_path / "out").iterdir())


def test_variable_rate_and_times_are_kept(raw, tmp_path, key):
    times = [0.0, 0.05, 0.2, 0.24, 0.5, 0.7, 0.71, 0.9, 1.0, 1.05, 1.1, 1.15]
    source = tmp_path / "vfr.mp4"
    write_clip(
        source, (Frame(f.index, times[f.index], f.image) for f in read_frames(raw.path)), 10, read_audio(raw.path)
    )
    manifest = deidentify_clip(source, tmp_path / "out", "c1", Settings(), key)
    np.testing.assert_allclose(frame_times(tmp_path / "out" / manifest.file), times, atol=1e-3)
    assert json.loads((tmp_path / "out" / "c1.masks.json").read_text())["width"] == 320
