"""Who speaks when, by a diarised transcript of a recording: names are counted, and forgotten as soon as they are read.

    RTTM (pyannote), WhisperX's JSON, WebVTT with <v NAME>, JSON lines or a table of start_s, end_s and speaker

Every 10 ms of a clip are one person's. Where several speak at once they are whose stretch began first; where nobody is
said to speak, those of the nearest stretch. So every sample is somebody's, and changed.
Axes: n samples, T stretches of speech, F frames of 10 ms.
"""

import dataclasses
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float, Int

from deemo_jax.core import files
from deemo_jax.core.errors import UserError
from deemo_jax.core.files import parse_json
from deemo_jax.core.text_files import read_text
from deemo_jax.deid.text.annotation_tables import listed_rows
from deemo_jax.deid.text.captions import MAX_BYTES, voices_of_webvtt
from deemo_jax.deid.voice.likeness import HOP
from deemo_jax.deid.voice.transcript_files import of_each, span_of
from deemo_jax.media import SAMPLE_RATE

# File endings that are read; of several files of one name the first is taken.
READ = (".rttm", ".json", ".jsonl", ".csv", ".tsv", ".vtt")
# Stretches of a transcript, people in it, and characters of a label, at most.
MAX_STRETCHES, MAX_PEOPLE, MAX_LABEL = 200_000, 32, 200
MEND = "give RTTM, WhisperX's JSON, WebVTT with <v NAME>, or rows of start_s, end_s, speaker"

# Start and end, seconds, and who speaks.
Said = tuple[Any, Any, Any]


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class Diarised:
    """The turns of a recording.

    Attributes:
        starts: of each stretch of speech, seconds of the recording, ascending.
        ends: of each.
        who: the person, a number from 0 on, in the order in which they first speak.
        sha256: of the file.
    """

    starts: Float[np.ndarray, " T"]
    ends: Float[np.ndarray, " T"]
    who: Int[np.ndarray, " T"]
    sha256: str

    def turn(self, samples: int, start_s: float) -> Int[np.ndarray, " F"]:
        """Who speaks every 10 ms of a clip, as `turns.turns` has it.

        Args:
            samples: of the clip, at 16 kHz.
            start_s: of the clip, seconds of the recording.
        """
        count = samples // HOP + 1
        begin, end = (
            np.clip(np.round((x - start_s) * SAMPLE_RATE / HOP), 0, count).astype(int) for x in (self.starts, self.ends)
        )
        turn = np.full(count, -1)
        for k in range(len(begin) - 1, -1, -1):  # the earliest is written last
            turn[begin[k] : end[k]] = self.who[k]
        known = np.flatnonzero(turn >= 0)
        if not known.size:
            off = np.maximum(np.maximum(self.starts - (start_s + samples / SAMPLE_RATE), start_s - self.ends), 0)
            return np.full(count, self.who[int(np.argmin(off))])
        after = np.searchsorted(known, np.arange(count)).clip(0, len(known) - 1)
        before = (after - 1).clip(0)
        frames = np.arange(count)
        nearer = np.abs(known[before] - frames) <= np.abs(known[after] - frames)
        return turn[np.where(nearer, known[before], known[after])]


def read_diarised(path: Path) -> Diarised:
    """Reads a diarised transcript.

    Raises:
        UserError: it cannot be read, is of no form that is known, or names no speaker, too many, or a wrong time.
    """
    readers = {".rttm": _rttm, ".json": _json, ".vtt": _webvtt}
    try:
        found = [_checked(said, n) for n, said in enumerate(readers.get(path.suffix.lower(), _rows)(path), 1)]
    except (KeyError, TypeError, ValueError, RecursionError, OverflowError) as error:
        raise UserError(f"{path}: no diarised transcript that can be read ({error}); {MEND}") from error
    stretches = sorted(stretch for stretch in found if stretch is not None)
    if not stretches or len(stretches) > MAX_STRETCHES:
        raise UserError(
            f"{path}: says {len(stretches)} times who speaks; between 1 and {MAX_STRETCHES:,} are read; {MEND}"
        )
    numbers: dict[str, int] = {}
    who = np.array([numbers.setdefault(name, len(numbers)) for _, _, name in stretches])
    if len(numbers) > MAX_PEOPLE:
        raise UserError(f"{path}: tells {len(numbers)} speakers apart; at most {MAX_PEOPLE} get a voice each")
    starts, ends = (np.array([stretch[k] for stretch in stretches]) for k in (0, 1))
    return Diarised(starts, ends, who, files.sha256(path))


def diarised_of(where: Path, sources: Iterable[Path]) -> Mapping[Path, Diarised]:
    """The turns of every recording of a run, all of them read before the first clip is made.

    Args:
        where: the transcript of the one recording; or a folder of transcripts, each called like its recording.
        sources: the recordings.

    Raises:
        UserError: one has no transcript, or that cannot be read.
    """
    return of_each(where, sources, "--turns", READ, read_diarised)


def _checked(said: Said, number: int) -> tuple[float, float, str] | None:
    """A stretch; None where it has no speaker, or no length."""
    start, end, name = said
    if name is None or name == "":
        return None
    name = str(name) if type(name) is int else name
    if not isinstance(name, str) or len(name) > MAX_LABEL:
        raise ValueError(f"stretch {number}: a speaker is text of at most {MAX_LABEL} characters")
    start_s, end_s = span_of(start, end, f"stretch {number}")
    return (start_s, end_s, name.strip()) if end_s > start_s else None


def _rttm(path: Path) -> Iterator[Said]:
    """SPEAKER FILE CHANNEL START LENGTH <NA> <NA> LABEL ...; of one recording."""
    recordings = set()
    for number, line in enumerate(read_text(path, MAX_BYTES).split("\n"), 1):
        words = line.split()
        if not words or words[0] != "SPEAKER":
            continue
        if len(words) < 8:
            raise ValueError(f"line {number}: has {len(words)} fields, and SPEAKER has 8 at least")
        recordings.add(words[1])
        yield words[3], float(words[3]) + float(words[4]), words[7]
    if len(recordings) > 1:
        raise ValueError(f"it is of {len(recordings)} recordings; give each a file of its own")


def _json(path: Path) -> Iterator[Said]:
    """WhisperX's segments, or a list of such."""
    held = parse_json(read_text(path, MAX_BYTES))
    segments = held.get("segments") if isinstance(held, dict) else held
    if not isinstance(segments, list) or not all(isinstance(segment, dict) for segment in segments):
        raise ValueError('no list of "segments"')
    for segment in segments:
        words = segment.get("words")
        if isinstance(words, list) and any(isinstance(word, dict) and word.get("speaker") for word in words):
            yield from _of_words(words)
        else:
            yield _of_row(segment)


def _of_words(words: Sequence[Any]) -> Iterator[Said]:
    """Those of WhisperX's words that have times and a speaker: who speaks may change within a segment."""
    for word in words:
        if isinstance(word, dict) and "start" in word and "end" in word:
            yield _of_row(word)


def _rows(path: Path) -> Iterator[Said]:
    """JSON lines, or a table."""
    return map(_of_row, listed_rows(path))


def _of_row(row: Mapping[str, Any]) -> Said:
    return row.get("start_s", row.get("start")), row.get("end_s", row.get("end")), row.get("speaker")


def _webvtt(path: Path) -> Iterator[Said]:
    return voices_of_webvtt(path)
