"""Transcripts and tables as people have them, up to stamped rows."""

import json

import pytest

from deemo_jax.core.errors import UserError
from deemo_jax.core.schema import RAW_TRANSCRIPT
from deemo_jax.data.build.annotations import read_annotations, transcript_provenance
from deemo_jax.deid.text import lines
from deemo_jax.deid.text.annotation_tables import annotation_rows, are_annotations
from deemo_jax.deid.text.captions import Cue, read_cues, words_between, written
from deemo_jax.deid.text.english_rules import Rules
from deemo_jax.deid.text.fuzzy_names import Names
from deemo_jax.deid.text.lines import redact_lines
from deemo_jax.deid.text.spoken import Transcripts, redact_cues
from deemo_jax.deid.text.transcripts import redact_file

SRT = """\ufeff1\r
00:00:01,000 --> 00:00:02,500 X1:10 X2:20\r
<i>TELLIN:</i> I was glad\r
and proud.\r
\r
2\r
00:00:03,000 --> 00:00:04,000\r
{\\an8}Were you &amp; Vasko there?\r
"""
VTT = """WEBVTT - by Jane
STYLE
::cue { color: red }

NOTE recorded by Jane
in Paris

intro
00:01.000 --> 00:02.500 align:start
<v Jane Tellin>TELLIN: I was <00:01.500><c>glad</c>
and proud.

00:03.000 --> 00:04.000
Were you &amp; Vasko there?
"""
WHISPER = {"text": "x", "segments": [{"start": 3.0, "end": 4, "text": " Were you & Vasko there?"},
                                     {"start": 1.0, "end": 2.5, "text": " TELLIN: I was glad and proud."}]}  # fmt: skip
CPP = {"transcription": [{"offsets": {"from": 1000, "to": 2500}, "text": " TELLIN: I was glad and proud."},
                         {"offsets": {"from": 3000, "to": 4000}, "text": " Were you & Vasko there?"}]}  # fmt: skip
LONG_GRID = """File type = "ooTextFile"
Object class = "TextGrid"

xmin = 0
xmax = 5
tiers? <exists>
size = 3
item []:
    item [1]:
        class = "IntervalTier"
        name = "phones"
        xmin = 0
        xmax = 5
        intervals: size = 1
        intervals [1]:
            xmin = 0
            xmax = 5
            text = "t e"
    item [2]:
        class = "TextTier"
        name = "marks 7"
        xmin = 0
        xmax = 5
        points: size = 1
        points [1]:
            number = 1.5
            mark = "click"
    item [3]:
        class = "IntervalTier"
        name = "Jane - utterances"
        xmin = 0
        xmax = 5
        intervals: size = 3
        intervals [1]:
            xmin = 1
            xmax = 2.5
            text = "TELLIN: I was glad and proud."
        intervals [2]:
            xmin = 2.5
            xmax = 3
            text = ""
        intervals [3]:
            xmin = 3
            xmax = 4
            text = "Were you & Vasko there?"
"""
SHORT_GRID = (
    '"ooTextFile"\n"TextGrid"\n\n0\n5\n<exists>\n1\n"IntervalTier"\n"a ""b"""\n0\n5\n2\n'
    '1\n2.5\n"TELLIN: I was glad and proud."\n3\n4\n"Were you & Vasko there?"\n'
)
CUES = (Cue(1.0, 2.5, "TELLIN: I was glad and proud."), Cue(3.0, 4.0, "Were you & Vasko there?"))
FORMS = {
    "a.srt": SRT.encode(),
    "b.SRT": SRT.encode("utf-16"),
    "c.vtt": VTT.encode(),
    "d.json": json.dumps(WHISPER).encode(),
    "e.json": json.dumps(CPP).encode(),
    "f.json": json.dumps(WHISPER["segments"]).encode(),
    "g.TextGrid": LONG_GRID.encode(),
    "h.TextGrid": SHORT_GRID.encode("utf-16-be"),
}


