"""What persons said, with facts about them that an attacker is to guess: JSON lines, or the JSON of TAB."""

import dataclasses
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from deemo_jax.core import files
from deemo_jax.core.errors import UserError, plain
from deemo_jax.deid.text.redaction import MAX_CHARACTERS

# Rows of a file; facts of a person; values of a fact, and characters of one; identifiers of a text, at most.
MAX_ROWS, MAX_ATTRIBUTES, MAX_VALUES, MAX_VALUE, MAX_IDENTIFIERS = 100_000, 20, 50, 80, 10_000
# Bytes of a row, and of a file of TAB, at most; its largest part has 40 MB.
MAX_LINE_BYTES, MAX_TAB_BYTES = 4 << 20, 256 << 20
MAX_ID = 200
ATTRIBUTE = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,39}")
DIRECT, QUASI = "direct", "quasi"
FORM = '{"person_id": "p1", "transcript": "...", "attributes": {"sport": "tennis"}}'


@dataclasses.dataclass(frozen=True, slots=True)
class Identifier:
    """A part of a text that tells who a person is: alone (direct), or together with others (quasi).

    Attributes:
        start: index of its first character.
        end: index after its last one.
        kind: `DIRECT` or `QUASI`.
        entity: what it is a mention of; mentions without one stand for themselves.
    """

    start: int
    end: int
    kind: str
    entity: str = ""


@dataclasses.dataclass(frozen=True, slots=True)
class SpokenText:
    """One text of one person.

    Attributes:
        person: who said it.
        text: as it was said.
        redacted: the same as the file has it without names; None where the file has no such text.
        attributes: facts about the person -> their values.
        identifiers: in `text`, where they are known.
        group: texts of one group, such as answers to one question, are never both learnt from and guessed about;
            empty where there are no groups.
    """

    person: str
    text: str
    redacted: str | None = None
    attributes: Mapping[str, str] = dataclasses.field(default_factory=dict)
    identifiers: tuple[Identifier, ...] = ()
    group: str = ""


def read_texts(path: Path) -> list[SpokenText]:
    """Reads JSON lines (docs/formats.md); of a file called .json, the form of the Text Anonymization Benchmark.

    Raises:
        UserError: missing, too large, malformed, or without a word.
    """
    read = _tab(path) if path.suffix.lower() == ".json" else _lines(path)
    found: list[SpokenText] = []
    for text in read:
        found.append(text)
        if len(found) > MAX_ROWS:
            raise UserError(f"{path}: more than {MAX_ROWS:,} texts")
    if not found:
        raise UserError(f"{path}: no texts; write one a line, as {FORM}")
    if not any(text.text.strip() for text in found):
        raise UserError(f"{path}: every text is empty; write what was said into transcript")
    return found


def _lines(path: Path) -> Iterator[SpokenText]:
    for number, row in enumerate(files.read_jsonl(path, MAX_LINE_BYTES), 1):
        where = f"{path}: row {number}"
        text = _text(row.get("transcript"), f"{where}: transcript")
        redacted = row.get("redacted")
        yield SpokenText(
            person=_id(row.get("person_id"), f"{where}: person_id"),
            text=text,
            redacted=None if redacted is None else _text(redacted, f"{where}: redacted"),
            attributes=_attributes(row.get("attributes", {}), where),
            identifiers=tuple(_identifiers(row.get("identifiers", []), text, where)),
            group=_id(row["group"], f"{where}: group") if row.get("group") is not None else "",
        )


def _tab(path: Path) -> Iterator[SpokenText]:
    """The cases of TAB (Pilan et al. 2022); each is a person of its own, of whom the country sued is to be guessed.

    What any annotator would mask is an identifier, and direct where one says so.
    """
    whole = files.read_json(path, MAX_TAB_BYTES)
    if not isinstance(whole, list):
        raise UserError(
            f"{path}: is no list of cases as TAB has it; other texts are JSON lines, in a file called .jsonl"
        )
    for number, case in enumerate(whole, 1):
        where = f"{path}: case {number}"
        try:
            text = _text(case["text"], f"{where}: text")
            marked = [
                {
                    "start": mention["start_offset"],
                    "end": mention["end_offset"],
                    "kind": mention["identifier_type"].lower(),
                    "entity": f"{annotator} {mention['entity_id']}",
                }
                for annotator, annotated in case["annotations"].items()
                for mention in annotated["entity_mentions"]
                if mention["identifier_type"] != "NO_MASK"
            ]
            country = case.get("meta", {}).get("countries")
            yield SpokenText(
                person=_id(case["doc_id"], f"{where}: doc_id"),
                text=text,
                attributes=_attributes({"country": country} if country else {}, where),
                identifiers=tuple(_identifiers(marked, text, where)),
            )
        except (AttributeError, KeyError, TypeError) as error:
            raise UserError(f"{where}: is no case as TAB has it ({plain(str(error))[:80]})") from error


def _text(value: Any, where: str) -> str:
    if not isinstance(value, str):
        raise UserError(f"{where}: must be a text; write rows as {FORM}")
    if len(value) > MAX_CHARACTERS:
        raise UserError(f"{where}: {len(value):,} characters; give at most {MAX_CHARACTERS:,} in a row")
    return value


def _id(value: Any, where: str) -> str:
    if not isinstance(value, str) or not value or len(value) > MAX_ID or not value.isprintable():
        raise UserError(f"{where}: must be a word of 1 to {MAX_ID} printable characters")
    return value


def _attributes(given: Any, where: str) -> dict[str, str]:
    if not isinstance(given, dict) or len(given) > MAX_ATTRIBUTES:
        raise UserError(f"{where}: attributes must be at most {MAX_ATTRIBUTES} names with values, as {FORM}")
    found = {}
    for name, value in given.items():
        if not ATTRIBUTE.fullmatch(name):
            raise UserError(f"{where}: an attribute is called {plain(name)[:40]!r}; use letters, digits and _")
        if value is None:
            continue
        if not isinstance(value, str) or not 0 < len(value) <= MAX_VALUE or not value.isprintable():
            raise UserError(f"{where}: {name} must be a text of 1 to {MAX_VALUE} printable characters, or null")
        found[name] = value
    return found


def _identifiers(given: Any, text: str, where: str) -> Iterator[Identifier]:
    if not isinstance(given, list) or len(given) > MAX_IDENTIFIERS:
        raise UserError(f"{where}: identifiers must be a list of at most {MAX_IDENTIFIERS:,}")
    for row in given:
        fields = row if isinstance(row, dict) else {}
        start, end, kind, entity = (fields.get(key) for key in ("start", "end", "kind", "entity"))
        if (
            not (isinstance(start, int) and isinstance(end, int) and 0 <= start < end <= len(text))
            or kind not in (DIRECT, QUASI)
            or not isinstance(entity or "", str)
        ):
            raise UserError(
                f'{where}: an identifier must be {{"start": 3, "end": 9, "kind": "{DIRECT}" or "{QUASI}"}}, within its'
                " text"
            )
        yield Identifier(start, end, kind, entity or "")
