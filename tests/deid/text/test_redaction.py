"""Words without names: rules, the project's list, annotation rows with their stamp, and the command."""

import json
from types import SimpleNamespace

import pytest

from deemo_jax.core.errors import UserError
from deemo_jax.core.schema import RAW_TRANSCRIPT
from deemo_jax.data.build.annotations import read_annotations, transcript_provenance
from deemo_jax.deid.text.english_rules import Rules
from deemo_jax.deid.text.fuzzy_names import Names
from deemo_jax.deid.text.presidio import Presidio
from deemo_jax.deid.text.redaction import redact
from deemo_jax.deid.text.spans import TAG, Span
from deemo_jax.deid.text.transcripts import find_engine, read_names, redact_file, redact_row, text_deid
from deemo_jax.sample.script import LEXICON

ROW = {
    "clip_id": "c1", "video_id": "v1", "person_id": "p1", "start_s": 0.0, "end_s": 3.5,
    "transcript": "I hugged Jane Example in Paris on 3 May 2019.", "emotion": "positive",
    "nfbl": [{"start_s": 0.1, "end_s": 0.4, "label": "Jane Example waves"}], "reasoning": "She is glad.",
    "words": [{"text": "Jane"}],
}  # fmt: skip


@pytest.mark.parametrize(
    "text,expected",
    [
        ("I lost to Marvo Tellin today.", "I lost to [NAME] today."),
        ("Dr. Tellin said I am fine.", "Dr. [NAME] said I am fine."),
        ("It was O'Tellin-Vask's day.", "It was [NAME]'s day."),
        ("I love playing for Brava FC.", "I love playing for [TEAM]."),
        ("She left the University of Brava in tears.", "She left the [TEAM] in tears."),
        ("We flew to Brava, and I slept.", "We flew to [PLACE], and I slept."),
        ("i cried all night in london with anna", "i cried all night in [PLACE] with [NAME]"),
        ("my name is marvo tellin and i am happy", "my name is [NAME] and i am happy"),
        ("mr tellin was kind", "mr [NAME] was kind"),
        ("Born on 2001-12-31, or 31.12.2001.", "Born on [DATE], or [DATE]."),
        ("On Monday the 3rd of May at 7:30 pm.", "On [DATE] at [DATE]."),
        ("In May I was sad; I may be happy.", "[DATE] I was sad; I may be happy."),
        ("back in nineteen ninety-nine", "back in [DATE]"),
        ("It ended 6-4, 7-5.", "It ended [NUMBER]."),
        ("We won six four and I am 27 years old.", "We won [NUMBER] and I am [NUMBER]."),
        ("I am world number three.", "I am [NUMBER]."),
        ("Ring +44 20 7946 0958 or jane.doe@mail.example.com!", "Ring [CONTACT] or [CONTACT]!"),
        ("It is on https://example.com/a?b=c, @jane_d and #jane.", "It is on [CONTACT], [CONTACT] and [CONTACT]."),
        ("We won 6:4, 7:6(5).", "We won [NUMBER]."),
        ("It was 6/4 7/5, then 6-4 7-5.", "It was [NUMBER], then [NUMBER]."),
        ("It was 7-6 (5), 6-7 (10-12) and 6-3.", "It was [NUMBER]."),
        ("we lost 6 4 7 5 today", "we lost [NUMBER] today"),
        ("At 7:30, not at 8:15.", "At [DATE], not at [DATE]."),
        ("ring oh two oh, seven nine four six now", "ring [NUMBER] now"),
        ("double seven triple four and I cried", "[NUMBER] and I cried"),
        ("Tellin, you are great. Vasko too.", "[NAME], you are great. [NAME] too."),
        ("I am glad. Iga, thanks.", "I am glad. [NAME], thanks."),
        ("SERENA WILLIAMS BEAT ME", "[NAME] BEAT ME"),
        ("I LOST TO JUAN DEL VASKO AND I CRIED", "I LOST TO [NAME] AND I CRIED"),
        ("SERENA PLAYED WELL", "[NAME] PLAYED WELL"),
        ("It hid\u200bden \u202eJa\u200bne here.", "It hidden [NAME] here."),
    ],
)  # fmt: skip
def test_what_identifies_is_tagged(text, expected):
    found = redact(text)
    assert found.text == expected
    assert [found.text[a:b] for _, a, b in found.replacements] == [m[0] for m in TAG.finditer(expected)]
    assert redact(found.text) == found


