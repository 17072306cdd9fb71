"""One table of several systems, as a person asks for it."""

import csv
import dataclasses
import functools
import io
import json
import re

import numpy as np
import pytest
from PIL import Image
from scipy.stats import binomtest
from sklearn.metrics import accuracy_score, f1_score

from deemo_jax.core.files import sha256, write_json
from tests import commands
from tests.evaluation.samples import imagined

compare = functools.partial(commands.run, "evaluate", "--compare")
LABELS = ("negative", "positive")


def write(path, rows):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row.to_json()) + "\n" for row in rows))
    return path


@pytest.fixture
def systems(tmp_path):
    """Two runs, with persons, and two files without; 120 clips each."""
    rows = imagined({"all": 0.9, "audio,video": 0.8, "audio": 0.7, "video": 0.6}, clips=120)
    paths = []
    for name, of_set in (("a", "all"), ("b", "audio,video")):
        folder = tmp_path / name / "evaluation" / "test"
        chosen = [row for row in rows if row.modalities in (of_set, "audio")]
        persons = [dataclasses.replace(row, person_id=f"p{int(row.clip_id[4:]) % 24}") for row in chosen]
        write(folder / "predictions.jsonl", persons)
        write_json(folder / "recognition.json", {"sets": {of_set: {"classes": dict.fromkeys(LABELS)}}})
        paths.append(tmp_path / name)
    for of_set in ("audio", "video"):
        lost = [row for row in rows if row.modalities == of_set]
        lost[3] = dataclasses.replace(lost[3], emotion_predicted=None)
        paths.append(write(tmp_path / f"{of_set}_theirs.jsonl", lost))
    return paths


def test_every_number_is_that_of_scikit_learn(systems, tmp_path):
    out = tmp_path / "out"
    done = compare(*systems, "--out", out, "--published")
    assert done.returncode == 0, done.stderr
    found = json.loads((out / "comparison.json").read_text())["rows"]
    files = [path if path.is_file() else path / "evaluation/test/predictions.jsonl" for path in systems]
    answers, persons = [], {}
    for file, row, of_set in zip(files, found, ("all", "audio,video", "audio", "video"), strict=False):
        lines = [json.loads(line) for line in file.read_text().splitlines()]
        persons |= {line["clip_id"]: line["person_id"] for line in lines if line["person_id"]}
        lines = sorted((line for line in lines if line["modalities"] == of_set), key=lambda line: line["clip_id"])
        true = [line["emotion_true"] for line in lines]
        said = [line["emotion_predicted"] or "unparsed" for line in lines]
        f1 = functools.partial(f1_score, true, said, labels=LABELS, zero_division=0)
        assert (row["clips"], row["unparsed"]) == (120, said.count("unparsed"))
        assert row["accuracy"] == pytest.approx(accuracy_score(true, said), abs=1e-12)
        assert row["f1_weighted"] == pytest.approx(f1(average="weighted"), abs=1e-12)
        assert row["f1_macro"] == pytest.approx(f1(average="macro"), abs=1e-12)
        assert row["accuracy_low"] < row["accuracy"] < row["accuracy_high"]
        assert row["sha256"] == sha256(file) and row["modalities"] == of_set
        answers.append((np.array(true) == np.array(said), [line["clip_id"] for line in lines], row))
    first = answers[0]
    flips = np.random.default_rng(0).choice([-1, 1], (20_000, 24))
    for right, clips, row in answers[1:]:
        gain = first[0].astype(int) - right
        assert row["reference_minus_this_accuracy"] == pytest.approx(gain.mean(), abs=1e-12)
        assert row["reference_minus_this_f1_macro"] == pytest.approx(first[2]["f1_macro"] - row["f1_macro"], abs=1e-12)
        assert row["discordance"] == pytest.approx(np.abs(gain).mean(), abs=1e-12)
        of = [sum(gain[[persons[clip] == f"p{p}" for clip in clips]]) for p in range(24)]
        assert row["p"] == pytest.approx((np.abs(flips @ of) >= abs(sum(of))).mean(), abs=0.01)
    p = sorted(row["p"] for _, _, row in answers[1:])
    steps = np.maximum.accumulate([min(1, p[0] * 3), min(1, p[1] * 2), p[2]])
    assert sorted(row["p_holm"] for _, _, row in answers[1:]) == pytest.approx(list(steps), abs=1e-12)


