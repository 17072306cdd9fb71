"""Reads and writes transcripts: SubRip, WebVTT, Whisper's JSON, Praat's TextGrid (only read), and plain text.

Where a format names the speaker beside the words (WebVTT's voices, names of tiers), the name is not part of the words.
"""

import dataclasses
import html
import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from deemo_jax.core.errors import UserError
from deemo_jax.core.files import parse_json
from deemo_jax.core.text_files import read_text
from deemo_jax.deid.text.lines import joint

# Bytes of a file, cues of a transcript, and characters of a cue, at most.
MAX_BYTES = 64 << 20
MAX_CUES = 200_000
MAX_CUE = 1 << 16
# File endings of the formats that are read, of those of them that have times, and of those that are written.
READ = (".srt", ".vtt", ".json", ".textgrid", ".txt")
TIMED = (".srt", ".vtt", ".json", ".textgrid")
WRITTEN = (".srt", ".vtt", ".txt")

# "1:02:03,500", with or without hours and milliseconds.
_TIME = r"(?:(\d{1,4}):)?(\d{1,2}):(\d{1,2})(?:[,.](\d{1,3}))?"
_SPAN = re.compile(rf"^[ \t]*{_TIME}[ \t]*-->[ \t]*{_TIME}[^\n]*$", re.MULTILINE)
# "<i>", "</c.loud>", "<v Jane>", "<00:01.500>", "{\an8}"; not the "<3" of "I <3 it".
_MARKUP = re.compile(r"</?[^\W\d_][^<>]{0,200}>|</?>|<[\d:.]{5,16}>|\{\\[^{}]{0,200}\}")
# "<v Jane>", "<v.loud Jane>".
_VOICE = re.compile(r"<v(?:\.[^\s<>]{0,100})?[ \t\n]([^<>]{0,400})>")
# Blocks of WebVTT that are not shown: from the beginning, or a blank line, to the next blank line.
_UNSHOWN = re.compile(
    r"(?:\A|(?<=\n)[ \t]*\n)(?:WEBVTT|NOTE|STYLE|REGION)(?=\s|\Z)[^\n]*(?:\n(?![ \t]*$)[^\n]*)*", re.MULTILINE
)
# The end of a cue in WebVTT: an empty line or, without one, a line of blanks, with which YouTube's cues may begin.
_EMPTY, _BLANK = re.compile(r"\n(?=\n|\Z)"), re.compile(r"\n[ \t]*(?=\n|\Z)")
# The number of the next cue, in the last line before its times.
_NUMBER = re.compile(r"(?:\A|\n)[ \t]*\d+[ \t]*\n?\Z")
# Words with times of their own, as YouTube's recogniser writes them; such files repeat lines of a cue in the next ones.
_ROLLING = re.compile(r"<\d\d:\d\d:\d\d\.\d{3}><c>")
# Seconds that Whisper hears at once, the length of a last segment that has no end.
_WINDOW_S = 30.0
# A string, flag or number of a TextGrid.
_TOKEN = re.compile(r"\"(?:[^\"]|\"\")*\"|<\w+>|(?<![\w.\[])[-+]?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?(?![\w\]])")
# Names of tiers that hold no words, and of tiers that hold them one by one.
_NO_WORDS, _WORD_BY_WORD = (
    # The tiers MAU, MAS and KAN of the Munich tools hold sounds, syllables and standard forms.
    re.compile(
        r"\b(?:phon|syll|tones?\b|pitch|notes?$|comment|ipa\b|x?-?sampa\b|tobi\b|ka[ns]\b)|(?<![\w-])ma[us]$", re.I
    ),
    re.compile(r"\bwords?\b|\bort-ma[us]\b", re.I),
)


@dataclasses.dataclass(frozen=True, slots=True)
class Cue:
    """A piece of a transcript.

    Attributes:
        start_s, end_s: when it is said, seconds of the recording; 0 and infinity where the format has no times.
        text: in one line.
    """

    start_s: float
    end_s: float
    text: str


