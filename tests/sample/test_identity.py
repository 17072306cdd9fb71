import dataclasses

import numpy as np

from deemo_jax.sample.identity import SPEAKERS, make_identity
from deemo_jax.sample.seeds import generator


def test_a_full_corpus_has_at_least_24_different_voices_and_looks():
    people = [make_identity(0, index) for index in range(SPEAKERS)]
    assert len({person.voice for person in people}) == len({person.face for person in people}) == SPEAKERS >= 24
    assert len({person.person_id for person in people}) == SPEAKERS
    assert len({person.voice.variant for person in people}) >= 24


def test_towers_hear_and_see_other_people():
    sample = {make_identity(0, index).voice.variant for index in range(60)}
    towers = {make_identity(0, index, "towers").voice.variant for index in range(60)}
    assert sample and towers and not sample & towers
    assert make_identity(0, 5).face != make_identity(0, 5, "towers").face


def test_base_pitches_lie_close_together():
    pitches = [make_identity(seed, index).voice.pitch_hz for seed in range(3) for index in range(SPEAKERS)]
    assert 12 * np.log2(max(pitches) / min(pitches)) < 4.0


def test_the_same_seed_gives_the_same_person_and_another_seed_another():
    assert make_identity(7, 3) == make_identity(7, 3)
    assert dataclasses.replace(make_identity(7, 3), person_id="") != dataclasses.replace(
        make_identity(8, 3), person_id=""
    )


def test_seeds_are_the_same_on_every_machine():
    assert generator("clip", 0, 1).integers(1 << 62, size=2).tolist() == [4034943904832972875, 1224733612766631713]
