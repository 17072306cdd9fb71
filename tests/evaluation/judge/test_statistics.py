"""Statistics of a judge against independent ways, and how often their intervals hold the truth."""

import math

import krippendorff
import numpy as np
import pytest
from scipy import optimize, stats
from sklearn.linear_model import LogisticRegression

from deemo_jax.core.stats import SAMPLES, SEED
from deemo_jax.evaluation.judge.statistics.agreement import agreement, ordinal_alpha, rank_correlation
from deemo_jax.evaluation.judge.statistics.bradley_terry import Strengths, bradley_terry
from deemo_jax.evaluation.judge.statistics.clustered_mean import clustered_mean, judged_mean
from deemo_jax.evaluation.judge.statistics.corrected_mean import corrected_mean
from deemo_jax.evaluation.judge.statistics.corrected_rate import CorrectedRate, corrected_rate
from deemo_jax.evaluation.judge.statistics.preference_bias import leaning, longer_preferred


def test_a_mean_counts_failures_and_averages_repeats():
    scores = np.array([[4.0, 6.0], [8.0, np.nan], [np.nan, np.nan]])
    found = judged_mean(scores)
    assert (found.mean.value, found.rows, found.missing) == (6.5, 2, 1)
    assert found.with_failures == pytest.approx((5 + 8 + 1) / 3)
    assert found.between_repeats == pytest.approx(0.0) and found.within_row == pytest.approx(math.sqrt(2))
    assert not found.mean.known  # two rows
    nothing = judged_mean(np.full((2, 1), np.nan))
    assert math.isnan(nothing.mean.value) and nothing.with_failures == 1 and nothing.missing == 2


def test_intervals_are_over_persons_and_under_ten_there_is_none():
    rng = np.random.default_rng(0)
    persons = np.repeat(np.arange(12), 10)
    values = rng.normal(6, 0.2, 120) + rng.normal(0, 1, 12)[persons]
    found, rows = clustered_mean(values, persons), clustered_mean(values)
    assert (found.value, rows.value) == pytest.approx((values.mean(), values.mean()))
    assert found.high - found.low > 2 * (rows.high - rows.low)  # a person's rows are alike
    # The same draws, one by one.
    drawn = np.random.default_rng(SEED).multinomial(12, np.full(12, 1 / 12), size=SAMPLES)
    means = [np.repeat(values.reshape(12, 10), times, axis=0).mean() for times in drawn]
    assert [found.low, found.high] == pytest.approx(np.quantile(means, [0.025, 0.975]), abs=1e-12)
    assert not clustered_mean(values[:90], persons[:90]).known
    values[persons == 0] = np.nan
    assert clustered_mean(values, persons).known is True and clustered_mean(values, persons).value != found.value


def test_alpha_is_that_of_the_package_krippendorff():
    rng = np.random.default_rng(1)
    for raters in (2, 3, 5):
        scores = np.clip(np.round(rng.normal(6, 2, 60) + rng.normal(0, 1.5, (raters, 60))), 1, 10)
        scores[rng.random(scores.shape) < 0.2] = np.nan
        peer = krippendorff.alpha(reliability_data=scores, level_of_measurement="ordinal")
        assert ordinal_alpha(scores) == pytest.approx(peer, abs=1e-12)
    assert math.isnan(ordinal_alpha(np.full((2, 4), 5.0)))


def test_agreement_by_hand():
    found = agreement(np.array([1.0, 2, 3, 4, np.nan, 9]), np.array([1.0, 3, 2, 4, 5, np.nan]))
    assert found is not None and (found.rows, found.exact) == (4, 0.5)
    assert found.spearman == pytest.approx(1 - 6 * 2 / (4 * 15))
    assert agreement(np.array([np.nan]), np.array([1.0])) is None
    assert math.isnan(rank_correlation(np.ones(5), np.arange(5.0)))


