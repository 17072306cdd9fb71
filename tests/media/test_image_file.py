"""Pictures as other programs write them, made here with OpenCV."""

import struct
import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest

from deemo_jax.core.errors import UserError
from deemo_jax.media.image_file import read_still

# Red on the left, green on the right, a blue corner at the top left: every turn and mirror is told apart.
PICTURE = np.zeros((32, 64, 3), np.uint8)
PICTURE[:, :32, 0], PICTURE[:, 32:, 1], PICTURE[:16, :16] = 200, 200, (0, 0, 200)


def encoded(suffix: str, image: np.ndarray, *flags: int) -> bytes:
    """Of RGB, grey or RGBA."""
    if image.ndim == 3:
        image = cv2.cvtColor(image, cv2.COLOR_RGB2BGR if image.shape[2] == 3 else cv2.COLOR_RGBA2BGRA)
    return cv2.imencode(suffix, image, flags)[1].tobytes()


def exif(orientation: int) -> bytes:
    """TIFF, big endian: the orientation, and a maker's name."""
    head = b"MM\0*\0\0\0\x08\0\x02" + struct.pack(">HHIHH", 0x0112, 3, 1, orientation, 0)
    return head + struct.pack(">HHI4s", 0x010F, 2, 4, b"Jan\0") + bytes(4)


def turned_jpeg(orientation: int, image: np.ndarray) -> bytes:
    data, tag = encoded(".jpg", image, cv2.IMWRITE_JPEG_QUALITY, 100), b"Exif\0\0" + exif(orientation)
    return data[:2] + b"\xff\xe1" + struct.pack(">H", len(tag) + 2) + tag + data[2:]


def png(colour: int, rows: np.ndarray, *chunks: tuple[bytes, bytes], depth: int = 8) -> bytes:
    """A PNG of any colour type, as OpenCV does not write all of them."""
    size = struct.pack(">IIBBBBB", rows.shape[1], len(rows), depth, colour, 0, 0, 0)
    pixels = b"".join(b"\0" + (np.packbits(row) if depth == 1 else row).tobytes() for row in rows)
    parts = [(b"IHDR", size), *chunks, (b"IDAT", zlib.compress(pixels)), (b"IEND", b"")]
    pack = [struct.pack(">I", len(d)) + k + d + struct.pack(">I", zlib.crc32(k + d)) for k, d in parts]
    return b"\x89PNG\r\n\x1a\n" + b"".join(pack)


def read(tmp_path: Path, data: bytes, name: str = "f.png") -> np.ndarray:
    (tmp_path / name).write_bytes(data)
    return read_still(tmp_path / name)


def test_kinds_of_pictures_come_out_as_they_look(tmp_path: Path) -> None:
    grey = cv2.cvtColor(PICTURE, cv2.COLOR_RGB2GRAY)
    palette = np.array([[200, 0, 0], [0, 200, 0], [0, 0, 200]], np.uint8)
    number = np.zeros((32, 64), np.uint8)
    number[:, 32:], number[:16, :16] = 1, 2
    black_white = np.zeros((32, 64), np.uint8)
    black_white[:, 32:] = 1
    np.testing.assert_array_equal(read(tmp_path, encoded(".png", PICTURE)), PICTURE)
    np.testing.assert_array_equal(read(tmp_path, encoded(".png", PICTURE.astype(np.uint16) * 257)), PICTURE)
    np.testing.assert_array_equal(read(tmp_path, encoded(".png", grey)), np.dstack([grey] * 3))
    np.testing.assert_array_equal(read(tmp_path, encoded(".png", grey.astype(np.uint16) * 257)), np.dstack([grey] * 3))
    np.testing.assert_array_equal(read(tmp_path, png(3, number, (b"PLTE", palette.tobytes()))), PICTURE)
    np.testing.assert_array_equal(read(tmp_path, png(0, black_white, depth=1))[0, [0, 63]], [[0] * 3, [255] * 3])
    jpeg = read(tmp_path, encoded(".jpg", PICTURE, cv2.IMWRITE_JPEG_PROGRESSIVE, 1), "named.png")
    assert np.abs(jpeg.astype(int) - PICTURE)[:, 40:].max() < 9


