"""Which speaker is heard in which clip, as a person writes it down: a table with a header, or JSON lines."""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from deemo_jax.core.errors import UserError
from deemo_jax.deid.text.annotation_tables import listed_rows

MAX_NAME = 200
CLIP_KEYS = ("clip_id", "file")
SPEAKER_KEYS = ("speaker", "person_id")


def load_speakers(path: str | os.PathLike[str]) -> dict[str, str]:
    """Clip ids, and file names without folder and suffix, to speakers.

    Each row has "clip_id" or "file" (or both), and "speaker" or "person_id"; what else it has is left alone, so that
    annotations may serve.

    Raises:
        UserError: missing, too large, a row without these, or one clip with two speakers.
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
