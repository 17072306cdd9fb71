"""Rows of open-vocabulary predictions: for each clip the words of emotion that a system gave, and the true ones."""

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from deemo_jax.core.errors import UserError
from deemo_jax.core.files import read_jsonl
from deemo_jax.core.schema import Modality, close_key, set_name
from deemo_jax.evaluation.row_fields import MAX_LINE_BYTES, MAX_ROWS, clip_id_of, person_of, text_of

# Words of a list, and characters of a word, at most.
MAX_WORDS = 1000
MAX_LENGTH = 200


@dataclasses.dataclass(frozen=True, slots=True)
class WordRow:
    """The words of one clip.

    Attributes:
        clip_id: of the clip.
        predicted: as the system gave them.
        true: as annotated.
        person_id: a pseudonym of who is seen; None where it is unknown.
    """

    clip_id: str
    predicted: tuple[str, ...]
    true: tuple[str, ...]
    person_id: str | None = None


def read_word_rows(path: str | Path) -> dict[str, list[WordRow]]:
    """Reads predictions, by modality set ('all' where a row names none), sorted by clip id.

    Args:
        path: JSON lines with `clip_id`, `emotion_words`, `emotion_words_true` and perhaps `modalities` and `person_id`.

    Raises:
        UserError: a row is malformed, a clip comes twice in a set, sets have different clips, or there are too many
            rows or none.
    """
    sets: dict[str, dict[str, WordRow]] = {}
    for count, row in enumerate(read_jsonl(path, MAX_LINE_BYTES), 1):
        where = f"{path}: row {count}"
        if count > MAX_ROWS:
            raise UserError(f"{path}: more than {MAX_ROWS:,} rows; score it in parts")
        try:
            predicted, true = _words(row, "emotion_words"), _words(row, "emotion_words_true")
            read = WordRow(clip_id_of(row), predicted, true, person_of(row))
            chosen = sets.setdefault(set_name(Modality.parse_set(text_of(row, "modalities", "all"))), {})
        except UserError as error:
            raise UserError(f"{where}: {error}") from error
        if read.clip_id in chosen:
            raise UserError(f"{where}: clip {read.clip_id} occurs twice in one modality set; keep one row")
        chosen[read.clip_id] = read
    clips = set().union(*sets.values()) if sets else set()
    if not clips:
        raise UserError(f"{path}: no rows; write one JSON object a line")
    for name, chosen in sets.items():
        if missing := clips - chosen.keys():
            raise UserError(
                f"{path}: modalities {name!r} lack {len(missing)} of {len(clips)} clips, say {min(missing)}; "
                "give every clip a row, with an empty list where the system failed"
            )
    return {name: [chosen[clip] for clip in sorted(chosen)] for name, chosen in sets.items()}


def _words(row: Mapping[str, Any], key: str) -> tuple[str, ...]:
    value = row.get(key)
    if not isinstance(value, list) or len(value) > MAX_WORDS or not all(map(_is_word, value)):
        slip = None if key in row else close_key(key, row.keys() - {"emotion_words", "emotion_words_true"})
        meant = f" (is {slip!r} meant to be it?)" if slip else ""
        raise UserError(f"{key} must be a list of at most {MAX_WORDS} words of at most {MAX_LENGTH} characters{meant}")
    return tuple(value)


def _is_word(value: object) -> bool:
    return isinstance(value, str) and len(value) <= MAX_LENGTH