@pytest.mark.parametrize(
    "text",
    [
        "Well, I was gutted. Winning is everything! Yes, I'm sure.",
        "the first two sets were awful, then we won one of them",
        "Oh God, I was SO happy. OK? I'd do it again on Monday.",
        "I WAS SO HAPPY WITH MY TEAM",
        "“Nothing hurts,” she said. “Tears are fine.”",
        "Happiness and hope will come; may they stay.",
        "Exhausted, I sat down. Furious, we left. Unbelievable, right? Mate, it hurts.",
        "Phew, it is over. Overall, I am glad. Guys, thanks. Me too.",
        "I have one, two, three friends, and one or two more.",
        "Oh, oh, oh, oh! I waited 2, 3 hours.",
        "",
        *LEXICON,
    ],
)
def test_plain_words_stay(text):
    assert redact(text).text == text


def test_project_names_are_found_in_any_spelling():
    names = Names(["Mia Djoković", "[TEAM] Harbour Lights", "Will Hope", "Ølsen"])
    said = "mia  DJOKOVIC beat djoković's coach; the harbour lights hope Will Hope will come. I saw Djokovicova. ølsen!"
    assert redact(said, names).text == (
        "[NAME] beat [NAME]'s coach; the [TEAM] hope [NAME] will come. I saw [NAME]. [NAME]!"
    )
    assert redact("djokovicova", names).text == "djokovicova"  # another word
    assert redact("ｍｉａ", names).text == "[NAME]"
    for wrong in ("...", "", "x" * 201):
        with pytest.raises(UserError, match="no name"):
            Names([wrong])


class Nothing:
    """An engine that finds nothing, so that only the list is at work."""

    method = "nothing"

    def find(self, text):
        return []


@pytest.mark.parametrize(
    "name,text,expected",
    [
        ("Łukasz Kubot", "lukasz kubot", "[NAME]"),
        ("Đoković", "djokovic, dokovic, đokovic", "[NAME], [NAME], [NAME]"),
        ("Djokovic", "Đoković", "[NAME]"),
        ("Søren Kierk", "soren kierk; soeren", "[NAME]; [NAME]"),
        ("Işık", "isik IŞIK", "[NAME] [NAME]"),
        ("Þóra Ærø", "thora aero", "[NAME]"),
        ("Guðrun Groß", "GUDRUN GROSS", "[NAME]"),
        ("Œuvry", "oeuvry", "[NAME]"),
        ("Müller", "muller mueller", "[NAME] [NAME]"),
        ("Conor O'Brien", "conor obrien, conor o’brien's, O`Brien", "[NAME], [NAME]'s, [NAME]"),
        ("Jean-Luc", "jean luc, jeanluc, jean–luc", "[NAME], [NAME], [NAME]"),
        ("Jeanluc", "jean-luc", "[NAME]"),
        ("J.R. Tellin", "jr tellin", "[NAME]"),
        ("[PLACE] Lord's", "at lords, at lord’s", "at [PLACE], at [PLACE]"),
        ("Serena Williams", "serenawilliams serena_williams", "[NAME] [NAME]"),
        ("李娜", "李娜赢了", "[NAME]赢了"),
        ("김연아", "김연아가 왔다, 김연안", "[NAME]가 왔다, 김연안"),
        ("山田太郎", "山田太郎さん、山田 太郎", "[NAME]さん、[NAME]"),
        ("山田 太郎", "山田太郎さんと山田さん", "[NAME]さんと[NAME]さん"),
        ("ロジャー・フェデラー", "ﾛｼﾞｬｰﾌｪﾃﾞﾗｰは", "[NAME]は"),
        ("สมชาย", "คุณสมชายมา", "คุณ[NAME]มา"),
        ("Federer", "Federer赢了", "[NAME]赢了"),
        ("राहुल", "राहुल ने, रहल", "[NAME] ने, रहल"),
        ("Jane", "Ja\u0301ne Ja\ufe0fne", "[NAME] [NAME]"),
        # Other words, which only letters run together would make a name.
        ("Isa", "she is a friend", "she is a friend"),
        ("Shell", "she'll come", "she'll come"),
        ("Williams", "William's serve", "William's serve"),
        ("Tomas", "from Tom as ever, tomast", "from Tom as ever, tomast"),
    ],
)
def test_project_names_are_found_however_they_are_written(name, text, expected):
    found = redact(text, [name], Nothing())
    assert found.text == expected
    tags = list(TAG.finditer(expected))
    assert found.replacements == tuple((m[0][1:-1], m.start(), m.end()) for m in tags)
    assert redact(found.text, [name], Nothing()) == found


