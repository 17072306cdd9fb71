import argparse
import dataclasses

import numpy as np
import pytest

from benchmarks.privacy import planted_captions, screen_text
from benchmarks.privacy.planted_captions import SIZE, Caption, caption_film

USUAL = Caption(font=screen_text.font("DejaVuSans.ttf"))


def extent(ink):
    rows, columns = np.nonzero(ink)
    return np.ptp(rows), np.ptp(columns)


def test_ink_is_where_the_film_shows_it(tmp_path, monkeypatch):
    monkeypatch.setattr(planted_captions, "SECONDS", 0.07)
    (flat,) = caption_film(tmp_path / "a.mp4", USUAL, 2)
    (upright,) = caption_film(tmp_path / "b.mp4", dataclasses.replace(USUAL, turned=90.0, bar=True), 2)
    (aslant,) = caption_film(tmp_path / "c.mp4", dataclasses.replace(USUAL, photographed=True), 2)
    assert flat.shape == SIZE[::-1] and extent(flat) == pytest.approx(extent(upright)[::-1], abs=2)
    assert aslant.any() and extent(flat)[0] < 40 < extent(flat)[1]


def test_films_are_covered_missed_or_refused(monkeypatch):
    ink = np.zeros(SIZE[::-1], bool)
    ink[300:310, 40:100] = True
    monkeypatch.setattr(screen_text, "caption_film", lambda *_: [ink, ink & False])
    answers = iter([(((30, 290, 110, 320),), ()), (((30, 290, 90, 320),), ()), None])
    monkeypatch.setattr(screen_text, "text_of", lambda *_: next(answers))
    assert [screen_text.is_covered(("usual", USUAL, number)) for number in range(3)] == [True, False, None]


def test_each_kind_has_a_row_and_refused_films_are_told(monkeypatch):
    monkeypatch.setattr(screen_text, "is_covered", lambda film: None if "90" in film[0] else film[1].contrast > 0.2)
    rows = screen_text.captions(argparse.Namespace(films=2, workers=1, cjk=None)).rows
    kinds = {name: (covered, refused) for name, covered, refused in rows}
    assert kinds["contrast 12%"] == ("0 of 2 [0%, 84%]", "0") and kinds["turned by 90 degrees"][1] == "2"
    assert kinds["all of these"][0].startswith("46 of 48 ") and "Chinese" not in kinds
