"""The face detector's network for benchmarks: another one in its place, and what it is asked."""

import contextlib
import time
from collections.abc import Iterator, Sequence
from typing import Any

from deemo_jax.deid.video.detection import centerface
from deemo_jax.deid.video.detection.batched_network import Arrays, Network


class Watched:
    """A network whose runs are noted.

    Attributes:
        runs: of each, the pictures' number, height and width.
        seconds: of processor time in the calling threads, all runs together.
    """

    def __init__(self, network: Network):
        self._network, self.seconds = network, 0.0
        self.runs: list[tuple[int, int, int]] = []

    def run(self, outputs: Sequence[str] | None, inputs: Arrays) -> Sequence[Any]:
        """As `Network.run`."""
        (pictures,) = inputs.values()
        self.runs.append((len(pictures), *pictures.shape[-2:]))
        begin = time.thread_time()
        found = self._network.run(outputs, inputs)
        self.seconds += time.thread_time() - begin
        return found


@contextlib.contextmanager
def looking_with(network: Network) -> Iterator[None]:
    """The detector uses this network."""
    kept = centerface.network
    centerface.network = lambda: network
    try:
        yield
    finally:
        centerface.network = kept