def test_spellings_do_not_count_as_further_names():
    assert [len(Names([name])) for name in ("Đorđević", "Mia Müller", "Conor O'Brien", "李娜")] == [1, 3, 4, 1]
    assert redact("tellin", ["Mia Tellin", "[TEAM] Tellin"], Nothing()).text == "[TEAM]"


@pytest.mark.parametrize("length", [1_000, pytest.param(4_000, marks=pytest.mark.slow)])
def test_odd_names_come_to_an_end(length):
    """Spellings do not multiply: with every letter in two of them this would never return."""
    odd = Names(["å " * 99, "a" * 200, "李" * 39 + "a", "a-" * 99])
    for piece in ("å ", "a ", "a-", "李", "å"):
        text = (piece * length)[:length]
        assert all(0 <= span.start < span.end <= len(text) for span in odd.find(text))


def test_an_engine_that_misbehaves_breaks_nothing():
    class Odd:
        method = "odd"

        def find(self, text):
            yield from (Span(-3, 2, "NAME"), Span(4, 99, "NAME"), Span(2, 2, "DATE"), Span(0, 1, "OTHER"))
            yield from (Span(2, 5, "DATE"), Span(3, 6, "NAME"))

    assert redact("abcdefgh", engine=Odd()).text == "ab[DATE]gh"
    with pytest.raises(UserError, match="at most 100,000"):
        redact("a" * 100_001)


@pytest.mark.parametrize(
    "piece",
    [
        "A ",
        "a-",
        "A: ",
        "Dr. ",
        "von ",
        "a dot ",
        "a underscore ",
        "(at)",
        "'s ",
        "1-",
        "a at ",
        "[NAME]",
        "six ",
        "@a",
        "(1) ",
        "Mr. ",
        "“",
        "a.",
        "mia.",
    ],
)
@pytest.mark.parametrize("length", [5_000, pytest.param(30_000, marks=pytest.mark.slow)])
def test_hostile_text_comes_to_an_end(piece, length):
    """No pattern goes back over and over: with a quadratic one this takes minutes."""
    redacted = redact((piece * length)[:length], Names(["A A A", "Mr A"]))
    assert all(start < end for _, start, end in redacted.replacements) and redacted.text


