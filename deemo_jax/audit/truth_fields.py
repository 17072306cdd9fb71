"""What the truth of a corpus says of a clip, as far as it can be used: anybody may have written that file."""

from collections.abc import Mapping, Sequence
from typing import Any

from deemo_jax.core.errors import UserError

# No picture reaches as far; what lies beyond it is no place, and may be no number that fits a machine's.
FARTHEST = 1e6


def read_boxes(truth: Mapping[str, Any], clip_id: str) -> list[list[Sequence[float]]]:
    """The true face boxes of every frame.

    Raises:
        UserError: the truth has none that can be read.
    """
    try:
        return [_boxes(row) for row in _list(truth["faces"])]
    except (KeyError, TypeError) as error:
        raise UserError(f"{clip_id}: its truth has no usable face boxes ({error})") from error


def read_planted(truth: Mapping[str, Any], clip_id: str) -> list[str]:
    """The strings that were planted in the source's metadata.

    Raises:
        UserError: they are no list of strings, or of such as no file can hold.
    """
    planted = truth.get("planted", [])
    if not isinstance(planted, list) or not all(isinstance(text, str) for text in planted):
        raise UserError(f'{clip_id}: "planted" of its truth is no list of strings')
    # JSON can spell half a character (a lone surrogate), which has no bytes to look for.
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
        # NaN is not below anything either.
        if not all(-FARTHEST <= x <= FARTHEST for x in box):
            raise TypeError(f"places are numbers between {-FARTHEST:.0f} and {FARTHEST:.0f}")
        if not (box[0] < box[2] and box[1] < box[3]):
            raise TypeError("x0 < x1 and y0 < y1 in every box")
    return boxes


def _list(value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise TypeError("lists are needed")
    return value
