"""The record of one row: which pictures are stored, covered faces, and every kind of media that cannot be used."""

import io
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from PIL import Image

from deemo_jax.data.captions.faces import find_faces
from deemo_jax.data.captions.media import StillPicture
from deemo_jax.data.captions.record import RecordMaker
from deemo_jax.data.captions.rows import CaptionRow, SkippedRow
from deemo_jax.data.captions.skips import SkipKind
from deemo_jax.data.clip_source import decode_jpeg
from deemo_jax.media.container import picture_times
from deemo_jax.media.video import sample_frames
from tests.caption_media import BROKEN, broken_row, write_image, write_tar, write_video

COLOUR = (200, 80, 30)


def made(folder: Path, media: str, **settings: Any) -> Any:
    return RecordMaker(folder, **settings)(CaptionRow("x", media, "a thing"))


def frames(record: Any) -> list[np.ndarray]:
    assert not isinstance(record, SkippedRow), record
    return [decode_jpeg(jpeg) for jpeg in record["frames"]]


@pytest.fixture(scope="module")
def face(portrait: np.ndarray) -> np.ndarray:
    return cv2.resize(portrait, (100, 100), interpolation=cv2.INTER_AREA)


def test_faces_are_covered_and_only_they(tmp_path: Path, face: np.ndarray) -> None:
    write_image(tmp_path / "face.png", face)
    write_image(tmp_path / "bare.png")
    write_video(tmp_path / "face.mp4", frames=3, face=face)
    masked, kept = made(tmp_path, "face.png"), made(tmp_path, "face.png", keep_faces=True)
    middle = (slice(85, 100), slice(62, 76))  # of the face in 224x224: rows 47..53 of 120, columns 45..54 of 160
    covered, shown = frames(masked)[0], frames(kept)[0]
    assert np.abs(covered[middle].astype(int) - 127).max() < 12 < np.ptp(shown[middle])
    assert (masked["faces"], kept["faces"]) == (1, 0)
    assert "CenterFace" in masked["provenance"]["video"] and "kept" in kept["provenance"]["video"]
    assert np.abs(covered[:, 190:].astype(int) - shown[:, 190:]).max() < 12
    film = made(tmp_path, "face.mp4")
    assert film["faces"] == 3 and all(np.abs(f[middle].astype(int) - 127).max() < 12 for f in frames(film))
    bare = made(tmp_path, "bare.png")
    assert bare["faces"] == 0 and bare["frames"] == made(tmp_path, "bare.png", keep_faces=True)["frames"]


@pytest.mark.parametrize(("size", "covered"), [((160, 120), 1), ((800, 600), 0)])
def test_a_small_picture_is_searched_enlarged(size: tuple[int, int], covered: int, face: np.ndarray) -> None:
    """A face of some 14 pixels, which the detector does not see at full size."""
    image = np.full((*size[::-1], 3), COLOUR, np.uint8)
    image[40:64, 60:84] = cv2.resize(face, (24, 24), interpolation=cv2.INTER_AREA)
    assert len(find_faces(StillPicture(image))) == covered


def test_a_video_has_uniform_frames_and_a_short_one_all_of_its(tmp_path: Path) -> None:
    write_video(tmp_path / "v.mp4", frames=20)
    write_video(tmp_path / "one.mp4", frames=1)
    expected, _ = sample_frames(tmp_path / "v.mp4", 8)
    found = frames(made(tmp_path, "v.mp4", keep_faces=True))
    assert len(found) == 8 and np.abs(np.stack(found).astype(int) - expected).mean() < 2
    assert len(frames(made(tmp_path, "one.mp4"))) == 1


def test_of_three_hours_few_frames_are_decoded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_video(tmp_path / "long.mp4", frames=1080, rate=10)
    decoded = 0
    decode = picture_times._decoded

    def counting(*arguments: Any) -> Any:
        nonlocal decoded
        found = decode(*arguments)
        decoded += len(found)
        return found

    monkeypatch.setattr(picture_times, "_decoded", counting)
    assert len(frames(made(tmp_path, "long.mp4", keep_faces=True))) == 8
    assert 8 <= decoded <= 8 * 7


@pytest.mark.parametrize("name", ["cmyk.jpg", "deep.png", "grey.png", "moving.webp", "moving.gif", "clear.png"])
def test_images_of_other_kinds_are_shown_as_viewers_do(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    plain = Image.new("RGB", (64, 48), COLOUR)
    expected = np.array(COLOUR)
    if name == "cmyk.jpg":
        plain.convert("CMYK").save(path, quality=95)
    elif name == "deep.png":
        deep = np.broadcast_to(np.array(COLOUR[::-1], np.uint16) * 257, (48, 64, 3))
        path.write_bytes(cv2.imencode(".png", np.ascontiguousarray(deep))[1].tobytes())
    elif name == "grey.png":
        plain.convert("L").save(path)
        expected = np.array([plain.convert("L").getpixel((0, 0))] * 3)
    elif name == "clear.png":
        plain.putalpha(0)
        plain.save(path)
        expected = np.zeros(3)
    else:
        plain.save(path, save_all=True, append_images=[plain.rotate(90)], lossless=True, duration=100)
    found = frames(made(tmp_path, name))
    assert len(found) == (2 if name == "moving.gif" else 1)
    assert np.abs(found[0][100:120, 100:120].mean((0, 1)) - expected).max() < 10


@pytest.mark.parametrize("kind", BROKEN[:7])
def test_media_that_cannot_be_used_are_skipped_for_what_is_wrong(tmp_path: Path, kind: SkipKind) -> None:
    row = broken_row(kind, tmp_path, "broken")
    found = made(tmp_path, row["media"])
    assert isinstance(found, SkippedRow) and found.kind is kind
    assert found.reason and str(tmp_path) not in found.reason and "\n" not in found.reason


def test_members_of_tars(tmp_path: Path) -> None:
    jpeg = io.BytesIO()
    Image.new("RGB", (64, 48), COLOUR).save(jpeg, "JPEG")
    write_tar(tmp_path / "0.tar", [("a.jpg", jpeg.getvalue())])
    row = CaptionRow("a", "a.jpg", "x", "0.tar", 512, len(jpeg.getvalue()))
    record = RecordMaker(tmp_path)(row)
    assert len(frames(record)) == 1 and record["media"] == "0.tar:a.jpg"  # type: ignore[index]
    cut = RecordMaker(tmp_path)(CaptionRow("a", "a.jpg", "x", "0.tar", 512, 1 << 20))
    big = RecordMaker(tmp_path)(CaptionRow("a", "a.jpg", "x", "0.tar", 512, 1 << 40))
    gone = RecordMaker(tmp_path)(CaptionRow("a", "a.jpg", "x", "1.tar", 512, 9))
    found = [row.kind for row in (cut, big, gone) if isinstance(row, SkippedRow)]
    assert found == [SkipKind.TRUNCATED, SkipKind.TOO_LARGE, SkipKind.MISSING]