@pytest.mark.parametrize("name", FORMS)
def test_every_form_gives_the_same_words(tmp_path, name):
    (tmp_path / name).write_bytes(FORMS[name])
    assert read_cues(tmp_path / name) == CUES


@pytest.mark.parametrize("ending", [".srt", ".vtt", ".txt"])
def test_names_are_replaced_and_times_kept(tmp_path, ending):
    (tmp_path / "a.srt").write_bytes(SRT.encode())
    counts = redact_cues(tmp_path / "a.srt", tmp_path / f"out{ending}", Names(), Rules())
    assert counts == {"NAME": 2}
    again = read_cues(tmp_path / f"out{ending}")
    assert [cue.text for cue in again] == ["[NAME]: I was glad and proud.", "Were you & [NAME] there?"]
    if ending != ".txt":
        assert [(cue.start_s, cue.end_s) for cue in again] == [(1.0, 2.5), (3.0, 4.0)]


SPANS = "00:00:01,000 --> 00:00:02,500", "00:00:03 --> 00:00:04"


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("a.srt", "1\n{0}\nGlad.\n2\n{1}\nWe won 6 4\n7\n", ["Glad.", "We won 6 4 7"]),
        ("a.srt", "1\n{0}\nGlad.\n\nAnd proud.\n\n2\n{1}\n42\n", ["Glad. And proud.", "42"]),
        ("a.srt", "1\n{0}\n\n2\n{1}\nGlad.", ["Glad."]),
        ("a.srt", "1\n{0}\nI <3 it & a > b <i>so</i> <font color='#fff'>much</font>", ["I <3 it & a > b so much"]),
        ("a.srt", "1\n{0}\nNOTE this\nSTYLE is all\n", ["NOTE this STYLE is all"]),
        ("a.vtt", "WEBVTT\n\n{0}\nNOTE this\n\nNOTE not\nthis\n\n2\n{1}\nGlad.\n\nlost", ["NOTE this", "Glad."]),
        ("a.vtt", "WEBVTT\n\n7\n{0}\nGlad.\n8\n{1}\nProud.", ["Glad.", "Proud."]),
    ],
)
def test_malformed_subtitles_are_read(tmp_path, name, text, said):
    (tmp_path / name).write_text(text.format(*SPANS))
    cues = read_cues(tmp_path / name)
    assert [cue.text for cue in cues] == said
    assert {(cue.start_s, cue.end_s) for cue in cues} <= {(1.0, 2.5), (3.0, 4.0)}


def test_captions_that_roll_are_said_once(tmp_path):
    (tmp_path / "a.vtt").write_text(
        "WEBVTT\nKind: captions\n\n00:00.100 --> 00:02.300 align:start\n \nso<00:00:00.640><c> i</c>\n\n"
        "00:02.300 --> 00:02.310\nso i\n \n\n00:02.310 --> 00:04.000\nso i\nwas<00:00:02.600><c> glad</c>\n\n"
        "00:04.000 --> 00:04.010\nwas glad\n \n"
    )
    assert read_cues(tmp_path / "a.vtt") == (Cue(0.1, 2.3, "so i"), Cue(2.31, 4.0, "was glad"))


def test_chunks_of_transformers_may_lack_their_last_end(tmp_path):
    chunks = [{"timestamp": [0.0, 1.5], "text": " I was"}, {"timestamp": [1.5, None], "text": " glad."}]
    (tmp_path / "a.json").write_text(json.dumps({"text": "x", "chunks": chunks}))
    assert read_cues(tmp_path / "a.json") == (Cue(0.0, 1.5, "I was"), Cue(1.5, 31.5, "glad."))


def test_tiers_of_the_munich_tools(tmp_path):
    tiers = [("ORT-MAU", "I was glad."), ("KAN-MAU", "aI wQz"), ("MAU", "aI"), ("IPA", "ɡlæd")]
    intervals = "".join(f'"IntervalTier" "{name}" 0 5 1 1 2 "{said}" ' for name, said in tiers)
    (tmp_path / "a.TextGrid").write_text(f'"ooTextFile" "TextGrid" 0 5 <exists> {len(tiers)} {intervals}')
    assert read_cues(tmp_path / "a.TextGrid") == (Cue(1.0, 2.0, "I was glad."),)