def test_printers_colours_come_out_as_they_look(tmp_path: Path) -> None:
    pil = pytest.importorskip("PIL.Image")
    pil.fromarray(PICTURE).convert("CMYK").save(tmp_path / "f.jpg", quality=95, subsampling=0)
    seen = read_still(tmp_path / "f.jpg").astype(int)
    assert np.abs(seen - PICTURE)[:, 24:28].max() < 20 and np.abs(seen - PICTURE)[:, 40:].max() < 20


def test_what_is_transparent_is_black_whatever_colours_it_hides(tmp_path: Path) -> None:
    for depth in (np.uint8, np.uint16):
        most = np.iinfo(depth).max
        image = np.dstack([PICTURE.astype(depth) * (most // 255), np.full((32, 64), most, depth)])
        image[:, 32:48, 3], image[:, 48:, 3] = 0, most // 4
        seen = read(tmp_path, encoded(".png", image))
        np.testing.assert_array_equal(seen[:, :32], PICTURE[:, :32])
        assert not seen[:, 32:48].any() and (seen[:, 48:, 1] == round(200 * (most // 4) / most)).all()
    flat = np.zeros((8, 8), np.uint8)
    assert not read(tmp_path, png(3, flat, (b"PLTE", b"\xc8\xc8\xc8"), (b"tRNS", b"\0"))).any()


def test_every_exif_turn_is_applied(tmp_path: Path) -> None:
    upright = read(tmp_path, turned_jpeg(1, PICTURE)).astype(int)
    stored = {
        1: PICTURE,
        2: PICTURE[:, ::-1],
        3: PICTURE[::-1, ::-1],
        4: PICTURE[::-1],
        5: PICTURE.transpose(1, 0, 2),
        6: np.rot90(PICTURE),
        7: PICTURE[::-1, ::-1].transpose(1, 0, 2),
        8: np.rot90(PICTURE, -1),
    }
    for orientation, image in stored.items():
        seen = read(tmp_path, turned_jpeg(orientation, np.ascontiguousarray(image)))
        assert seen.shape == PICTURE.shape and np.abs(seen - upright).max() < 30, orientation


def test_a_turned_picture_with_transparent_parts_is_refused(tmp_path: Path) -> None:
    rows = np.arange(32, dtype=np.uint8).reshape(2, 16)  # 4 pixels of RGBA a row
    data = png(6, rows, (b"eXIf", exif(6)))
    data = data.replace(struct.pack(">II", 16, 2), struct.pack(">II", 4, 2))
    head = data[12:29]
    with pytest.raises(UserError, match="save it flat and upright"):
        read(tmp_path, data[:29] + struct.pack(">I", zlib.crc32(head)) + data[33:])


@pytest.mark.parametrize("suffix", [".jpg", ".png"])
@pytest.mark.parametrize("zeros", [False, True])
@pytest.mark.parametrize("share", [0.1, 0.5, 0.95])
def test_a_half_written_picture_is_refused(tmp_path: Path, suffix: str, zeros: bool, share: float) -> None:
    noise = np.random.default_rng(0).integers(0, 255, (64, 64, 3), np.uint8)
    data = encoded(suffix, noise)
    kept = data[: int(share * len(data))]
    with pytest.raises(UserError, match=r"half.* breaks off"):
        read(tmp_path, kept + bytes(len(data) - len(kept)) * zeros, f"half{suffix}")


@pytest.mark.parametrize(("data", "says"), [(b"", "is empty"), (b"no picture", "cannot be decoded as an image")])
def test_what_is_no_picture_is_refused(tmp_path: Path, data: bytes, says: str) -> None:
    with pytest.raises(UserError, match=says):
        read(tmp_path, data)
