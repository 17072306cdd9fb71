"""Pictures that several threads have at once go through a network together.

A GPU takes one picture and several of its size in almost the same time. Nobody waits for company: who finds the network
idle starts at once, and takes along what others have waiting; what arrives meanwhile makes the next batch.
Axes: n pictures; further axes are the network's.
"""

import threading
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import numpy as np
from jaxtyping import Shaped

# Pixels of the pictures of a batch, at most, unless one alone has more: three tiles of a film at full size, or eighteen
# pictures of 640x360. The face detector takes some 250 bytes for each, so that a batch takes 1 GB.
BATCH_PIXELS = 1 << 22

Arrays = Mapping[str, Shaped[np.ndarray, "n ..."]]


class Network(Protocol):
    """What is asked of ONNX Runtime's sessions."""

    def run(self, outputs: Sequence[str] | None, inputs: Arrays) -> Sequence[Any]:
        """The outputs of these names, all of them if None."""


class _Call:
    """A thread's question, and what came of it."""

    def __init__(self, outputs: Sequence[str] | None, name: str, pictures: Shaped[np.ndarray, "n ..."]):
        self.pictures = pictures
        # Calls that are alike can be answered together.
        self.kind = (None if outputs is None else tuple(outputs), name, pictures.shape[1:], pictures.dtype)
        self.pixels = len(pictures) * int(np.prod(pictures.shape[-2:]))
        self.answer: Sequence[Any] | None = None
        self.error: Exception | None = None

    @property
    def is_done(self) -> bool:
        return self.answer is not None or self.error is not None


class BatchedNetwork:
    """A network that answers the calls of several threads in batches, each as if it had been alone."""

    def __init__(self, network: Network, most_pixels: int = BATCH_PIXELS):
        """
        Args:
            network: with one input, whose first axis counts pictures, as does that of every output.
            most_pixels: of a batch. Where the network fails at a batch, smaller ones are made from then on.
        """
        self._network, self._most_pixels = network, most_pixels
        self._changed = threading.Condition()
        self._waiting: list[_Call] = []
        self._is_busy = False

    def run(self, outputs: Sequence[str] | None, inputs: Arrays) -> Sequence[Any]:
        """As `Network.run`; any number of threads may call it.

        Raises:
            Exception: what the network raises at these pictures alone.
        """
        ((name, pictures),) = inputs.items()
        call = _Call(outputs, name, pictures)
        with self._changed:
            self._waiting.append(call)
            self._changed.wait_for(lambda: call.is_done or not self._is_busy)
            batch = [] if call.is_done else self._taken(call)
            self._is_busy |= bool(batch)
        if batch:
            try:
                self._answer(batch)
            finally:  # after Ctrl-C too: calls of the batch without an answer are then made by their own threads
                with self._changed:
                    self._is_busy = False
                    self._changed.notify_all()
        if call.error is not None:
            raise call.error
        assert call.answer is not None
        return call.answer

    def _taken(self, call: _Call) -> list[_Call]:
        """A call and those that wait and are like it, as many as there is room for; they wait no longer."""
        batch, pixels = [call], call.pixels
        for other in self._waiting:
            if other is not call and other.kind == call.kind and pixels + other.pixels <= self._most_pixels:
                batch.append(other)
                pixels += other.pixels
        self._waiting = [other for other in self._waiting if other not in batch]
        return batch

    def _answer(self, batch: Sequence[_Call]) -> None:
        """Fills in answers or errors of calls that are alike; where the network fails at all, by halves."""
        outputs, name, *_ = batch[0].kind
        try:
            answers = self._network.run(outputs, {name: np.concatenate([call.pictures for call in batch])})
        except Exception as error:  # the caller's to judge, once it is known whose pictures they were
            if len(batch) == 1:
                batch[0].error = error
                return
            half = len(batch) // 2
            self._most_pixels = sum(call.pixels for call in batch[:half])
            self._answer(batch[:half])
            self._answer(batch[half:])
            return
        first = 0
        for call in batch:
            stop = first + len(call.pictures)
            call.answer, first = [output[first:stop] for output in answers], stop