def read_cues(path: Path) -> tuple[Cue, ...]:
    """Reads a transcript; its cues are sorted by time.

    Raises:
        UserError: it cannot be read, is of none of these formats, or holds no words.
    """
    text = read_text(path, MAX_BYTES)
    parse = {".srt": _subrip, ".vtt": _webvtt, ".json": _whisper, ".textgrid": _textgrid, ".txt": _plain}
    suffix = path.suffix.lower()
    if suffix not in parse:
        raise UserError(f"{path}: no transcript that can be read; give {', '.join(READ)}")
    try:
        cues = [cue for cue in parse[suffix](text) if cue.text]
    except (ValueError, KeyError, TypeError, IndexError, OverflowError, RecursionError) as error:
        raise UserError(
            f"{path}: no {suffix} transcript of a form that is known ({str(error) or 'it ends early'})"
        ) from error
    if not cues or len(cues) > MAX_CUES:
        raise UserError(f"{path}: {len(cues)} stretches of words; there must be between 1 and {MAX_CUES:,}")
    return tuple(sorted(cues, key=lambda cue: (cue.start_s, cue.end_s)))


def words_between(cues: Sequence[Cue], start_s: float, end_s: float) -> str:
    """What is said in a span of a recording: the cues of which more than half lies in it, each turn on a line.

    A cue without times is always taken.
    """
    said = ""
    for cue in cues:
        inside = min(cue.end_s, end_s) - max(cue.start_s, start_s)
        if inside > 0.5 * min(cue.end_s - cue.start_s, end_s - start_s) or math.isinf(cue.end_s):
            said += joint(cue.text) + cue.text
    return said.strip()


def written(cues: Iterable[Cue], suffix: str) -> str:
    """The cues as text in the format of a file ending in `WRITTEN`."""
    if suffix == ".txt":
        return "".join(f"{cue.text}\n" for cue in cues)
    mark = "," if suffix == ".srt" else "."
    blocks = [
        f"{number}\n{_clock(cue.start_s, mark)} --> {_clock(cue.end_s, mark)}\n{cue.text}\n"
        for number, cue in enumerate(cues, 1)
    ]
    return ("" if suffix == ".srt" else "WEBVTT\n\n") + "\n".join(blocks)


def _clock(seconds: float, mark: str) -> str:
    ms = round(1000 * min(seconds, 359_999.0))
    return f"{ms // 3_600_000:02}:{ms // 60_000 % 60:02}:{ms // 1000 % 60:02}{mark}{ms % 1000:03}"


def _one_line(text: str) -> str:
    return " ".join(html.unescape(_MARKUP.sub("", text)).split())


def _subrip(text: str) -> Iterator[Cue]:
    """The cues of SubRip: the text between a line of times and the number of the next cue, blank lines included."""
    for start, end, said in _timed(text):
        yield Cue(start, end, _one_line(said))


def _webvtt(text: str) -> Iterator[Cue]:
    """The cues of WebVTT: the text between a line of times and a blank line."""
    rolling = _ROLLING.search(text) is not None
    shown = ""
    for start, end, said in _timed(_UNSHOWN.sub("\n", text)):
        blank = _EMPTY.search(said) or _BLANK.search(said)
        lines = [line for line in map(_one_line, said[: blank.start() if blank else None].split("\n")) if line]
        if rolling and lines[:1] == [shown]:
            del lines[0]
        shown = lines[-1] if lines else shown
        yield Cue(start, end, " ".join(lines))


def voices_of_webvtt(path: Path) -> Iterator[tuple[float, float, str | None]]:
    """Start and end, seconds, of each cue of a WebVTT file, and the name in its tag <v NAME>; None without one.

    A cue with several voices is shared out by the length of what each says.

    Raises:
        UserError: it cannot be read.
        ValueError: it has no cue.
    """
    for start, end, said in _timed(_UNSHOWN.sub("\n", read_text(path, MAX_BYTES))):
        blank = _EMPTY.search(said) or _BLANK.search(said)
        parts = _VOICE.split(said[: blank.start() if blank else None])
        spoken = [(name, len(_one_line(text))) for name, text in zip(parts[1::2], parts[2::2], strict=True)]
        total = sum(length for _, length in spoken)
        at = start
        for name, length in spoken:
            after = at + (end - start) * length / max(total, 1)
            yield at, after, _one_line(name) or None
            at = after