def test_rows_are_stamped_and_edits_noticed(tmp_path):
    made = redact_row(ROW, Names(["waves"]), Rules())
    assert made["transcript"] == "I hugged [NAME] in [PLACE] on [DATE]."
    assert made["nfbl"][0]["label"] == "[NAME] [NAME]" and "words" not in made
    assert "Jane" not in json.dumps(made) and "Paris" not in json.dumps(made)
    assert made["deid"]["counts"] == {"NAME": 3, "PLACE": 1, "DATE": 1}
    assert made["deid"]["positions"]["transcript"][0] == ["NAME", 9, 15]
    assert text_deid(made, "row") == "deemo_jax rules 4 and 1 listed names, 5 replaced"
    again = redact_row(made, Names(), Rules())
    assert again["transcript"] == made["transcript"] and again["deid"]["counts"] == made["deid"]["counts"]
    path = tmp_path / "rows.jsonl"
    path.write_text(json.dumps(made) + "\n" + json.dumps(ROW | {"clip_id": "c2"}) + "\n")
    first, second = read_annotations(path).values()
    assert transcript_provenance(first) == text_deid(made, "") and transcript_provenance(second) == RAW_TRANSCRIPT
    stamp = made["deid"]
    for wrong in (
        made | {"transcript": made["transcript"] + " Jane"},
        made | {"clip_id": "c2"},
        made | {"nfbl": []},
        made | {"deid": stamp | {"counts": {}}},
        made | {"deid": stamp | {"method": "by hand"}},
        made | {"deid": stamp | {"positions": {}}},
        made | {"deid": stamp | {"value": "Jane"}},
        made | {"deid": True},
    ):
        path.write_text(json.dumps(wrong))
        with pytest.raises(UserError, match="redact again"):
            read_annotations(path)


def test_ids_hold_no_listed_name():
    with pytest.raises(UserError, match="person_id holds a name"):
        redact_row(ROW | {"person_id": "Serena Williams"}, Names(["Serena Williams"]), Rules(), "a.jsonl: row 1")
    for listed, said in (("Mia Tellin", "mia_tellin_03"), ("Tellin", "tellin03"), ("Mia Tellin", "MiaTellin7")):
        with pytest.raises(UserError, match="video_id holds a name of the list"):
            redact_row(ROW | {"video_id": said}, Names([listed]), Nothing())


@pytest.mark.parametrize("key", ["person_id", "video_id", "clip_id"])
@pytest.mark.parametrize(
    "said,kind",
    [
        ("Serena_Williams", "NAME"),
        ("federer.roger-02", "NAME"),
        ("serena01", "NAME"),
        ("Marvo_Tellin", "NAME"),
        ("MarvoTellin_2", "NAME"),
        ("interview_paris_3", "PLACE"),
        ("Brava-FC", "TEAM"),
        ("3_May_2019", "DATE"),
        ("m.tellin@mail.example.com", "CONTACT"),
    ],
)
def test_ids_hold_nothing_that_the_engine_finds(key, said, kind):
    with pytest.raises(UserError, match=rf"row 1: {key} seems to hold a {kind}; give pseudonyms") as error:
        redact_row(ROW | {key: said}, Names(), Rules(), "a.jsonl: row 1")
    assert not any(part in str(error.value).lower() for part in ("serena", "federer", "tellin", "paris", "brava"))


@pytest.mark.parametrize(
    "said",
    [
        "B9E8B405-BFEA-EE1A-C0F8-6E8CC63E35F2",
        "p1", "s3_p12_v04", "s3_000012", "Speaker_One", "Clip_003_Video_B", "SPK01", "ABC123", "samplenew3_00012345",
        "20190503", "video_1900", "001-002-003", "K9Fqz3", "FwFDpiMVHsM", "XZPOCHDCPFYR",
        "a3f8b2c1-4d5e-4abc-9def-0123456789ab", "GuestSpeaker_02",
    ],
)  # fmt: skip
def test_ids_that_are_pseudonyms_pass(said):
    row = ROW | {"clip_id": said, "video_id": said, "person_id": said}
    made = redact_row(row, Names(["Mia Tellin"]), Rules())
    assert (made["clip_id"], made["video_id"], made["person_id"]) == (said, said, said)


def test_ids_are_shown_to_the_chosen_engine():
    class Finder(Nothing):
        def find(self, text):
            at = text.find("quiet otter")
            return [Span(at, at + 11, "NAME")] if at >= 0 else []

    with pytest.raises(UserError, match="person_id seems to hold a NAME"):
        redact_row(ROW | {"person_id": "quiet_otter"}, Names(), Finder())
    assert redact_row(ROW | {"person_id": "quiet_heron"}, Names(), Finder())["person_id"] == "quiet_heron"


