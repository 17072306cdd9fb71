"""Files of synonyms: for each name, the other words and phrases that count as it."""

from collections.abc import Callable
from pathlib import Path

from deemo_jax.core.errors import UserError
from deemo_jax.core.files import read_json
from deemo_jax.core.schema import Labels
from deemo_jax.evaluation.reading.clauses import words_of

FORM = '{"happy": ["glad", "over the moon"], ...}'
# The most that is read: bytes of a file, words for one name, characters of a word or phrase.
MAX_BYTES = 4 << 20
MAX_WORDS = 5000
MAX_LENGTH = 100

Synonyms = dict[str, tuple[str, ...]]


def read_synonyms(path: str | Path, is_name: Callable[[str], bool], names: str) -> Synonyms:
    """Reads a file of synonyms.

    Args:
        path: JSON, {name: [word or phrase, ...]}.
        is_name: whether a text may be a key.
        names: what keys must be, for the message.

    Raises:
        UserError: the file is malformed or empty, a key is no name, a word comes twice, or a word is itself a key, so
            that synonyms would lead on to others or in a circle.
    """
    table = read_json(path, MAX_BYTES)
    if not isinstance(table, dict) or not table:
        raise UserError(f"{path}: must be {FORM}")
    keys = {words_of(key): key for key in table}
    owner: dict[tuple[str, ...], str] = {}
    for name, texts in table.items():
        if not is_name(name):
            raise UserError(f"{path}: {name[:MAX_LENGTH]!r} is none of {names}")
        if not isinstance(texts, list) or len(texts) > MAX_WORDS:
            raise UserError(f"{path}: {name!r} must have a list of at most {MAX_WORDS} words, as in {FORM}")
        for text in texts:
            if not isinstance(text, str) or len(text) > MAX_LENGTH or not (words := words_of(text)):
                raise UserError(f"{path}: {name!r} lists {str(text)[:40]!r}, which is no word or phrase")
            if words in keys:
                raise UserError(
                    f"{path}: {text!r} stands for {name!r} and is a name itself, so that names would lead in a circle; "
                    "keep it in one place"
                )
            if words in owner:
                raise UserError(f"{path}: {text!r} comes twice, for {owner[words]!r} and for {name!r}; keep one")
            owner[words] = name
    return {name: tuple(texts) for name, texts in table.items()}


def label_synonyms(path: str | Path, labels: Labels) -> Synonyms:
    """Reads other words for labels.

    Raises:
        UserError: as `read_synonyms`, or a word is another label.
    """
    found = read_synonyms(path, lambda name: name in labels.names, f"the labels {labels}")
    known = {words_of(label): label for label in labels}
    for name, texts in found.items():
        for text in texts:
            if words_of(text) in known:
                raise UserError(f"{path}: {text!r} stands for {name!r} and is a label itself; take it out")
    return found
