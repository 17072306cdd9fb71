import numpy as np
import pytest

from deemo_jax.audit.utility.linear_probe import probe

PERSONS = [f"p{i % 20}" for i in range(200)]


@pytest.fixture
def rng():
    return np.random.default_rng(0)


@pytest.mark.slow
def test_a_probe_finds_a_signal_and_none_in_noise(rng):
    labels = rng.choice(["negative", "neutral", "positive"], 200, p=[0.2, 0.6, 0.2])
    noise = rng.normal(size=(200, 12))
    signal = noise + 6 * (labels[:, None] == np.array(["negative", "neutral", "positive"])).repeat(4, axis=1)
    there, absent = probe(signal, list(labels), PERSONS), probe(noise, list(labels), PERSONS)
    assert there.score.value > 0.97 and there.score.low > 0.9
    assert 0.2 < absent.score.value < 0.46  # a third, and three deviations of it
    gap = absent.less(there)
    assert gap.high < -0.3 and there.less(there).bounds() == [0.0, 0.0]


def test_a_probe_is_tested_on_persons_it_was_not_fitted_on(rng):
    people = {person: rng.normal(size=8) for person in set(PERSONS)}
    likes = {person: rng.choice(["negative", "positive"]) for person in people}
    features = np.stack([people[person] for person in PERSONS])
    labels = [likes[person] for person in PERSONS]
    assert probe(features, list(labels), PERSONS).score.value < 0.75  # 1.0 if persons were in both halves


def test_too_few_persons_or_classes_are_refused(rng):
    with pytest.raises(ValueError, match="9 persons"):
        probe(rng.normal(size=(90, 2)), ["a", "b"] * 45, [f"p{i % 9}" for i in range(90)])
    with pytest.raises(ValueError, match="1 classes"):
        probe(rng.normal(size=(90, 2)), ["a"] * 90, [f"p{i % 30}" for i in range(90)])
