"""What a decoded frame carries beside its picture and says something: an encoder's remarks, captions, time codes."""

import re
from typing import Any

import av

SAYING = frozenset({"SEI_UNREGISTERED", "A53_CC", "S12M_TIMECODE", "GOP_TIMECODE", "ICC_PROFILE"})
PRINTABLE = re.compile(rb"[ -~]{4,}")


def remarks_of(picture: "av.VideoFrame") -> dict[str, str]:
    """What can be read of them, by kind; of each kind the first."""
    beside: Any = picture.side_data
    found: dict[str, str] = {}
    for data in (beside[i] for i in range(len(beside))):
        if data.type.name in SAYING:
            found.setdefault(data.type.name, b" ".join(PRINTABLE.findall(memoryview(data))).decode())
    return found
