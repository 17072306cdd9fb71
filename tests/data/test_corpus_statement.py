"""What a corpus states of itself, as anybody may have written it."""

import json

import pytest

from deemo_jax.core.errors import UserError
from deemo_jax.data.corpus_statement import CorpusStatement

VOICE = {"negative": "flat", "neutral": "even", "positive": "lively"}


def test_a_statement_round_trips():
    stated = CorpusStatement("synthetic", {"voice": VOICE}, {"": 0.6, "all": 1}, {"audio,video": 0.5})
    assert CorpusStatement.from_json(json.loads(json.dumps(stated.to_json()))) == stated
    assert CorpusStatement.from_json({"kind": "acted", "notes": "kept elsewhere"}) == CorpusStatement("acted")


def test_modality_sets_are_known_by_any_order_of_names():
    read = CorpusStatement.from_json({"kind": "x", "optimal_accuracy": {"video, audio": 0.5}})
    assert read.optimal_accuracy == {"audio,video": 0.5}


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ([], "corpus must be a JSON object"),
        ({}, "its kind is 'None'"),
        ({"kind": ""}, "its kind is ''"),
        ({"kind": "a\x1b[31m"}, "its kind is"),
        ({"kind": "x" * 41}, "1 to 40 letters"),
        ({"kind": "x", "cues": [VOICE]}, "cues must be a JSON object"),
        ({"kind": "x", "cues": {str(i): VOICE for i in range(33)}}, "at most 32 keys"),
        ({"kind": "x", "cues": {".*": VOICE}}, "a cue is '.*'"),
        ({"kind": "x", "cues": {"voice": "flat"}}, "'voice' must be a JSON object"),
        ({"kind": "x", "cues": {"voice": {**VOICE, "negative": 3}}}, "a word of 'voice' is '3'"),
        ({"kind": "x", "cues": {"voice": {"negative": "flat"}}}, "a word of its own for 'neutral'"),
        ({"kind": "x", "cues": {"voice": {"neutral": "even"}}}, "for every other state"),
        ({"kind": "x", "cues": {"voice": {**VOICE, "negative": "Even"}}}, "a word of its own"),
        ({"kind": "x", "optimal_accuracy": 0.6}, "optimal_accuracy must be a JSON object"),
        ({"kind": "x", "optimal_accuracy": {"smell": 0.6}}, "smell"),
        ({"kind": "x", "optimal_accuracy": {"audio": 60}}, "optimal_accuracy of 'audio' is '60'"),
        ({"kind": "x", "optimal_accuracy": {"audio": True}}, "a share from 0 to 1"),
        ({"kind": "x", "optimal_balanced_accuracy": {"audio": float("nan")}}, "a share from 0 to 1"),
    ],
)
def test_what_is_malformed_is_named(wrong, says):
    with pytest.raises(UserError) as refused:
        CorpusStatement.from_json(wrong)
    assert says in str(refused.value)


def test_states_of_a_row():
    stated = CorpusStatement("x", {"voice": VOICE})
    assert stated.states_of({"cues": {"voice": "neutral", "body": "open"}}) == {"voice": "neutral"}
    assert CorpusStatement("x").states_of({"cues": 3}) == {}
    for row in ({}, {"cues": 3}, {"cues": {}}, {"cues": {"voice": "loud"}}, {"cues": {"voice": ["neutral"]}}):
        with pytest.raises(UserError, match="cues lacks the state of 'voice'; give negative or neutral or positive"):
            stated.states_of(row)