def test_a_file_is_whole_or_absent(tmp_path):
    source, target = tmp_path / "in.jsonl", tmp_path / "out.jsonl"
    source.write_text(json.dumps(ROW) + "\n" + json.dumps(ROW | {"emotion": "odd?"}) + "\n")
    with pytest.raises(UserError, match="row 2"):
        redact_file(source, target, Names(), Rules())
    assert not target.exists()
    source.write_text(json.dumps(ROW) + "\n")
    with pytest.raises(UserError, match="is the source"):
        redact_file(source, source, Names(), Rules())
    found = redact_file(source, target, Names(), Rules())
    assert (found.rows, found.dropped) == (1, ("words",)) and found.counts["NAME"] == 2
    (tmp_path / "names").write_bytes(b"\xff\xff")
    with pytest.raises(UserError, match="UTF-8"):
        read_names(tmp_path / "names")


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_a_list_of_names_may_have_remarks_and_be_of_an_editor_on_windows(tmp_path, encoding):
    (tmp_path / "names").write_bytes("# ours\r\nzorba # the coach\r\n\r\n[TEAM] quops\r\n".encode(encoding))
    names = read_names(tmp_path / "names")
    assert [(s.start, s.end, s.kind) for s in names.find("zorba left quops")] == [(0, 5, "NAME"), (11, 16, "TEAM")]
    assert names.find("the coach left") == []


@pytest.mark.parametrize(
    "text",
    [
        "see www.janedoe.com/[NAME] now",
        "mail jane.doe+[NAME]@x.com",
        "see https://instagram.com/serena.williams/[NAME]/p",
    ],
)
def test_what_lies_beside_a_tag_goes_too(text):
    left = redact(text).text
    assert not any(word in left for word in ("jane", "doe", "serena", "williams", "instagram"))
    assert redact(left).text == left


def test_presidio_fits_the_protocol():
    class Analyzer:
        def analyze(self, text, language, score_threshold):
            assert language == "en" and score_threshold == 0.4 and "[" not in text
            at = text.index("Jane")
            return [SimpleNamespace(start=at, end=at + 4, entity_type="PERSON")]

    assert redact("[DATE] I met Jane.", engine=Presidio(Analyzer())).text == "[DATE] I met [NAME]."


def test_presidio_itself():
    analyzer = pytest.importorskip("presidio_analyzer")
    with pytest.raises(UserError, match="spaCy's model"):
        find_engine("presidio")
    found = redact("Mail jane@example.com, I am glad.", engine=Presidio(_blank(analyzer), "blank"))
    assert found.text == "Mail [CONTACT], I am glad."


def _blank(analyzer):
    """Presidio with its patterns and no language model."""
    import spacy

    engine = analyzer.nlp_engine.SpacyNlpEngine(models=[{"lang_code": "en", "model_name": "blank"}])
    engine.nlp = {"en": spacy.blank("en")}
    return analyzer.AnalyzerEngine(nlp_engine=engine, supported_languages=["en"])


