"""Transcripts and body language that a person gives with clips on the command line, as text or in files."""

from collections.abc import Sequence
from pathlib import Path

from deemo_jax.core.errors import UserError
from deemo_jax.core.files import parse_json
from deemo_jax.core.schema import seconds
from deemo_jax.core.text_files import read_text
from deemo_jax.generation.clip_reader import Question

# A value that ends so and has no blanks is a file, and an error where there is none.
TEXT_SUFFIXES = (".txt", ".json")


def questions(paths: Sequence[Path], transcripts: Sequence[str], nfbl: Sequence[str]) -> list[Question]:
    """Clips with the words and labels that are given for each, matched by position.

    Args:
        paths: the clips.
        transcripts: none, or one for each clip in their order: text, or a file of it, or '' for none.
        nfbl: none, or one for each clip in their order: labels, or a file of them, or '' for none.

    Raises:
        UserError: another number of them than of clips, or one that cannot be read.
    """
    for flag, values in (("--transcript", transcripts), ("--nfbl", nfbl)):
        if values and len(values) != len(paths):
            raise UserError(
                f"{flag}: given {len(values)} times for {len(paths)} clips; give it once for each, in the clips' order "
                "('' where there is none)"
            )
    words = [read_transcript(value) for value in transcripts] or [""] * len(paths)
    labels = [read_nfbl(value) for value in nfbl] or [()] * len(paths)
    return [Question(*each) for each in zip(paths, words, labels, strict=True)]


def read_transcript(value: str) -> str:
    """A transcript: the value itself, or the content of the UTF-8 text file that it names.

    Raises:
        UserError: it looks like a file that is not there, or cannot be read.
    """
    path = _file(value)
    return " ".join((read_text(path) if path else value).split())


def read_nfbl(value: str) -> tuple[str, ...]:
    """Labels in order of time: 'hand rub, nod', or those of a file.

    A .json file holds a list of labels, or of {"start_s", "end_s", "label"} as in annotations; any other file has one
    label a line.

    Raises:
        UserError: it looks like a file that is not there, cannot be read, or holds something else.
    """
    path = _file(value)
    if path is None:
        labels = value.split(",")
    elif path.suffix != ".json":
        labels = read_text(path).splitlines()
    else:
        labels = _labels(path)
    return tuple(label.strip() for label in labels if label.strip())


def _labels(path: Path) -> list[str]:
    try:
        rows = parse_json(read_text(path))
        if not isinstance(rows, list):
            raise TypeError("no list")
        if all(isinstance(row, str) for row in rows):
            return rows
        rows = sorted(rows, key=lambda row: seconds(row["start_s"]))
        return [row["label"] + "" for row in rows]
    except (ValueError, KeyError, TypeError, UserError) as error:
        raise UserError(
            f'{path}: no NFBL ({error}); a list of labels, or of {{"start_s": 0.5, "end_s": 1.2, "label": "nod"}}'
        ) from error


def _file(value: str) -> Path | None:
    """The file that a value names; None where it is text.

    Raises:
        UserError: it looks like a file that is not there.
    """
    try:
        if value.strip() and Path(value).is_file():
            return Path(value)
    except (OSError, ValueError):  # too long for a path, or with a zero in it
        return None
    if value.endswith(TEXT_SUFFIXES) and not any(letter.isspace() for letter in value):
        raise UserError(f"{value}: no such file; check the path, or give the text itself")
    return None
