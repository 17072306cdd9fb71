"""Pictures come out as players show them: upright, mirrored or not, of square pixels; everything agrees."""

import itertools
import struct
from fractions import Fraction

import av
import numpy as np
import pytest
from av.bitstream import BitStreamFilterContext

from deemo_jax.core.errors import UserError
from deemo_jax.media.clip_writer import write_clip
from deemo_jax.media.display_geometry import MAX_PIXELS, UPRIGHT, orientation_of, square, view_of
from deemo_jax.media.video import read_pictures, sample_frames, video_info

ONE = 1 << 16
# What a step to the right and one down in the file become on the screen: all products of turns and flips.
STEPS = [
    (a, b, c, d)
    for a, b, c, d in itertools.product((-1, 0, 1), repeat=4)
    if abs(a) + abs(b) == abs(c) + abs(d) == abs(a) + abs(c) == 1
]


def matrix(a, b, c, d):
    return [round(ONE * x) for x in (a, b)] + [0] + [round(ONE * x) for x in (c, d)] + [0, 0, 0, 1 << 30]


def stored(height=48, width=64):
    """Red top left, green top right, blue bottom left, white bottom right."""
    image = np.zeros((height, width, 3), np.uint8)
    image[: height // 2, : width // 2], image[: height // 2, width // 2 :] = (200, 30, 30), (30, 200, 30)
    image[height // 2 :, : width // 2], image[height // 2 :, width // 2 :] = (30, 30, 200), (220, 220, 220)
    return image


def shown(image, a, b, c, d):
    """By the definition of the matrix, pixel by pixel."""
    height, width = image.shape[:2]
    y, x = np.mgrid[:height, :width]
    right, down = a * x + c * y, b * x + d * y
    right, down = right - right.min(), down - down.min()
    target = np.zeros((down.max() + 1, right.max() + 1, 3), np.uint8)
    target[down, right] = image
    return target


def film(path, image=None, frames=3, steps=None, pixels=None, codec="libx264"):
    image = stored() if image is None else image
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=10, options={"crf": "1"} if codec == "libx264" else {"b": "8000000"})
        stream.height, stream.width, stream.pix_fmt = *image.shape[:2], "yuv420p"
        if pixels is not None:
            stream.codec_context.sample_aspect_ratio = pixels
        if steps is not None:
            stream.set_display_matrix(matrix(*steps))
        for _ in range(frames):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, "rgb24")))
        container.mux(stream.encode(None))
    return path


