"""Shares of claims that stay, against counts by hand, and what chance makes of them."""

import math

import numpy as np
import pytest

from deemo_jax.evaluation.reading.claims import Claim
from deemo_jax.evaluation.scores.faithfulness_scores import source_scores


def claim(*words: str) -> Claim:
    return Claim(frozenset(words))


def test_shares_are_those_of_counts_by_hand() -> None:
    whole = [[claim("flat"), claim("low")], [claim("lively")], [], [claim("flat")]]
    masked = [[claim("flat")], [claim("flat")], [claim("flat")], []]
    true = [claim("flat"), claim("flat"), claim("lively"), claim("flat")]
    found = source_scores(whole, masked, true=true)
    assert (found.n, found.claims, found.claims_masked) == (4, 4, 3)
    assert found.unfaithful.value == 1 / 4
    assert found.right is not None and found.right.value == 2 / 4
    assert found.right_masked is not None and found.right_masked.value == 2 / 3
    row = found.to_json()
    assert row["unfaithful"] == 1 / 4 and len(row["unfaithful_interval"]) == 2 and row["right"] == 1 / 2


def test_a_constant_claim_is_as_unfaithful_when_shuffled_and_a_claim_about_the_clip_is_not() -> None:
    always = [[claim("even")]] * 40
    found = source_scores(always, always)
    assert found.unfaithful.value == found.shuffled == 1
    own = [[claim(f"w{number}")] for number in range(40)]
    found = source_scores(own, own)
    assert found.unfaithful.value == 1 and found.shuffled == 0
    silent: list[list[Claim]] = [[]] * 40
    found = source_scores(own, silent)
    assert found.unfaithful.value == 0 and found.claims_masked == 0


def test_silence_is_no_score() -> None:
    silent: list[list[Claim]] = [[], []]
    found = source_scores(silent, silent, true=[claim("flat")] * 2)
    assert math.isnan(found.unfaithful.value) and math.isnan(found.shuffled)
    assert set(found.to_json().values()) == {2, 0, None}


@pytest.mark.parametrize(("persons", "known"), [(10, True), (9, False)])
def test_intervals_are_over_persons(persons: int, known: bool) -> None:
    # A person's claims all stay, or all go.
    of_person = np.repeat(np.arange(persons), 20)
    whole = [[claim("flat")]] * len(of_person)
    masked = [[claim("flat")] if person % 2 else [] for person in of_person]
    clustered, independent = source_scores(whole, masked, of_person).unfaithful, source_scores(whole, masked).unfaithful
    assert clustered.value == independent.value and clustered.known == known
    if known:
        assert clustered.high - clustered.low > 3 * (independent.high - independent.low)
