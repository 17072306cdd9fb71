"""Annotation rows whose words have lost names, and the stamp that says so.

The stamp holds the method, what was replaced by type and position (never by value), and a hash of the texts that were
left. It guards against accident, such as a row edited or mixed up afterwards; anybody can forge it.
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
from deemo_jax.deid.source_map import SourceMap
from deemo_jax.deid.text.annotation_tables import annotation_rows
from deemo_jax.deid.text.captions import read_text
from deemo_jax.deid.text.english_rules import Rules
from deemo_jax.deid.text.fuzzy_names import Names
from deemo_jax.deid.text.readable import has_capitals
from deemo_jax.deid.text.redaction import redact
from deemo_jax.deid.text.spans import KINDS, TAG, Engine, Kind, Limited, Span, clean
from deemo_jax.deid.text.spoken import Transcripts
from deemo_jax.deid.text.word_lists import COMMON, GIVEN_NAMES, ID_WORDS, MONTHS, PLACES

STAMP = "deid"
VERSION = 1
ENGINES = ("rules", "presidio")
MAX_METHOD = 200
_REMARK = re.compile(r"(?:^|\s)#")
IDS = ("clip_id", "video_id", "person_id")
# What a row may keep: words, cut-outs and notes under any other key would carry on what was taken out of these.
KEPT = (*(field.name for field in dataclasses.fields(Clip) if field.name != "text_deid"), "file")


@dataclasses.dataclass(frozen=True, slots=True)
class Summary:
    """What became of a file of annotations.

    Attributes:
        rows: how many.
        counts: kind -> tags in all texts that were stamped.
        unread: why the engine could not read a row -> how many; they have no stamp, and count as raw.
        uncapitalised: other rows without any capital, in which names are found by lists only.
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
    """A project's list of names: UTF-8 or UTF-16, one a line; empty lines and what follows # count for nothing.

    Raises:
        UserError: it cannot be read, is too large, no text, or holds what is no name.
    """
    lines = (_REMARK.split(line, 1)[0].strip() for line in read_text(Path(path), files.MAX_TEXT_BYTES).splitlines())
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
    """Writes annotation rows anew, as JSON lines, their texts redacted and stamped; whole or not at all.

    Args:
        source: JSON lines, or a table (`deemo_jax.deid.text.annotation_tables`).
        target: another file.
        names: of the project.
        engine: finds the rest.
        transcripts: the words of rows that have none.
        known: which raw file is which clip: rows that name a file name its pseudonym then.

    Raises:
        UserError: unreadable, a malformed row, no row, or the target is the source or cannot be written.
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
    """One annotation row: `transcript`, `reasoning` and NFBL labels redacted, a stamp put on, unknown keys left out.

    What the engine cannot read gets no stamp: the row counts as raw, though listed names are out of it.

    Args:
        row: as `Clip.from_json` takes it; a stamp that it has is replaced.
        names: of the project.
        engine: finds the rest; ids in which it finds anybody are refused, as those with a listed name are.
        where: file and line, for messages.

    Raises:
        UserError: malformed, or an id is no pseudonym.
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
    """Why an engine cannot read the texts of a row, if it cannot."""
    if not isinstance(engine, Limited):
        return None
    return next((why for text in _texts(row).values() if (why := engine.unread(clean(text)))), None)


# A word in an id: "Tellin" of "Tellin_02", "MarvoTellin" in two; not the letters of "K9Fqz3" or "a3f8".
_ID_WORD = re.compile(r"[^\W\d_]+")
_JOINED = re.compile(r"(?<![^\W_])(?:[A-Z][a-z]{2,}){2,}(?![^\W\d_])")
_HEX = re.compile(r"(?=.*\d)[0-9A-F\-]{8,}", re.IGNORECASE)
_FEWEST_LETTERS = 3


def _readings(said: str) -> tuple[str, str]:
    """An id as words: joints become blanks; then numbers stand apart from letters, too."""
    spaced = _JOINED.sub(lambda m: re.sub("(?<=[a-z])(?=[A-Z])", " ", m[0]), re.sub(r"[_\-.]", " ", said))
    return spaced, re.sub(r"(?<=[^\W\d])(?=\d)|(?<=\d)(?=[^\W\d])", " ", spaced)


def _told_by(said: str, engine: Engine) -> Kind | None:
    """What kind of thing an id tells, if any.

    Numbers do not count, nor finds without a word that tells anything: pseudonyms are numbers and codes.
    """
    if _HEX.fullmatch(said):
        return None
    for reading in (_readings(said)[0], said):
        for span in engine.find(reading):
            if span.kind != "NUMBER" and _tells(reading, span):
                return span.kind
    return None


def _tells(reading: str, span: Span) -> bool:
    """Whether a find has a word that is no code, or several that come to three letters."""
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
    """How the texts of a row lost their names, in one line; empty for a row without a stamp.

    Raises:
        UserError: a stamp that is malformed or does not fit the row's texts.
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
    """Whether all tags of a text are listed, and nothing else."""
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
