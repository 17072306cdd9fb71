import json
import multiprocessing
import stat

import pytest

from deemo_jax.core.errors import UserError
from deemo_jax.deid.source_map import Known, add, load, map_file
from deemo_jax.deid.text.english_rules import Rules
from deemo_jax.deid.text.fuzzy_names import Names
from deemo_jax.deid.text.transcripts import redact_file

ROWS = [
    Known("/raw/a/interview.mp4", "1" * 64, "c1"),
    Known("/raw/b/interview.mp4", "2" * 64, "c2"),
    Known("/raw/b/talk.mov", "3" * 64, "c3"),
    Known("/raw/b/talk.mov", "3" * 64, "c3_0000000_0001000"),
]


def test_only_the_owner_may_read_it(tmp_path):
    path = map_file(tmp_path / "keys" / "voice.key")
    assert path == tmp_path / "keys" / "voice.key.sources.jsonl"
    assert add(path, ROWS[:1]) and stat.S_IMODE(path.stat().st_mode) == 0o600
    path.chmod(0o640)
    for touch in (lambda: add(path, ROWS), lambda: load(path)):
        with pytest.raises(UserError, match="chmod 600"):
            touch()
    with pytest.raises(UserError, match="deidentify writes it"):
        load(tmp_path / "absent")


def test_names_paths_and_stems(tmp_path):
    path = tmp_path / "map"
    add(path, ROWS)
    known = load(path)
    assert known.find("interview.mp4") == {"1" * 64: "/raw/a/interview.mp4", "2" * 64: "/raw/b/interview.mp4"}
    assert set(known.find("a/interview.mp4")) == set(known.find("/raw/a/interview.mp4")) == {"1" * 64}
    assert set(known.find("talk.mov")) == set(known.find("talk")) == {"3" * 64}
    assert known.find("alk.mov") == known.find("c1") == known.find("~nobody-of-that-name/talk.mov") == {}
    add(path, [Known("/", "4" * 64, "c4"), Known("", "5" * 64, "c5")])
    assert set(load(path).find("talk")) == {"3" * 64}


def test_a_file_that_was_changed_is_what_it_was_last(tmp_path):
    path, old, new = tmp_path / "map", ROWS[0], Known(ROWS[0].source, "9" * 64, "c9")
    add(path, [old])
    add(path, [new])
    assert load(path).find("a/interview.mp4") == {"9" * 64: new.source} and load(path).pseudonym("interview") == "c9"
    for _ in range(2):  # what lay there before is put back
        add(path, [old])
        assert set(load(path).find("interview")) == {"1" * 64}
    assert len(path.read_text().splitlines()) == 3


def test_a_line_that_was_cut_off_spoils_no_other(tmp_path):
    path = tmp_path / "map"
    add(path, ROWS[:1])
    with open(path, "ab") as handle:
        handle.write(b'{"source": "/raw/x')
    assert not add(path, ROWS)
    assert add(path, ROWS) is False and len(path.read_bytes().splitlines()) == 5
    assert set(load(path).find("talk")) == {"3" * 64} and load(path).find("x") == {}


def many(job):
    path, worker = job
    for number in range(50):
        add(path, [Known(f"/raw/{worker}/{number}.mp4", "0" * 64, "c")])


def test_several_runs_add_at_once(tmp_path):
    path = tmp_path / "map"
    with multiprocessing.get_context("spawn").Pool(2) as pool:
        pool.map(many, [(path, worker) for worker in range(2)])
        pool.close()
        pool.join()
    lines = path.read_text().splitlines()
    assert len(lines) == len(set(lines)) == 100 and all(line.startswith("{") and line.endswith("}") for line in lines)


def test_texts_lose_the_names_of_files_too(tmp_path):
    path, rows = tmp_path / "map", tmp_path / "rows.jsonl"
    add(path, [*ROWS, Known("/raw/Jane_Example.mov", "4" * 64, "c4_0001000_0002000")])
    texts = {"video_id": "v", "start_s": 0, "end_s": 1, "transcript": "", "emotion": "positive", "reasoning": ""}
    named = ("talk.mov", "Jane_Example.mov", "unknown.mov")
    rows.write_text("".join(json.dumps(texts | {"file": name}) + "\n" for name in named))
    redact_file(rows, tmp_path / "out.jsonl", Names(), Rules(), known=load(path))
    files = [json.loads(line)["file"] for line in (tmp_path / "out.jsonl").read_text().splitlines()]
    # One whole and one span of talk.mov are of one recording; so is the span of the other.
    assert files == ["c3", "c4", "unknown.mov"]
    assert load(path).pseudonym("interview.mp4") is None and load(path).pseudonym("a/interview.mp4") == "c1"
