import numpy as np
import pytest

from deemo_jax.deid.video.detection.centerface import FaceDetector, decode


@pytest.mark.parametrize("scale", [1.0, 0.6])
def test_the_portrait_is_found(portrait, face_in_portrait, scale):
    image = np.full((250, 331, 3), 110, np.uint8)
    image[50:170, 100:220] = portrait
    detector = FaceDetector(331, 250, scale)
    assert all(side % 32 == 0 for side in detector.input_size)
    faces = detector(image, 0.3)
    assert faces.shape == (1, 5) and faces.dtype == np.float32 and faces[0, 4] > 0.5
    np.testing.assert_allclose(faces[0, :4], np.add(face_in_portrait, [100, 50, 100, 50]), atol=8)
    assert len(detector(np.full_like(image, 110), 0.3)) == 0
    with pytest.raises(ValueError, match="made for"):
        detector(image[:-1], 0.3)


@pytest.mark.parametrize("size,scale,expected", [((1280, 720), 0.45, (576, 320)), ((320, 240), 0.75, (256, 192))])
def test_the_network_sees_at_most_two_per_cent_less_than_was_asked_for(size, scale, expected):
    assert FaceDetector(*size, scale).input_size == expected


def test_decoding_by_hand():
    heat, size, offset = np.zeros((6, 8), np.float32), np.zeros((2, 6, 8), np.float32), np.zeros((2, 6, 8), np.float32)
    heat[2, 3], heat[2, 4], heat[5, 7] = 0.9, 0.5, 0.15
    size[:, 2, 3] = size[:, 2, 4] = np.log([4.0, 2.0])
    offset[:, 2, 3] = [0.25, -0.5]
    # Centre y = (2 + 0.25 + 0.5) * 4 = 11, x = (3 - 0.5 + 0.5) * 4 = 12; height 16, width 8.
    expected = [[8, 3, 16, 19, 0.9]]
    kept = decode(heat, size, offset, 0.2)
    np.testing.assert_allclose(kept[:1], expected, rtol=1e-6)
    # The neighbour (centre 18, 10) overlaps by less than the limit; one at the same place goes.
    assert len(kept) == 2
    offset[:, 2, 4] = [0.25, -1.4]
    np.testing.assert_allclose(decode(heat, size, offset, 0.2), expected, rtol=1e-6)
    assert decode(heat, size, offset, 0.95).shape == (0, 5)