def _timed(text: str) -> Iterator[tuple[float, float, str]]:
    """Start and end of each cue, seconds, and the text up to the number of the next cue."""
    found = list(_SPAN.finditer(text))
    if not found:
        raise ValueError("no line like 00:00:01,000 --> 00:00:02,500")
    for match, begin in zip(found, [*(m.start() for m in found[1:]), len(text)], strict=True):
        start, end = (_seconds(match.groups()[i : i + 4]) for i in (0, 4))
        said = text[match.end() : begin]
        yield start, max(start, end), (said if begin == len(text) else _NUMBER.sub("", said))[:MAX_CUE]


def _seconds(clock: tuple[str | None, ...]) -> float:
    hours, minutes, seconds, part = clock
    return 3600 * int(hours or 0) + 60 * int(minutes or 0) + int(seconds or 0) + int((part or "0").ljust(3, "0")) / 1000


def _whisper(text: str) -> Iterator[Cue]:
    """The cues of JSON by Whisper, faster-whisper, WhisperX, OpenAI's API, whisper.cpp or Transformers."""
    row: Any = parse_json(text)
    lists = (row[key] for key in ("segments", "transcription", "chunks") if key in row) if isinstance(row, dict) else ()
    segments = row if isinstance(row, list) else next(iter(lists), None)
    if not isinstance(segments, list):
        raise ValueError('no list of "segments"')
    for number, segment in enumerate(segments, 1):
        try:
            start, end, said = *_whisper_times(segment), segment["text"]
        except (KeyError, TypeError, ValueError):
            start, end, said = math.nan, math.nan, None
        if not isinstance(said, str) or not 0 <= start <= end < math.inf:
            raise ValueError(f"segment {number}: needs a start, an end after it, and a text")
        yield Cue(start, end, _one_line(said))


def _whisper_times(segment: Mapping[str, Any]) -> tuple[float, float]:
    if "offsets" in segment:
        return float(segment["offsets"]["from"]) / 1000, float(segment["offsets"]["to"]) / 1000
    start, end = segment["timestamp"] if "timestamp" in segment else (segment["start"], segment["end"])
    return float(start), float(start) + _WINDOW_S if end is None else float(end)


def words_of_textgrid(path: Path) -> list[Cue]:
    """The words of a TextGrid, from tiers that hold them one by one.

    Raises:
        UserError: it cannot be read.
        ValueError: it is no TextGrid.
    """
    tiers = _tiers(read_text(path, MAX_BYTES))
    return [cue for name, cues in tiers.items() if _WORD_BY_WORD.search(name) for cue in cues if cue.text]


def _textgrid(text: str) -> list[Cue]:
    """The cues of Praat's text files, long or short: intervals of tiers with utterances or else words."""
    tiers = _tiers(text)
    whole = {name: cues for name, cues in tiers.items() if not _WORD_BY_WORD.search(name)}
    return [cue for cues in (whole or tiers).values() for cue in cues]


def _tiers(text: str) -> dict[str, list[Cue]]:
    """Name and number of each tier of a TextGrid that may hold words -> its intervals."""
    tokens = iter([m[0] for m in _TOKEN.finditer(text)])

    def string() -> str:
        token = next(tokens, "")
        if not token.startswith('"'):
            raise ValueError("a text was expected, and there is none")
        return token[1:-1].replace('""', '"')

    if string() != "ooTextFile" or string() != "TextGrid":
        raise ValueError("it is no TextGrid in text form")
    number = lambda: float(next(tokens))  # noqa: E731
    tiers: dict[str, list[Cue]] = {}
    try:
        number(), number()
        if next(tokens) != "<exists>":
            raise ValueError("it has no tiers")
        for tier in range(int(number())):
            kind, name, _, _, count = string(), string(), number(), number(), int(number())
            cues = [
                Cue(number(), number() if kind == "IntervalTier" else math.nan, _one_line(string()))
                for _ in range(count)
            ]
            if kind == "IntervalTier" and not _NO_WORDS.search(name):
                tiers[f"{name} {tier}"] = cues
    except StopIteration:
        raise ValueError("it ends early") from None
    return tiers


def _plain(text: str) -> Iterator[Cue]:
    for line in text.split("\n"):
        yield Cue(0.0, math.inf, _one_line(line) if line.strip() else "")