def test_names_alone_are_no_other_language(tmp_path):
    (tmp_path / "a.srt").write_text(f"1\n{SPANS[0]}\nThanks Marvo Tellin, Zorvo Vasko, Quelda Brava, Rafa Zorba.\n")
    redact_cues(tmp_path / "a.srt", tmp_path / "b.txt", Names(), Rules())
    assert (tmp_path / "b.txt").read_text() == "Thanks [NAME], [NAME], [NAME], [NAME].\n"
    (tmp_path / "a.srt").write_text(f"1\n{SPANS[0]}\nIch habe gegen Anna in Berlin gespielt und war sehr froh\n")
    with pytest.raises(UserError, match="does not seem to be English; nothing is written"):
        redact_cues(tmp_path / "a.srt", tmp_path / "c.txt", Names(), Rules())
    assert not (tmp_path / "c.txt").exists()


@pytest.mark.parametrize(
    ("cues", "said"),
    [
        (["I lost to Marvo", "Tellin, and cried."], ["I lost to [NAME]", "[NAME], and cried."]),
        (["It was Zorvo's day.", "Zorvo?"], ["It was [NAME]'s day.", "[NAME]?"]),
        (["mail marvo underscore", "tellin at mail dot com"], ["mail [CONTACT]", "[CONTACT]"]),
        (["we met quiet", "otter there"], ["we met [NAME]", "[NAME] there"]),
        (["I am glad", "VASKO: so am I.", "Winning helps."], ["I am glad", "[NAME]: so am I.", "Winning helps."]),
    ],
)
def test_a_name_that_reaches_over_cues_is_found(cues, said):
    found = redact_lines(cues, Names(["Quiet Otter"]), Rules())
    assert [each.text for each in found] == said
    assert all(each.text[a:b] == f"[{kind}]" for each in found for kind, a, b in each.replacements)


def test_long_recordings_are_looked_at_in_blocks(monkeypatch):
    monkeypatch.setattr(lines, "MAX_CHARACTERS", 30)
    cues = ["I am glad to be here at home.", "I lost to Marvo", "Tellin, I am.", "And I saw Vasko there, too."]
    assert [each.text for each in redact_lines(cues, Names(), Rules())] == [
        cues[0], "I lost to [NAME]", "[NAME], I am.", "And I saw [NAME] there, too.",
    ]  # fmt: skip


def test_clocks_of_long_recordings():
    assert "01:00:00,000 --> 27:46:40,125" in written([Cue(3600, 100_000.125, "x")], ".srt")
    assert "WEBVTT\n\n1\n00:00:59.999 -->" in written([Cue(59.9994, 60, "x")], ".vtt")


def test_what_is_said_in_a_span():
    cues = [Cue(0, 2, "a"), Cue(2, 4, "Vasko: b"), Cue(4, 6, "c")]
    assert words_between(cues, 0, 6) == "a\nVasko: b c"
    assert words_between(cues, 1.1, 4.9) == "Vasko: b"
    assert words_between(cues, 0.9, 5.1) == "a\nVasko: b c"
    assert words_between(cues, 4.5, 5) == "c"  # a clip within one cue


