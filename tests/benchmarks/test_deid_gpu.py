import numpy as np
import pytest

from benchmarks.deid_gpu import farthest
from benchmarks.detector_calls import Watched, looking_with
from deemo_jax.deid.video.detection import centerface, face_network
from deemo_jax.deid.video.detection.centerface import FaceDetector


def test_what_the_detector_asks_of_a_network_is_noted():
    watched = Watched(face_network.network())
    with pytest.raises(RuntimeError), looking_with(watched):
        FaceDetector(96, 64)(np.zeros((64, 96, 3), np.uint8), 0.5)
        raise RuntimeError
    assert watched.runs == [(1, 64, 96)] and watched.seconds > 0
    assert centerface.network is face_network.network


def test_masks_are_compared_by_their_edges():
    one = (((0, 0, 10, 10),), ((5, 5, 9, 9),))
    assert farthest(one, one) == "masks differ in 0 of 2 frames, by 0 pixels at most"
    moved = (((0, 0, 10, 10),), ((5, 4, 9, 12),))
    assert farthest(one, moved) == "masks differ in 1 of 2 frames, by 3 pixels at most"
    assert farthest(one, (one[0], ())) == "masks differ in 1 of 2 frames, by a rectangle or more"
