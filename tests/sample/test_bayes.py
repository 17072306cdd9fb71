import numpy as np
import pytest

from deemo_jax.core.schema import DEEMO_LABELS, Modality
from deemo_jax.sample import bayes, cues
from deemo_jax.sample.seeds import generator

EXPECTED = {
    "nothing": 60.0, "V": 73.5, "A": 73.5, "T": 81.0, "A+V": 81.3, "T+V": 86.4, "T+A": 86.4, "T+A+V": 89.9,
}  # fmt: skip


@pytest.mark.parametrize(("name", "modalities"), bayes.ROWS)
def test_optimal_accuracy_is_the_designed_one(name, modalities):
    assert 100 * bayes.optimal_accuracy(modalities) == pytest.approx(EXPECTED[name], abs=0.05)


def test_balanced_accuracy_counts_both_emotions_alike():
    assert bayes.optimal_balanced_accuracy(()) == pytest.approx(0.5)
    # Neutral (55 %) is a guess; an expressive cue (45 %) is right nine times in ten.
    assert bayes.optimal_balanced_accuracy({Modality.VIDEO}) == pytest.approx(0.55 / 2 + 0.45 * 0.9)


def test_nfbl_text_carries_the_cue_of_the_video():
    assert bayes.optimal_accuracy({Modality.NFBL}) == bayes.optimal_accuracy({Modality.VIDEO})
    assert bayes.optimal_accuracy(Modality) == bayes.optimal_accuracy(dict(bayes.ROWS)["T+A+V"])


def test_drawn_clips_follow_the_model_that_is_enumerated():
    draws = [cues.draw(generator("test", index)) for index in range(8_000)]
    positive = np.array([emotion == "positive" for emotion, _ in draws])
    assert positive.mean() == pytest.approx(0.6, abs=0.015)
    for name, model in cues.MODELS.items():
        for emotion in DEEMO_LABELS:
            of_emotion = [getattr(drawn, name) for felt, drawn in draws if felt == emotion]
            for tone in cues.Tone:
                share = np.mean([drawn is tone for drawn in of_emotion])
                assert share == pytest.approx(model.probability(tone, emotion), abs=0.02)


def test_table_names_every_subset():
    text = bayes.table()
    for name, percent in EXPECTED.items():
        assert any(line.split() == [name, f"{percent:.1f}", "%"] for line in text.splitlines())
