"""Scalars for TensorBoard, written in the thread that reports them, so that a full disk raises an error there.

tensorboardX's `SummaryWriter` writes in a thread of its own; when a full disk ends that thread, later calls never
return.
"""

import os
import time
from collections.abc import Mapping
from pathlib import Path

from tensorboardX import summary
from tensorboardX.event_file_writer import EventsWriter
from tensorboardX.proto.event_pb2 import Event, SessionLog


class TensorboardFile:
    """An event file, whose name holds the time in seconds and the process id.

    Args:
        folder: of event files; made when missing.
        purge_step: TensorBoard leaves out what earlier event files say of this step and later ones.

    Raises:
        OSError: the file cannot be written; raised by `add` too.
    """

    def __init__(self, folder: Path, purge_step: int) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._writer = EventsWriter(str(folder / "events"), f".{os.getpid()}")
        start = SessionLog(status=SessionLog.START)
        self._writer.write_event(Event(step=purge_step, wall_time=time.time(), session_log=start))
        self._writer.flush()

    def add(self, step: int, values: Mapping[str, float]) -> None:
        """Writes name -> value of a step and flushes the file."""
        for name, value in values.items():
            event = Event(step=step, wall_time=time.time(), summary=summary.scalar(name, value))
            self._writer.write_event(event)
        self._writer.flush()

    def close(self) -> None:
        """Closes the file."""
        self._writer.close()
