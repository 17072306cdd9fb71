"""What is written and shown of an evaluation."""

import dataclasses
import json
import math

import numpy as np
import pytest
from PIL import Image

from deemo_jax.core.errors import UserError
from deemo_jax.core.schema import DEEMO_LABELS
from deemo_jax.evaluation import report
from deemo_jax.evaluation.predictions import by_set
from deemo_jax.evaluation.results import score
from deemo_jax.evaluation.scores.paired_tests import holm
from tests.evaluation.samples import CORPUS, imagined, truth_of

SKILL = {"all": 0.9, "transcript": 0.75, "audio,video": 0.6}


@pytest.fixture(scope="module")
def sample():
    rows = imagined(SKILL)
    return score(by_set(rows), "Run x", ["One note."], truth=truth_of(rows))


@pytest.fixture(scope="module")
def foreign():
    """Another system on other data: one set, references that are free text."""
    rows = [dataclasses.replace(row, reference="He | she smiles.") for row in imagined({"all": 0.8})]
    return score(by_set(rows), "Predictions of theirs.jsonl")


def test_scores_every_set_and_every_pair(sample):
    assert list(sample.sets) == list(SKILL)
    assert list(sample.differences) == ["all - transcript", "all - audio,video", "transcript - audio,video"]
    gap = sample.sets["all"].accuracy.value - sample.sets["transcript"].accuracy.value
    assert sample.differences["all - transcript"].accuracy.value == pytest.approx(gap)
    assert sample.differences["all - transcript"].accuracy.low > 0


def test_knows_what_is_attainable_where_the_truth_states_it(sample):
    assert {name: round(100 * best, 1) for name, best in sample.bayes.items()} == {
        "all": 89.9,
        "transcript": 81.0,
        "audio,video": 81.3,
    }


def test_json_is_plain(sample):
    row = json.loads(json.dumps(sample.to_json(), allow_nan=False))
    assert row["sets"]["all"]["n"] == 200
    assert row["cues"]["all"]["voice"]["precision"] > row["cues"]["all"]["voice"]["precision_shuffled"]
    assert row["notes"] == ["One note."]


def test_terminal_table_is_aligned(sample):
    text = report.text(sample)
    block = text.split("\n\n")[0].splitlines()
    column = block[1].index("weighted F1")
    assert all(line[column - 1] == " " and line[column] != " " for line in block[2:-1])
    assert (
        "89.9" in text
        and "when shuffled" in text
        and text.endswith("One note.\n\nThe corpus is imagined, as its truth file states.")
    )


def test_markdown_tables_are_well_formed(sample):
    page = report.markdown(sample, "recognition.png")
    assert page.startswith("# Evaluation\n\nRun x\n\n![")
    for block in page.split("\n\n"):
        if block.startswith("|"):
            assert len({line.count("|") for line in block.splitlines()}) == 1


def test_without_a_truth_there_is_no_bayes_and_no_cue(foreign):
    assert foreign.to_json()["bayes"] is None
    assert foreign.cues == {}
    text = report.text(foreign)
    assert "Bayes" not in text and "cue" not in text.lower() and "Differences" not in text


def test_what_the_truth_does_not_state_is_not_shown():
    rows = imagined({"all": 0.9, "video": 0.6}, clips=30)
    truth = truth_of(rows)
    found = score(by_set(rows), "x", truth=dataclasses.replace(truth, corpus=None))
    assert (found.cues, found.bayes, found.corpus) == ({}, {}, "")
    some = dataclasses.replace(CORPUS, cues={}, optimal_accuracy={"video": 0.735})
    found = score(by_set(rows), "x", truth=dataclasses.replace(truth, corpus=some))
    assert found.cues == {} and found.to_json()["bayes"] == {"video": 0.735} and found.to_json()["corpus"] == "imagined"
    lines = report.markdown(found).splitlines()
    cells = {line.split(" | ")[0]: line.split(" | ")[2] for line in lines if line.startswith("| ") and "%" not in line}
    assert (cells["| all"], cells["| video"]) == ("", "73.5")


