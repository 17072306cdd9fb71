"""Files of instruction data, told apart by their form: LLaVA's, VideoChat's, EMER's, MERR's and MiniGPT-4's."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from deemo_jax.core.errors import UserError
from deemo_jax.core.files import read_json, read_jsonl
from deemo_jax.core.table_rows import MOST_LINE, TABLES
from deemo_jax.data.captions.csv_rows import read_columns
from deemo_jax.data.captions.rows import Entry, SkippedRow
from deemo_jax.data.captions.skips import SkipKind
from deemo_jax.data.captions.turn_row import FILM, PICTURE, TurnRow, turn_row

# Bytes of a JSON file, at most: it is read whole. LLaVA-150k has 230 MB. A file of JSON lines may have any size.
MOST_BYTES = 1 << 30
# Columns of EMER's tables: the first version has names, subtitles and reasons, the second name and english.
EMER = (("names", "name"), ("reasons", "reason", "english"), ("subtitles", "subtitle", ""))
# Keys of MERR: the reasoning of its fine part, or the description of its coarse part; and what is said.
REASONS = ("smp_reason_caption", "caption")
WORDS = ("text", "subtitle")
# What MiniGPT-4's pictures are asked for; this project's own sentence. The public code draws one of four.
DESCRIBE = "Describe this picture in detail."
FORMS = (
    "a list of {id, image or video, conversations} (LLaVA) or of {video, QA} (VideoChat), as JSON or JSON lines; a"
    " table (CSV) with names and reasons (EMER); an object of video -> {smp_reason_caption or caption} (MERR); or"
    ' {"annotations": [{image_id, caption}]} (MiniGPT-4)'
)

# A row, or why there is none.
Read = TurnRow | SkipKind


def read_instructions(path: Path) -> Iterator[Entry]:
    """Yields the rows of a file in any of `FORMS`.

    Raises:
        UserError: it cannot be read, is of another form, or no entry has the fields of one.
    """
    ending = path.suffix.lower()
    found = _table(path) if ending in TABLES else _listed(read_jsonl(path, MOST_LINE)) if ending == ".jsonl" else None
    known = False
    entries = _entries(path) if found is None else found
    count = 0
    for count, row in enumerate(entries, 1):
        known |= row is not SkipKind.BAD_ROW
        yield row if isinstance(row, TurnRow) else SkippedRow(f"{path.name}:{count}", row, _said(row))
    if count and not known:
        raise UserError(f"{path}: none of its {count} entries has the fields of {FORMS}")


def _said(kind: SkipKind) -> str:
    return {
        SkipKind.BAD_ROW: "it lacks a field, or has one of other form",
        SkipKind.BAD_TURNS: "questions and answers do not take turns, from a question to an answer",
        SkipKind.PICTURE_PLACE: f"{PICTURE} stands elsewhere than once in the first question",
    }.get(kind, kind.value)


def _table(path: Path) -> Iterator[Read]:
    for _, cells in read_columns(path, EMER):
        if cells is None:
            yield SkipKind.BAD_ROW
        else:
            name, reason, words = cells
            yield turn_row(name, name, [("", reason)], transcript=words.strip())


def _entries(path: Path) -> Iterator[Read]:
    try:
        content = read_json(path, MOST_BYTES)
    except UserError as error:
        raise UserError(f"{error}; instructions are {FORMS}") from error
    if isinstance(content, list):
        return _listed(content)
    if not isinstance(content, Mapping):
        raise UserError(f"{path}: is none of {FORMS}")
    if isinstance(content.get("annotations"), list):
        return (_described(entry) for entry in content["annotations"])
    return (_reasoned(name, entry) for name, entry in content.items())


def _listed(entries: Sequence[Any] | Iterator[Any]) -> Iterator[Read]:
    for entry in entries:
        read = next((FIELDS[key] for key in FIELDS if isinstance(entry, Mapping) and key in entry), None)
        yield read(entry) if read else SkipKind.BAD_ROW


def _conversation(entry: Mapping[str, Any]) -> Read:
    """LLaVA's: speakers in turn, the first question with the mark of the picture at its beginning or end."""
    media, said = _text(entry, ("image", "video")), entry["conversations"]
    if media is None or not isinstance(said, list) or not all(map(_is_said, said)):
        return SkipKind.BAD_ROW
    speakers = [turn["from"].lower() for turn in said]
    if not said or speakers != ["human", "gpt"] * (len(said) // 2):
        return SkipKind.BAD_TURNS
    turns = [(said[i]["value"], said[i + 1]["value"]) for i in range(0, len(said), 2)]
    before, mark, behind = turns[0][0].partition(PICTURE)
    question = before + behind if mark else before.replace(FILM, "", 1).strip()
    if not question.strip():
        return SkipKind.EMPTY_TURN
    name = _text(entry, ("id",))
    if name is None and entry.get("id") is not None:
        return SkipKind.BAD_ROW
    return turn_row(name or media, media, [(question, turns[0][1]), *turns[1:]], len(before) if mark else -1)


def _is_said(turn: Any) -> bool:
    return isinstance(turn, Mapping) and isinstance(turn.get("from"), str) and isinstance(turn.get("value"), str)


def _questions(entry: Mapping[str, Any]) -> Read:
    """VideoChat's: pairs of question and answer; a pair's instruction is not used, as in Video-LLaMA."""
    media, pairs = _text(entry, ("video", "image")), entry["QA"]
    if media is None or not isinstance(pairs, list):
        return SkipKind.BAD_ROW
    if not pairs:
        return SkipKind.BAD_TURNS
    turns = [(_text(pair, ("q",)), _text(pair, ("a",))) for pair in pairs]
    whole = [(question, answer) for question, answer in turns if question is not None and answer is not None]
    if len(whole) < len(turns):
        return SkipKind.BAD_ROW
    return turn_row(media, media, whole) if whole[0][0].strip() else SkipKind.EMPTY_TURN


def _described(entry: Any) -> Read:
    """MiniGPT-4's: a picture and its description."""
    name, caption = _text(entry, ("image_id",)), _text(entry, ("caption",))
    if name is None or caption is None:
        return SkipKind.BAD_ROW
    return turn_row(name, f"{name}.jpg", [(DESCRIBE, caption)], 0)


def _reasoned(name: str, entry: Any) -> Read:
    """MERR's: a film, why somebody feels so, and what is said."""
    reason = _text(entry, REASONS)
    if reason is None:
        return SkipKind.BAD_ROW
    return turn_row(name, name, [("", reason)], transcript=(_text(entry, WORDS) or "").strip())


def _text(entry: Any, keys: Sequence[str]) -> str | None:
    """The first of some keys that an object has with a value, where that is a text; a whole number is one, too."""
    if not isinstance(entry, Mapping):
        return None
    found = next((entry[key] for key in keys if entry.get(key) is not None), None)
    if isinstance(found, int) and not isinstance(found, bool):
        return str(found)
    return found if isinstance(found, str) else None


# Field -> how the entries of a list that have it are read.
FIELDS: Mapping[str, Callable[[Mapping[str, Any]], Read]] = {"conversations": _conversation, "QA": _questions}
