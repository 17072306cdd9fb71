"""Text that a decoded frame carries beside its picture: an encoder's remarks, captions, time codes, colour profiles."""

import re
from typing import Any

import av

# Kinds of side data, as FFmpeg names them, in which a name, a place or a time can stand.
SAYING = frozenset({"SEI_UNREGISTERED", "A53_CC", "S12M_TIMECODE", "GOP_TIMECODE", "ICC_PROFILE"})
# Runs of printable ASCII, 4 bytes or more: shorter ones are mostly chance.
PRINTABLE = re.compile(rb"[ -~]{4,}")


def remarks_of(picture: "av.VideoFrame") -> dict[str, str]:
    """The printable ASCII of a frame's side data, by FFmpeg's name of the kind; of several of a kind, the first."""
    beside: Any = picture.side_data
    found: dict[str, str] = {}
    for data in (beside[i] for i in range(len(beside))):
        if data.type.name in SAYING:
            found.setdefault(data.type.name, b" ".join(PRINTABLE.findall(memoryview(data))).decode())
    return found
