"""Scalars for TensorBoard, written by whoever reports them, so that a full disk is told there.

tensorboardX's own `SummaryWriter` writes in a thread: where that dies of a full disk, the next reports wait for ever.
"""

import os
import time
from collections.abc import Mapping
from pathlib import Path

from tensorboardX import summary
from tensorboardX.event_file_writer import EventsWriter
from tensorboardX.proto.event_pb2 import Event, SessionLog


class TensorboardFile:
    """An event file of its own for each process and second.

    Args:
        folder: of event files; made when missing.
        purge_step: the step from which on an earlier file no longer counts.

    Raises:
        OSError: it cannot be written; so does `add`.
    """

    def __init__(self, folder: Path, purge_step: int) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._writer = EventsWriter(str(folder / "events"), f".{os.getpid()}")
        start = SessionLog(status=SessionLog.START)
        self._writer.write_event(Event(step=purge_step, wall_time=time.time(), session_log=start))
        self._writer.flush()

    def add(self, step: int, values: Mapping[str, float]) -> None:
        """Writes name -> value of a step."""
        for name, value in values.items():
            event = Event(step=step, wall_time=time.time(), summary=summary.scalar(name, value))
            self._writer.write_event(event)
        self._writer.flush()

    def close(self) -> None:
        """Closes the file; all is written already."""
        self._writer.close()