@pytest.mark.parametrize(
    "text,expected",
    [
        ("TELLIN: it was hard.", "[NAME]: it was hard."),
        ("Tellin: it was hard. Tellin laughed.", "[NAME]: it was hard. [NAME] laughed."),
        (">> Mia Tellin (crying): yes.\n- Vasko: no.", ">> [NAME] (crying): yes.\n- [NAME]: no."),
        ("It was bad. Vasko: yes.", "It was bad. [NAME]: yes."),
        ("MARVO TELLIN: YES, I DID", "[NAME]: YES, I DID"),
        ("Zorvo hit the ball. Rafa laughs.", "[NAME] hit the ball. [NAME] laughs."),
        ("Zorvo couldn't stop.", "[NAME] couldn't stop."),
        ("Dr. med. Anna-Lena von und zu Tellin came.", "Dr. med. [NAME] came."),
        ("Prof. Dr. h. c. Marvo van der Tellin was there.", "Prof. Dr. h. c. [NAME] was there."),
        ("dr med marvo von und zu tellin was kind", "dr med [NAME] was kind"),
        ("I met Marvo van der Tellin and Zorvo d'Vasko.", "I met [NAME] and [NAME]."),
        ("see bit.ly/3xYzAb and tinyurl.example/ab now", "see [CONTACT] and [CONTACT] now"),
        ("on tellin.dev/about, or tellin.dev now", "on [CONTACT], or [CONTACT] now"),
        ("marvo underscore tellin at proton dot me", "[CONTACT]"),
        ("mail marvo dot tellin at mail dot example dot com", "mail [CONTACT]"),
        ("marvo.tellin (at) mail (dot) com, or marvo[at]mail.com", "[CONTACT], or [CONTACT]"),
        ("it is www dot tellin dot com slash about", "it is [CONTACT]"),
        ("Follow marvo underscore t.", "Follow [CONTACT]."),
        ("Speaker 2 (Vasko): yes. Q (laughs): no.", "Speaker 2 ([NAME]): yes. Q (laughs): no."),
        ("TELLIN, MARVO: yes.\nTellin/Vasko: no.", "[NAME]: yes.\n[NAME]: no."),
        ("vasko: it was hard\nmarvo tellin: yes", "[NAME]: it was hard\n[NAME]: yes"),
        ("GRACE: it was hard. Will: yes.", "[NAME]: it was hard. [NAME]: yes."),
        ("Tellin - it was hard.", "[NAME] - it was hard."),
        ("Zorvo began well. Quelda thanked me.", "[NAME] began well. [NAME] thanked me."),
        ("Grace hugged me. Hope came.", "[NAME] hugged me. Hope came."),
        ("I met Capt. Tellin and Lt. Col. Vasko.", "I met [NAME] and [NAME]."),
        ("I saw Zorvo al-Tellin and Dr. bin Vasko al-Tellin.", "I saw [NAME] and Dr. [NAME]."),
        ("priya rang, and mia.tellin_7 wrote", "[NAME] rang, and [NAME] wrote"),
        ("m a at mail dot com, or marvo at tellin dot photography", "[CONTACT], or [CONTACT]"),
        ("marvo dot tellin at proton, marvo_at_mail_dot_me", "[CONTACT], [CONTACT]"),
        ("marvo@host or marvo#1234", "[CONTACT] or [CONTACT]"),
    ],
)  # fmt: skip
def test_names_are_found_in_unusual_places(text, expected):
    found = redact(text)
    assert found.text == expected and redact(found.text) == found


@pytest.mark.parametrize(
    "text",
    [
        "Interviewer: how was it? Player: fine. Q: and then?",
        "Note: we won. Result: good. Honestly: bad. What I felt: joy.",
        "The answer is simple: run. We looked at it point by point.",
        "Look at it, dot com is old; I was at home at noon dot dot dot.",
        "He arrived at the dot. mrs will say so",
        "Joy: we won. Recap: we lost.\nreasoning: the words are sad\nplayer: yes\nmy answer: no",
        "Posture slumped, speech was slow. Speaker is glad. Pitch rose. Failure taught me. Weather ruined it.",
        "Body (arms): closed. We lost - it hurt. Sure - why not. Exhausted - I sat down.",
        "I did not sleep at all. I called at noon dot he cried. He is my rep. Winning is all.",
    ],
)
def test_roles_and_plain_words_stay(text):
    assert redact(text).text == text