def test_probabilities_are_shown_as_they_are_and_calibrated():
    rows = [
        dataclasses.replace(row, log_likelihoods={e: 3.0 * (e == row.emotion_predicted) for e in DEEMO_LABELS})
        for row in imagined({"all": 0.8})
    ]
    plain = score(by_set(rows), "x").probabilities["all"]
    calibrated = score(by_set(dataclasses.replace(row, temperature=2.0) for row in rows), "x")
    found = calibrated.probabilities["all"]
    wrong = 1 - calibrated.sets["all"].accuracy.value
    by_hand = {
        t: -(1 - wrong) * math.log(1 / (1 + math.exp(-3 / t))) - wrong * math.log(1 / (1 + math.exp(3 / t)))
        for t in (1, 2)
    }
    assert plain.nll == found.nll == pytest.approx(by_hand[1]) and found.nll_calibrated == pytest.approx(by_hand[2])
    assert found.ece == pytest.approx(abs(1 / (1 + math.exp(-3)) - 1 + wrong)) and found.ece_calibrated < found.ece
    assert (plain.temperature, plain.nll_calibrated, plain.ece_calibrated) == (None, None, None)
    row = next(line for line in report.text(calibrated).splitlines() if line.startswith("all") and "2.000" in line)
    assert row.split() == [
        "all",
        "2.000",
        *(f"{v:.3f}" for v in (found.ece, found.ece_calibrated, found.nll, found.nll_calibrated)),
        "200",
    ]
    # Some rows without odds, and temperatures that differ, are no reason to fail.
    odd = [dataclasses.replace(rows[0], log_likelihoods=None), dataclasses.replace(rows[1], temperature=3.0), *rows[2:]]
    assert score(by_set(odd), "x").probabilities["all"].n == 199


@pytest.mark.parametrize(
    ("persons", "says"),
    [(20, "Intervals of recognition are over 20 persons"), (9, "No intervals: the clips show 9 persons, and 10")],
)
def test_intervals_and_tests_are_over_persons_where_they_are_known(sample, persons, says, tmp_path):
    rows = [dataclasses.replace(row, person_id=f"p{int(row.clip_id[4:]) % persons}") for row in imagined(SKILL)]
    found = score(by_set(rows), "x")
    lines = report.text(found).splitlines()
    assert any(line.startswith(says) for line in lines)
    assert any("by sign-flips over persons" in line for line in lines)
    assert any(
        line.startswith("200 clips can show differences in accuracy from 8.8 points on (80 % p") for line in lines
    )
    row = json.loads(json.dumps(found.to_json(), allow_nan=False))
    assert (row["persons"], row["tested_by"]) == (persons, "sign-flips over persons")
    assert (row["sets"]["all"]["intervals"]["accuracy"] is None) == (persons < 10)
    p = [gap["p"] for gap in row["differences"].values()]
    assert [gap["p_holm"] for gap in row["differences"].values()] == pytest.approx(holm(np.array(p)).tolist())
    report.write(found, tmp_path)
    by_clip = sample.to_json()
    assert (by_clip["persons"], by_clip["tested_by"]) == (None, "McNemar")
    assert "Intervals are over clips" in report.text(sample) and "McNemar's exact test" in report.text(sample)


def test_writes_everything_or_says_why_not(sample, foreign, tmp_path):
    report.write(sample, tmp_path / "run")
    written = {path.name for path in (tmp_path / "run").iterdir()}
    assert written == {"recognition.json", "recognition.png", "report.md"}
    wide = Image.open(tmp_path / "run" / "recognition.png").size
    report.write(foreign, tmp_path / "theirs")
    narrow = Image.open(tmp_path / "theirs" / "recognition.png").size
    assert wide[0] > 1.8 * narrow[0]  # the second panel shows the cues
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="cannot be written"):
        report.write(sample, tmp_path / "file")
