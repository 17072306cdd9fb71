"""Whether a WAV file is whole: libav takes what is there of a half-written one for all of it."""

import os
import struct

from deemo_jax.core.errors import UserError
from deemo_jax.core.files import open_input

# Written in place of a length by programs that cannot know it, as into a pipe, or that keep it elsewhere (RF64).
UNKNOWN = 0x7FFF_0000
SLACK_BYTES = 64


def refuse_cut(path: str | os.PathLike[str]) -> None:
    """Looks at how many bytes of samples the header promises, and how many there are.

    Raises:
        UserError: many are missing; or the file cannot be read.
    """
    with open_input(path) as handle:
        size = os.fstat(handle.fileno()).st_size
        if handle.read(12)[:4] != b"RIFF":
            return
        while len(head := handle.read(8)) == 8:
            kind, length = struct.unpack("<4sI", head)
            if kind == b"data":
                there = size - handle.tell()
                if there + SLACK_BYTES < length < UNKNOWN:
                    raise UserError(
                        f"{path}: breaks off, as a half-written file does ({there:,} of {length:,} bytes of samples);"
                        " copy or export it again"
                    )
                return
            handle.seek(length + length % 2, os.SEEK_CUR)
