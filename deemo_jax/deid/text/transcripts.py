"""Redacts rows of annotations, and puts a stamp on them that says how.

The stamp holds the method, the kind and position of every replacement (never the words), and a hash of the texts that
remain. It protects against mistakes, such as rows that are edited or mixed up afterwards, not against forgery.
"""

import collections
import dataclasses
import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from deemo_jax.core import files
from deemo_jax.core.errors import UserError
from deemo_jax.core.schema import DEEMO_LABELS, Clip
from deemo_jax.core.text_files import read_text
from deemo_jax.deid.source_map import SourceMap
from deemo_jax.deid.text.annotation_tables import annotation_rows
from deemo_jax.deid.text.english_rules import Rules
from deemo_jax.deid.text.fuzzy_names import Names
from deemo_jax.deid.text.readable import has_capitals
from deemo_jax.deid.text.redaction import redact
from deemo_jax.deid.text.spans import KINDS, TAG, Engine, Kind, Limited, Span, clean
from deemo_jax.deid.text.spoken import Transcripts
from deemo_jax.deid.text.word_lists import COMMON, GIVEN_NAMES, ID_WORDS, MONTHS, PLACES

# Key of the stamp in a row, and the stamp's version.
STAMP = "deid"
VERSION = 1
ENGINES = ("rules", "presidio")
# Characters of the method in a stamp, at most.
MAX_METHOD = 200
# The beginning of a remark in a list of names.
_REMARK = re.compile(r"(?:^|\s)#")
# Keys that hold pseudonyms.
IDS = ("clip_id", "video_id", "person_id")
# Keys that a row keeps: notes and the like under other keys might hold the names that are removed here.
KEPT = (*(field.name for field in dataclasses.fields(Clip) if field.name != "text_deid"), "file")


@dataclasses.dataclass(frozen=True, slots=True)
class Summary:
    """What became of a file of annotations.

    Attributes:
        rows: number of all rows.
        counts: kind -> number of tags in all stamped rows.
        unread: why the engine could not read rows -> how many; these have no stamp, and count as raw.
        uncapitalised: number of other rows without any capital, in which names are found by lists only.
        dropped: keys that were left out.
    """

    rows: int
    counts: Mapping[str, int]
    unread: Mapping[str, int]
    uncapitalised: int
    dropped: tuple[str, ...]


def find_engine(name: str) -> Engine:
    """The engine of a name in `ENGINES`.

    Raises:
        UserError: unknown, or not installed.
    """
    if name == "rules":
        return Rules()
    if name == "presidio":
        from deemo_jax.deid.text.presidio import Presidio  # an extra

        return Presidio()
    raise UserError(f"text engine {name!r}: choose from {', '.join(ENGINES)}")


def read_names(path: str | Path) -> Names:
    """Reads a list of names: UTF-8 or UTF-16, one a line; empty lines and what follows a # are ignored.

    Raises:
        UserError: it cannot be read, is too large or no text, or an entry is no name.
    """
    lines = (_REMARK.split(line, 1)[0].strip() for line in read_text(Path(path)).splitlines())
    names = [line for line in lines if line]
    try:
        return Names(names)
    except UserError as error:
        raise UserError(f"{path}: {error}") from error


def redact_file(
    source: Path,
    target: Path,
    names: Names,
    engine: Engine,
    transcripts: Transcripts | None = None,
    known: SourceMap | None = None,
) -> Summary:
    """Redacts and stamps rows of annotations and writes them as JSON lines; whole or not at all.

    Args:
        source: JSON lines, or a table (`deemo_jax.deid.text.annotation_tables`).
        target: another file.
        names: always removed.
        engine: finds other names.
        transcripts: holds the words of rows without a transcript.
        known: the private list of which raw file is which clip; file names in rows become pseudonyms by it.

    Raises:
        UserError: the source cannot be read, has no row or a malformed one; or the target is the source, a link, or
            cannot be written.
    """
    if source.resolve() == target.resolve() or target.is_symlink():
        raise UserError(f"{target}: is the source or a link; give another file as --out")
    counts: collections.Counter[str] = collections.Counter()
    dropped: set[str] = set()
    unread: collections.Counter[str] = collections.Counter()
    rows, uncapitalised = [], 0
    for number, row in enumerate(annotation_rows(source), 1):
        where = f"{source}: row {number}"
        if transcripts is not None:
            row = transcripts.fill(row, where)
        if known is not None and (pseudonym := known.pseudonym(str(row.get("file") or ""))):
            row = {**row, "file": pseudonym}
        rows.append(redact_row(row, names, engine, where))
        counts.update(rows[-1].get(STAMP, {}).get("counts", {}))
        why = unread_because(rows[-1], engine)
        unread.update([why] if why else [])
        uncapitalised += not why and not has_capitals(row["transcript"])
        dropped |= row.keys() - rows[-1].keys() - {STAMP}
    if not rows:
        raise UserError(f"{source}: holds no annotation")
    files.write_jsonl(target, rows)
    return Summary(len(rows), dict(counts), dict(unread), uncapitalised, tuple(sorted(dropped)))