@pytest.mark.parametrize(
    ("name", "data", "message"),
    [
        ("a.srt", b"no times", "no line like"),
        ("a.srt", b"", "no line like"),
        ("a.json", b"{}", "segments"),
        ("a.json", b'[{"start": 2, "end": 1, "text": "x"}]', "a start, an end"),
        ("a.json", b'[{"start": 0, "end": 1, "text": 5}]', "a start, an end"),
        ("a.json", b'[{"start": 0, "text": "x"}]', "no .json transcript .*segment 1: needs"),
        ("a.json", b'[{"start": 0, "end": 1, "text": "x"}, []]', "no .json transcript .*segment 2: needs"),
        ("a.json", b"[" * 100_000, "no .json transcript"),
        ("a.json", b'[{"start": 0, "end": 1' + b"0" * 400 + b', "text": "x"}]', "no .json transcript"),
        ("a.TextGrid", b'"ooTextFile"\n"TextGrid" 0 5 <exists> 9', "ends early|expected"),
        ("a.TextGrid", b'"ooTextFile"\n"TextGrid"', "ends early"),
        ("a.TextGrid", b'"ooTextFile"\n"TextGrid" 0 5 <exists> 1e999', "no .textgrid transcript"),
        ("a.TextGrid", b"ooBinaryFile\x08TextGrid", "expected|no TextGrid|UTF"),
        ("a.srt", "M\xfcller".encode("latin-1"), "save it as UTF-8"),
        ("a.docx", b"PK", "no transcript that can be read"),
        ("a.txt", b"\n \n", "0 stretches"),
    ],
)
def test_what_is_no_transcript(tmp_path, name, data, message):
    (tmp_path / name).write_bytes(data)
    with pytest.raises(UserError, match=message):
        read_cues(tmp_path / name)


@pytest.mark.parametrize("piece", ["00:00:01,000 --> 00:00:02,000\n", "NOTE\n", "<", '"', "a: ", "\n"])
def test_hostile_transcripts_come_to_an_end(tmp_path, piece):
    for name in ("a.srt", "a.vtt", "a.TextGrid", "a.txt"):
        (tmp_path / name).write_text((piece * 20_000)[:60_000])
        try:
            read_cues(tmp_path / name)
        except UserError as error:
            assert name in str(error)


TABLE = (
    "Clip ID;video_id;Start S;end_s;emotion;transcript;reasoning;nfbl\r\n"
    'c1;v1;0;3,5;positive;"I saw Marvo; yes.";Glad.;folding arms|nods\r\n'
)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize("separator", [";", "\t"])
def test_tables_of_spreadsheets(tmp_path, encoding, separator):
    path = tmp_path / "rows.csv"
    path.write_bytes(TABLE.replace(";", separator).replace(f"Marvo{separator}", "Marvo;").encode(encoding))
    (row,) = annotation_rows(path)
    assert row["end_s"] == 3.5 and row["transcript"] == "I saw Marvo; yes." and row["nfbl"] == ["folding arms", "nods"]
    clip = read_annotations(path)["c1"]
    assert transcript_provenance(clip) == RAW_TRANSCRIPT and [s.label for s in clip.nfbl] == ["folding arms", "nods"]
    found = redact_file(path, tmp_path / "out.jsonl", Names(), Rules())
    assert found.rows == 1 and found.counts["NAME"] == 1
    assert read_annotations(tmp_path / "out.jsonl")["c1"].transcript == "I saw [NAME]; yes."


def test_excel_may_say_what_parts_the_cells(tmp_path):
    (tmp_path / "rows.csv").write_bytes(("sep=;\r\n" + TABLE).encode("utf-8-sig"))
    (row,) = annotation_rows(tmp_path / "rows.csv")
    assert row["clip_id"] == "c1" and row["end_s"] == 3.5


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", r"\(it is empty\)"),
        ("clip_id,start_s\nc1,soon\n", "line 2: start_s is 'soon'"),
        ("clip_id,start_s\nc1,0,1\n", "line 2: 3 cells"),
        ('clip_id,nfbl\nc1,"[1"\n', "neither JSON nor labels"),
        ('clip_id\n"c1\n', "is a quotation mark left open"),
        ("clip_id;Start S;start_s\nc1;0;1\n", "'start_s' twice"),
    ],
)
def test_what_is_no_table(tmp_path, text, message):
    (tmp_path / "a.csv").write_text(text)
    with pytest.raises(UserError, match=message):
        list(annotation_rows(tmp_path / "a.csv"))
    (tmp_path / "a.xlsx").write_bytes(b"PK\3\4")
    with pytest.raises(UserError, match="save it as CSV"):
        list(annotation_rows(tmp_path / "a.xlsx"))
    (tmp_path / "a.json").write_text('[{"clip_id": "c1"}]')
    with pytest.raises(UserError, match="an array of JSON; write one object a line"):
        list(annotation_rows(tmp_path / "a.json"))
    (tmp_path / "a.ass").write_text("[Script Info]\n")
    with pytest.raises(UserError, match=r"a\.ass: neither annotations .* nor a transcript of a kind that is read"):
        list(annotation_rows(tmp_path / "a.ass"))