def test_a_corrected_mean_is_the_judges_mean_moved_by_what_people_say():
    judge = np.concatenate([np.tile([7.0, 9.0], 20), np.full(60, 8.0)])
    people = np.full(100, np.nan)
    people[:40] = np.tile([5.0, 8.0], 20)
    found = corrected_mean(judge, people)
    assert found is not None and found.corrected.value == pytest.approx(8 + (6.5 - 8))
    assert (found.labelled, found.rows, found.difference) == (40, 100, -1.5)
    # Rows of people apart from the others: the classical variance, that of the difference and that of the judge.
    rng = np.random.default_rng(3)
    judge = rng.normal(6, 1, 100_000)
    people = np.full(100_000, np.nan)
    people[:500] = judge[:500] + rng.normal(1, 0.5, 500)
    found = corrected_mean(judge, people)
    classical = math.sqrt(np.var(people[:500] - judge[:500]) / 500 + np.var(judge) / 100_000)
    assert found is not None
    half = (found.corrected.high - found.corrected.low) / 2
    assert half == pytest.approx(stats.t.ppf(0.975, 499) * classical, rel=0.01)
    # The weight is that with the least variance, and a judge who knows nothing has none.
    assert 0.8 < found.weight <= 1 and found.tuned.high - found.tuned.low <= 2 * half * 1.0001
    people[:500] = rng.normal(5, 1, 500)
    useless = corrected_mean(judge, people)
    assert useless is not None and useless.weight < 0.15
    assert useless.tuned.high - useless.tuned.low < useless.corrected.high - useless.corrected.low
    assert corrected_mean(judge, np.full(100_000, np.nan)) is None


def test_a_corrected_rate_is_that_of_the_paper():
    def rows(yes, no):
        return np.array([True] * yes + [False] * no)

    # 100 rows, 60 judged yes; of people's 40 yes 36 found, of their 20 no 15.
    judge, people = np.concatenate([rows(36, 4), rows(5, 15)]), rows(40, 20)
    found = corrected_rate(rows(60, 40), judge, people)
    assert isinstance(found, CorrectedRate)
    assert found.corrected.value == pytest.approx((0.6 + 0.75 - 1) / (0.75 + 0.9 - 1))
    z = stats.norm.ppf(0.975)
    p, q0, q1 = (60 + z * z / 2) / (100 + z * z), 16 / 22, 37 / 42
    theta, slope = (p + q0 - 1) / (q0 + q1 - 1), q0 + q1 - 1
    v0, v1 = q0 * (1 - q0) / 22, q1 * (1 - q1) / 42
    spread = p * (1 - p) / (100 + z * z) + (1 - theta) ** 2 * v0 + theta**2 * v1
    middle = theta + 2 * z * z * (theta * v1 - (1 - theta) * v0)
    ends = [middle - z * math.sqrt(spread) / slope, middle + z * math.sqrt(spread) / slope]
    assert [found.corrected.low, found.corrected.high] == pytest.approx(ends, abs=1e-12)
    assert "both are needed" in str(corrected_rate(rows(6, 4), rows(5, 5), rows(10, 0)))
    assert "coin" in str(corrected_rate(rows(6, 4), ~people, people))


def comparisons(seed, clips=60, strengths=(0.0, 0.7, -0.4)):
    rng = np.random.default_rng(seed)
    pairs = np.array([(i, j) for _ in range(clips) for i in range(3) for j in range(3) if i != j])
    wins = rng.choice([0.0, 0.5, 1.0], size=len(pairs), p=[0.4, 0.2, 0.4])
    chance = 1 / (1 + np.exp(-(np.take(strengths, pairs[:, 0]) - np.take(strengths, pairs[:, 1]))))
    decided = wins != 0.5
    wins[decided] = rng.random(decided.sum()) < chance[decided]
    return pairs, wins, np.repeat(np.arange(clips), 6)


