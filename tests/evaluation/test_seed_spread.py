"""Models trained with several seeds, as rows of one table."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from deemo_jax.core.schema import DEEMO_LABELS
from deemo_jax.evaluation import comparison_plot, comparison_report
from deemo_jax.evaluation.compared_systems import System, over_seeds
from deemo_jax.evaluation.comparison import compare
from deemo_jax.evaluation.results import score
from tests.evaluation.samples import imagined

CLIPS, SEEDS = 60, (1, 2, 3)


def systems(*, persons, same=False):
    """Two systems of three seeds each; with `same`, every seed answers alike."""
    found = {}
    for name, skill in (("worse", 0.6), ("better", 0.85)):
        of_seed = {}
        for seed in SEEDS:
            chosen = imagined({"all": 1.0}, CLIPS)
            drawn = np.random.default_rng([len(name), 0 if same else seed]).random(CLIPS)
            rows = [
                dataclasses.replace(
                    row,
                    emotion_predicted=next(e for e in DEEMO_LABELS if (e == row.emotion_true) == (draw < skill)),
                    modalities=name,
                    person_id=f"p{place % 12}" if persons else None,
                )
                for place, (row, draw) in enumerate(zip(chosen, drawn, strict=True))
            ]
            of_seed[seed] = System(name, Path(f"{name}{seed}.jsonl"), "0", name, rows, differs={"data.frames": name})
        found[name] = over_seeds(name, of_seed)
    return list(found.values())


@pytest.mark.parametrize("persons", [False, True])
def test_a_row_is_the_mean_over_seeds_with_their_spread(persons):
    given = systems(persons=persons)
    found = compare(given, DEEMO_LABELS, reference="better")
    for row, system in zip(found.rows(), given, strict=True):
        right = np.array([[r.emotion_predicted == r.emotion_true for r in one.rows] for one in system.repeats.values()])
        assert row["accuracy"] == pytest.approx(right.mean(), abs=1e-12)
        assert row["accuracy_sd_over_seeds"] == pytest.approx(right.mean(axis=1).std(ddof=1), abs=1e-12)
        assert found.spreads[system.name].mean("accuracy") == pytest.approx(right.mean(), abs=1e-12)
        assert (row["clips"], row["seeds"], row["data.frames"]) == (CLIPS, 3, system.name)
        assert row["accuracy_low"] < row["accuracy"] < row["accuracy_high"]
    text = comparison_report.text(found)
    assert "data.frames" in text and "mean ± SD of 3 seeds" in text
    assert ("over 12 persons" if persons else "over clips, each drawn with all its answers, those of 3 seeds") in text
    assert ("sign-flips over persons" if persons else "sign-flips over clips") in text
    assert comparison_plot.plot(found).axes


def test_seeds_that_answer_alike_make_nothing_more_certain():
    """Three times the same answers are the evidence of one: clips, not answers, are what is independent."""
    given = systems(persons=False, same=True)
    alike = compare(given, DEEMO_LABELS).rows()[0]
    (alone,) = score({"worse": given[0].repeats[1].rows}, "").sets.values()
    assert alike["accuracy_sd_over_seeds"] == 0 and alike["accuracy"] == alone.accuracy.value
    assert [alike["accuracy_low"], alike["accuracy_high"]] == pytest.approx(alone.accuracy.bounds(), abs=0.02)
    given = systems(persons=True, same=True)
    alike = compare(given, DEEMO_LABELS).rows()[0]
    (alone,) = score({"worse": given[0].repeats[1].rows}, "").sets.values()
    assert [alike["accuracy_low"], alike["accuracy_high"]] == pytest.approx(alone.accuracy.bounds(), abs=1e-12)


def test_one_seed_has_no_spread():
    (system, *_) = systems(persons=True)
    alone = over_seeds("alone", {1: system.repeats[1]})
    found = compare([alone], DEEMO_LABELS)
    assert found.spreads == {} and not alone.repeats and "seeds" not in found.rows()[0]
    assert "SD" not in comparison_report.text(found)
