"""Reads a person's list of who speaks in which clip: a table with a header, or JSON lines."""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from deemo_jax.core.errors import UserError
from deemo_jax.deid.text.annotation_tables import listed_rows

# Characters of a name, at most.
MAX_NAME = 200
# Keys of a row that name the clip, and keys that name the speaker.
CLIP_KEYS = ("clip_id", "file")
SPEAKER_KEYS = ("speaker", "person_id")


def load_speakers(path: str | os.PathLike[str]) -> dict[str, str]:
    """Reads a list of speakers; annotations are such a list.

    Each row has "clip_id" or "file" (or both), and "speaker" or "person_id"; other keys are ignored.

    Returns:
        Clip id, or file name without folder and suffix -> speaker.

    Raises:
        UserError: the list is missing or too large, a row lacks a key, or a clip has two speakers.
    """
    known: dict[str, str] = {}
    for number, row in enumerate(listed_rows(path), 1):
        clips = [Path(text).stem if key == "file" else text for key in CLIP_KEYS if (text := _text(row, key))]
        speaker = next((text for key in SPEAKER_KEYS if (text := _text(row, key))), None)
        if not clips or speaker is None:
            raise UserError(f"{path}: row {number} needs clip_id or file, and speaker or person_id")
        for clip in clips:
            if known.setdefault(clip, speaker) != speaker:
                raise UserError(f"{path}: row {number} gives a second speaker to a clip; each has one")
    if not known:
        raise UserError(f"{path}: names no clip; give rows with clip_id or file, and speaker")
    return known


def _text(row: Mapping[str, Any], key: str) -> str | None:
    value = row.get(key)
    if value is None or value == "":
        return None
    if not isinstance(value, str) or len(value) > MAX_NAME:
        raise UserError(f"{key} {json.dumps(value)[:80]}: must be text of at most {MAX_NAME} characters")
    return value.strip() or None
