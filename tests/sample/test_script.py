import itertools

import pytest

from deemo_jax.evaluation.scores.cue_scores import CueReader
from deemo_jax.sample import script
from deemo_jax.sample.cues import Cues, Tone
from deemo_jax.sample.seeds import generator

READER = CueReader(script.CUE_WORDS)


def _sentences(sentence_set, count=2000):
    rng = generator("sentences", sentence_set)
    return [(tone, script.sentence(rng, tone, sentence_set)) for tone in list(Tone) * (count // 3)]


def test_no_sentence_of_one_set_can_be_in_the_other():
    assert not set(script.OPENERS["sample"]) & set(script.OPENERS["towers"])
    assert not set(script.TAILS["sample"]) & set(script.TAILS["towers"])
    sets = [{text for _, text in _sentences(name)} for name in ("sample", "towers")]
    assert not sets[0] & sets[1]
    assert all(len(texts) > 500 for texts in sets)


@pytest.mark.parametrize("sentence_set", ["sample", "towers"])
def test_a_sentence_holds_one_phrase_and_it_has_the_asked_tone(sentence_set):
    for tone, text in _sentences(sentence_set, 600):
        assert text == text.lower() and text.isascii() and len(text) <= script.MAX_SENTENCE_BYTES
        found = [phrase for phrase in script.LEXICON if f" {phrase} " in text]
        assert len(found) == 1 and script.LEXICON[found[0]] is tone


def test_the_length_of_a_sentence_leaves_room_for_the_slowest_voice():
    longest = max(len(text) for _, text in _sentences("sample"))
    assert 40 < longest <= script.MAX_SENTENCE_BYTES


def test_reasoning_names_every_cue_and_is_read_back():
    for words, voice, body in itertools.product(Tone, repeat=3):
        text = script.reasoning(Cues(words, voice, body))
        assert len(text.encode()) <= 110
        assert READER.stated(text) == {"words": words, "voice": voice, "body": body}


def test_reasoning_in_the_exact_grammar():
    text = script.reasoning(Cues(Tone.POSITIVE, Tone.NEGATIVE, Tone.NEUTRAL))
    assert text == "The words are glad, the voice is flat, the body is still."
