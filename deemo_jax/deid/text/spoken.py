"""Files of transcripts: their words for rows of annotations, and transcripts redacted as files."""

import dataclasses
import functools
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from deemo_jax.core.errors import UserError
from deemo_jax.core.files import atomic
from deemo_jax.core.schema import seconds
from deemo_jax.deid.text.captions import READ, TIMED, WRITTEN, Cue, read_cues, words_between, written
from deemo_jax.deid.text.fuzzy_names import Names
from deemo_jax.deid.text.lines import redact_lines
from deemo_jax.deid.text.spans import Engine, Limited


class Transcripts:
    """The transcripts of a folder. Each is redacted as a whole, so that the words around a span help to find names.

    Args:
        folder: of files in the formats of `deemo_jax.deid.text.captions`.
        names: as for `deemo_jax.deid.text.redaction.redact`.
        engine: as for that.

    Raises:
        UserError: there is no such folder.
    """

    def __init__(self, folder: Path, names: Names, engine: Engine):
        if not folder.is_dir():
            raise UserError(f"{folder}: no such folder; name the folder of the transcripts")
        self._folder = folder
        # Of several files with one stem, one with times is taken.
        found = [path for path in folder.iterdir() if path.suffix.lower() in READ and path.is_file()]
        found.sort(key=lambda path: (path.suffix.lower() in TIMED, path.name))
        self._files = {path.stem.lower(): path for path in found}
        self._whole: dict[Path, tuple[float, float]] = {}
        self._read = functools.lru_cache(64)(lambda path: _without_names(read_cues(path), names, engine))

    def fill(self, row: Mapping[str, Any], where: str) -> dict[str, Any]:
        """A row with its transcript; where it has none, redacted words from a file.

        A file named after `clip_id` holds the words of the clip. One named after `video_id`, or after `file` without
        its ending, holds those of the recording, of which the words between `start_s` and `end_s` are taken.

        Args:
            row: of annotations.
            where: file and row, for messages.

        Raises:
            UserError: there is no such file, or no word in the span.
        """
        if str(row.get("transcript") or "").strip():
            return dict(row)
        clip_id = str(row.get("clip_id") or "")
        for name in (clip_id, str(row.get("video_id") or ""), Path(str(row.get("file") or "")).stem):
            path = self._files.get(name.lower())
            if path is None or not name:
                continue
            start_s, end_s = (0.0, math.inf) if name == clip_id else _span(row, where)
            cues = self._read(path)
            if name != clip_id and math.isinf(cues[0].end_s):
                self._refuse_second(path, (start_s, end_s), where)
            said = words_between(cues, start_s, end_s)
            if not said:
                raise UserError(
                    f"{where}: {path.name} has no word between {start_s:g} and {end_s:g} s; if its times are those of"
                    f" the clip, call it {clip_id}{path.suffix}"
                )
            return {**row, "transcript": said}
        raise UserError(
            f"{where}: it has no transcript, and {self._folder} holds none for it; name one after its clip_id, its"
            f" video_id or its file ({', '.join(READ)})"
        )

    def _refuse_second(self, path: Path, span: tuple[float, float], where: str) -> None:
        """Refuses a transcript without times for a second span of its recording.

        Raises:
            UserError: another row has its words.
        """
        if self._whole.setdefault(path, span) != span:
            raise UserError(
                f"{where}: {path.name} has no times, and another row has its words; give a transcript with times"
                f" ({', '.join(TIMED)}), or one called like each clip_id"
            )


def _without_names(cues: Sequence[Cue], names: Names, engine: Engine) -> list[Cue]:
    found = redact_lines([cue.text for cue in cues], names, engine)
    return [dataclasses.replace(cue, text=each.text) for cue, each in zip(cues, found, strict=True)]


def _span(row: Mapping[str, Any], where: str) -> tuple[float, float]:
    try:
        return seconds(row.get("start_s")), seconds(row.get("end_s"))
    except UserError as error:
        raise UserError(f"{where}: start_s and end_s say which words are meant; each {error}") from error


def redact_cues(source: Path, target: Path, names: Names, engine: Engine) -> dict[str, int]:
    """Redacts a transcript and writes it with its times.

    Returns:
        Kind -> number of tags.

    Raises:
        UserError: the file cannot be read, or its language not by the engine; or the target is the source, a link, or
            of a format that is not written.
    """
    if source.resolve() == target.resolve() or target.is_symlink():
        raise UserError(f"{target}: is the source or a link; give another file as --out")
    if target.suffix.lower() not in WRITTEN:
        raise UserError(f"{target}: transcripts are written as {', '.join(WRITTEN)}; give --out such an ending")
    cues = read_cues(source)
    found = redact_lines([cue.text for cue in cues], names, engine)
    left = " ".join(each.text for each in found)
    if isinstance(engine, Limited) and (why := engine.unread(left)):
        raise UserError(f"{source}: the finder of names cannot read it: {why}; nothing is written")
    if math.isinf(cues[0].end_s) and target.suffix.lower() != ".txt":
        raise UserError(f"{source}: has no times; give --out the ending .txt")
    with atomic(target) as temporary:
        new = (Cue(cue.start_s, cue.end_s, each.text) for cue, each in zip(cues, found, strict=True))
        temporary.write_text(written(new, target.suffix.lower()), encoding="utf-8")
    counts: dict[str, int] = {}
    for kind, _, _ in (replaced for each in found for replaced in each.replacements):
        counts[kind] = counts.get(kind, 0) + 1
    return counts