def test_all_forms_show_the_same_systems_and_mark_what_is_published(systems, tmp_path):
    out = tmp_path / "out"
    done = compare(*systems, "--out", out, "--published")
    found = json.loads((out / "comparison.json").read_text())["rows"]
    names = [row["system"] for row in found]
    assert names[:4] == ["a", "b", "audio_theirs", "video_theirs"] and names[-1] == "DEEMO-LLaMA" and len(names) == 13
    assert [row["published"] for row in found] == [False] * 4 + [True] * 9
    assert (found[-1]["accuracy"], found[-1]["f1_weighted"], found[-1]["clips"]) == (0.7449, 0.7445, 831)
    with open(out / "comparison.csv", newline="") as handle:
        rows = list(csv.DictReader(handle))
    assert [row["system"] for row in rows] == names and float(rows[1]["accuracy"]) == found[1]["accuracy"]
    assert rows[0]["p"] == rows[-1]["accuracy_low"] == ""
    page, tex = (out / "comparison.md").read_text(), (out / "comparison.tex").read_text()
    for shown in (done.stdout, page, tex):
        assert f"{100 * found[2]['accuracy']:.1f}" in shown and "DEEMO-LLaMA (published)" in shown
    assert r"audio\_theirs" in tex and "Intervals of recognition are over 24 persons" in page
    assert "nothing of them is measured here" in page and "by sign-flips over persons" in done.stdout
    assert Image.open(out / "comparison.png").size[1] > 500
    assert (out / "comparison.svg").read_text().startswith("<?xml")


def test_names_of_files_are_text_in_every_form(systems, tmp_path):
    names = ["=1+cmd|' C'!A0", "a\n<img src=x>$_%|", "@b"]
    for name in names:
        (tmp_path / f"{name}.jsonl").write_bytes(systems[2].read_bytes())
    done = compare(*(tmp_path / f"{name}.jsonl" for name in names), "--out", tmp_path / "out")
    assert done.returncode == 0, done.stderr
    page, tex, table = ((tmp_path / "out" / f"comparison.{kind}").read_text() for kind in ("md", "tex", "csv"))
    lines = [line for line in page.splitlines() if line.startswith("|")]
    assert len({len(re.findall(r"(?<!\\)\|", line)) for line in lines}) == 1 and len(lines) == 5
    assert r"a\\n\<img src=x>$\_%\|" in page and "<img" not in page.replace(r"\<img", "")
    assert r"a\textbackslash{}n\textless{}img src=x\textgreater{}\$\_\%\textbar{} " in tex
    cells = [row["system"] for row in csv.DictReader(io.StringIO(table))]
    assert cells == ["'=1+cmd|' C'!A0", r"a\n<img src=x>$_%|", "'@b"]


def test_without_out_nothing_is_written_and_persons_need_not_be_known(systems, tmp_path):
    before = sorted(tmp_path.rglob("*"))
    done = compare(*systems[2:])
    assert done.returncode == 0 and "McNemar's exact test" in done.stdout and "published" not in done.stdout
    right = [[json.loads(line) for line in path.read_text().splitlines()] for path in systems[2:]]
    right = [np.array([row["emotion_predicted"] == row["emotion_true"] for row in rows]) for rows in right]
    wins, losses = (right[0] & ~right[1]).sum(), (right[1] & ~right[0]).sum()
    line = next(line for line in done.stdout.splitlines() if line.startswith("video_theirs"))
    assert line.split()[-1] == f"{binomtest(wins, wins + losses).pvalue:.3f}"
    assert sorted(tmp_path.rglob("*")) == before


