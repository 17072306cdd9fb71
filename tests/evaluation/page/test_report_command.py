"""`evaluate --report`, as a person asks for it: sets, files that are there, and mistakes."""

import functools
import json

import pytest

from tests import commands
from tests.evaluation.page.pages import Page, two_systems

report = functools.partial(commands.run, "evaluate", "--report")


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    return two_systems(tmp_path_factory.mktemp("files"), clips=30)


def test_sets_of_one_system_and_a_page_that_is_there(files, tmp_path):
    both = tmp_path / "both.jsonl"
    both.write_text(files[1].read_text() + files[0].read_text())
    out = tmp_path / "out"
    assert report(both, "--out", out).returncode == 0
    page = Page((out / "report.html").read_text())
    assert [system["name"] for system in page.data["systems"]] == ["all", "audio"]  # the fullest first
    assert page.data["reference"] == "all" and list(out.iterdir()) == [out / "report.html"]
    before = (out / "report.html").read_bytes()
    done = report(both, "--out", out, "--modalities", "audio")
    assert done.returncode == 2 and "is there already" in done.stderr
    assert (out / "report.html").read_bytes() == before
    assert report(both, "--out", out, "--modalities", "audio", "--overwrite").returncode == 0
    assert len(Page((out / "report.html").read_text()).data["systems"]) == 1


def test_metadata_of_clips_in_json_lines(files, tmp_path):
    people = tmp_path / "clips.jsonl"
    rows = [
        {"clip_id": f"clip{i:03d}", "Sex": [None, "f", "m"][i % 3], "age": i, "tags": ["x"], "left": i < 5}
        for i in range(60)
    ]
    people.write_text("".join(json.dumps(row) + "\n" for row in rows))
    done = report(files[0], "--metadata", people, "--out", tmp_path / "out")
    assert done.returncode == 0, done.stderr
    page = (tmp_path / "out" / "report.html").read_text()
    groups = Page(page).data["groups"]
    assert set(groups) == {"Sex", "age", "left"} and {g["group"] for g in groups["left"]} == {"True", "False"}
    assert {g["group"]: g["clips"] for g in groups["Sex"]} == {"f": 10, "m": 10, "(not stated)": 10}
    assert "30 of the 60 rows of clips.jsonl are of none of these clips." in page
    assert "Column tags holds lists or objects, and is left out." in page


def test_mistakes_are_one_line_and_leave_nothing(files, tmp_path):
    first, second, people = files
    lines = first.read_text().splitlines(keepends=True)
    texts = {
        "fewer.jsonl": "".join(lines[1:]),
        "empty.jsonl": "",
        "nameless.jsonl": "".join(line.replace('"person_id": "p', '"person_id": null, "x": "p') for line in lines),
        "twice.csv": "person_id,sex\np01,f\np01,m\n",
        "strangers.csv": "person_id,sex\nq1,f\n",
        "idless.csv": "name,sex\nAnn,f\n",
        "bare.csv": "person_id\np01\n",
        "numbers.jsonl": '{"person_id": 7, "sex": "f"}\n',
        "lists.jsonl": '{"person_id": "p01", "sex": ["f"]}\n',
    }
    for name, text in texts.items():
        (tmp_path / name).write_text(text)
    (tmp_path / "folder").mkdir()
    out = ("--out", tmp_path / "out")
    for words, says in (
        (out, "name runs or files of predictions behind --report"),
        ((first,), "name its folder with --out"),
        ((first, "--out", first), "is a file; give a folder as --out"),
        ((first, tmp_path / "fewer.jsonl", *out), "answered other clips"),
        ((tmp_path / "empty.jsonl", *out), "no rows"),
        ((tmp_path / "folder", *out), "has no finished evaluation"),
        ((tmp_path / "absent.jsonl", *out), "cannot be read"),
        ((first, second, "--modalities", "all;audio", *out), "shows one set"),
        ((first, "--modalities", "video", *out), "has no predictions for modalities 'video'"),
        ((first, "--data_dir", tmp_path / "none", *out), "no dataset there"),
        ((first, "--deid", tmp_path / "none", *out), "no folder with manifests"),
        ((first, "--deid", tmp_path / "folder", *out), "holds no manifest"),
        ((first, "--workdir", tmp_path, *out), "without --workdir"),
        ((first, "--read", "likelihood", *out), "--read goes with --predictions"),
        ((first, "--compare", *out), "--predictions, --report"),
        *(
            ((first, "--metadata", tmp_path / name, *out), says)
            for name, says in (
                ("none.csv", "cannot be read"),
                ("empty.jsonl", "has no rows"),
                ("twice.csv", "row 2: person_id p01 comes twice"),
                ("strangers.csv", "none of its 1 rows is of a person_id of these predictions"),
                ("idless.csv", "has no column clip_id or person_id"),
                ("bare.csv", "has no column to group by"),
                ("numbers.jsonl", "person_id must be a text"),
                ("lists.jsonl", "holds lists or objects"),
            )
        ),
        ((tmp_path / "nameless.jsonl", "--metadata", people, *out), "the predictions state none"),
    ):
        done = report(*words)
        assert (done.returncode, done.stdout) == (2, ""), words
        assert says in done.stderr and len(done.stderr.splitlines()) == 1, done.stderr
    assert not (tmp_path / "out").exists()
    done = commands.run("evaluate", "--predictions", first, "--metadata", people)
    assert done.returncode == 2 and "goes with --report" in done.stderr
