"""Scores against values worked out by hand, and intervals against what they promise."""

import numpy as np
import pytest
from sklearn import metrics

from deemo_jax.core import stats
from deemo_jax.core.schema import Labels
from deemo_jax.evaluation.scores.metrics import confusion, majority, paired_difference, recognition, scores

NEGATIVE, POSITIVE, UNPARSED = 0, 1, 2
# 4 negative clips: 2 right, 1 taken for positive, 1 unparsed. 6 positive clips: 5 right, 1 taken for negative.
TRUTH = np.array([0] * 4 + [1] * 6)
PREDICTED = np.array([0, 0, 1, UNPARSED, 1, 1, 1, 1, 1, 0])


def test_confusion_counts_by_hand():
    assert confusion(TRUTH, PREDICTED).tolist() == [[2, 1, 1], [1, 5, 0]]


def test_scores_by_hand():
    result = recognition(TRUTH, PREDICTED)
    assert (result.n, result.unparsed) == (10, 1)
    assert result.accuracy.value == pytest.approx(0.7)
    negative, positive = result.classes["negative"], result.classes["positive"]
    assert (negative.support, positive.support) == (4, 6)
    assert negative.precision.value == pytest.approx(2 / 3)
    assert negative.recall.value == pytest.approx(2 / 4)  # the unparsed answer is a miss
    assert negative.f1.value == pytest.approx(4 / 7)
    assert positive.precision.value == pytest.approx(5 / 6)
    assert positive.recall.value == pytest.approx(5 / 6)
    assert result.f1_macro.value == pytest.approx((4 / 7 + 5 / 6) / 2)
    assert result.f1_weighted.value == pytest.approx(0.4 * 4 / 7 + 0.6 * 5 / 6)


def test_one_class_answers_give_the_papers_reading_of_f1():
    # DEEMO, table 4: naming "positive" always on 484 positive of 831 clips is accuracy 58.2 and weighted F1 42.9.
    truth = np.array([POSITIVE] * 484 + [NEGATIVE] * 347)
    result = recognition(truth, np.full(831, POSITIVE))
    assert 100 * result.accuracy.value == pytest.approx(58.24, abs=0.005)
    assert 100 * result.f1_weighted.value == pytest.approx(42.87, abs=0.005)
    assert result.classes["negative"].precision.value == 0
    assert majority(truth) == result.accuracy.value


def test_all_unparsed_is_all_wrong():
    result = recognition(TRUTH, np.full(10, UNPARSED))
    assert (result.accuracy.value, result.f1_macro.value, result.unparsed) == (0, 0, 10)
    assert result.accuracy.bounds() == [0, 0]


def test_scores_of_a_stack_equal_scores_one_by_one():
    tables = np.random.default_rng(0).integers(0, 9, (7, 2, 3))
    stacked = scores(tables)
    for i, table in enumerate(tables):
        single = scores(table)
        assert stacked.f1_weighted[i] == pytest.approx(float(single.f1_weighted))
        np.testing.assert_allclose(stacked.precision[i], single.precision)


def test_label_out_of_range_is_a_bug_not_a_count():
    with pytest.raises(ValueError):
        confusion(np.array([0, 2]), np.array([0, 0]))


def test_json_has_plain_numbers_and_intervals():
    row = recognition(TRUTH, PREDICTED).to_json()
    assert row["accuracy"] == pytest.approx(0.7)
    assert row["confusion"]["negative"] == {"negative": 2, "positive": 1, "unparsed": 1}
    low, high = row["intervals"]["accuracy"]
    assert low < 0.7 < high
    assert row["classes"]["positive"]["support"] == 6


def test_intervals_are_reproducible_and_shrink_with_n():
    once, again = recognition(TRUTH, PREDICTED), recognition(TRUTH, PREDICTED)
    assert once.to_json() == again.to_json()
    many = recognition(np.tile(TRUTH, 100), np.tile(PREDICTED, 100))
    assert many.accuracy.value == once.accuracy.value
    width = (many.accuracy.high - many.accuracy.low) / (once.accuracy.high - once.accuracy.low)
    assert width == pytest.approx(0.1, abs=0.03)  # 1 / sqrt(100)


def test_resampling_counts_is_resampling_clips():
    drawn = scores(stats.resample(confusion(TRUTH, PREDICTED), samples=20_000))
    rng = np.random.default_rng(1)
    clips = rng.integers(10, size=(20_000, 10))
    cells = 3 * TRUTH[clips] + PREDICTED[clips] + 6 * np.arange(20_000)[:, None]
    direct = scores(np.bincount(cells.ravel(), minlength=120_000).reshape(-1, 2, 3))
    for name in ("accuracy", "f1_weighted", "f1_macro"):
        for moment in (np.mean, np.std):
            assert moment(getattr(drawn, name)) == pytest.approx(moment(getattr(direct, name)), abs=0.004)


