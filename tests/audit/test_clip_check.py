import dataclasses
import shutil

import cv2
import numpy as np
import pytest

from deemo_jax.audit import clip_check
from deemo_jax.audit.clip_check import MOST_DEVIATION, CheckResult, _deviation, check_clip, coverage
from deemo_jax.audit.face_detection import mtcnn
from deemo_jax.audit.folder_check import FolderCheck
from deemo_jax.core import files
from deemo_jax.core.errors import UserError
from deemo_jax.deid.manifest import Masks, write_masks
from deemo_jax.deid.settings import BACKGROUNDS, Settings
from deemo_jax.deid.video.masks import FILL, cover
from deemo_jax.media.audio import read_audio
from deemo_jax.media.clip_writer import write_clip
from deemo_jax.media.video import read_frames, read_pictures


def test_coverage_is_the_share_of_the_union():
    shares = coverage(
        [[0, 0, 10, 10], [5.5, 0, 15.5, 10], [-10, 0, 10, 10], [90, 90, 99, 99]], [[0, 0, 5, 10], [3, 0, 8, 10]], 40, 30
    )
    np.testing.assert_allclose(shares, [0.8, 0.25, 0.8, 1.0])


@pytest.fixture
def made(audited, tmp_path):
    return audited.manifest, shutil.copytree(audited.folder, tmp_path / "made")


def replaced(manifest, folder):
    """The manifest with the hashes of what now lies there: a forger's."""
    digests = {"output_sha256": manifest.file, "masks_sha256": manifest.masks}
    return dataclasses.replace(manifest, **{k: files.sha256(folder / name) for k, name in digests.items()})


def test_an_untouched_clip_breaks_every_promise(raw, made):
    manifest, folder = made
    (folder / manifest.file).write_bytes(raw.path.read_bytes())
    write_masks(folder / manifest.masks, Masks(320, 240, (((0, 0, 20, 20),),) * 12))
    result = check_clip(raw.path, folder / manifest.file, replaced(manifest, folder), raw.truth)
    assert result.coverage == 0 and len(result.uncovered_at_s) == 12
    assert result.leaks == 12 and result.beside_count["both"] == 12 and result.beside_on_face >= 12
    assert [s.who for s in result.beside if s.time_s == 0] == ["both"] and result.beside[0].score > 0.5
    assert result.deviation > 8 and result.si_snr_db > 40
    assert set(raw.planted) <= set(result.metadata)
    assert len(result.failures) == 5


@pytest.mark.parametrize("third", ["agrees", "sees nothing", "mtcnn", None])
def test_a_face_that_one_detector_misses_is_a_leak_where_a_third_sees_it(raw, made, monkeypatch, third):
    """A film in which BlazeFace is blind."""
    if third == "mtcnn" and not mtcnn.is_installed():
        pytest.skip("make audit_models")
    nothing = np.zeros((0, 5), np.float32)
    manifest, folder = made
    (folder / manifest.file).write_bytes(raw.path.read_bytes())
    write_masks(folder / manifest.masks, Masks(320, 240, (((0, 0, 20, 20),),) * 12))
    monkeypatch.setattr(clip_check, "BlazeFace", lambda: lambda picture: nothing)
    told = {"agrees": np.array([[*face, 0.9] for face in raw.faces], np.float32), "sees nothing": nothing}
    if third in told:
        monkeypatch.setattr(clip_check, "confirming_detector", lambda name: lambda picture: told[third])
    forged = replaced(manifest, folder)
    result = check_clip(None, folder / manifest.file, forged, None, 6, detector=third)
    asked, agreed, leaks = {"sees nothing": (2, 0, 0), None: (None, None, 0)}.get(third, (2, 2, 2))
    assert (result.third_asked, result.third_agreed, result.leaks) == (asked, agreed, leaks)
    assert ("in 2 frames two detectors see a face beside the masks" in result.failures) == bool(leaks)
    assert [s.third for s in result.beside] == [{0: False, 2: True}.get(agreed)] * 2
    shown = FolderCheck((result,), 6, third=None if third is None else "MTCNN")
    told = {"name": "MTCNN", "asked": asked, "agreed": agreed}
    assert shown.summary()["third_detector"] == (None if third is None else told)
    assert (f"{agreed} of 2 it was shown" in shown.table()) == (third is not None) == ("by MTCNN" in shown.table())
    assert f"{leaks} in {leaks} frames" in shown.table()


