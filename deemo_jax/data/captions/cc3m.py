"""The two files by which CC3M-595K is passed on: LLaVA's `chat.json`, and Video-LLaMA's `filter_cap.json`."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from deemo_jax.core.errors import UserError
from deemo_jax.core.files import read_json
from deemo_jax.data.captions.rows import CaptionRow, Entry, SkippedRow
from deemo_jax.data.captions.skips import SkipKind

# Bytes of either file, at most.
MOST_BYTES = 1 << 30


def read_cc3m(path: Path) -> Iterator[Entry]:
    """Yields the rows of `chat.json` (a list of conversations) or `filter_cap.json` (a table with `annotations`).

    The caption of a conversation is its first answer.

    Raises:
        UserError: it cannot be read, is neither, or no entry has the fields of one.
    """
    content = read_json(path, MOST_BYTES)
    if isinstance(content, Mapping):
        entries, row_of = content.get("annotations"), _annotation
    else:
        entries, row_of = content, _conversation
    if not isinstance(entries, list):
        raise UserError(f"{path}: is neither LLaVA's chat.json, a list, nor filter_cap.json with a list `annotations`")
    rows = [row_of(entry) for entry in entries]
    if entries and not any(rows):
        raise UserError(
            f"{path}: none of its {len(entries)} entries has id, image and conversations (chat.json), or image_id and"
            " caption (filter_cap.json)"
        )
    for number, row in enumerate(rows, 1):
        yield row or SkippedRow(f"{path.name}:{number}", SkipKind.BAD_ROW, "it lacks a field, or has one of other form")


def _conversation(entry: Any) -> CaptionRow | None:
    if not isinstance(entry, Mapping) or not isinstance(entry.get("conversations"), list):
        return None
    turns = [turn for turn in entry["conversations"] if isinstance(turn, Mapping)]
    said = next((turn.get("value") for turn in turns if turn.get("from") == "gpt"), None)
    return _row(entry.get("id"), entry.get("image"), said)


def _annotation(entry: Any) -> CaptionRow | None:
    if not isinstance(entry, Mapping):
        return None
    image = entry.get("image_id")
    return _row(image, f"{image}.jpg", entry.get("caption"))


def _row(clip_id: Any, image: Any, caption: Any) -> CaptionRow | None:
    is_text = isinstance(clip_id, str) and isinstance(image, str) and isinstance(caption, str)
    return CaptionRow(clip_id, image, caption) if is_text else None
