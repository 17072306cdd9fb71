"""Which clauses of a reasoning claim something of a source, and which claims are the same."""

import json
from pathlib import Path

import pytest

from deemo_jax.core.errors import UserError
from deemo_jax.core.schema import Modality
from deemo_jax.evaluation.reading.claims import MAX_CLAIMS, Claim, claims, read_sources

SOURCES = {source.name: source for source in read_sources()}


def found(text: str) -> dict[str, int]:
    return {name: len(made) for name, source in SOURCES.items() if (made := claims(text, source))}


@pytest.mark.parametrize(
    ("text", "claimed"),
    [
        ("The words are glad, the voice is lively, the body is open.", {"words": 1, "voice": 1, "body": 1}),
        ("Her pitch rises; her intonation is bright.", {"voice": 2}),
        ("He folds his arms and says that he is let down.", {"words": 1, "body": 1}),
        ("She gestures widely. She is proud.", {"body": 1}),
        ("Body language is closed", {"body": 1}),
        ("The tone of voice trembles.", {"voice": 1}),
        ("She is proud.", {}),
        ("", {}),
        ("There is no audio. The transcript is not available, and no movements can be seen.", {}),
        ("The voice is missing.", {}),
        ("The voice isn't calm.", {"voice": 1}),
        ("an invoice and a handle", {}),
    ],
)
def test_clauses_that_name_a_source(text: str, claimed: dict[str, int]) -> None:
    assert found(text) == claimed


@pytest.mark.parametrize(
    ("first", "second", "again"),
    [
        ("The voice is flat.", "the VOICE is flat", True),
        ("The voice is flat.", "The voice is lively.", False),
        ("The voice is flat.", "The voice is not flat.", False),
        ("Her voice trembles.", "The voice is trembling and low.", True),
        ("The voice is low and trembling.", "The voice is low.", True),
        ("The voice is low, flat and slow speech.", "The voice is loud.", False),
        ("The voice.", "The voice is loud.", True),  # it says no more than that there is one
    ],
)
def test_a_claim_is_made_again_with_half_of_its_words(first: str, second: str, again: bool) -> None:
    (made,), (other, *_) = claims(first, SOURCES["voice"])[:1], claims(second, SOURCES["voice"])
    assert made.again(other) == again


def test_of_a_very_long_answer_the_first_claims_are_read() -> None:
    assert len(claims("The voice is flat. " * 5000, SOURCES["voice"])) == MAX_CLAIMS


def test_content_is_without_what_names_the_source() -> None:
    assert claims("The tone of voice is flat.", SOURCES["voice"]) == [Claim(frozenset({"flat"}))]


def test_the_own_sources_cover_all_modalities_once() -> None:
    masks = [mask for source in SOURCES.values() for mask in source.masks]
    assert sorted(masks) == sorted(Modality)


@pytest.mark.parametrize(
    ("table", "says"),
    [
        ([], "1 to 20 sources"),
        ({}, "1 to 20 sources"),
        ({"voice": ["voice"]}, "must have masks and words"),
        ({"voice": {"masks": ["audio"], "words": ["voice"], "more": 1}}, "must have masks and words"),
        ({"voice": {"masks": ["smell"], "words": ["voice"]}}, "choose from audio"),
        ({"voice": {"masks": [], "words": ["voice"]}}, "must list the modalities"),
        ({"voice": {"masks": [1], "words": ["voice"]}}, "must list the modalities"),
        ({"voice": {"masks": ["audio"], "words": []}}, "must list 1 to 1000 words"),
        ({"voice": {"masks": ["audio"], "words": ["*"]}}, "'*', which is no word"),
        ({"voice": {"masks": ["audio"], "words": [3]}}, "'3', which is no word"),
        ({"": {"masks": ["audio"], "words": ["voice"]}}, "is no name of a source"),
    ],
)
def test_wrong_files_are_refused_in_a_line(table: object, says: str, tmp_path: Path) -> None:
    path = tmp_path / "k.json"
    path.write_text(json.dumps(table))
    with pytest.raises(UserError) as caught:
        read_sources(path)
    assert says in str(caught.value) and "\n" not in str(caught.value)
