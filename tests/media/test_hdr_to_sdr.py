"""Bright and wide colours come out as an ordinary screen shows them."""

import av
import numpy as np
import pytest
from av.video.reformatter import ColorPrimaries, ColorRange, Colorspace, ColorTrc, VideoReformatter

from deemo_jax.media.clip_writer import write_clip
from deemo_jax.media.hdr_to_sdr import GAMMA, WHITE_NITS, Light, hlg_scene, pq_nits, to_bt709
from deemo_jax.media.video import read_frames, read_pictures, sample_frames, video_info

SKIN = np.array([0.42, 0.24, 0.17])  # linear light, BT.709
TO_BT2020 = np.array([[0.6274, 0.3293, 0.0433], [0.0691, 0.9195, 0.0114], [0.0164, 0.0880, 0.8956]])


def pq(light):
    """SMPTE ST 2084 of candela per square metre."""
    y = (np.asarray(light) / 10_000) ** (2610 / 16384)
    return ((107 / 128 + 2413 / 128 * y) / (1 + 2392 / 128 * y)) ** (2523 / 32)


def hlg(light):
    """BT.2100 of candela per square metre on a screen of 1000."""
    light = np.asarray(light, np.float64) / 1000
    brightness = light @ (0.2627, 0.6780, 0.0593)
    scene = light * np.maximum(brightness, 1e-6)[..., None] ** (1 / 1.2 - 1)
    a, b, c = 0.17883277, 0.28466892, 0.55991073
    return np.where(scene <= 1 / 12, np.sqrt(3 * scene), a * np.log(np.maximum(12 * scene - b, 1e-9)) + c)


def gamma(light):
    """As an ordinary screen takes it."""
    return np.asarray(light, np.float64) ** (1 / GAMMA)


def film(path, patches, signal, trc, primaries=ColorPrimaries.BT2020, named=True):
    """Upright stripes of linear light (1 is diffuse white, BT.709), ten bits, BT.2020."""
    light = np.repeat(np.asarray(patches), 32, axis=0)[None].repeat(48, 0)
    codes = np.round(65535 * np.clip(signal(np.clip(light @ TO_BT2020.T, 0, None)), 0, 1)).astype(np.uint16)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=10, options={"crf": "1"})
        stream.height, stream.width, stream.pix_fmt = *codes.shape[:2], "yuv420p10le"
        context = stream.codec_context
        context.color_range, context.color_trc = int(ColorRange.MPEG), int(trc)
        context.colorspace = int(Colorspace.BT2020) if named else 2
        context.color_primaries = int(primaries) if named else 2
        frame = av.VideoFrame.from_ndarray(codes, "rgb48le")
        frame = VideoReformatter().reformat(
            frame, format="yuv420p10le", dst_colorspace=Colorspace.BT2020, dst_color_range=ColorRange.MPEG
        )
        frame.pts = None
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def stripes(image):
    return image[24, 16::32].astype(int)


HIGH = {
    "PQ": (lambda light: pq(WHITE_NITS * light), ColorTrc.SMPTE2084),
    "HLG": (lambda light: hlg(WHITE_NITS * light), ColorTrc.ARIB_STD_B67),
}


@pytest.mark.parametrize("named", [True, False])
@pytest.mark.parametrize("kind", HIGH)
def test_hdr_is_toned_down(tmp_path, kind, named):
    signal, trc = HIGH[kind]
    patches = [[1, 1, 1], SKIN, 0.3 * SKIN, [0.18] * 3, [2.5] * 3, [4.9] * 3, [0.01] * 3, [0.5, 0.05, 0.05]]
    path = film(tmp_path / "a.mp4", patches, signal, trc, named=named)
    assert video_info(path).notes == (f"HDR ({kind}) is toned down to BT.709",)
    picture = next(iter(read_pictures(path)))
    write_clip(tmp_path / "b.mp4", [picture.planar()], 10, crf=1)
    assert video_info(tmp_path / "b.mp4").notes == ()
    small = sample_frames(path, 1, 224)[0][0]
    for image in (
        picture.rgb(),
        picture.planar().rgb(*picture.size),
        next(iter(read_frames(tmp_path / "b.mp4"))).image,
    ):
        found = stripes(image)
        assert found[0].min() >= 236 and found[0].max() <= 250  # diffuse white, with room above
        assert (found[4] > found[0]).all() and (found[5] >= 252).all()
        for k in (1, 2, 3, 6, 7):
            np.testing.assert_allclose(found[k], 255 * gamma(patches[k]), atol=7)
    np.testing.assert_allclose(small[112, 14::28].astype(int), stripes(picture.rgb()), atol=8)


def test_wide_colours_of_ordinary_light(tmp_path):
    patches = [[1, 1, 1], SKIN, [0.5, 0.05, 0.05], [0.1, 0.4, 0.1]]
    path = film(tmp_path / "a.mp4", patches, gamma, ColorTrc.BT2020_10)
    picture = next(iter(read_pictures(path)))
    assert video_info(path).notes == ()
    for image in (picture.rgb(), picture.planar().rgb(*picture.size)):
        np.testing.assert_allclose(stripes(image), 255 * gamma(patches), atol=8)


def test_the_curve():
    codes = np.round(65535 * pq(WHITE_NITS * np.array([0.0, 0.1, 0.5, 0.79, 1.0, 2.0, 4.92, 20.0]))).astype(np.uint16)
    found = to_bt709(np.repeat(codes[None, :, None], 3, axis=2), Light.PQ)[0, :, 0].astype(int)
    np.testing.assert_allclose(found[:4], 255 * gamma([0, 0.1, 0.5, 0.79]), atol=1)
    assert 240 <= found[4] < found[5] < found[6] == found[7] == 255
    np.testing.assert_allclose(pq_nits(pq([1.0, 100.0, 1000.0])), [1, 100, 1000], rtol=1e-6)
    np.testing.assert_allclose(hlg_scene(np.array([0.5, 1.0])), [1 / 12, 1], rtol=1e-5)
    whole = to_bt709(np.arange(1 << 16, dtype=np.uint16).reshape(-1, 1, 1).repeat(3, 2), Light.PQ)[:, 0, 0].astype(int)
    assert (np.diff(whole) >= 0).all() and np.diff(whole).max() <= 1
