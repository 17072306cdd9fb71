import concurrent.futures
import threading
import time

import numpy as np
import pytest

from deemo_jax.deid.video.detection import centerface, face_network
from deemo_jax.deid.video.detection.batched_network import BatchedNetwork
from deemo_jax.deid.video.detection.centerface import FaceDetector
from deemo_jax.media.video import read_frames


class Held:
    """A network that answers once it may."""

    def __init__(self, answer):
        self.sizes, self.may_go, self._answer = [], threading.Event(), answer

    def run(self, outputs, inputs):
        self.sizes.append(len(next(iter(inputs.values()))))
        assert self.may_go.wait(20)
        return self._answer(outputs, inputs)


def doubled(_, inputs):
    (pictures,) = inputs.values()
    return [2 * pictures, pictures.sum(axis=(1, 2, 3))]


def at_once(held, network, jobs):
    """Futures of jobs in a thread each, the first of which uses the network while the others come to wait for it."""

    def eventually(is_so):
        end = time.monotonic() + 20
        while not is_so() and time.monotonic() < end:
            time.sleep(0.001)

    with concurrent.futures.ThreadPoolExecutor(len(jobs)) as pool:
        try:
            futures = [pool.submit(jobs[0])]
            eventually(lambda: held.sizes)
            futures += [pool.submit(job) for job in jobs[1:]]
            eventually(lambda: len(network._waiting) == len(jobs) - 1)
        finally:
            held.may_go.set()
        return futures


def asked(answer, pictures, **options):
    """The network that was asked for all pictures at once, and the futures of what it said."""
    network = BatchedNetwork(held := Held(answer), **options)
    return held, at_once(held, network, [lambda x=x: network.run(["a"], {"x": x}) for x in pictures])


def picture(value, side=2):
    return np.full((1, 3, side, side), value, np.float32)


def corners(futures):
    return [future.result()[0][0, 0, 0, 0] for future in futures]


def test_what_waits_is_answered_together_and_each_gets_its_own():
    pictures = [picture(2), picture(3), picture(4, side=4), picture(5), picture(6)]
    held, futures = asked(doubled, pictures)
    for given, future in zip(pictures, futures, strict=True):
        twice, total = future.result()
        np.testing.assert_array_equal(twice, 2 * given)
        assert total == [given.sum()]
    assert held.sizes[0] == 1 and sorted(held.sizes[1:]) == [1, 3]  # a picture of another size is no company


def test_a_batch_has_no_more_pixels_than_it_may():
    held, futures = asked(doubled, [picture(n) for n in range(2, 8)], most_pixels=2 * 4)
    assert corners(futures) == [4, 6, 8, 10, 12, 14] and max(held.sizes) == 2
    assert BatchedNetwork(held, most_pixels=1).run(["a"], {"x": picture(9)})[1] == [108]  # alone it may be larger


def test_an_error_reaches_the_thread_whose_picture_it_is():
    def answer(_, inputs):
        if (inputs["x"] == 1).any():
            raise ValueError("a picture of ones")
        return doubled(_, inputs)

    _, futures = asked(answer, [picture(n) for n in (2, 3, 1, 4, 5)])
    with pytest.raises(ValueError, match="of ones"):
        futures.pop(2).result()
    assert corners(futures) == [4, 6, 8, 10]


def test_where_memory_is_short_batches_become_smaller():
    def answer(_, inputs):
        if len(inputs["x"]) > 2:
            raise MemoryError
        return doubled(_, inputs)

    network = BatchedNetwork(held := Held(answer))
    for round_ in range(2):
        held.may_go.clear()
        held.sizes.clear()
        jobs = [lambda n=n: network.run(["a"], {"x": picture(n)}) for n in range(2, 7)]
        assert corners(at_once(held, network, jobs)) == [4, 6, 8, 10, 12]
        assert held.sizes == ([1, 2, 2] if round_ else [1, 4, 2, 2])


def test_a_thread_that_is_stopped_leaves_nobody_waiting():
    stops = [KeyboardInterrupt()]

    def answer(_, inputs):
        if len(inputs["x"]) > 1 and stops:
            raise stops.pop()
        return doubled(_, inputs)

    _, futures = asked(answer, [picture(n) for n in (2, 3, 4, 5)])
    stopped = [future for future in futures if isinstance(future.exception(20), KeyboardInterrupt)]
    assert len(stopped) == 1 and len(corners(f for f in futures if f not in stopped)) == 3


def test_the_detector_finds_the_same_in_batches_as_one_by_one(raw, monkeypatch):
    pictures = [frame.image for frame in read_frames(raw.path)][:6]
    detector = FaceDetector(*pictures[0].shape[1::-1])
    alone = [detector(image, 0.02) for image in pictures]
    network = BatchedNetwork(held := Held(face_network.network().run))
    monkeypatch.setattr(centerface, "network", lambda: network)
    futures = at_once(held, network, [lambda image=image: detector(image, 0.02) for image in pictures])
    for one, future in zip(alone, futures, strict=True):
        np.testing.assert_allclose(future.result(), one, atol=1e-4)
    assert held.sizes == [1, 5] and all(map(len, alone))