def redact_row(row: Mapping[str, Any], names: Names, engine: Engine, where: str = "row") -> dict[str, Any]:
    """Redacts `transcript`, `reasoning` and NFBL labels of a row, puts a stamp on it, and leaves out unknown keys.

    A row that the engine cannot read gets no stamp: it counts as raw, although listed names are removed from it.

    Args:
        row: as `Clip.from_json` reads it; its stamp is replaced.
        names: always removed; an id that holds one is refused.
        engine: finds other names; an id in which it finds one is refused.
        where: file and line, for messages.

    Raises:
        UserError: the row is malformed, or an id is no pseudonym.
    """
    file = row.get("file")
    clip = Clip.from_json({"clip_id": file} | dict(row) if file else row, where, labels=None)
    made = {key: row[key] for key in KEPT if key in row}
    if names.find(clean(clip.emotion)):
        raise UserError(f"{where}: emotion holds a name of the list; write a label, such as {DEEMO_LABELS}")
    for key in (*IDS, "file"):
        said = clean(str(made.get(key, "")) if key != "file" else Path(str(made.get(key, ""))).stem)
        if any(names.find(each) for each in (said, *_readings(said))):
            raise UserError(f"{where}: {key} holds a name of the list; give pseudonyms")
        if kind := _told_by(said, engine):
            raise UserError(f"{where}: {key} seems to hold a {kind}; give pseudonyms")
    positions = {}
    for name in ("transcript", "reasoning"):
        found = redact(made[name], names, engine)
        made[name], positions[name] = found.text, [list(each) for each in found.replacements]
    if "nfbl" in made:
        segments = [(segment, redact(segment.label, names, engine)) for segment in clip.nfbl]
        made["nfbl"] = [dataclasses.asdict(segment) | {"label": found.text} for segment, found in segments]
        for number, (_, found) in enumerate(segments):
            positions[f"nfbl {number}"] = [list(each) for each in found.replacements]
    positions = {name: found for name, found in positions.items() if found}
    if unread_because(made, engine):
        return made
    listed = f" and {len(names)} listed names" if len(names) else ""
    stamp = {
        "version": VERSION,
        "method": engine.method + listed,
        "counts": _counts(positions),
        "positions": positions,
    }
    return made | {STAMP: stamp | {"sha256": _digest(made, stamp)}}


def unread_because(row: Mapping[str, Any], engine: Engine) -> str | None:
    """Why an engine cannot read the texts of a row; None where it can."""
    if not isinstance(engine, Limited):
        return None
    return next((why for text in _texts(row).values() if (why := engine.unread(clean(text)))), None)


# Letters of an id; words in it that are joined by capitals, as in "MarvoTellin"; and hexadecimal codes.
_ID_WORD = re.compile(r"[^\W\d_]+")
_JOINED = re.compile(r"(?<![^\W_])(?:[A-Z][a-z]{2,}){2,}(?![^\W\d_])")
_HEX = re.compile(r"(?=.*\d)[0-9A-F\-]{8,}", re.IGNORECASE)
# Letters of a word, or of several words together, that may name somebody.
_FEWEST_LETTERS = 3


