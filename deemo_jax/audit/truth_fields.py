"""The fields of a clip's row in the truth that the audit reads, checked: that file may come from anywhere."""

from collections.abc import Mapping, Sequence
from typing import Any

from deemo_jax.core.errors import UserError

# Coordinates beyond this, in pixels, are refused: no picture is as large.
FARTHEST = 1e6


def read_boxes(truth: Mapping[str, Any] | None, clip_id: str) -> list[list[Sequence[float]]] | None:
    """The true face boxes of every frame: x0, y0, x1, y1, pixels; None where the truth does not say where faces are.

    Args:
        truth: the clip's row; its "faces" has for each frame a box, a list of boxes, or null for none. None without a
            truth.
        clip_id: for messages.

    Raises:
        UserError: "faces" is malformed.
    """
    if truth is None or "faces" not in truth:
        return None
    try:
        return [_boxes(row) for row in _list(truth["faces"])]
    except TypeError as error:
        raise UserError(f"{clip_id}: its truth has no usable face boxes ({error})") from error


def read_planted(truth: Mapping[str, Any], clip_id: str) -> list[str]:
    """The strings that were planted in the source's metadata; empty where the row has none.

    Raises:
        UserError: "planted" is no list of strings, or one holds a lone surrogate.
    """
    planted = truth.get("planted", [])
    if not isinstance(planted, list) or not all(isinstance(text, str) for text in planted):
        raise UserError(f'{clip_id}: "planted" of its truth is no list of strings')
    # JSON can hold half a character (a lone surrogate), which cannot be encoded and searched for in a file.
    if any("\ud800" <= c <= "\udfff" for text in planted for c in text):
        raise UserError(f'{clip_id}: "planted" of its truth holds half a character, which no file can hold; mend it')
    return planted


def _boxes(row: Any) -> list[Sequence[float]]:
    """One box, or a list of them; None is none."""
    boxes = [] if row is None else _list(row)
    boxes = [boxes] if boxes and not isinstance(boxes[0], list) else boxes
    for box in boxes:
        if len(_list(box)) != 4 or any(type(x) not in (int, float) for x in box):
            raise TypeError("a box is four numbers")
        # NaN fails this comparison, too.
        if not all(-FARTHEST <= x <= FARTHEST for x in box):
            raise TypeError(f"places are numbers between {-FARTHEST:.0f} and {FARTHEST:.0f}")
        if not (box[0] < box[2] and box[1] < box[3]):
            raise TypeError("x0 < x1 and y0 < y1 in every box")
    return boxes


def _list(value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise TypeError("lists are needed")
    return value
