"""The examples of file formats are taken by the readers themselves, shown by the commands, and in the documentation."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from deemo_jax import build, deidentify, redact
from deemo_jax.audit.attacks.words.spoken_texts import read_texts
from deemo_jax.core import caption_formats, formats, instruction_formats
from deemo_jax.core import evaluation_formats as scored
from deemo_jax.core.schema import DEEMO_LABELS
from deemo_jax.data.build.annotations import read_annotations, unused_keys
from deemo_jax.data.build.attestation import load_attestation
from deemo_jax.data.build.splits import read_splits
from deemo_jax.data.captions.caption_file import read_captions
from deemo_jax.data.captions.cc3m import read_cc3m
from deemo_jax.data.captions.instructions import read_instructions
from deemo_jax.data.captions.rows import CaptionRow, Entry
from deemo_jax.data.captions.webvid import read_webvid
from deemo_jax.data.card.holder_card import read_card
from deemo_jax.deid import source_map
from deemo_jax.deid.source_spans import read_segments
from deemo_jax.deid.text.transcripts import read_names
from deemo_jax.deid.video.track_file import load_tracks
from deemo_jax.deid.voice.diarised import read_diarised
from deemo_jax.deid.voice.speakers import load_speakers
from deemo_jax.deid.voice.spoken.word_times import read_word_times
from deemo_jax.evaluation.judge.human_file import read_preferences, read_scores
from deemo_jax.evaluation.predictions import by_set, read_predictions
from deemo_jax.evaluation.reading.claims import read_sources
from deemo_jax.evaluation.reading.synonyms import label_synonyms
from deemo_jax.evaluation.reading.wheel import read_wheel
from deemo_jax.evaluation.truth import read_truth
from deemo_jax.evaluation.word_rows import read_word_rows


def _rows(read: Callable[[Path], Iterator[Entry]]) -> Callable[[Path], list[Entry]]:
    """Reads all rows of a file with captions, none of which is left out."""

    def whole(path: Path) -> list[Entry]:
        rows = [*read(path)]
        assert rows and all(isinstance(row, CaptionRow) for row in rows)
        return rows

    return whole


OF_BUILD = (*caption_formats.ALL, *instruction_formats.ALL)
ALL = (*formats.ALL, *scored.ALL, *OF_BUILD)
DOCS = Path(__file__).parents[2] / "docs" / "formats.md"
READERS: list[tuple[formats.Format, str, Callable[[Path], Any], Callable[[Any], bool]]] = [
    (formats.ANNOTATIONS, "a.jsonl", read_annotations, lambda read: read["c02"].nfbl[0].end_s == 4),
    (formats.ANNOTATIONS, "a.jsonl", read_truth, lambda read: read.rows["c01"]["emotion"] == "negative"),
    (formats.ANNOTATIONS, "a.jsonl", unused_keys, lambda read: read == []),
    (formats.SPLITS, "s.json", read_splits, lambda read: read["test"] == ["c02"]),
    (formats.ATTESTATION, "attestation.json", load_attestation, lambda read: len(read.files) == 4),
    (formats.CARD, "c.json", read_card, lambda read: read["creator"][0]["name"] == "Example Lab"),
    (formats.SOURCES, "s.jsonl", source_map.load, lambda read: len(read.find("monday.mp4")) == 1),
    (formats.TRACKS, "t.json", lambda p: load_tracks(p, 75, (640, 360)), lambda read: read.not_faces[0][0] == 500),
    (formats.SPEAKERS, "s.csv", load_speakers, lambda read: read == {"monday": "A", "tuesday": "B"}),
    (formats.TURNS, "t.jsonl", read_diarised, lambda read: read.who.tolist() == [0, 1] and read.ends[1] == 31),
    (formats.WORDS, "w.jsonl", read_word_times, lambda read: read[2] == (0.92, 1.35, "again.")),
    (
        formats.SEGMENTS,
        "s.csv",
        lambda p: read_segments(p, [Path("interview.mp4")]),
        lambda read: [piece.span for piece in read] == [(62, 75.5), (4200, 4230)] and read[1].clip_id == "mine",
    ),
    (formats.NAMES, "n.txt", read_names, lambda read: bool(read.find("jane example said"))),
    (
        formats.SPOKEN_TEXTS,
        "t.jsonl",
        read_texts,
        lambda read: read[0].identifiers[0].end == 9 and read[1].redacted,
    ),
    (
        scored.SYNONYMS,
        "s.json",
        lambda p: label_synonyms(p, DEEMO_LABELS),
        lambda read: read["positive"] == ("over the moon", "stoked"),
    ),
    (scored.WORD_LISTS, "w.jsonl", read_word_rows, lambda read: read["all"][1].true == ("angry", "tense")),
    (
        scored.WHEEL,
        "w.json",
        read_wheel,
        lambda read: read.groups["happy"] == "joy" and len(read.sentiment) == 2,
    ),
    (
        scored.PEOPLES_SCORES,
        "s.jsonl",
        lambda p: read_scores(p, ["c01"]),
        lambda read: read["clue"]["B"]["c01"] == 5,
    ),
    (
        scored.PEOPLES_PREFERENCES,
        "p.jsonl",
        lambda p: read_preferences(p, ["c01", "c02"], ["a", "theirs"]),
        lambda read: read == {"c01": ["theirs"], "c02": ["tie"]},
    ),
    (
        scored.KEYWORDS,
        "k.json",
        read_sources,
        lambda read: [source.name for source in read] == ["voice", "hands"],
    ),
    (caption_formats.CAPTIONS, "c.jsonl", _rows(read_captions), lambda read: read[1].clip_id == "boats"),
    (caption_formats.WEBVID, "w.csv", _rows(read_webvid), lambda read: read[0].media == "000001_000050/1001.mp4"),
    (caption_formats.CHAT, "chat.json", _rows(read_cc3m), lambda read: read[0].caption.startswith("a red bicycle")),
    (caption_formats.FILTER_CAP, "f.json", _rows(read_cc3m), lambda read: read[0].media == "GCC_train_000000001.jpg"),
    (
        instruction_formats.CONVERSATIONS,
        "c.json",
        _rows(read_instructions),
        lambda read: len(read[0].turns) == 2 and read[0].picture_at == 0,
    ),
    (
        instruction_formats.QUESTIONS,
        "q.json",
        _rows(read_instructions),
        lambda read: read[0].turns[1] == ("Does he stop?", "Once, at a door."),
    ),
    (
        instruction_formats.REASONS_TABLE,
        "r.csv",
        _rows(read_instructions),
        lambda read: read[0].media == "sample_00000033" and read[0].transcript == "Well played.",
    ),
    (instruction_formats.REASONS, "r.json", _rows(read_instructions), lambda read: read[0].transcript == "We did it!"),
    (instruction_formats.DESCRIPTIONS, "d.json", _rows(read_instructions), lambda read: read[0].media == "2.jpg"),
    (
        scored.PREDICTIONS,
        "p.jsonl",
        lambda p: by_set(read_predictions(p)),
        lambda read: len(read["all"]) == 2,
    ),
]


@pytest.mark.parametrize(("form", "name", "read", "is_right"), READERS)
def test_an_example_is_what_its_reader_takes(
    tmp_path: Path, form: formats.Format, name: str, read: Callable[[Path], Any], is_right: Callable[[Any], bool]
) -> None:
    (tmp_path / name).write_text(form.example, encoding="utf-8")
    (tmp_path / name).chmod(0o600)
    assert is_right(read(tmp_path / name))


def test_every_format_has_a_reader_here_and_stands_in_the_documentation() -> None:
    assert {form.title for form, *_ in READERS} == {form.title for form in ALL}
    documented = DOCS.read_text(encoding="utf-8")
    for form in ALL:
        assert form.markdown() in documented, f"docs/formats.md: {form.title} is not as deemo_jax/core says"


def test_commands_show_the_formats_that_concern_them(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert build.main(["--show_format"]) == 0
    shown = capsys.readouterr().out
    assert all(form.text() in shown for form in (formats.ANNOTATIONS, formats.ATTESTATION, *OF_BUILD))
    assert build.main(["cc3m", "--show_format"]) == 0
    shown = capsys.readouterr().out
    assert caption_formats.CHAT.text() in shown and formats.SPLITS.title not in shown
    assert build.main(["instructions", "--show_format"]) == 0
    shown = capsys.readouterr().out
    assert all(form.text() in shown for form in instruction_formats.ALL) and formats.SPLITS.title not in shown
    assert build.main(["deemo_mer", "--show_format"]) == 0
    shown = capsys.readouterr().out
    assert formats.SPLITS.text() in shown and caption_formats.CHAT.title not in shown
    assert deidentify.main(["--show_format"]) == 0
    shown = capsys.readouterr().out
    assert all(form.text() in shown for form in (formats.TRACKS, formats.SPEAKERS)) and "not_faces" in shown
    assert redact.main(["--show_format"]) == 0
    shown = capsys.readouterr().out
    assert all(form.text() in shown for form in (formats.ANNOTATIONS, formats.NAMES))
