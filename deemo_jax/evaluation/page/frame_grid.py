"""Some frames of a clip, two a row, as one small JPEG."""

import cv2
import numpy as np
from jaxtyping import UInt8

# Frames of a clip that the page shows, how many of them stand in a row, and the height and width of each, pixels.
FRAMES, A_ROW, SIZE = 4, 2, 160
# Bytes that the pictures of a page take, at most; as base64 they take a third more, and a page should not exceed 15 MB.
ALL_BYTES = 8_000_000
# Of one picture: bytes at most, also where a page has few, and the JPEG qualities that are tried, of 100.
MOST_BYTES = 20_000
QUALITIES = (80, 70, 60, 50, 40, 30, 20)


def budget(clips: int) -> int:
    """Bytes of one clip's picture, at most, on a page of so many clips."""
    return min(MOST_BYTES, ALL_BYTES // max(clips, 1))


def grid(images: UInt8[np.ndarray, "4 H W 3"], limit: int) -> bytes:
    """The frames in reading order as a JPEG, in the best quality that takes `limit` bytes, or else the least.

    Args:
        images: RGB.
        limit: bytes.
    """
    small = [cv2.resize(image, (SIZE, SIZE), interpolation=cv2.INTER_AREA) for image in images]
    rows = [np.hstack(small[first : first + A_ROW]) for first in range(0, len(small), A_ROW)]
    picture = cv2.cvtColor(np.vstack(rows), cv2.COLOR_RGB2BGR)
    encoded = b""
    for quality in QUALITIES:
        done, buffer = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, quality])
        if not done:
            raise RuntimeError("OpenCV cannot encode a JPEG")
        encoded = buffer.tobytes()
        if len(encoded) <= limit:
            break
    return encoded
