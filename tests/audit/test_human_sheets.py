import json

import cv2
import numpy as np
import pytest

from deemo_jax.audit.human_sheets import COLUMNS, human_section, write_pages


def test_a_sheet_shows_numbered_frames_and_lists_them(audited, tmp_path):
    section = human_section([audited], tmp_path, frames=7)
    rows = json.loads((tmp_path / "sheet.json").read_text())
    assert [row["number"] for row in rows] == list(range(1, 8)) and len({row["frame"] for row in rows}) == 7
    assert {row["clip_id"] for row in rows} == {"c1"}
    page = cv2.imread(str(tmp_path / "sheet_01.png"))
    row, column = 240 + 18 + 4, 320 + 4
    assert page.shape == (3 * row, COLUMNS * column, 3)
    # The number's band is white, the picture below it is not; of the last row two cells are empty.
    assert page[3, 100].tolist() == [255] * 3 and (page[30:200, 4:250] < 250).any()
    assert (page[2 * row + 30 :, :column] < 250).any() and (page[2 * row :, column:] == 255).all()
    assert section.numbers["upper_bounds"]["0"] == pytest.approx(1 - 0.05 ** (1 / 7))
    assert section.numbers["misses"] is None
    again = human_section([audited], tmp_path, frames=7)
    assert again.numbers == section.numbers


def test_all_frames_of_a_short_folder_and_no_page_too_many(audited, tmp_path):
    write_pages([np.zeros((4, 4, 3), np.uint8)] * 51, tmp_path)
    assert (tmp_path / "sheet_02.png").exists()
    assert human_section([audited], tmp_path).numbers["frames"] == 12
    assert sorted(p.name for p in tmp_path.glob("*.png")) == ["sheet_01.png"]
