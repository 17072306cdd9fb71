"""The refused list: phrases of ours, numbers that add up, and a list that somebody forged."""

import json
import re
from types import SimpleNamespace

import pytest

from deemo_jax.audit.audit import audit
from deemo_jax.audit.options import AuditOptions
from deemo_jax.audit.refusals import NONE, OTHER, Refusals, phrase, read_refusals
from deemo_jax.core import files
from deemo_jax.core.errors import UserError
from deemo_jax.deid.folder.refused_list import RefusedList
from deemo_jax.deid.folder.source_outcome import Outcome
from deemo_jax.deid.video import refusal_messages
from deemo_jax.media.video import read_frames
from tests.audit.copies import add


def written(folder, *rows):
    (folder / "refused.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return folder


def test_reasons_of_this_project_are_known(tmp_path):
    seen = SimpleNamespace(times=(0.0, 0.1), width=640, height=360, scenes=lambda: [(0,), (1,)])
    lost = SimpleNamespace(missing=(1,), lost_height=0, empty=(0, 1))
    small = SimpleNamespace(missing=(1,), lost_height=14.2, empty=(1,))
    (tmp_path / "empty.mp4").write_bytes(b"")
    (tmp_path / "text.mp4").write_bytes(b"no film" * 99)
    errors = {
        "a face is lost": refusal_messages.lost_face("x", lost, seen, 0),
        "a face smaller than smallest_face is lost": refusal_messages.lost_face("x", small, seen, 36),
        "a scene shows nobody": refusal_messages.empty_scenes("x", lost, seen),
    }
    for name in ("empty.mp4", "text.mp4"):
        with pytest.raises(UserError) as caught:
            list(read_frames(tmp_path / name))
        errors[name] = caught.value
    said = {phrase(re.sub(r"^\S+: ", "", str(error))) for error in errors.values()}
    assert said == {"it is damaged, or no film", *list(errors)[:3]}
    assert phrase(str(refusal_messages.empty_scenes("x", small, seen))[3:]) == "a scene shows nobody"


@pytest.mark.parametrize("reason", ["Jane Smith cried", "<script>a face is lost</script>", "see a face is lost", 1e300])
def test_what_others_wrote_is_not_shown(tmp_path, reason):
    found = read_refusals(written(tmp_path, {"clip_id": "c1", "reason": reason}, {"clip_id": ["x"]}), ())
    assert set(found.reasons) <= {OTHER, NONE} and found.count == 2


def test_a_clip_counts_once_and_as_accepted_where_it_is_there(tmp_path):
    rows = [{"clip_id": name, "reason": "a face is lost in 2"} for name in ("a", "a", "b", "../b", "c.d")]
    found = read_refusals(written(tmp_path, *rows, {"clip_id": None, "reason": ""}), {"b", "other"})
    assert found == Refusals({"a face is lost": 3, NONE: 1}, later=1)
    assert read_refusals(tmp_path / "absent", ()) == Refusals()


def test_lists_that_no_run_writes(tmp_path, monkeypatch):
    monkeypatch.setattr("deemo_jax.audit.refusals.MOST_ROWS", 3)
    assert read_refusals(written(tmp_path, *[{}] * 3), ()).count == 3
    with pytest.raises(UserError, match="more than 3 rows"):
        read_refusals(written(tmp_path, *[{}] * 4), ())
    with pytest.raises(UserError, match="longer than 1048576 bytes"):
        read_refusals(written(tmp_path, {"reason": "x" * (1 << 20)}), ())


def test_numbers_add_up_after_a_run_that_refuses_what_was_made_before(audited, tmp_path):
    add(audited, tmp_path, "c1")
    add(audited, tmp_path, "c2")
    (tmp_path / "c2.masks.json").unlink()
    failed = [Outcome(audited.source, name, "refused", "a face is lost in 1 of 9") for name in ("c1", "c2", "c3")]
    RefusedList(tmp_path).write([*failed, Outcome(audited.source, None, "bad", "Jane Smith: is empty")])
    found = audit(tmp_path, options=AuditOptions(every=12)).checks
    summary = found.summary()
    assert (summary["clips"], summary["checked"], summary["refused"], summary["refused_later"]) == (2, 1, 2, 2)
    assert "2 of 4 (50.0%)" in found.table() and "... and refused by a later run" in found.table()
    assert files.read_json(tmp_path / "audit.json")["summary"] == summary
    assert found.refusals.reasons == {"a face is lost": 1, OTHER: 1}