def test_modalities_choose_the_set_and_truth_the_labels(systems, tmp_path):
    turned = {"negative": "positive", "positive": "negative"}
    rows = [json.loads(line) for line in systems[2].read_text().splitlines()]
    truth = tmp_path / "t.jsonl"
    stated = [{"clip_id": row["clip_id"], "emotion": turned[row["emotion_true"]]} for row in rows]
    truth.write_text("".join(json.dumps(row) + "\n" for row in stated))
    done = compare(*systems[:3], "--modalities", "audio", "--truth", truth, "--out", tmp_path / "out")
    assert done.returncode == 0, done.stderr
    first, _, third = json.loads((tmp_path / "out" / "comparison.json").read_text())["rows"]
    assert first["modalities"] == "audio" and first["accuracy"] < 0.5
    assert first["accuracy"] == pytest.approx(
        np.mean([row["emotion_predicted"] != row["emotion_true"] for row in rows]), abs=0.02
    )
    assert third["unparsed"] == 1


def test_answers_of_files_are_read_by_synonyms(systems, tmp_path):
    rows = [json.loads(line) for line in systems[2].read_text().splitlines()]
    said = [{"clip_id": row["clip_id"], "emotion_true": row["emotion_true"], "answer": "Zorgle."} for row in rows]
    told, words = tmp_path / "told.jsonl", tmp_path / "words.json"
    told.write_text("".join(json.dumps(row) + "\n" for row in said))
    words.write_text(json.dumps({"positive": ["zorgle"]}))
    for more, unparsed in (([], 120), (["--synonyms", words], 0)):
        assert compare(told, "--out", tmp_path / "out", "--overwrite", *more).returncode == 0
        (row,) = json.loads((tmp_path / "out" / "comparison.json").read_text())["rows"]
        assert row["unparsed"] == unparsed and row["p"] is None


def test_what_cannot_be_compared_is_said_in_one_line(systems, tmp_path):
    rows = systems[3].read_text().splitlines(keepends=True)
    fewer, other, persons = (tmp_path / f"{name}.jsonl" for name in ("fewer", "other", "persons"))
    fewer.write_text("".join(rows[2:]) + rows[0].replace("clip000", "clip999"))
    other.write_text("".join([rows[0].replace('"emotion_true": "', '"emotion_true": "x'), *rows[1:]]))
    true = json.loads(rows[0])["emotion_true"]
    other.write_text(other.read_text().replace(f"x{true}", next(label for label in LABELS if label != true)))
    persons.write_text("".join([rows[0].replace('"person_id": null', '"person_id": "q"'), *rows[1:]]))
    (tmp_path / "empty").mkdir()
    for words, says in (
        ([systems[0], fewer], "fewer answered other clips than a: it lacks 2 of those 120 and has 1 more, say clip000"),
        ([systems[0], other], "clip clip000 is labelled"),
        ([systems[0], persons], "clip clip000 is of person p0 and, in persons, of q"),
        ([systems[0], systems[0]], "is named twice"),
        ([systems[0], tmp_path / "empty"], "has no finished evaluation"),
        ([systems[0], tmp_path / "absent.jsonl"], "absent.jsonl"),
        ([systems[0], "--modalities", "nfbl"], "has no predictions for modalities 'nfbl'"),
        ([systems[0], "--modalities", "all;audio"], "compares one set"),
        ([systems[0], "--workdir", tmp_path], "without --workdir"),
        ([systems[0], "--wheel", tmp_path / "w.json"], "and --wheel"),
        ([], "name runs or files"),
    ):
        done = compare(*words, "--out", tmp_path / "out")
        assert (done.returncode, done.stdout) == (2, ""), done.stderr
        assert says in done.stderr and len(done.stderr.splitlines()) == 1
    assert not (tmp_path / "out").exists()


def test_a_comparison_that_is_there_is_kept(systems, tmp_path):
    out = tmp_path / "out"
    assert compare(*systems, "--out", out).returncode == 0
    before = (out / "comparison.md").read_bytes()
    done = compare(*systems[:2], "--out", out)
    assert done.returncode == 2 and "is there already" in done.stderr
    assert (out / "comparison.md").read_bytes() == before
    assert compare(*systems[:2], "--out", out, "--overwrite").returncode == 0
    assert len(json.loads((out / "comparison.json").read_text())["rows"]) == 2


def test_words_without_compare_are_refused(systems):
    for arguments in (("stray",), ("--predictions", systems[2], "stray")):
        done = commands.run("evaluate", *arguments)
        assert done.returncode == 2 and "'stray' is no flag" in done.stderr
    assert commands.run("evaluate", "--predictions", systems[2], "--published").returncode == 2