@pytest.mark.parametrize("steps", STEPS)
def test_every_turn_and_flip_comes_out_as_players_show_it(tmp_path, steps):
    expected = shown(stored(), *steps).astype(int)
    height, width = expected.shape[:2]
    path = film(tmp_path / "a.mp4", steps=steps)
    picture = next(iter(read_pictures(path)))
    info = video_info(path)
    assert picture.size == (info.width, info.height) == (width, height)
    turned = np.rot90(stored()[:, ::-1] if info.mirrored else stored(), info.rotation // 90)
    np.testing.assert_array_equal(turned, expected)
    write_clip(tmp_path / "b.mp4", [p.planar() for p in read_pictures(path)], 10, crf=1)
    copy = next(iter(read_pictures(tmp_path / "b.mp4")))
    for image in (picture.rgb(), picture.planar().rgb(width, height), copy.rgb()):
        assert np.abs(image - expected)[4:-4, 4:-4].mean() < 3
    small = sample_frames(path, 1, 16)[0][0]
    for y, x in itertools.product((3, 12), repeat=2):
        at = expected[y * height // 16, x * width // 16]
        np.testing.assert_allclose(small[y, x].astype(int), at, atol=8)
        grey = picture.grey(width // 4, height // 4)[y * height // 64, x * width // 64]
        assert grey == pytest.approx(at @ (0.299, 0.587, 0.114), abs=20)
    assert (video_info(tmp_path / "b.mp4").rotation, video_info(tmp_path / "b.mp4").mirrored) == (0, False)


def test_matrices_that_are_no_turns():
    def bytes_of(*steps):
        return struct.pack("=9i", *matrix(*steps))

    assert orientation_of(b"") == orientation_of(bytes_of(2, 0, 0, 1)) == UPRIGHT
    assert orientation_of(bytes_of(1, 0.03, -0.03, 1)) == UPRIGHT
    for steps, said in (((0.87, 0.5, -0.5, 0.87), "-30 degrees"), ((1, 0, 0.5, 1), "slants")):
        with pytest.raises(UserError, match=said):
            view_of(bytes_of(*steps), None)
    nothing = view_of(bytes_of(0, 0, 0, 0), None)
    assert nothing.orientation == UPRIGHT and "ignored" in nothing.notes[0]


def test_a_slanted_film_is_refused_by_name(tmp_path):
    with pytest.raises(UserError, match=r"a\.mp4: its display matrix"):
        video_info(film(tmp_path / "a.mp4", steps=(0.7, 0.7, -0.7, 0.7)))


@pytest.mark.parametrize(
    "name,codec,pixels,size",
    [
        ("a.mp4", "libx264", Fraction(16, 11), (94, 48)),
        ("a.mp4", "libx264", Fraction(8, 9), (64, 54)),
        ("a.mkv", "mpeg4", Fraction(8, 9), (64, 54)),
        ("a.mpg", "mpeg2video", Fraction(4, 3), (86, 48)),
    ],
)
def test_pixels_come_out_square(tmp_path, name, codec, pixels, size):
    path = film(tmp_path / name, pixels=pixels, codec=codec)
    picture = next(iter(read_pictures(path)))
    info = video_info(path)
    assert picture.size == (info.width, info.height) == size
    assert picture.rgb().shape == picture.planar().rgb(*size).shape == (size[1], size[0], 3)
    assert np.abs(picture.rgb().astype(int) - picture.planar().rgb(*size)).mean() < 4
    middle = picture.rgb()[size[1] // 4, [size[0] // 4, 3 * size[0] // 4]].astype(int)
    np.testing.assert_allclose(middle, [(200, 30, 30), (30, 200, 30)], atol=12)
    write_clip(tmp_path / "b.mp4", [p.planar() for p in read_pictures(path)], 10)
    assert (video_info(tmp_path / "b.mp4").width, video_info(tmp_path / "b.mp4").height) == size


def test_turned_pixels_are_squared_before_they_are_turned(tmp_path):
    picture = next(iter(read_pictures(film(tmp_path / "a.mp4", steps=(0, 1, -1, 0), pixels=Fraction(2)))))
    assert picture.size == (48, 128) and picture.planar().size == (48, 128) and picture.rgb().shape == (128, 48, 3)


def test_shapes_that_cannot_be_true():
    assert view_of(b"", None).stretch == view_of(b"", Fraction(0)).stretch == 1
    assert view_of(b"", Fraction(4095, 4096)).stretch == 1 and view_of(b"", Fraction(51, 50)).stretch == Fraction(
        51, 50
    )
    for absurd in (Fraction(1, 100), Fraction(5)):
        view = view_of(b"", absurd)
        assert view.stretch == 1 and "taken for square" in view.notes[0]
    assert view_of(b"", Fraction(4)).stretch == 4 and not view_of(b"", Fraction(1, 4)).notes


def test_nothing_grows_beyond_bounds():
    assert square(720, 576, Fraction(64, 45)) == (1024, 576)
    assert square(8000, 5000, Fraction(2)) == (8000, 2500)
    assert square(5000, 8000, Fraction(1, 2)) == (2500, 8000)
    for stretch in (Fraction(4), Fraction(1, 4)):
        width, height = square(6928, 6928, stretch)
        assert width * height <= MAX_PIXELS


@pytest.mark.parametrize(
    "change,said",
    [
        ("sample_aspect_ratio=3/2", "the shape of its pixels changes near 0.[345]0 s"),
        ("display_orientation=insert:flip=horizontal", "turned or mirrored in another way at 0.50 s"),
        ("level=4", None),
    ],
)
def test_what_changes_within_a_film_is_refused(tmp_path, change, said):
    plain = film(tmp_path / "plain.mp4", frames=5, pixels=Fraction(1))
    whole = b""
    for filters in ("h264_mp4toannexb", f"h264_mp4toannexb,h264_metadata={change}"):
        with av.open(str(plain)) as container:
            stream = container.streams.video[0]
            way = BitStreamFilterContext(filters, stream)
            whole += b"".join(bytes(kept) for packet in [*container.demux(stream), None] for kept in way.filter(packet))
    path = tmp_path / "a.h264"
    path.write_bytes(whole)
    if said is None:
        assert len(list(read_pictures(path))) == 10
        return
    with pytest.raises(UserError, match=rf"a\.h264: .*{said}"):
        list(read_pictures(path))