def test_an_interval_holds_the_middle_95_percent():
    found = stats.interval(0.4, np.arange(1001) / 1000)
    assert (found.value, found.low, found.high) == pytest.approx((0.4, 0.025, 0.975))
    assert f"{found}" == "40.0 [2.5, 97.5]" and f"{found:+}" == "+40.0 [+2.5, +97.5]"
    drawn = stats.resample(np.array([3, 0, 7]))
    assert drawn.shape == (4000, 3) and (drawn.sum(axis=1) == 10).all() and not drawn[:, 1].any()


@pytest.mark.slow
def test_intervals_cover_the_true_accuracy():
    rng = np.random.default_rng(2)
    covered = 0
    for _ in range(300):
        truth = (rng.random(400) < 0.6).astype(int)
        right = rng.random(400) < 0.8
        found = recognition(truth, np.where(right, truth, 1 - truth)).accuracy
        covered += found.low <= 0.8 <= found.high
    assert 0.91 <= covered / 300 <= 0.98


def test_paired_difference_by_hand():
    # Second system: the first with one more clip right and one more wrong; they differ on two clips only.
    second = PREDICTED.copy()
    second[2], second[4] = NEGATIVE, UNPARSED
    difference = paired_difference(TRUTH, PREDICTED, second)
    assert difference.accuracy.value == pytest.approx(0)
    assert difference.f1_weighted.value == pytest.approx(
        recognition(TRUTH, PREDICTED).f1_weighted.value - recognition(TRUTH, second).f1_weighted.value
    )
    forward, backward = (paired_difference(TRUTH, *pair) for pair in ((PREDICTED, second), (second, PREDICTED)))
    assert forward.f1_macro.value == pytest.approx(-backward.f1_macro.value)


def test_pairing_narrows_the_interval_of_systems_that_agree():
    rng = np.random.default_rng(3)
    truth = (rng.random(400) < 0.6).astype(int)
    first = np.where(rng.random(400) < 0.8, truth, 1 - truth)
    second = first.copy()
    worse = rng.choice(np.flatnonzero(first == truth), 20, replace=False)
    second[worse] = 1 - truth[worse]
    found = paired_difference(truth, first, second).accuracy
    assert found.value == pytest.approx(0.05)
    assert found.low > 0.02  # 0.05 -+ 1.96 sqrt(0.05 * 0.95 / 400) = 0.029 .. 0.071
    assert found.high < 0.08
    alone = recognition(truth, first).accuracy
    assert alone.high - alone.low > 1.5 * (found.high - found.low)


def test_identical_systems_differ_by_nothing():
    found = paired_difference(TRUTH, PREDICTED, PREDICTED)
    assert found.to_json()["intervals"] == {name: [0.0, 0.0] for name in ("accuracy", "f1_weighted", "f1_macro")}


def test_scores_of_any_number_of_labels_are_those_of_scikit_learn():
    labels = Labels(("neutral", "angry", "happy", "sad"))
    rng = np.random.default_rng(0)
    truth = rng.integers(0, 3, 200)  # the last label is never true
    predicted = np.where(rng.random(200) < 0.5, truth, rng.integers(0, 5, 200))  # 4 is unparsed
    found = recognition(truth, predicted, labels)
    assert found.confusion.tolist() == metrics.confusion_matrix(truth, predicted, labels=range(5))[:4].tolist()
    assert found.accuracy.value == pytest.approx(metrics.accuracy_score(truth, predicted))
    for average in ("weighted", "macro"):
        expected = metrics.f1_score(truth, predicted, labels=range(4), average=average, zero_division=0)
        assert getattr(found, f"f1_{average}").value == pytest.approx(expected)
    each = metrics.precision_recall_fscore_support(truth, predicted, labels=range(4), zero_division=0)
    for name, *expected in zip(labels, *each, strict=True):
        of = found.classes[name]
        assert [of.precision.value, of.recall.value, of.f1.value, of.support] == pytest.approx(expected)
    row = found.to_json()["confusion"]
    assert tuple(row) == labels.names and tuple(row["sad"]) == (*labels.names, "unparsed")
    other = paired_difference(truth, predicted, truth, labels)
    assert other.accuracy.value == pytest.approx(found.accuracy.value - 1)
    assert majority(truth) == np.bincount(truth).max() / 200
