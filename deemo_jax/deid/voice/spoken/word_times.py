"""Reads transcripts that have the time of every word: WhisperX's and Whisper's JSON, TextGrids, and rows."""

import functools
import itertools
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from deemo_jax.core.errors import UserError, plain
from deemo_jax.core.files import parse_json, read_jsonl
from deemo_jax.core.text_files import read_text
from deemo_jax.deid.text.annotation_tables import listed_rows
from deemo_jax.deid.text.captions import MAX_BYTES, words_of_textgrid
from deemo_jax.deid.text.fuzzy_names import Names
from deemo_jax.deid.voice.spoken.words import Timed, Words, lack_capitals, words_without_names
from deemo_jax.deid.voice.transcript_files import of_each, span_of

# File endings that are read; of several files of one name the first is taken.
READ = (".json", ".TextGrid", ".jsonl", ".csv", ".tsv")
# Words of a transcript, and characters of one, at most.
MAX_WORDS, MAX_WORD = 200_000, 200
# Seconds that a word without times takes at most.
GUESSED_S = 0.4
MEND = (
    "give Whisper's JSON with word times (--word_timestamps True), WhisperX's, a TextGrid with a tier of words, or rows"
    " of start_s, end_s, word"
)
# Keys of lists in JSON, of words or of stretches that have words; the first that is there is read.
_LISTS = ("words", "segments", "chunks")

# Start and end, seconds, or None where they are not known; and the word.
Written = tuple[Any, Any, Any]


def words_of(where: Path, sources: Iterable[Path], names: Names) -> Mapping[Path, Words]:
    """The words of every recording of a run, without names; all of them are read before the first clip is made.

    Args:
        where: the transcript of the one recording; a folder of transcripts, each called like its recording; or JSON
            lines, a recording each, with file or clip_id, and words.
        sources: the recordings.
        names: always hidden.

    Raises:
        UserError: one has no transcript, or that cannot be read.
    """
    listed = _listed(where)
    if listed is None:
        timed = dict(of_each(where, sources, "--words", READ, read_word_times))
    else:
        unlisted = next((source for source in sources if source.stem not in listed), None)
        if unlisted is not None:
            raise UserError(f"--words {where}: has no words of {unlisted.name}; add them, or leave the recording out")
        timed = {source: listed[source.stem] for source in sources}
    if plainly := [source for source, words in timed.items() if lack_capitals(words)]:
        print(
            f"note: the words of {len(plainly)} of {len(timed)} recordings, such as {plain(plainly[0].name)}, have no"
            " capitals: names are found there by lists only; give your own with --names",
            file=sys.stderr,
        )
    return {source: words_without_names(words, names, f"the words of {source.name}") for source, words in timed.items()}


def read_word_times(path: Path) -> list[Timed]:
    """Reads the words of one recording; none where nothing is said.

    Raises:
        UserError: it cannot be read, is of no form that is known, lacks the times of words, or has a wrong one.
    """
    readers = {".json": _json, ".textgrid": _textgrid}
    return _timed(lambda: readers.get(path.suffix.lower(), _rows)(path), str(path))


def _listed(where: Path) -> Mapping[str, list[Timed]] | None:
    """The words of each recording of a list, by its clip id and the stem of its file; None where it is no such list.

    Raises:
        UserError: it cannot be read, or has a wrong time.
    """
    if where.suffix.lower() != ".jsonl" or not where.is_file():
        return None
    found: dict[str, list[Timed]] = {}
    for number, row in enumerate(read_jsonl(where), 1):
        if isinstance(words := row.get("words"), list):
            timed = _timed(functools.partial(map, _of_row, words), f"{where}: row {number}")
            found |= dict.fromkeys({str(row.get("clip_id") or ""), Path(str(row.get("file") or "")).stem} - {""}, timed)
    return found or None


def _timed(read: Callable[[], Iterable[Written]], where: str) -> list[Timed]:
    """Words with all of their times, checked.

    Raises:
        UserError: they cannot be read.
    """
    try:
        written = list(itertools.islice(read(), MAX_WORDS + 1))
        if len(written) > MAX_WORDS:
            raise ValueError(f"more than {MAX_WORDS:,} words")
        return list(_filled(written))
    except (KeyError, TypeError, ValueError, AttributeError, IndexError, RecursionError, OverflowError) as error:
        raise UserError(plain(f"{where}: no transcript with word times that can be read ({error}); {MEND}")) from error


def _filled(words: Sequence[Written]) -> Iterator[Timed]:
    """Words with times; those without, as WhisperX leaves numbers, share the time between their neighbours."""
    before_s, untimed = 0.0, list[str]()
    for number, (start, end, text) in enumerate(words, 1):
        if not isinstance(text, str):
            raise ValueError(f"word {number} has no text: a column or key `word` holds it")
        if len(text) > MAX_WORD:
            raise ValueError(f"word {number} has {len(text):,} characters, more than {MAX_WORD}")
        if start is None or end is None:
            untimed += text.split()
            continue
        start_s, end_s = span_of(start, end, f"word {number}")
        yield from _shared(untimed, max(before_s, start_s - GUESSED_S * len(untimed)), start_s)
        yield from _shared(text.split(), start_s, end_s)
        before_s, untimed = end_s, []
    if len(untimed) == len(words) > 0:
        raise ValueError("none of its words has times")
    yield from _shared(untimed, before_s, before_s + GUESSED_S * len(untimed))


def _shared(texts: Sequence[str], start_s: float, end_s: float) -> Iterator[Timed]:
    """Words that share a time evenly."""
    step = max(end_s - start_s, 0.0) / max(len(texts), 1)
    for k, text in enumerate(texts):
        yield start_s + k * step, start_s + (k + 1) * step, text


def _json(path: Path) -> Iterator[Written]:
    """Words of WhisperX, Whisper, faster-whisper, OpenAI's API or Transformers; or a list of words."""
    held = parse_json(read_text(path, MAX_BYTES))
    lists = (held[key] for key in _LISTS if key in held) if isinstance(held, dict) else iter([held])
    stretches = next(lists, None)
    if not isinstance(stretches, list):
        raise ValueError('no list of "segments" or "words"')
    for number, stretch in enumerate(stretches, 1):
        if isinstance(stretch.get("words"), list):
            yield from map(_of_row, stretch["words"])
            continue
        start, end, text = _of_row(stretch)
        if isinstance(text, str) and len(text.split()) > 1:
            raise ValueError(f"stretch {number}: its words have no times of their own")
        yield start, end, text


def _textgrid(path: Path) -> Iterator[Written]:
    words = words_of_textgrid(path)
    if not words:
        raise ValueError("no tier of words")
    return ((cue.start_s, cue.end_s, cue.text) for cue in words)


def _rows(path: Path) -> Iterator[Written]:
    """JSON lines, or a table."""
    return map(_of_row, listed_rows(path))


def _of_row(row: Mapping[str, Any]) -> Written:
    start, end = row["timestamp"] if "timestamp" in row else (row.get("start"), row.get("end"))
    return row.get("start_s", start), row.get("end_s", end), row.get("word", row.get("text"))
