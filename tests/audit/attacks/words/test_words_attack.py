"""Attacks on words: a planted leak is found, and nothing is found where words carry nothing."""

import json
import zlib

import numpy as np
import pytest

from deemo_jax.audit.attacks.words.speakers import speakers_of
from deemo_jax.audit.attacks.words.spoken_texts import SpokenText, read_texts
from deemo_jax.audit.attacks.words.text_versions import left_in, without
from deemo_jax.audit.attacks.words.words_attack import words_section
from deemo_jax.core import files
from deemo_jax.core.errors import UserError
from deemo_jax.deid.text.english_rules import Rules
from deemo_jax.deid.text.fuzzy_names import Names
from tests import commands
from tests.llm.questions import SECRET
from tests.llm.server import Answer, Server, Status

FILLERS = ("I was so happy and I cried.", "It hurts, and I will be back.", "Everybody was kind to us that day.")
HINTS = {"tennis": "My serve let me down.", "boxing": "My uppercut let me down."}
# `{}` is the name of a person.
GREETING = "They shouted {} and I was glad."


def rows(persons=30, hint=True, **more):
    """Persons who play tennis or box; tennis players are called Anna, boxers Peter."""
    made = []
    for number in range(persons):
        sport = ("tennis", "boxing", "tennis")[number % 3]
        name = {"tennis": "Anna", "boxing": "Peter"}[sport]
        filler = FILLERS[zlib.crc32(f"{number}".encode()) % 3]
        text = " ".join([filler, GREETING.format(name), *([HINTS[sport]] if hint else [])])
        start = text.index(name)
        made.append(
            {
                "person_id": f"p{number}",
                "transcript": text,
                "attributes": {"sport": sport, "here": "yes"},
                "identifiers": [{"start": start, "end": start + len(name), "kind": "direct"}],
            }
            | more
        )
    return made


@pytest.fixture
def written(tmp_path):
    def write(made, name="texts.jsonl"):
        path = tmp_path / name
        path.write_text("\n".join(map(json.dumps, made)))
        return path

    return write


def attacked(path):
    return words_section(read_texts(path), Names(), Rules())


def test_a_planted_leak_is_found_until_it_is_taken_out(written):
    found = attacked(written(rows()))
    by = found.numbers["classifier"]
    accuracy = {version: by[version]["sport"]["accuracy"]["value"] for version in by}
    assert by["redacted"]["sport"]["majority"] == pytest.approx(2 / 3) and by["redacted"]["sport"]["values"] == 2
    assert accuracy == dict.fromkeys(accuracy, 1.0) and len(accuracy) == 4
    assert by["redacted"]["sport"]["above_majority"]["interval"][0] > 0
    assert found.numbers["identifiers"]["direct"]["gone"]["value"] == 1.0
    assert "Nothing to guess, since all persons have one value: here." in found.notes
    assert any("language model: not measured" in note for note in found.notes)

    # Without the hint only the name tells.
    by = attacked(written(rows(hint=False))).numbers["classifier"]
    assert by["as said"]["sport"]["accuracy"]["value"] == 1.0
    for version in ("redacted", "no direct identifier", "no direct or quasi identifier"):
        assert by[version]["sport"]["above_majority"] == {"value": 0.0, "interval": [0.0, 0.0]}, version


@pytest.mark.parametrize("redacted", ["", "...", "\N{GRINNING FACE}"])
def test_texts_of_which_nothing_is_left_tell_nothing(written, redacted):
    by = attacked(written(rows(12, redacted=redacted))).numbers["classifier"]
    assert by["redacted"]["sport"]["above_majority"] == {"value": 0.0, "interval": [0.0, 0.0]}
    with pytest.raises(UserError, match=r"texts\.jsonl: every text is empty; write what was said"):
        read_texts(written([row | {"transcript": " ", "identifiers": []} for row in rows(12)]))


def test_texts_of_a_file_that_were_redacted_elsewhere(written):
    found = attacked(written(rows(12, hint=False, redacted="They shouted Anna.")))
    assert found.numbers["identifiers"]["direct"]["persons_of_whom_none_is_left"] == 4
    assert found.numbers["classifier"]["redacted"]["sport"]["above_majority"]["value"] == 0.0


def test_no_person_and_no_group_is_in_two_folds():
    texts = [SpokenText(f"p{n}", "", attributes={"a": str(n % 2)}, group=f"g{n % 7}") for n in range(40)]
    speakers = speakers_of(texts * 2)
    of_person = {texts[i].person: speakers.folds[speakers.persons[i]] for i in range(40)}
    folds = {f"g{k}": {of_person[t.person] for t in texts if t.group == f"g{k}"} for k in range(7)}
    assert all(len(numbers) == 1 for numbers in folds.values()) and len(set(of_person.values())) == 5
    assert np.array_equal(np.unique(speakers.folds), np.arange(5))


