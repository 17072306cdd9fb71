"""Captioned media made on the spot: whole ones, with and without a face, and one of each kind that cannot be used."""

import io
import json
import struct
import tarfile
import zlib
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np

from deemo_jax.data.captions.skips import SkipKind

SIDES = (160, 120)


def write_video(path: Path, frames: int = 12, face: np.ndarray | None = None, seed: int = 0, rate: int = 8) -> None:
    """A gradient that moves; `face` is drawn into it."""
    width, height = SIDES
    ramp = (np.linspace(30, 200, width)[None, :, None] + 10 * np.arange(3)).repeat(height, 0)
    with av.open(str(path), "w", options={"movflags": "faststart"}) as container:
        stream = container.add_stream("libx264", rate=rate, options={"crf": "18", "preset": "ultrafast", "g": "6"})
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        for t in range(frames):
            image = np.roll(ramp, (seed * 17 + 5 * t) % width, axis=1).astype(np.uint8)
            if face is not None:
                image[: face.shape[0], : face.shape[1]] = face
            container.mux(stream.encode(av.VideoFrame.from_ndarray(np.ascontiguousarray(image), "rgb24")))
        container.mux(stream.encode(None))


def write_image(path: Path, face: np.ndarray | None = None, seed: int = 0) -> None:
    """A gradient; `face` is drawn into it."""
    width, height = SIDES
    image = (np.linspace(30, 200, width)[None, :, None] + seed % 40 + 10 * np.arange(3)).repeat(height, 0)
    image = image.astype(np.uint8)
    if face is not None:
        image[: face.shape[0], : face.shape[1]] = face
    assert cv2.imwrite(str(path), cv2.cvtColor(image, cv2.COLOR_RGB2BGR))


def write_sound(path: Path) -> None:
    """A file without a picture track."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("aac", rate=16_000, layout="mono")
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), "fltp", "mono")
        frame.sample_rate, frame.pts, frame.time_base = 16_000, 0, Fraction(1, 16_000)
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


def bomb(side: int = 30_000) -> bytes:
    """A PNG of a few bytes whose header promises a picture of `side` by `side` pixels."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0" * 99)) + chunk(b"IEND", b"")
    )


def _cut(write: Callable[[Path], None], path: Path, share: float) -> None:
    write(path)
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * share)])


def broken_row(kind: SkipKind, folder: Path, name: str) -> dict[str, str]:
    """Writes media that cannot be used for one reason, and returns its row: clip_id, media, caption."""
    row = {"clip_id": name, "media": f"{name}.jpg", "caption": "a thing"}
    film = {**row, "media": f"{name}.mp4"}
    path, film_path = folder / row["media"], folder / film["media"]
    if kind is SkipKind.MISSING:
        return row
    if kind is SkipKind.EMPTY:
        path.touch()
    elif kind is SkipKind.NO_MEDIA:
        path.write_text("<html>403 Forbidden</html>")
    elif kind is SkipKind.TOO_LARGE:
        path.write_bytes(bomb())
    elif kind is SkipKind.DAMAGED:
        path.write_bytes(bomb(64))
    elif kind is SkipKind.TRUNCATED:
        _cut(write_video, film_path, 0.7)
        return film
    elif kind is SkipKind.NO_PICTURE:
        write_sound(film_path)
        return film
    elif kind is SkipKind.NO_CAPTION:
        write_image(path)
        return row | {"caption": " \n"}
    elif kind is SkipKind.LONG_CAPTION:
        write_image(path)
        return row | {"caption": "言" * 34_000}
    elif kind is SkipKind.UNSAFE_PATH:
        return row | {"media": f"../{name}.jpg"}
    else:
        raise ValueError(kind)
    return row


# Those that `broken_row` makes: ten kinds.
BROKEN = (
    SkipKind.MISSING,
    SkipKind.EMPTY,
    SkipKind.NO_MEDIA,
    SkipKind.TOO_LARGE,
    SkipKind.DAMAGED,
    SkipKind.TRUNCATED,
    SkipKind.NO_PICTURE,
    SkipKind.NO_CAPTION,
    SkipKind.LONG_CAPTION,
    SkipKind.UNSAFE_PATH,
)


def write_rows(path: Path, rows: list[dict[str, str]]) -> None:
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")


def write_tar(path: Path, members: list[tuple[str, bytes]]) -> None:
    """A tar of members; one whose name begins with `->` is a link."""
    with tarfile.open(path, "w") as archive:
        for name, data in members:
            info = tarfile.TarInfo(name.removeprefix("->"))
            info.size = len(data)
            if name.startswith("->"):
                info.type, info.linkname, info.size = tarfile.SYMTYPE, "/etc/passwd", 0
            archive.addfile(info, io.BytesIO(data))
