"""Some frames of a clip side by side, as one small JPEG."""

import cv2
import numpy as np
from jaxtyping import UInt8

# Frames of a clip that the page shows, and the height and width of each, pixels.
FRAMES, SIZE = 4, 160
# Bytes that the strips of a page take, at most: as base64 they take a third more, and the page is to stay below 15 MB.
ALL_BYTES = 10_000_000
# Of a strip: bytes at most, also where a page has few, and the JPEG qualities that are tried, of 100.
MOST_BYTES = 20_000
QUALITIES = (80, 70, 60, 50, 40, 30, 20)


def budget(clips: int) -> int:
    """Bytes of one strip, at most, on a page of so many clips."""
    return min(MOST_BYTES, ALL_BYTES // max(clips, 1))


def strip(images: UInt8[np.ndarray, "F H W 3"], limit: int) -> bytes:
    """The frames side by side as a JPEG, in the best quality that takes `limit` bytes, or the least.

    Args:
        images: RGB.
        limit: bytes.
    """
    row = np.hstack([cv2.resize(image, (SIZE, SIZE), interpolation=cv2.INTER_AREA) for image in images])
    row = cv2.cvtColor(row, cv2.COLOR_RGB2BGR)
    encoded = b""
    for quality in QUALITIES:
        done, buffer = cv2.imencode(".jpg", row, [cv2.IMWRITE_JPEG_QUALITY, quality])
        if not done:
            raise RuntimeError("OpenCV cannot encode a JPEG")
        encoded = buffer.tobytes()
        if len(encoded) <= limit:
            break
    return encoded
