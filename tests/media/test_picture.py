import av
import numpy as np
import pytest
from av.video.reformatter import ColorRange, Colorspace

from deemo_jax.core.errors import UserError
from deemo_jax.media.clip_writer import write_clip
from deemo_jax.media.picture import Frame, layers
from deemo_jax.media.video import read_frames, read_pictures

COLOURS = ((200, 30, 30), (30, 200, 30), (30, 30, 200), (250, 250, 250))
YCGCO = 8
KINDS = {
    "as most files are": ("yuv420p", 2, ColorRange.MPEG),
    "BT.709": ("yuv420p", Colorspace.ITU709, ColorRange.MPEG),
    "BT.601": ("yuv420p", Colorspace.ITU601, ColorRange.MPEG),
    "full range": ("yuvj420p", Colorspace.ITU601, ColorRange.JPEG),
    "full range, BT.709": ("yuv420p", Colorspace.ITU709, ColorRange.JPEG),
    "BT.2020, ten bits": ("yuv420p10le", Colorspace.BT2020, ColorRange.MPEG),
    "full colour": ("yuv444p", Colorspace.ITU709, ColorRange.MPEG),
}


def quarters(height: int, width: int) -> np.ndarray:
    image = np.zeros((height, width, 3), np.uint8)
    image[: height // 2, : width // 2], image[: height // 2, width // 2 :] = COLOURS[:2]
    image[height // 2 :, : width // 2], image[height // 2 :, width // 2 :] = COLOURS[2:]
    return image


def film(path, image, pixels, colorspace, value_range):
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=10, options={"crf": "1"})
        stream.height, stream.width, stream.pix_fmt = *image.shape[:2], pixels
        stream.codec_context.colorspace, stream.codec_context.color_range = int(colorspace), int(value_range)
        target = Colorspace.ITU601 if colorspace == 2 else colorspace
        frame = av.VideoFrame.from_ndarray(image, "rgb24").reformat(
            format=pixels, dst_colorspace=target, dst_color_range=value_range
        )
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


@pytest.mark.parametrize("kind", KINDS)
def test_planes_show_the_same_colours_and_so_does_what_is_written_of_them(tmp_path, kind):
    path = film(tmp_path / "a.mp4", quarters(64, 96), *KINDS[kind])
    picture = next(iter(read_pictures(path)))
    planar = picture.planar()
    assert planar.size == picture.size == (96, 64)
    write_clip(tmp_path / "b.mp4", [planar], 10, crf=1)
    written = next(iter(read_frames(tmp_path / "b.mp4"))).image
    for image in (picture.rgb(), planar.rgb(96, 64), written):
        found = image[[16, 16, 48, 48], [24, 72, 24, 72]].astype(int)
        np.testing.assert_allclose(found, COLOURS, atol=6)


def test_ordinary_planes_come_through_untouched(tmp_path):
    """No way through RGB and back: what is not covered is written as it was read."""
    image = np.random.default_rng(0).integers(0, 256, (64, 96, 3), np.uint8)
    picture = next(iter(read_pictures(film(tmp_path / "a.mp4", image, *KINDS["BT.709"]))))
    planar = picture.planar()
    np.testing.assert_array_equal(planar.planes, picture._decoded.to_ndarray())
    assert planar.colorspace == Colorspace.ITU709


def test_odd_sides_and_turned_pictures(make_media):
    odd = Frame(0, 0.0, quarters(65, 97)).planar()
    assert odd.size == (96, 64) and [layer.shape for layer in layers(odd.planes)] == [(64, 96), (2, 32, 48)]
    turned = next(iter(read_pictures(make_media(rotation=90))))
    assert abs(turned.planar().rgb(*turned.size).astype(int) - turned.rgb()).mean() < 2
    with pytest.raises(UserError, match="1x5 cannot be encoded"):
        Frame(0, 0.0, np.zeros((5, 1, 3), np.uint8)).planar()


def test_threads_and_sizes_do_not_disturb_each_other(make_media):
    pictures = list(read_pictures(make_media()))
    sizes = [(128, 96), (64, 48), (128, 96), (40, 96)]
    shapes = [picture.rgb(*size).shape for picture in pictures for size in sizes]
    assert shapes == [(h, w, 3) for _ in pictures for w, h in sizes]


def test_interlaced_pictures_are_written_as_they_are_seen(tmp_path):
    """Every other row of colour belongs to the other field: planes of interlaced films are not taken as they lie."""
    with av.open(str(tmp_path / "a.mp4"), "w") as container:
        stream = container.add_stream(
            "libx264", rate=10, options={"crf": "1", "flags": "+ildct+ilme", "x264-params": "tff=1"}
        )
        (stream.width, stream.height), stream.pix_fmt = (96, 64), "yuv420p"
        container.mux(stream.encode(av.VideoFrame.from_ndarray(quarters(64, 96), "rgb24").reformat(format="yuv420p")))
        container.mux(stream.encode(None))
    picture = next(iter(read_pictures(tmp_path / "a.mp4")))
    assert picture._decoded.interlaced_frame
    planar = picture.planar()
    assert planar.colorspace == Colorspace.ITU601 and abs(planar.rgb(96, 64).astype(int) - picture.rgb()).mean() < 2


def test_colours_that_cannot_be_converted_are_one_line(tmp_path):
    path = film(tmp_path / "a.mp4", quarters(64, 96), "yuv420p", Colorspace.ITU601, ColorRange.MPEG)
    picture = next(iter(read_pictures(path)))
    picture._decoded.colorspace = YCGCO
    for convert in (picture.rgb, picture.planar, lambda: picture.grey(48, 27)):
        with pytest.raises(UserError, match=r"yuv420p.* cannot be converted"):
            convert()
