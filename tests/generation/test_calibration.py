"""Temperatures against values worked out otherwise, and what a reader is told of them."""

import json
import math

import numpy as np
import pytest

from deemo_jax.core.errors import UserError
from deemo_jax.core.schema import DEEMO_LABELS
from deemo_jax.generation import calibration
from deemo_jax.generation.calibration import LEAST_CLIPS, Calibration, fit, lacking, load, path_of, save, takes
from deemo_jax.generation.label_odds import (
    calibration_error,
    likeliest,
    log_odds,
    negative_log_likelihood,
    probabilities,
)


def drawn(count, true_temperature, seed=0):
    """Log-odds of two labels that are too large by a factor, and which is true."""
    rng = np.random.default_rng(seed)
    honest = rng.normal(0, 2, count)
    return of_two(honest * true_temperature), (rng.random(count) < 1 / (1 + np.exp(-honest))).astype(int)


def of_two(second):
    """Log-odds of two labels from those of the second one."""
    return np.stack([np.zeros_like(second), second], axis=1)


@pytest.mark.parametrize("true_temperature", [0.3, 1.0, 7.0])
def test_the_temperature_that_made_the_odds_dishonest_is_found(true_temperature):
    odds, truth = drawn(4000, true_temperature)
    found = fit(odds, truth)
    assert found.temperature == pytest.approx(true_temperature, rel=0.1)
    assert found.n == 4000
    # No other temperature on a fine grid has less cross-entropy.
    grid = [negative_log_likelihood(odds / t, truth) for t in np.geomspace(0.05, 100, 400)]
    assert found.nll[1] == pytest.approx(min(grid), abs=1e-3)
    if true_temperature == 7.0:
        assert found.nll[0] > 2 * found.nll[1] and found.ece[0] > 5 * found.ece[1]


@pytest.mark.parametrize(
    ("split", "there"),
    [
        ("validation", True),
        ("validation[:9]", True),
        ("train + validation", True),
        ("all", True),
        ("train", False),
        ("test[5:]+train", False),
        ("validation2", False),
    ],
)
def test_a_split_that_takes_the_clips_of_calibration_is_known(split, there):
    assert takes(split) is there


def test_clips_that_are_all_right_promise_no_certainty():
    odds = np.array([4.0, -4.0] * 10)
    found = fit(of_two(odds), (odds > 0).astype(int))
    sure = 1 / (1 + math.exp(-4 / found.temperature))
    assert sure == pytest.approx(11 / 12, abs=1e-3)  # Platt's target for ten of ten


def test_scores_by_hand():
    odds = of_two(np.log(np.array([9.0, 9.0, 9.0, 1 / 3])))  # 0.9 positive three times, 0.75 negative once
    truth = np.array([1, 1, 0, 0])
    assert negative_log_likelihood(odds, truth) == pytest.approx(-np.log([0.9, 0.9, 0.1, 0.75]).mean())
    # Bins of 0.05: three clips at 0.9, two of them right; one at 0.75, right.
    assert calibration_error(odds, truth) == pytest.approx((abs(2.7 - 2) + 0.25) / 4)
    assert calibration_error(of_two(np.array([800.0])), np.array([1])) == 0  # certainty lies in the last bin


def test_probabilities_and_a_tie():
    even, uneven = dict.fromkeys(DEEMO_LABELS, -3.0), {"negative": -2000.0, "positive": -2001.0}
    assert likeliest(even) == "negative" and likeliest({**even, "positive": -2.999}) == "positive"
    assert likeliest(dict(reversed(even.items()))) == "positive"  # the first of several
    assert probabilities(even) == dict.fromkeys(DEEMO_LABELS, 0.5)
    assert probabilities(uneven)["negative"] == pytest.approx(1 / (1 + math.exp(-1)))
    assert probabilities(uneven, 2.0)["negative"] == pytest.approx(1 / (1 + math.exp(-0.5)))


def test_too_few_clips_or_one_emotion_are_no_calibration():
    some = np.arange(LEAST_CLIPS) % 2
    assert LEAST_CLIPS == 20 and lacking(some) == ""
    assert "has 19 clips; 20 are needed" in lacking(some[1:])
    assert "one emotion only" in lacking(np.ones(30, int)) and "one emotion only" in lacking(np.zeros(30, int))
    assert "has 0 clips" in lacking(some[:0])


def test_it_is_kept_by_checkpoint_and_read_as_it_was(tmp_path):
    odds, truth = drawn(50, 3.0)
    known = Calibration({"all": fit(odds, truth)}, "")
    assert path_of(tmp_path, 7) != path_of(tmp_path, None) and load(path_of(tmp_path, 7), "w") is None
    save(known, path_of(tmp_path, 7), "w")
    assert load(path_of(tmp_path, 7), "w") == known
    assert load(path_of(tmp_path, 7), "of a later run to the same step") is None
    assert known.of("all") == known.sets["all"].temperature and known.of("video") is None
    assert f"calibrated on 50 clips (temperature {known.of('all'):.2f})" in known.note("all")
    assert known.note("video") == "the probability is not calibrated: no temperature is known for video"
    assert Calibration(why_not="no split").note("all") == "the probability is not calibrated: no split"
    assert "deemo_jax.evaluate" in Calibration().note("all")


@pytest.mark.parametrize(
    "change", [{"temperature": 0}, {"temperature": 1e9}, {"temperature": None}, {"nll": [1]}, {"n": "x"}]
)
def test_a_damaged_file_is_named(change, tmp_path):
    save(Calibration({"all": fit(*drawn(50, 3.0))}, ""), tmp_path / "c.json", "w")
    row = json.loads((tmp_path / "c.json").read_text())
    row["sets"]["all"] |= change
    (tmp_path / "c.json").write_text(json.dumps(row))
    with pytest.raises(UserError, match=r"c\.json: no calibration .*remove it"):
        load(tmp_path / "c.json", "w")


def test_the_bounds_hold():
    rng = np.random.default_rng(0)
    wrong = fit(of_two(rng.normal(0, 50, 200)), (rng.random(200) < 0.5).astype(int))  # says nothing of the labels
    assert calibration.COLDEST <= wrong.temperature <= calibration.HOTTEST and wrong.nll[1] < 0.75


def test_three_labels():
    said = {"neutral": -1.0, "angry": -2.0, "happy": -0.5}
    found = probabilities(said, 0.7)
    assert sum(found.values()) == pytest.approx(1) and likeliest(said) == max(found, key=found.get) == "happy"
    rng = np.random.default_rng(0)
    honest = rng.normal(0, 2, (4000, 3))
    share = np.exp(honest) / np.exp(honest).sum(axis=1, keepdims=True)
    truth = (rng.random((4000, 1)) > share.cumsum(axis=1)).sum(axis=1)
    odds = log_odds(5 * honest)
    learnt = fit(odds, truth)
    assert learnt.temperature == pytest.approx(5, rel=0.1) and learnt.ece[0] > 5 * learnt.ece[1]
    assert negative_log_likelihood(odds / 5, truth) == pytest.approx(-np.log(share[np.arange(4000), truth]).mean())
    # Nobody knows anything: a third each, right once in three, which lies in the first bin of [1/3, 1].
    assert calibration_error(np.zeros((3, 3)), np.array([0, 1, 2])) == pytest.approx(0, abs=1e-12)
    assert negative_log_likelihood(np.zeros((3, 3)), np.array([0, 1, 2])) == pytest.approx(math.log(3))