def test_strengths_are_those_of_logistic_regression_and_of_a_general_optimiser():
    pairs, wins, groups = comparisons(4)
    found = bradley_terry(pairs, wins, groups, 3)
    assert isinstance(found, Strengths)
    values = [each.value for each in found.log_odds]
    design = np.zeros((len(pairs), 3))
    design[np.arange(len(pairs)), pairs[:, 0]] += 1
    design[np.arange(len(pairs)), pairs[:, 1]] -= 1
    twice = np.concatenate([design, design])[:, 1:]
    told = np.repeat([1, 0], len(pairs))
    fit = LogisticRegression(C=np.inf, fit_intercept=False, solver="newton-cholesky", tol=1e-12)
    fit.fit(twice, told, sample_weight=np.concatenate([wins, 1 - wins]))
    assert values[1:] == pytest.approx(fit.coef_[0], abs=1e-8)

    def cost(x, weights=None):
        d = design[:, 1:] @ x
        return np.sum(wins * np.logaddexp(0, -d) + (1 - wins) * np.logaddexp(0, d))

    free = optimize.minimize(cost, np.zeros(2), method="BFGS", options={"gtol": 1e-9}).x
    assert values[1:] == pytest.approx(free, abs=1e-6)
    assert found.preferred[1].value == pytest.approx(1 / (1 + math.exp(-values[1])))
    # The error is that of leaving out one clip after the other (the jackknife), which the sandwich approaches.
    left_out = [bradley_terry(pairs[groups != g], wins[groups != g], groups[groups != g], 3) for g in range(60)]
    ones = np.array([one.log_odds[1].value for one in left_out if isinstance(one, Strengths)])
    jackknife = math.sqrt(59 / 60 * np.square(ones - ones.mean()).sum())
    half = (found.log_odds[1].high - found.log_odds[1].low) / 2
    assert half / stats.t.ppf(0.975, 59) == pytest.approx(jackknife, rel=0.05)


def test_what_has_no_finite_strength_is_told_in_words():
    pairs = np.tile([[0, 1]], (4, 1))
    assert "no finite strength" in str(bradley_terry(pairs, np.ones(4), np.arange(4), 2))
    assert "no finite strength" in str(bradley_terry(pairs, np.array([1.0, 0, 1, 0]), np.arange(4), 3))
    found = bradley_terry(pairs, np.array([1.0, 0, 1, 1]), np.arange(4), 2)
    assert isinstance(found, Strengths) and not found.log_odds[1].known
    assert found.preferred[1].value == pytest.approx(0.25)


def test_leanings_are_sign_tests():
    found = leaning(np.array([True] * 9 + [False]))
    assert (found.share, found.decided) == (0.9, 10) and found.p == pytest.approx(22 / 1024)
    assert leaning(np.zeros(0, bool)).p == 1 and math.isnan(leaning(np.zeros(0, bool)).share)
    lengths = np.array([[9, 5], [5, 9], [7, 7], [9, 5]])
    longer = longer_preferred(lengths, np.array([True, False, True, False]), np.array([False, True, False, False]))
    assert (longer.wins, longer.decided) == (2, 2)


@pytest.mark.slow
def test_corrected_means_hold_the_truth_in_95_of_100_studies():
    """Prints the coverage of the intervals: 1,000 studies with 40 persons, of whose rows people score a fifth."""
    rng = np.random.default_rng(7)
    held = {"corrected": 0, "tuned": 0, "judge alone": 0}
    for _ in range(1000):
        persons = np.repeat(np.arange(40), 10)
        truth = 6 + rng.normal(0, 0.8, 40)[persons] + rng.normal(0, 1.2, 400)
        judge = 0.7 * truth + 3 + rng.normal(0, 1, 400)  # too kind, and too even
        people = np.where(rng.random(400) < 0.2, truth, np.nan)
        found = corrected_mean(judge, people, persons)
        assert found is not None
        alone = clustered_mean(judge, persons)
        for name, one in (("corrected", found.corrected), ("tuned", found.tuned), ("judge alone", alone)):
            held[name] += one.low <= 6 <= one.high
    print(held)
    assert 925 <= held["corrected"] <= 975 and 920 <= held["tuned"] <= 975 and held["judge alone"] < 100


@pytest.mark.slow
def test_corrected_rates_hold_the_truth_in_95_of_100_studies():
    """Prints the coverage: 2,000 studies of 400 rows of which people tell 100; sensitivity 0.9, specificity 0.7."""
    rng = np.random.default_rng(8)
    for share in (0.3, 0.6):
        held = 0
        for _ in range(2000):
            truth = rng.random(500) < share
            judge = np.where(truth, rng.random(500) < 0.9, rng.random(500) < 0.3)
            found = corrected_rate(judge[100:], judge[:100], truth[:100])
            assert isinstance(found, CorrectedRate)
            held += found.corrected.low <= share <= found.corrected.high
        print(share, held / 2000)
        assert 0.93 <= held / 2000 <= 0.985
