"""Reading cues out of text, and scoring them against values worked out by hand and against chance."""

import numpy as np
import pytest

from deemo_jax.evaluation.scores import cue_scores
from deemo_jax.evaluation.scores.cue_scores import CueReader, precision_recall, shuffled_tables
from tests.evaluation.samples import CUES

NEG, NEU, POS = "negative", "neutral", "positive"
NEUTRAL = 1


def stated(text):
    return CueReader(CUES).stated(text)


def scored(truth, reasonings):
    return cue_scores.cue_scores(CUES, truth, reasonings)


def sentence(words, voice, body):
    states = {"words": words, "voice": voice, "body": body}
    said = {cue: CUES[cue][state] for cue, state in states.items()}
    return f"The words are {said['words']}, the voice is {said['voice']}, the body is {said['body']}."


def test_reads_sentences_that_name_every_cue():
    for states in ((POS, NEG, NEU), (NEU, NEU, NEU), (NEG, POS, POS)):
        assert stated(sentence(*states)) == dict(zip(CUES, states, strict=True))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", {}),
        ("the VOICE sounds rather FLAT", {"voice": NEG}),
        ("Her voice, I think, is lively; the body seems open", {"voice": POS, "body": POS}),
        ("The body is\nopen", {}),  # a new line ends a statement
        ("The voice is not lively.", {}),
        ("The voice isn't lively.", {}),
        ("The words, the voice is flat.", {"voice": NEG}),  # the value belongs to the nearer cue
        ("The words are open.", {}),  # no value of this cue
        ("The words are blue, the voice is flat", {"voice": NEG}),  # no value of one cue hides no other cue
        ("The words are gladly sad", {"words": NEG}),
        ("Passwords are glad.", {}),
        ("The words are glad. The words are sad.", {"words": POS}),
        ("The voice" + " x" * 40 + " flat", {}),
    ],
)
def test_reads_free_wording_but_no_denials_and_no_other_words(text, expected):
    assert stated(text) == expected


def test_cues_may_be_any_and_have_any_states():
    reader = CueReader({"left hand": {"neutral": "at rest", "up": "raised", "high": "raised high"}})
    assert reader.stated("The left hand is at rest.") == {"left hand": "neutral"}
    assert reader.stated("The LEFT hand seems Rai\u017fed") == {"left hand": "up"}  # a long s is an s in another case
    assert reader.stated("The left hand is raised high.") == {"left hand": "high"}
    assert reader.stated("The hand is raised.") == {}
    hand = {"hand": {"up": "raised", "down": "lowered", "away": "gone", "neutral": "resting"}}
    truth = [{"hand": state} for state in ("up", "down", "away", "neutral")]
    found = cue_scores.cue_scores(hand, truth, ["the hand is raised", "the hand is gone", "the hand is gone", ""])[
        "hand"
    ]
    assert (found.present, found.named) == (3, 3)
    assert found.precision.value == found.recall.value == pytest.approx(2 / 3)


def test_scores_by_hand():
    truth = [{"words": w, "voice": NEU, "body": POS} for w in (POS, POS, NEG, NEU, NEU)]
    # words named: right, wrong polarity, right, though absent, not at all -> 2 of 4 named right, 2 of 3 present found.
    said = [sentence(w, NEU, NEU) for w in (POS, NEG, NEG, POS, NEU)]
    found = scored(truth, said)
    assert (found["words"].present, found["words"].named) == (3, 4)
    assert found["words"].precision.value == pytest.approx(2 / 4)
    assert found["words"].recall.value == pytest.approx(2 / 3)
    assert (found["voice"].present, found["voice"].precision.value, found["voice"].recall.value) == (0, 0, 0)
    assert (found["body"].present, found["body"].named, found["body"].recall.value) == (5, 0, 0)


def test_a_cue_that_is_not_mentioned_counts_as_neutral():
    truth = [{"words": POS, "voice": NEU, "body": NEU}]
    found = scored(truth, ["I cannot say."])
    assert (found["words"].named, found["words"].recall.value) == (0, 0)


def sample(n=400, seed=0):
    rng = np.random.default_rng(seed)
    return [dict(zip(CUES, rng.choice([NEG, NEU, POS], 3, p=[0.2, 0.5, 0.3]), strict=True)) for _ in range(n)]


def test_a_reader_beats_its_shuffled_self_and_a_guesser_does_not():
    truth = sample()
    read = scored(truth, [sentence(*(row[cue] for cue in CUES)) for row in truth])
    guessed = scored(truth, [sentence(*(row[cue] for cue in CUES)) for row in sample(seed=1)])
    for cue in CUES:
        assert read[cue].precision.value == read[cue].recall.value == 1
        for what in ("precision", "recall"):
            real, chance = getattr(guessed[cue], what), getattr(guessed[cue], f"{what}_shuffled")
            assert getattr(read[cue], f"{what}_shuffled").high < 0.5
            assert real.low < chance.value < real.high


def test_shuffled_mean_is_what_independence_gives():
    truth, said = np.array([0] * 30 + [1] * 50 + [2] * 20), np.array([0] * 10 + [1] * 30 + [2] * 60)
    tables = shuffled_tables(truth, said, 3, samples=3000)
    assert (tables.sum(axis=(1, 2)) == 100).all()
    expected = np.outer([30, 50, 20], [10, 30, 60]) / 100
    np.testing.assert_allclose(tables.mean(axis=0), expected, atol=0.6)
    precision, recall = precision_recall(tables, NEUTRAL)
    assert precision.mean() == pytest.approx((30 * 10 + 20 * 60) / 100 / 70, abs=0.01)
    assert recall.mean() == pytest.approx((30 * 10 + 20 * 60) / 100 / 50, abs=0.01)


def test_shuffling_in_blocks_changes_only_the_draw(monkeypatch):
    monkeypatch.setattr("deemo_jax.evaluation.scores.cue_scores.BLOCK_CELLS", 700)
    tables = shuffled_tables(np.array([0, NEUTRAL, 2] * 33), np.array([2, NEUTRAL, 0] * 33), 3, samples=50)
    assert tables.shape == (50, 3, 3)
    assert (tables.sum(axis=(1, 2)) == 99).all()


def test_scores_are_reproducible():
    truth = sample(50)
    said = [sentence(NEG, POS, NEU)] * 50
    assert {c: s.to_json() for c, s in scored(truth, said).items()} == {
        c: s.to_json() for c, s in scored(truth, said).items()
    }