UNREAD = [
    "我和李娜在北京比赛,我很高兴。",
    "لعبت مع سيرينا في لندن وكنت سعيدا",
    "मैं राहुल से दिल्ली में मिला",
    "Я видел Ивана Петрова в Москве",
    "მე ვნახე ნინო თბილისში",
    "I saw 李 there today.",
    "ayer jugué con rafael en madrid y me sentí muy feliz por todo",
    "Ich habe gestern gegen Anna in Berlin gespielt und war sehr froh darüber",
]


@pytest.mark.parametrize("text", UNREAD)
@pytest.mark.parametrize("key", ["transcript", "reasoning", "nfbl"])
def test_what_cannot_be_read_gets_no_stamp(text, key):
    row = ROW | {key: [text] if key == "nfbl" else text}
    made = redact_row(row, Names(), Rules())
    assert "deid" not in made and text_deid(made, "row") == ""
    # A finder of one's own may know the language.
    assert "deid" in redact_row(row, Names(), Nothing())


@pytest.mark.parametrize(
    "text",
    ["[NAME] felt 5 µm and π.", "Oui.", "I was glad, café au lait with Zoë.", "the crowd was loud and we cried", ""],
)
def test_english_is_read(text):
    assert "deid" in redact_row(ROW | {"transcript": text}, Names(), Rules())


def test_listed_names_are_out_of_what_cannot_be_read():
    made = redact_row(ROW | {"transcript": "李娜赢了"}, Names(["李娜"]), Rules())
    assert made["transcript"] == "[NAME]赢了" and "deid" not in made


def test_what_cannot_be_read_is_counted(tmp_path):
    rows = [
        ROW | {"clip_id": f"c{n}", "transcript": text} for n, text in enumerate([*UNREAD[:3], "I am glad.", UNREAD[6]])
    ]
    (tmp_path / "in.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    found = redact_file(tmp_path / "in.jsonl", tmp_path / "out.jsonl", Names(), Rules())
    assert dict(found.unread) == {
        "words of it are in another script than Latin": 3, "it does not seem to be English": 1,
    }  # fmt: skip
    said = [transcript_provenance(clip) for clip in read_annotations(tmp_path / "out.jsonl").values()]
    assert [each == RAW_TRANSCRIPT for each in said] == [True, True, True, False, True]
    assert found.uncapitalised == 0 and found.dropped == ("words",)


def test_lower_case_is_counted(tmp_path):
    rows = [ROW | {"clip_id": "c1", "transcript": "i was so happy when we won the match today", "reasoning": "Glad."}]
    (tmp_path / "in.jsonl").write_text(json.dumps(rows[0]) + "\n")
    assert redact_file(tmp_path / "in.jsonl", tmp_path / "out.jsonl", Names(), Rules()).uncapitalised == 1


def test_a_text_whose_capitals_are_all_replaced_is_not_lower_case(tmp_path):
    said = "Sarah said that we lost to the Harbour Rovers in Paris, and it was so hard"
    (tmp_path / "in.jsonl").write_text(json.dumps(ROW | {"transcript": said}) + "\n")
    assert redact_file(tmp_path / "in.jsonl", tmp_path / "out.jsonl", Names(), Rules()).uncapitalised == 0
    made = read_annotations(tmp_path / "out.jsonl")["c1"].transcript
    assert made == "[NAME] said that we lost to the [TEAM] in [PLACE], and it was so hard"


def test_rows_that_name_a_file(tmp_path):
    row = {key: value for key, value in ROW.items() if key != "clip_id"} | {"file": "day 1/GX010042.MP4"}
    made = redact_row(row, Names(), Rules())
    assert made["file"] == row["file"] and text_deid(made, "row")
    (tmp_path / "rows.jsonl").write_text(json.dumps(made) + "\n")
    assert read_annotations(tmp_path / "rows.jsonl")["GX010042"].text_deid
    for file, names, message in (
        ("Serena Tellin.mp4", Names(), "seems to hold"),
        ("harbour_02.mp4", Names(["[TEAM] Harbour"]), "list"),
    ):
        with pytest.raises(UserError, match=f"file .*{message}"):
            redact_row(row | {"file": file}, names, Rules())