def test_leaks_are_listed_before_what_one_detector_sees(raw, made, monkeypatch):
    manifest, folder = made
    small = np.array([[5 * k, 0, 5 * k + 4, 4, 0.9] for k in range(60)], np.float32)
    shown = {"CenterFace": [small, small, small[:0], small[59:]], "BlazeFace": [small[:0]] * 3 + [small[59:]]}
    for name, told in shown.items():
        monkeypatch.setattr(clip_check, name, lambda *_, told=told: lambda picture: told[picture.index // 3])
    result = check_clip(None, folder / manifest.file, manifest, None, 3)
    assert [s.who for s in result.beside] == ["both", *["CenterFace"] * 49] and result.beside[0].time_s == 0.9
    assert result.beside_count == {"CenterFace": 120, "both": 1}


def test_one_bare_frame_is_noticed(raw, made):
    manifest, folder = made
    bare = {f.index: f for f in read_frames(raw.path)}[6]
    covered = list(read_frames(folder / manifest.file))
    covered[6] = bare
    write_clip(folder / manifest.file, covered, 10, read_audio(folder / manifest.file))
    result = check_clip(raw.path, folder / manifest.file, replaced(manifest, folder), raw.truth)
    assert result.text_at_s is None
    assert result.deviation > 8 and any("fill colour" in f for f in result.failures)


def test_truths_that_prove_nothing_are_refused(raw, made):
    for change, message in (
        ({"faces": [[100, 100, 20, 30]] * 12}, "x0 < x1"),
        ({"faces": [[float("nan")] * 4] * 12}, "places are numbers"),
        ({"planted": [5]}, "list of strings"),
        ({"planted": "Jane"}, "list of strings"),
    ):
        with pytest.raises(UserError, match=message):
            check_clip(raw.path, made[1] / made[0].file, made[0], raw.truth | change)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("size", "count", "message"),
    [
        ((160, 120), 12, "160x120, and here is one of 320x240"),
        ((322, 240), 12, "322x240"),
        ((320, 242), 12, "320x242"),
        ((320, 240), 11, "11 frames, and here are more"),
        ((320, 240), 13, "13 frames, and here are 12"),
    ],
)
def test_masks_of_another_picture_prove_nothing(raw, made, size, count, message):
    manifest, folder = made
    write_masks(folder / manifest.masks, Masks(*size, (((0, 0, *size),),) * count))
    # Boxes beyond masks that are too small would count as covered.
    for truth in ({"faces": [[300, 200, 310, 230]] * count}, None):
        with pytest.raises(UserError, match=message):
            check_clip(None, folder / manifest.file, replaced(manifest, folder), truth)


def test_a_small_bare_rectangle_counts_as_much_as_a_large_one():
    picture = np.full((200, 300, 3), FILL, np.uint8)
    picture[10:40, 10:40] = np.random.default_rng(0).integers(0, 255, (30, 30, 3))
    large, small = (50, 0, 300, 200), (10, 10, 40, 40)
    assert _deviation(picture, [large], "solid") == 0
    assert _deviation(picture, [large, small], "solid") > MOST_DEVIATION
    tiled = cover(picture, [large, small], "mosaic")
    assert _deviation(tiled, [large, small], "mosaic") == 0
    colours = cv2.resize(np.arange(60, 210, 2, np.uint8).reshape(5, 5, 3), (250, 200), interpolation=cv2.INTER_NEAREST)
    tiled[:, 50:] = colours  # means of a face, as earlier versions showed
    assert _deviation(tiled, [large, small], "mosaic") > MOST_DEVIATION


def test_detectors_search_one_frame_in_so_many(raw, made):
    manifest, folder = made
    result = check_clip(raw.path, folder / manifest.file, manifest, raw.truth, every=12)
    assert result.frames == 12 and result.failures == ()


def test_text_beside_the_masks_is_a_leak_where_none_was_promised(audited, monkeypatch):
    seen = np.array([[2.0, 2.0, 40.0, 14.0]])
    monkeypatch.setattr(clip_check, "find_text", lambda picture, *_: seen[picture.index != 4 :])
    made = audited.manifest
    output = audited.folder / made.file
    found = check_clip(None, output, made, None, 4, text=True)
    assert found.text_at_s == (0.4,) and not found.failures
    promised = dataclasses.replace(made, settings={**made.settings, "text_in_picture": "cover"})
    found = check_clip(None, output, promised, None, 4, text=True)
    assert found.failures == ("in 1 frames text is seen beside the masks",)
    shown = FolderCheck((found,), 4)
    assert shown.summary()["frames_with_text"] == 1 and "1 frames of 1 clips (one frame in 4)" in shown.table()


def test_before_a_plain_backdrop_a_whole_person_is_no_text(audited, monkeypatch):
    boxes = np.array([[60.0, 90.0, 260.0, 240.0], [2.0, 2.0, 40.0, 14.0]])
    monkeypatch.setattr(clip_check, "find_text", lambda *_: boxes)
    picture = next(read_pictures(audited.folder / audited.manifest.file))
    nothing = np.zeros((240, 320), bool)
    left = {b: clip_check._text_left(picture, nothing, Settings(background=b)) for b in BACKGROUNDS}
    assert {b: len(of) for b, of in left.items()} == {"keep": 2, "blur": 1, "grey": 1}
    np.testing.assert_array_equal(left["grey"], boxes[1:])


def test_files_that_do_not_belong_together_are_refused(raw, made):
    manifest, folder = made
    with pytest.raises(UserError, match="12"):
        check_clip(raw.path, folder / manifest.file, manifest, raw.truth | {"faces": raw.faces[:5]})
    with pytest.raises(UserError, match="face boxes"):
        check_clip(raw.path, folder / manifest.file, manifest, {"faces": 5})
    (folder / manifest.file).write_bytes(b"x")
    with pytest.raises(UserError, match="hash differs"):
        check_clip(raw.path, folder / manifest.file, manifest, raw.truth)


def test_promises_are_kept_to_their_bounds():
    for name, kept, broken in (
        ("coverage", 0.98, 0.979),
        ("deviation", 10.0, 10.1),
        ("si_snr_db", 9.9, 10.0),
        ("leaks", 0, 1),
        ("metadata", (), ("a title",)),
    ):
        assert CheckResult("c1", **{name: kept}).failures == (), name
        assert len(CheckResult("c1", **{name: broken}).failures) == 1, name
    assert CheckResult("c1", si_snr_db=float("nan")).failures  # NaN is no kept promise


@pytest.mark.slow
@pytest.mark.parametrize(("share", "leaks"), [(0.7, 12), (0.5, 12), (1.0, 0)])
def test_a_face_that_is_covered_in_part_is_a_leak(raw, made, share, leaks):
    manifest, folder = made
    rectangles = []
    covered = []
    for frame, (x0, y0, x1, y1) in zip(read_frames(raw.path), np.array(raw.faces).astype(int).tolist(), strict=True):
        image = frame.image.copy()
        # Only the lower part is covered: eyes and forehead show.
        box = (x0 - 25, round(y1 - share * (y1 - y0)) - (25 if share == 1 else 0), x1 + 25, y1 + 25)
        image[box[1] : box[3], box[0] : box[2]] = FILL
        rectangles.append((box,))
        covered.append(dataclasses.replace(frame, image=image))
    write_clip(folder / manifest.file, covered, 10, read_audio(folder / manifest.file))
    write_masks(folder / manifest.masks, Masks(320, 240, tuple(rectangles)))
    result = check_clip(None, folder / manifest.file, replaced(manifest, folder), raw.truth)
    assert len(result.uncovered_at_s) == leaks
    assert bool(result.failures) == bool(leaks)
