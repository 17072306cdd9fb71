"""The hash of a request follows all that a reply depends on, and nothing else."""

import dataclasses

import pytest

from deemo_jax.llm.endpoint import Endpoint
from deemo_jax.llm.request import Decoding, Message, Request, content_hash

REQUEST = Request(
    key="c01", messages=(Message("user", "How alike are they?"),), schema={"type": "object"}, protocol="deemo/1"
)
SERVER = Endpoint("https://judge.example/v1", "judge-1")


@pytest.mark.parametrize(
    "change",
    [
        {"messages": (Message("system", "How alike are they?"),)},
        {"messages": (Message("user", "How alike are they? \ud800"),)},
        {"schema": {"type": "object", "required": ["clue"]}},
        {"sample": 1},
        {"protocol": "deemo/2"},
        {"decoding": Decoding(temperature=0.0)},
        {"decoding": Decoding(seed=0)},
    ],
)
def test_what_a_reply_depends_on_changes_the_hash(change):
    assert content_hash(dataclasses.replace(REQUEST, **change), SERVER) != content_hash(REQUEST, SERVER)


def test_server_and_model_change_the_hash_and_names_given_to_them_do_not():
    known = content_hash(REQUEST, SERVER)
    assert content_hash(REQUEST, Endpoint("https://judge.example/v1", "judge-2")) != known
    assert content_hash(REQUEST, Endpoint("https://judge.example:8000/v1", "judge-1")) != known
    assert content_hash(REQUEST, Endpoint("https://Judge.example/v1/", "judge-1", "them", "THEIR_KEY")) == known
    assert content_hash(dataclasses.replace(REQUEST, key="c02"), SERVER) == known
