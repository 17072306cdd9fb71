"""The synthesiser: every utterance is a function of its arguments, and every word has a time."""

import itertools
import sys

import numpy as np
import pytest

from deemo_jax.core.errors import UserError
from deemo_jax.media import espeak

TEXT = "we were in the lead, and then 2014 came"


def said(text=TEXT):
    return espeak.say(text, "f5", 160, 50, 0)


def test_an_utterance_depends_on_its_arguments_alone():
    first, starts = said()
    espeak.say("something else altogether", "m1", 230, 80, 90)
    again, _ = said()
    np.testing.assert_array_equal(first, again)
    assert first.dtype == np.float32 and 0.01 < abs(first).max() <= 1 and len(starts) > 4


def test_every_word_has_a_time_within_what_is_heard():
    samples, words = espeak.trimmed(*said(), TEXT)
    assert [word.text for word in words] == TEXT.replace(",", "").split()
    assert words[0].start_s == 0 and words[-1].end_s == pytest.approx(len(samples) / espeak.RATE)
    assert all(a.start_s < a.end_s == b.start_s for a, b in itertools.pairwise(words))
    assert abs(samples[[0, -1]]).min() > 0.005 * abs(samples).max()


def test_a_long_installation_path_is_shortened(tmp_path, monkeypatch):
    import espeakng_loader

    short, _ = said()
    deep = tmp_path / ("deep" * 30) / "down"
    deep.mkdir(parents=True)
    (deep / "espeak-ng-data").symlink_to(espeakng_loader.get_data_path())
    monkeypatch.setattr(espeakng_loader, "get_data_path", lambda: str(deep / "espeak-ng-data"))
    espeak._installation.cache_clear()
    try:
        np.testing.assert_array_equal(said()[0], short)
    finally:
        espeak._installation.cache_clear()


def test_a_missing_package_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "espeakng_loader", None)
    espeak._installation.cache_clear()
    try:
        with pytest.raises(UserError, match="make setup EXTRAS=spoken"):
            said()
    finally:
        espeak._installation.cache_clear()
