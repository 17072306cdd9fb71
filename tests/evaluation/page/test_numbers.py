"""Every number of a page, recomputed from the files of predictions with scikit-learn."""

import functools
import json

import numpy as np
import pytest
from sklearn.metrics import accuracy_score, confusion_matrix, f1_score, log_loss, precision_recall_fscore_support

from tests import commands
from tests.evaluation.page.pages import Page, two_systems

LABELS = ["negative", "positive"]


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A page of two systems, and their rows."""
    folder = tmp_path_factory.mktemp("numbers")
    first, second, people = two_systems(folder)
    out = folder / "out"
    asked = ("--metadata", people, "--include_raw_text", "--published", "--out", out)
    done = commands.run("evaluate", "--report", first, second, *asked)
    assert done.returncode == 0, done.stderr
    rows = {path.stem: [json.loads(line) for line in path.read_text().splitlines()] for path in (first, second)}
    return Page((out / "report.html").read_text()), rows, done.stdout


def truth_and_answers(rows):
    return [row["emotion_true"] for row in rows], [row["emotion_predicted"] or "unparsed" for row in rows]


def percent(x):
    return f"{100 * x:.1f}"


def test_recognition(made):
    page, rows, _ = made
    shown = page.tables["recognition"]
    for place, (name, of) in enumerate(rows.items(), 1):
        true, said = truth_and_answers(of)
        f1 = functools.partial(f1_score, true, said, labels=LABELS, zero_division=0)
        wanted = [accuracy_score(true, said), f1(average="weighted"), f1(average="macro")]
        scores = page.data["scores"]["sets"][name]
        assert [scores[key] for key in ("accuracy", "f1_weighted", "f1_macro")] == pytest.approx(wanted, abs=1e-12)
        assert scores["unparsed"] == said.count("unparsed") and scores["n"] == len(of)
        table = confusion_matrix(true, said, labels=[*LABELS, "unparsed"])[:2]
        assert [list(row.values()) for row in scores["confusion"].values()] == table.tolist()
        assert [cell.split()[0] for cell in shown[place][2:5]] == list(map(percent, wanted))
        assert shown[place][5].strip() == str(said.count("unparsed"))
        for column, key in enumerate(("accuracy", "f1_weighted", "f1_macro"), 2):
            low, high = scores["intervals"][key]
            assert shown[place][column].split()[1] == f"{percent(low)}–{percent(high)}"
    assert page.data["scores"]["majority"] == max(true.count(label) for label in LABELS) / len(true)


def test_intervals_are_over_persons(made):
    page, rows, _ = made
    people = np.array([int(row["person_id"][1:]) for row in rows["a"]])
    right = [np.array([row["emotion_predicted"] == row["emotion_true"] for row in of]) for of in rows.values()]
    each = [np.bincount(people, of) for of in right]
    clips, drawn = np.bincount(people), np.random.default_rng(0).integers(0, 24, (4000, 24))
    samples = [of[drawn].sum(1) / clips[drawn].sum(1) for of in each]
    scores = page.data["scores"]
    for name, sample in zip(rows, samples, strict=True):
        assert scores["sets"][name]["intervals"]["accuracy"] == pytest.approx(
            np.quantile(sample, [0.025, 0.975]), abs=0.01
        )
    gap = scores["differences"]["a - b"]
    assert gap["accuracy"] == pytest.approx(right[0].mean() - right[1].mean(), abs=1e-12)
    wanted = np.quantile(samples[0] - samples[1], [0.025, 0.975])
    assert gap["intervals"]["accuracy"] == pytest.approx(wanted, abs=0.01)
    flips = np.random.default_rng(0).choice([-1, 1], (20_000, 24))
    gains = each[0] - each[1]
    assert gap["p"] == pytest.approx((np.abs(flips @ gains) >= abs(gains.sum())).mean(), abs=0.01)
    assert page.tables["recognition"][2][6].split()[0] == f"{100 * gap['accuracy']:+.1f}"


def test_confusion_and_labels(made):
    page, rows, _ = made
    shown, classes = iter(page.tables["confusion"]), iter(page.tables["classes"][1:])
    for name, of in rows.items():
        true, said = truth_and_answers(of)
        table = confusion_matrix(true, said, labels=[*LABELS, "unparsed"])[:2]
        scores = precision_recall_fscore_support(true, said, labels=LABELS, zero_division=0)
        next(shown)
        for row, label, *of_label in zip(table, LABELS, *scores, strict=True):
            cells = [cell.split() for cell in next(shown)]
            assert cells[0] == [label] and [int(cell[0]) for cell in cells[1:]] == row.tolist()
            assert [cell[1] for cell in cells[1:]] == [f"{100 * count / row.sum():.0f}" for count in row]
            cells = next(classes)
            assert cells[0].strip() == name and cells[1].strip() == label and int(cells[2]) == of_label[3]
            assert [cell.split()[0] for cell in cells[3:]] == list(map(percent, of_label[:3]))


def test_calibration(made):
    page, rows, _ = made
    assert list(page.data["reliability"]) == ["a"]  # the other system states no likelihoods
    true = np.array([LABELS.index(row["emotion_true"]) for row in rows["a"]])
    logs = np.array([[row["log_likelihoods"][label] for label in LABELS] for row in rows["a"]])
    cells = [cell.strip() for cell in page.tables["calibration"][1]]
    assert cells[:3] == ["a", "120", "2.000"]
    for temperature, place in ((1.0, 3), (2.0, 4)):
        odds = np.exp(logs / temperature)
        odds /= odds.sum(1, keepdims=True)
        sure, right = odds.max(1), odds.argmax(1) == true
        bins = np.minimum(((sure - 0.5) * 20).astype(int), 9)
        ece = sum(abs(sure[bins == i].sum() - right[bins == i].sum()) for i in range(10)) / len(true)
        assert cells[place] == f"{ece:.3f}" and cells[place + 2] == f"{log_loss(true, odds):.3f}"
    for of in page.data["reliability"]["a"]:
        inside = bins == round((of["from"] - 0.5) * 20)
        wanted = [inside.sum(), sure[inside].mean(), right[inside].mean()]
        assert [of["clips"], of["sure"], of["right"]] == pytest.approx(wanted, abs=1e-12)
    assert sum(of["clips"] for of in page.data["reliability"]["a"]) == 120


def test_groups(made):
    page, rows, _ = made
    lines, counts = iter(page.tables["groups"]), {}
    for column, belongs in (
        ("sex", lambda i: "f" if i % 2 else "m"),
        ("sport", lambda i: "rowing" if i < 4 else "judo"),
    ):
        next(lines)
        for group in page.data["groups"][column]:
            chosen = {
                name: [row for row in of if belongs(int(row["person_id"][1:])) == group["group"]]
                for name, of in rows.items()
            }
            people = {row["person_id"] for row in chosen["a"]}
            assert (group["clips"], group["persons"]) == (len(chosen["a"]), len(people))
            cells = [cell.split() for cell in next(lines)]
            assert f"{len(chosen['a'])} clips, {len(people)} persons" in " ".join(cells[0])
            for (name, of), cell in zip(chosen.items(), cells[1:], strict=True):
                accuracy = accuracy_score(*truth_and_answers(of))
                scores = group["accuracy"][name]
                assert scores["value"] == pytest.approx(accuracy, abs=1e-12) and cell[0] == percent(accuracy)
                assert (scores["interval"] is None) == (len(people) < 10) == (len(cell) == 1)
            assert ("no interval: 4 of 10 persons needed" in " ".join(cells[0])) == (group["group"] == "rowing")
            counts[group["group"]] = len(chosen["a"])
    assert sum(counts.values()) == 240


def test_clips_and_what_is_said(made):
    page, rows, printed = made
    clips = page.data["clips"]
    for place, clip in enumerate(clips):
        answers = [of[place] for of in rows.values()]
        assert clip["id"] == answers[0]["clip_id"] and LABELS[clip["truth"]] == answers[0]["emotion_true"]
        assert [None if i is None else LABELS[i] for i in clip["said"]] == [row["emotion_predicted"] for row in answers]
    assert len(clips) == len(page.cards) == 120 and rows["b"][3]["emotion_predicted"] is None
    assert "DEEMO-LLaMA" in page.tables["recognition"][-1][0] and page.tables["recognition"][-1][2].strip() == "74.49"
    assert "120 clips shown" in printed and "by sign-flips over persons" in printed
