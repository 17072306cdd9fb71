import dataclasses
import json

import numpy as np
import pytest

from deemo_jax.audit.human_check import RECORD, read, record
from deemo_jax.audit.human_sheets import _row, _small, human_section
from deemo_jax.audit.report import verdict
from deemo_jax.core.errors import UserError
from deemo_jax.core.files import write_json


@pytest.fixture
def sheets(audited, tmp_path):
    section = human_section([audited], tmp_path, frames=7)
    assert section.numbers["misses"] is None and verdict(section) == "waits for a person"
    assert read(tmp_path) is None
    return tmp_path


def test_what_a_person_saw_is_read_back(audited, sheets):
    assert record(sheets, "none").bound == pytest.approx(1 - 0.05 ** (1 / 7))
    section = human_section([audited], sheets, frames=7)
    assert section.numbers["misses"] == 0 and verdict(section) == "measured" and section.failures == ()
    assert any("0 of 7 pictures" in note for note in section.notes)

    record(sheets, "5, 2,5")
    assert read(sheets).with_a_face == (2, 5)
    section = human_section([audited], sheets, frames=7)
    assert section.numbers["misses"] == 2 and verdict(section) == "broken"
    assert "2 of 7 pictures (numbers 2, 5), so in at most 65.87%" in section.failures[0]


def test_a_record_of_other_pictures_counts_for_nothing(audited, sheets):
    record(sheets, "none")
    section = human_section([audited], sheets, frames=6)
    assert section.numbers["misses"] is None and verdict(section) == "waits for a person"
    assert any("other sheets" in note and str(sheets) not in note for note in section.notes)
    with pytest.raises(UserError, match="other sheets"):
        read(sheets)


def test_a_record_of_clips_that_have_changed_counts_for_nothing(audited, sheets, tmp_path):
    record(sheets, "none")
    path = tmp_path / f"{audited.clip_id}.manifest.json"
    write_json(path, audited.manifest.to_json())
    assert read(sheets, tmp_path) == read(sheets)
    write_json(path, dataclasses.replace(audited.manifest, output_sha256="0" * 64).to_json())
    with pytest.raises(UserError, match="clips that have changed"):
        read(sheets, tmp_path)


@pytest.mark.parametrize("answer", ["", "8", "0", "-1", "1;2", "one", "1.5", "none,1", "9" * 30])
def test_answers_that_cannot_be_used(sheets, answer):
    with pytest.raises(UserError, match="--human_check"):
        record(sheets, answer)
    assert not (sheets / RECORD).exists()


def test_files_that_are_no_record(sheets, tmp_path):
    with pytest.raises(UserError, match="--report first"):
        record(tmp_path / "elsewhere", "none")
    record(sheets, "3")
    row = json.loads((sheets / RECORD).read_text())
    for change in (
        {"pictures": "7"}, {"with_a_face": [8]}, {"with_a_face": [1, 1]}, {"with_a_face": 1}, {"recorded": "<b>"},
        {"version": 2}, {"sheet_sha256": 1},
    ):  # fmt: skip
        (sheets / RECORD).write_text(json.dumps(row | change))
        with pytest.raises(UserError, match="no record"):
            read(sheets)


def test_sheets_have_no_gaps_as_high_as_a_portrait_film():
    upright, wide = np.zeros((1920, 1080, 3), np.uint8), np.zeros((270, 480, 3), np.uint8)
    assert _small(upright).shape == (480, 270, 3) and _small(wide).shape == (270, 480, 3)
    assert _small(np.zeros((9000, 90, 3), np.uint8)).shape[0] == 480
    assert _row([wide, wide], 480).shape == (274, 3 * 484, 3)