ROW = {"clip_id": "c1", "video_id": "v1", "start_s": 2.9, "end_s": 4.2, "emotion": "positive", "reasoning": "Glad."}


def test_rows_take_their_words_from_files(tmp_path):
    (tmp_path / "t").mkdir()
    (tmp_path / "t" / "V1.srt").write_bytes(SRT.encode())
    (tmp_path / "t" / "c2.txt").write_text("Tellin: yes.\nI was glad.")
    rows = [ROW, ROW | {"clip_id": "c2"}, ROW | {"clip_id": "c3", "transcript": "Its own."}]
    (tmp_path / "in.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    redact_file(
        tmp_path / "in.jsonl", tmp_path / "out.jsonl", Names(), Rules(), Transcripts(tmp_path / "t", Names(), Rules())
    )
    made = read_annotations(tmp_path / "out.jsonl")
    assert [clip.transcript for clip in made.values()] == [
        "Were you & [NAME] there?", "[NAME]: yes. I was glad.", "Its own.",
    ]  # fmt: skip
    for wrong, message in (
        ({"start_s": 10, "end_s": 12}, "V1.srt has no word between 10 and 12 s"),
        ({"video_id": "v9"}, "holds none for it"),
    ):
        with pytest.raises(UserError, match=message):
            Transcripts(tmp_path / "t", Names(), Rules()).fill(ROW | wrong, "row 1")
    with pytest.raises(UserError, match="no such folder"):
        Transcripts(tmp_path / "absent", Names(), Rules())


def test_a_span_that_begins_with_the_rest_of_a_name_loses_it(tmp_path):
    times = "00:00:01,000 --> 00:00:02,000", "00:00:02,000 --> 00:00:03,000"
    (tmp_path / "v1.srt").write_text(f"{times[0]}\nWe won against Marvo\n\n{times[1]}\nTellin in the end.\n")
    found = Transcripts(tmp_path, Names(), Rules()).fill(ROW | {"start_s": 2, "end_s": 3}, "row 1")
    assert found["transcript"] == "[NAME] in the end."


def test_of_transcripts_with_one_name_that_with_times_is_taken(tmp_path):
    (tmp_path / "v1.srt").write_bytes(SRT.encode())
    (tmp_path / "v1.txt").write_text("All of it.")
    assert Transcripts(tmp_path, Names(), Rules()).fill(ROW, "row 1")["transcript"] == "Were you & [NAME] there?"
    (tmp_path / "v1.srt").unlink()
    transcripts = Transcripts(tmp_path, Names(), Rules())
    for _ in range(2):
        assert transcripts.fill(ROW, "row 1")["transcript"] == "All of it."
    with pytest.raises(UserError, match=r"row 2: v1\.txt has no times, and another row has its words"):
        transcripts.fill(ROW | {"clip_id": "c2", "start_s": 5, "end_s": 6}, "row 2")


def test_annotations_may_be_called_json(tmp_path):
    for name, text, theirs in (
        ("a.json", json.dumps({"clip_id": "c1"}) + "\n" + json.dumps({"clip_id": "c2"}), True),
        ("b.json", json.dumps([{"video_id": "v1"}], indent=1), True),
        ("c.json", json.dumps(WHISPER), False),
        ("d.json", json.dumps({"segments": [{"text": 'the "clip_id": it'}]}), False),
    ):
        (tmp_path / name).write_text(text)
        assert are_annotations(tmp_path / name) == theirs


def test_tiers_are_known_by_whole_words(tmp_path):
    (tmp_path / "a.TextGrid").write_text(SHORT_GRID.replace('"a ""b"""', '"Notes Stone"'))
    assert read_cues(tmp_path / "a.TextGrid") == CUES