def _readings(said: str) -> tuple[str, str]:
    """An id as words, with blanks for "_", "-" and "."; and also with numbers apart from letters."""
    spaced = _JOINED.sub(lambda m: re.sub("(?<=[a-z])(?=[A-Z])", " ", m[0]), re.sub(r"[_\-.]", " ", said))
    return spaced, re.sub(r"(?<=[^\W\d])(?=\d)|(?<=\d)(?=[^\W\d])", " ", spaced)


def _told_by(said: str, engine: Engine) -> Kind | None:
    """What kind of name an engine finds in an id; None where it holds only numbers and codes, as pseudonyms do."""
    if _HEX.fullmatch(said):
        return None
    for reading in (_readings(said)[0], said):
        for span in engine.find(reading):
            if span.kind != "NUMBER" and _tells(reading, span):
                return span.kind
    return None


def _tells(reading: str, span: Span) -> bool:
    """Whether a find in an id is a name and no code: a listed name, or words of at least three letters together."""
    words = list(_ID_WORD.finditer(reading, span.start, span.end))
    letters = 0
    for match in words:
        word, lower = match[0], match[0].lower()
        if lower in GIVEN_NAMES or lower in PLACES or (span.kind == "DATE" and lower in MONTHS):
            return True
        beside_digit = any(each.isdigit() for each in reading[max(0, match.start() - 1) : match.end() + 1])
        written = word == lower or word.istitle() or (word.isupper() and len(words) > 1)
        if len(word) > 1 and written and not beside_digit and lower not in ID_WORDS and lower not in COMMON:
            letters += len(word)
    return letters >= _FEWEST_LETTERS


def text_deid(row: Mapping[str, Any], where: str) -> str:
    """How the texts of a row were redacted, in a line, by its stamp; empty for a row without one.

    Raises:
        UserError: the stamp is malformed, or does not fit the row's texts.
    """
    if STAMP not in row:
        return ""
    mend = "run it through python -m deemo_jax.redact again"
    stamp = row[STAMP]
    keys = {"version", "method", "counts", "positions", "sha256"}
    if not isinstance(stamp, dict) or stamp.keys() != keys or stamp["version"] != VERSION:
        raise UserError(f"{where}: its {STAMP!r} entry is no stamp of version {VERSION}; {mend}")
    method, positions = stamp["method"], stamp["positions"]
    if not isinstance(method, str) or not 0 < len(method.strip()) <= MAX_METHOD or not method.isprintable():
        raise UserError(f"{where}: its {STAMP!r} entry names no method; {mend}")
    texts = _texts(row)
    fits = (
        isinstance(positions, dict)
        and positions.keys() <= texts.keys()
        and all(_lists_tags(text, positions.get(name, [])) for name, text in texts.items())
        and stamp["counts"] == _counts(positions)
        and stamp["sha256"] == _digest(row, stamp)
    )
    if not fits:
        raise UserError(f"{where}: its texts are not those that were de-identified (edited since?); {mend}")
    return f"{method}, {sum(stamp['counts'].values())} replaced"


def _lists_tags(text: str, listed: Any) -> bool:
    """Whether a list in a stamp has exactly the tags of a text."""
    return listed == [[m[0][1:-1], m.start(), m.end()] for m in TAG.finditer(text)]


def _counts(positions: Mapping[str, Iterable[Any]]) -> dict[str, int]:
    tally = collections.Counter(each[0] for found in positions.values() for each in found)
    return {kind: tally[kind] for kind in KINDS if tally[kind]}


def _texts(row: Mapping[str, Any]) -> dict[str, str]:
    segments = [segment if isinstance(segment, str) else segment["label"] for segment in row.get("nfbl") or ()]
    labels = {f"nfbl {number}": label for number, label in enumerate(segments)}
    return {"transcript": row["transcript"], "reasoning": row["reasoning"], **labels}


def _digest(row: Mapping[str, Any], stamp: Mapping[str, Any]) -> str:
    said = [row.get("clip_id", row.get("file")), stamp["method"], stamp["positions"], _texts(row)]
    canonical = json.dumps(said, sort_keys=True, ensure_ascii=True, separators=(",", ":"))
    return hashlib.sha256(f"deemo_jax text {VERSION}\0{canonical}".encode()).hexdigest()
