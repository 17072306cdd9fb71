"""One sound track as blocks of one channel and one rate, without gaps or overlaps, on the clip's clock.

Axes: n samples (written _ where blocks of several lengths meet).
"""

import itertools
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import av
import numpy as np
import soxr
from av.container import InputContainer
from jaxtyping import Float

from deemo_jax.core.errors import UserError
from deemo_jax.media.container.film_header import clip_origin, film_end
from deemo_jax.media.container.media_file import open_media
from deemo_jax.media.container.picture_times import time_base
from deemo_jax.media.container.truncation import promised_end
from deemo_jax.media.sound.piece_times import placed
from deemo_jax.media.sound.track_decoder import Piece, Tally, pieces, without_offset

# Samples of silence that are made at a time, so that a false timestamp does not ask for all of its silence at once.
SILENT_BLOCK = 1 << 20
# The header of a whole file promises at most this much sound beyond the last sample.
TRUNCATION_SLACK_S = 0.5
# Reading begins this much before the wanted time: some codecs need a packet or two before their output is right.
RUN_UP_S = 0.2

Mono = Float[np.ndarray, " _"]
# Makes one channel of a piece's channels.
Choose = Callable[[Piece], Mono]
# The layout of the channels that a block was made of ("" for silence between pieces), and its samples.
Block = tuple[str, Mono]


class TrackReader:
    """Reads a track between two clip times as one channel of one rate.

    Attributes:
        rate: Hz of the blocks; 0 until a block was read where none was asked for.
        tally: what was met while the track was decoded so far.
    """

    def __init__(
        self, path: Path, track: int, rate: int | None = None, start_s: float = 0.0, end_s: float | None = None
    ) -> None:
        """Reads nothing yet.

        Args:
            path: a video or audio file.
            track: number of the sound track, counted from 1.
            rate: Hz that the track is resampled to; None keeps that of its first piece.
            start_s: clip time.
            end_s: clip time; None for the end of the track.
        """
        self.rate, self.tally = rate or 0, Tally()
        self._path, self._track, self._start_s, self._end_s = path, track, start_s, end_s

    def blocks(self, choose: Choose, steady: bool = False) -> Iterator[Block]:
        """Yields blocks in order; the first sample of the first block is at `start_s`.

        Args:
            choose: makes one channel of a piece's channels.
            steady: takes constant offsets off the channels before that.

        Raises:
            UserError: no media, too many channels, or, where the end is the track's, the track breaks off.
        """
        self.tally = Tally()
        with open_media(self._path) as container:
            stream = container.streams.audio[self._track - 1]
            origin = clip_origin(container)
            if self._start_s > 0:
                seek_s = max(0.0, self._start_s - RUN_UP_S) + origin
                container.seek(int(seek_s / time_base(stream)), stream=stream)
            track = pieces(container, stream, self.tally)
            track = without_offset(track) if steady else track
            on_clock = placed(track, origin, self._start_s, lambda: film_end(self._path), self.tally)
            here, heard_s = 0, None
            for _, run in itertools.groupby(on_clock, _Runs()):
                for layout, at, block in self._resampled(run, choose):
                    end = at + block.size if self._end_s is None else self._samples(self._end_s)
                    yield from _silence(min(at, end) - here)
                    here = max(here, min(at, end))
                    block = block[max(0, here - at) : max(0, end - at)]
                    if block.size:
                        yield layout, block
                        here += block.size
                    if here >= end and self._end_s is not None:
                        return
                    heard_s = self._start_s + (at + block.size) / self.rate
            if self._end_s is None and heard_s is not None:
                self._refuse_truncated(container, stream, origin, heard_s)

    def _resampled(self, run: Iterable[tuple[float, Piece]], choose: Choose) -> Iterator[tuple[str, int, Mono]]:
        """Blocks of consecutive pieces, resampled: layout, index of the first sample in the result, samples."""
        resampler: soxr.ResampleStream | None = None
        at, layout = None, ""
        for begins_s, piece in run:
            self.rate = self.rate or piece.rate
            if at is None:
                at, layout = self._samples(begins_s), piece.layout
                if piece.rate != self.rate:
                    resampler = soxr.ResampleStream(piece.rate, self.rate, 1, dtype="float32")
            block = choose(piece)
            block = block if resampler is None else resampler.resample_chunk(block)
            yield layout, at, block
            at += block.size
        if resampler is not None and at is not None:
            yield layout, at, resampler.resample_chunk(np.zeros(0, np.float32), last=True)

    def _samples(self, time_s: float) -> int:
        """Index in the result of the sample at a clip time."""
        return round((time_s - self._start_s) * self.rate)

    def _refuse_truncated(
        self, container: InputContainer, stream: "av.AudioStream", origin: float, end_s: float
    ) -> None:
        if self.tally.doubted:
            return
        # Packets that cannot be decoded at the end leave no samples; the sound is counted as longer by their share.
        lost_s = self.tally.lost * end_s / max(1, self.tally.packets - self.tally.lost)
        promised = promised_end(self._path, container, stream, end_s + lost_s + origin, TRUNCATION_SLACK_S)
        if promised is not None:
            raise UserError(
                f"{self._path}: truncated (sound ends at {end_s:.2f} s of {promised - origin:.2f}); copy it again"
            )


class _Runs:
    """A key for `groupby`: numbers runs of pieces of one rate and layout that follow each other without a gap."""

    def __init__(self) -> None:
        self._number, self._next = 0, (0.0, 0, "")

    def __call__(self, on_clock: tuple[float, Piece]) -> int:
        at, piece = on_clock
        self._number += self._next != (at, piece.rate, piece.layout)
        self._next = (at + piece.lasts_s, piece.rate, piece.layout)
        return self._number


def _silence(count: int) -> Iterator[Block]:
    """`count` zeros, in blocks of at most `SILENT_BLOCK`."""
    for start in range(0, count, SILENT_BLOCK):
        yield "", np.zeros(min(SILENT_BLOCK, count - start), np.float32)
