import numpy as np
import pytest

from deemo_jax.data.prompts import parse_emotion
from deemo_jax.data.tokenizer import ByteTokenizer
from deemo_jax.evaluation.scores.cue_scores import CueReader
from deemo_jax.sample.cues import Tone
from deemo_jax.sample.script import CUE_WORDS, OPENERS, TAILS
from deemo_jax.sample.towers.dialogues import balance, dialogues

P, N, O = Tone.POSITIVE, Tone.NEGATIVE, Tone.NEUTRAL  # noqa: E741
SHAPE = {"batch": 16, "length": 336, "audio": 8, "video": 16}


@pytest.mark.parametrize(
    ("words", "voice", "body", "expected"),
    [
        (O, O, O, "positive"),
        (N, O, O, "negative"),
        (N, P, O, "negative"),
        (N, P, P, "positive"),
        (P, N, N, "negative"),
        (O, P, N, "positive"),
    ],
)
def test_words_weigh_most_and_two_beat_one(words, voice, body, expected):
    assert balance({"words": words, "voice": voice, "body": body}) is expected


def test_same_seed_same_dialogues():
    first, second = next(dialogues(3, **SHAPE)), next(dialogues(3, **SHAPE))
    np.testing.assert_array_equal(first.token_ids, second.token_ids)
    assert not np.array_equal(first.token_ids, next(dialogues(4, **SHAPE)).token_ids)


def test_answers_restate_the_tones_and_their_balance():
    written, tokenizer = next(dialogues(0, **SHAPE)), ByteTokenizer()
    for row, start in zip(written.token_ids, written.answers, strict=True):
        answer = tokenizer.decode(row[start:].tolist())
        tones = CueReader(CUE_WORDS).stated(answer)
        assert set(tones) == {"words", "voice", "body"}
        assert parse_emotion(answer) is balance(tones)


def test_descriptions_fill_exactly_the_places_of_media_tokens():
    written = next(dialogues(0, **SHAPE))
    counts = set(written.slots.sum(1).tolist())
    assert counts <= {0, 8, 16, 24} and 24 in counts
    assert np.all(written.token_ids[written.slots] > 2)


def test_padding_has_no_weight_and_answers_have_all_of_it():
    written = next(dialogues(0, **SHAPE))
    assert np.all(written.weights[written.token_ids == 0] == 0)
    for weights, ids, start in zip(written.weights, written.token_ids, written.answers, strict=True):
        assert np.all(weights[start:][ids[start:] > 0] == 1)


def test_no_sentence_of_the_sample_is_written():
    assert not set(OPENERS["sample"]) & set(OPENERS["towers"])
    assert not set(TAILS["sample"]) & set(TAILS["towers"])
    text = "".join(ByteTokenizer().decode(row.tolist()) for row in next(dialogues(0, **SHAPE)).token_ids)
    assert not any(tail in text for tail in TAILS["sample"])
