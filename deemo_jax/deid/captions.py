"""Transcripts as people have them: SubRip, WebVTT, Whisper's JSON, Praat's TextGrid, plain text; to cues and back.

Who speaks is left behind where the format says it beside the words (WebVTT's voices, names of tiers).
"""

import codecs
import dataclasses
import html
import json
import math
import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from deemo_jax.errors import UserError
from deemo_jax.files import open_input

MAX_BYTES = 64 << 20
MAX_CUES = 200_000
READ = (".srt", ".vtt", ".json", ".textgrid", ".txt")
TIMED = (".srt", ".vtt", ".json", ".textgrid")
WRITTEN = (".srt", ".vtt", ".txt")

_TIME = r"(?:(\d{1,4}):)?(\d{1,2}):(\d{1,2})[,.](\d{1,3})"
_SPAN = re.compile(rf"^[ \t]*{_TIME}[ \t]*-->[ \t]*{_TIME}[^\n]*$", re.MULTILINE)
_MARKUP = re.compile(r"<[^<>]{0,200}>|\{\\[^{}]{0,200}\}")
# Blocks of WebVTT that are not shown, up to the next blank line.
_UNSHOWN = re.compile(r"^(?:WEBVTT|NOTE|STYLE|REGION)\b[^\n]*(?:\n(?![ \t]*$)[^\n]*)*", re.MULTILINE)
_TOKEN = re.compile(r"\"(?:[^\"]|\"\")*\"|<\w+>|(?<![\w.\[])[-+]?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?(?![\w\]])")
# Tiers that hold no words, and tiers that hold them one by one.
_NO_WORDS, _WORD_BY_WORD = (
    re.compile(r"\b(?:phon|syll|tones?\b|pitch|notes?$|comment)", re.I),
    re.compile(r"\bwords?\b", re.I),
)
# A cue that begins like this is somebody's turn to speak.
_TURN = re.compile(r"[>\-–—•\[(]|[^\s:：]{1,40}(?: [^\s:：]{1,40}){0,5}[:：]")


@dataclasses.dataclass(frozen=True, slots=True)
class Cue:
    """What is said between two times, in seconds of the recording; (0, inf) where the format has no times."""

    start_s: float
    end_s: float
    text: str


def read_cues(path: Path) -> tuple[Cue, ...]:
    """Reads a transcript, its cues in order of time.

    Raises:
        UserError: it cannot be read, is of no such format, or holds no words.
    """
    text = read_text(path)
    parse = {".srt": _subtitles, ".vtt": _subtitles, ".json": _whisper, ".textgrid": _textgrid, ".txt": _plain}
    suffix = path.suffix.lower()
    if suffix not in parse:
        raise UserError(f"{path}: no transcript that can be read; give {', '.join(READ)}")
    try:
        cues = [cue for cue in parse[suffix](text) if cue.text]
    except (ValueError, KeyError, TypeError, IndexError, OverflowError, RecursionError) as error:
        raise UserError(
            f"{path}: no {suffix} transcript of a form that is known ({error or 'it ends early'})"
        ) from error
    if not cues or len(cues) > MAX_CUES:
        raise UserError(f"{path}: {len(cues)} stretches of words; there must be between 1 and {MAX_CUES:,}")
    return tuple(sorted(cues, key=lambda cue: (cue.start_s, cue.end_s)))


def read_text(path: Path, limit: int = MAX_BYTES) -> str:
    """Text in UTF-8 or UTF-16, as editors and spreadsheets save it, line ends made alike.

    Raises:
        UserError: missing, too large, or in another encoding.
    """
    with open_input(path) as handle:
        data = handle.read(limit + 1)
    if len(data) > limit:
        raise UserError(f"{path}: larger than {limit} bytes, which no transcript should be")
    encoding = "utf-8-sig"
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        encoding = "utf-16"
    elif b"\0" in data[:200]:
        encoding = "utf-16-le" if data[1:2] == b"\0" else "utf-16-be"
    try:
        return data.decode(encoding).replace("\r\n", "\n").replace("\r", "\n")
    except UnicodeDecodeError as error:
        raise UserError(f"{path}: not UTF-8 or UTF-16 text ({error.reason}); save it as UTF-8") from error


def words_between(cues: Sequence[Cue], start_s: float, end_s: float) -> str:
    """What is said in a span: cues of which more than half lies in it, each turn on a line of its own."""
    said = ""
    for cue in cues:
        inside = min(cue.end_s, end_s) - max(cue.start_s, start_s)
        if inside > 0.5 * min(cue.end_s - cue.start_s, end_s - start_s) or math.isinf(cue.end_s):
            said += ("\n" if _TURN.match(cue.text) else " ") + cue.text
    return said.strip()


def written(cues: Iterable[Cue], suffix: str) -> str:
    """The cues as a file of one of the `WRITTEN` formats."""
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


def _subtitles(text: str) -> Iterator[Cue]:
    """SubRip and WebVTT alike: what stands between a line of times and a blank line."""
    text = _UNSHOWN.sub("", text)
    found = list(_SPAN.finditer(text))
    if not found:
        raise ValueError("no line like 00:00:01,000 --> 00:00:02,500")
    for match in found:
        said = re.split(r"\n[ \t]*(?:\n|\Z)", text[match.end() + 1 :][: 1 << 16], maxsplit=1)[0]
        if following := _SPAN.search(said):  # a cue without words
            said = said[: following.start()].rpartition("\n")[0]
        start, end = (_seconds(match.groups()[i : i + 4]) for i in (0, 4))
        yield Cue(start, max(start, end), _one_line(said))


def _seconds(clock: tuple[str | None, ...]) -> float:
    hours, minutes, seconds, part = clock
    return 3600 * int(hours or 0) + 60 * int(minutes or 0) + int(seconds or 0) + int((part or "0").ljust(3, "0")) / 1000


def _whisper(text: str) -> Iterator[Cue]:
    """Whisper's segments (also faster-whisper's, WhisperX's and the API's), and whisper.cpp's."""
    row: Any = json.loads(text)
    segments = row.get("segments", row.get("transcription")) if isinstance(row, dict) else row
    if not isinstance(segments, list):
        raise ValueError('no list of "segments"')
    for segment in segments:
        if "offsets" in segment:
            start, end = (segment["offsets"][key] / 1000 for key in ("from", "to"))
        else:
            start, end = segment["start"], segment["end"]
        if not isinstance(segment["text"], str) or not 0 <= float(start) <= float(end) < math.inf:
            raise ValueError("a segment has a start, an end after it, and a text")
        yield Cue(float(start), float(end), _one_line(segment["text"]))


def _textgrid(text: str) -> list[Cue]:
    """Praat's text files, long or short: intervals of the tiers with words; utterances where there are any."""
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
    whole = {name: cues for name, cues in tiers.items() if not _WORD_BY_WORD.search(name)}
    return [cue for cues in (whole or tiers).values() for cue in cues]


def _plain(text: str) -> Iterator[Cue]:
    for line in text.split("\n"):
        yield Cue(0.0, math.inf, _one_line(line) if line.strip() else "")
