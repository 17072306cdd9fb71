"""Fields of the rows that evaluation reads, of predictions and of truth, checked: the files may come from anywhere."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from jaxtyping import Int

from deemo_jax.core.errors import UserError
from deemo_jax.core.schema import Labels

# The most that is read: bytes of a line, rows of a file, characters of a text, of an id and of a provenance.
MAX_LINE_BYTES = 1 << 20
MAX_ROWS = 1_000_000
MAX_TEXT = 100_000
MAX_ID = 200
MAX_PROVENANCE = 1000


def text_of(row: Mapping[str, Any], key: str, default: str | None = None) -> str:
    """A text in a row.

    Args:
        row: decoded from JSON.
        key: of the text.
        default: the text where the key is absent; with None the text must be there and not be empty.

    Raises:
        UserError: it is no string, is too long, or is missing.
    """
    value = row.get(key, default)
    if not isinstance(value, str) or len(value) > MAX_TEXT or (default is None and not value):
        raise UserError(f"{key} must be a string of {'1' if default is None else '0'} to {MAX_TEXT:,} characters")
    return value


def clip_id_of(row: Mapping[str, Any]) -> str:
    """The clip id in a row.

    Raises:
        UserError: it is missing, too long, or has characters that cannot be printed.
    """
    value = row.get("clip_id")
    if not isinstance(value, str) or not 1 <= len(value) <= MAX_ID or not value.isprintable():
        raise UserError(f"clip_id must be a string of 1 to {MAX_ID} printable characters")
    return value


def person_of(row: Mapping[str, Any]) -> str | None:
    """The pseudonym of the person in a row; None where it is missing, null or empty.

    Raises:
        UserError: it is no string, is too long, or has characters that cannot be printed.
    """
    value = row.get("person_id")
    if value is not None and not (isinstance(value, str) and len(value) <= MAX_ID and value.isprintable()):
        raise UserError(f"person_id must be at most {MAX_ID} printable characters, or null")
    return value or None


def provenance_of(row: Mapping[str, Any]) -> str | None:
    """How names were taken out of the texts that a row is about; None where it is missing, null or empty.

    Raises:
        UserError: it is no string, is too long, or has characters that cannot be printed.
    """
    value = row.get("transcript_provenance")
    if value is not None and not (isinstance(value, str) and len(value) <= MAX_PROVENANCE and value.isprintable()):
        raise UserError(f"transcript_provenance must be at most {MAX_PROVENANCE} printable characters, or null")
    return value or None


def person_indices(names: Sequence[str | None]) -> Int[np.ndarray, " n"] | None:
    """Of each pseudonym its person, 0 to P - 1; None where any of them is unknown."""
    if not all(names):
        return None
    return np.unique(np.array(names, dtype=object), return_inverse=True)[1]


def emotion_of(row: Mapping[str, Any], key: str, labels: Labels) -> str | None:
    """An emotion in a row; None where it is null or missing.

    Raises:
        UserError: it is not among the labels.
    """
    value = row.get(key)
    if value is None or (isinstance(value, str) and value in labels.names):
        return value
    raise UserError(f"{key} is {str(value)[:40]!r}; choose {labels}, or null; other labels are named with --labels")
