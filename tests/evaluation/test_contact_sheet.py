"""The contact sheet, from files written here."""

import dataclasses

import numpy as np
import pytest
from PIL import Image

from deemo_jax.core.errors import UserError
from deemo_jax.evaluation import contact_sheet
from tests.evaluation.samples import imagined, media_folders


@pytest.fixture
def folders(tmp_path):
    return media_folders(tmp_path)


def predictions(count=3):
    return imagined({"all": 0.5}, clips=count)


def test_rows_pair_raw_and_deidentified_by_hash(folders):
    rows = contact_sheet.collect(predictions(), *folders)
    assert [row.prediction.clip_id for row in rows] == ["clip000", "clip001", "clip002"]
    for number, row in enumerate(rows):
        assert abs(row.raw_frame.mean() - (40 * number + 5)) < 3  # the middle frame
        assert abs(row.frame.mean() - (40 * number + 105)) < 3
        assert row.mel.shape == (128, 198)
        assert row.raw_mel[:, 10:90].mean(axis=1).argmax() < row.mel[:, 10:90].mean(axis=1).argmax()


def test_draws_a_png_that_grows_with_the_rows(folders, tmp_path):
    rows = contact_sheet.collect(predictions(), *folders)
    odd = dataclasses.replace(
        rows[0].prediction, reasoning="$x_ \\frac " + "long " * 300, answer="\x00", clip_id="$" * 90
    )
    contact_sheet.draw([dataclasses.replace(rows[0], prediction=odd)], tmp_path / "one.png")
    contact_sheet.draw(rows, tmp_path / "three.png", "A subtitle.")
    one, three = (np.asarray(Image.open(tmp_path / name).convert("L")) for name in ("one.png", "three.png"))
    assert three.shape[0] - one.shape[0] == pytest.approx(2 * 175, abs=2)
    assert one.shape[1] == three.shape[1] == 1550
    assert (one[:, -10:] == 255).all()  # long text is wrapped within the page


def test_spread_takes_predictions_at_even_distances_right_or_wrong():
    rows = predictions(9)
    assert [row.clip_id for row in contact_sheet.spread(rows, 3)] == ["clip000", "clip004", "clip008"]
    assert contact_sheet.spread(rows, 20) == rows


def test_what_is_missing_is_named(folders, tmp_path):
    raw, deid = folders
    with pytest.raises(UserError, match="no manifest of clip clip003"):
        contact_sheet.collect(predictions(4), raw, deid)
    with pytest.raises(UserError, match="no such folder"):
        contact_sheet.collect(predictions(), tmp_path / "absent", deid)
    (raw / "day" / "IMG_1.mp4").unlink()
    with pytest.raises(UserError, match="raw file of clip clip001"):
        contact_sheet.collect(predictions(), raw, deid)


def test_tampered_files_are_refused(folders):
    raw, deid = folders
    with open(deid / "clip001.mp4", "ab") as file:
        file.write(b"x")
    with pytest.raises(UserError, match="hash differs"):
        contact_sheet.collect(predictions(), raw, deid)