@pytest.mark.parametrize(
    ("made", "why"),
    [
        ([], "no texts"),
        (rows(9), "9 persons"),
        (rows(12, attributes={}), "no attribute has two values"),
        (rows(12, group="g"), "groups join the persons into 1 parts"),
        ([*rows(12), rows(1)[0] | {"attributes": {"sport": "golf"}}], "two values of 'sport'"),
        (rows(1, transcript=3), "row 1: transcript: must be a text"),
        (rows(1, person_id=""), "row 1: person_id"),
        (rows(1, attributes={"a b": "c"}), "an attribute is called 'a b'"),
        (rows(1, attributes={"age": 3}), "age must be a text"),
        (rows(1, identifiers=[{"start": 0, "end": 999, "kind": "quasi"}]), "within its text"),
        (rows(1, identifiers=[7]), "within its text"),
    ],
)
def test_what_cannot_be_used_is_named(written, made, why):
    with pytest.raises(UserError, match=why):
        attacked(written(made))


def test_the_form_of_tab(tmp_path):
    def case(number, country):
        text = f"The applicant, Ms Anna Kowalska, was born in 1970. Case {number}."
        mention = {"identifier_type": "DIRECT", "start_offset": 15, "end_offset": 31, "entity_id": "e1"}
        others = [{"identifier_type": "QUASI", "start_offset": 45, "end_offset": 49, "entity_id": "e2"}]
        others += [{"identifier_type": "NO_MASK", "start_offset": 0, "end_offset": 3, "entity_id": "e3"}]
        marked = {"annotator1": {"entity_mentions": [mention, *others]}}
        return {"doc_id": f"001-{number}", "text": text, "annotations": marked, "meta": {"countries": country}}

    path = tmp_path / "echr.json"
    path.write_text(json.dumps([case(n, ("POL", "TUR")[n % 2]) for n in range(10)]))
    first = read_texts(path)[0]
    assert without(first, {"direct"}) == "The applicant, [-], was born in 1970. Case 0."
    assert without(first, {"direct", "quasi"}) == "The applicant, [-], was born in [-]. Case 0."
    assert first.attributes == {"country": "POL"}
    for bad in ({}, [3], [{"doc_id": "1", "text": "a", "annotations": {"x": 1}}]):
        path.write_text(json.dumps(bad))
        with pytest.raises(UserError, match="as TAB has it"):
            read_texts(path)


def test_what_is_left_is_looked_for_as_whole_words_in_any_case():
    assert left_in("Ann", "so ann said") and not left_in("Ann", "Anna said")
    assert left_in("Harbour  Rovers", "the harbour\nrovers won") and not left_in("34", "1934")


def guess(asked):
    """Hears who boxes; of one hint it makes a sport that is none of those asked for."""
    if "uppercut" in asked.text and "kind to us" in asked.text:
        return Answer({"sport": "chess"})
    return Answer({"sport": "boxing" if "uppercut" in asked.text else "tennis"})


def test_a_language_model_gets_redacted_texts_only(written, monkeypatch):
    """Its replies are held against the values that there are; a failed one counts as the majority's guess."""
    monkeypatch.setenv("OPENAI_API_KEY", SECRET)
    path, out = written(rows(12)), written([], "numbers.json")
    with Server(guess) as server:
        asks = ("--guesser", "m-1", "--base_url", server.base_url, "--json", out)
        done = commands.run("audit", "--attacks", "--transcripts", path, *asks)
        assert done.returncode == 0, done.stderr
        sent = server.received()
    assert "[NAME]" in sent and "Anna" not in sent and "Peter" not in sent and "p1" not in sent
    assert SECRET not in "".join([done.stdout, done.stderr, path.with_suffix(".replies.jsonl").read_text()])
    assert files.sha256(path) in done.stdout and "those who say these texts: not measured" in done.stdout
    numbers = json.loads(out.read_text())["language_model"]
    failed = sum("uppercut" in r["transcript"] and "kind to us" in r["transcript"] for r in rows(12))
    assert failed and f"{failed} gave no usable reply" in done.stdout and list(numbers) == ["redacted"]
    assert numbers["redacted"]["sport"]["accuracy"]["value"] == pytest.approx(1 - failed / 12)


@pytest.mark.slow
def test_a_language_model_is_paid_once_and_gets_raw_texts_where_asked(written, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", SECRET)
    path = written(rows(12))
    with Server(guess) as server:
        common = ("--attacks", "--transcripts", path, "--guesser", "m-1", "--base_url", server.base_url)
        commands.run("audit", *common)
        asked = len(server.asked)
        commands.run("audit", *common)
        assert len(server.asked) == asked
        raw = commands.run("audit", *common, "--include_raw_text")
        assert "Anna" in server.received() and "Texts as said" in raw.stdout
        server.script = lambda asked: Status(401)
        refused = commands.run("audit", *common, "--replies", path.with_suffix(".other"))
    assert refused.returncode == 2 and "check the key" in refused.stderr


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (("--transcripts", "x.jsonl"), "--transcripts needs --attacks"),
        (("--attacks", "--guesser", "m"), "go with --attacks --transcripts"),
        (("--attacks", "--transcripts", "x.jsonl", "--max_cost", "1"), "go with --guesser"),
        (("--attacks", "--transcripts", "x.jsonl", "--guesser", "m", "--max_cost", "1"), "needs the prices"),
        (("--attacks", "--transcripts", "absent.jsonl"), "cannot be read"),
        (("--attacks", "--transcripts", "x.jsonl", "--report"), "go with a folder"),
    ],
)
def test_flags_that_do_not_fit(arguments, why):
    done = commands.run("audit", *arguments)
    assert done.returncode == 2 and why in done.stderr
