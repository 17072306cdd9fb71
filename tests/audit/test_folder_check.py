import dataclasses
import json
import os
import shutil

import pytest

from deemo_jax.audit.audit import audit
from deemo_jax.audit.audited_clips import find_clips
from deemo_jax.audit.options import AuditOptions
from deemo_jax.core import files
from deemo_jax.core.errors import UserError
from deemo_jax.deid.folder.all_clips import deidentify_all
from deemo_jax.deid.manifest import Masks, file_names, write_masks
from deemo_jax.deid.settings import Settings
from tests.audit.copies import add


def test_audit_of_a_folder(raw, tmp_path, key):
    deidentify_all([raw.path], tmp_path / "out", Settings(), key, clip_ids="stem")
    truth = tmp_path / "truth.jsonl"
    truth.write_text(json.dumps(raw.truth) + "\n")
    found = audit(tmp_path / "out", truth, raw.path.parent).checks
    assert found.failures == {} and found.summary()["least_coverage"] >= 0.98 and found.summary()["clips"] == 1
    assert "least covered true box" in found.table()
    assert json.loads((tmp_path / "out" / "audit.json").read_text())["clips"][0]["clip_id"] == "speaker"
    truth.write_text(json.dumps(raw.truth | {"clip_id": "another"}) + "\n")
    with pytest.raises(UserError, match="no row for speaker"):
        audit(tmp_path / "out", truth, raw.path.parent)


def with_masks(manifest, folder, masks):
    write_masks(folder / manifest.masks, masks)
    changed = dataclasses.replace(manifest, masks_sha256=files.sha256(folder / manifest.masks))
    files.write_json(folder / file_names(manifest.clip_id)[3], changed.to_json())


def test_one_bad_clip_does_not_hide_the_others(audited, tmp_path):
    folder, truth = tmp_path / "deid", tmp_path / "truth.jsonl"
    folder.mkdir()
    names = ["good", "tampered", "gone", "unmasked", "small", "huge", "huge_box", "half", "unknown", "elsewhere"]
    names.append("last")
    made = {name: add(audited, folder, name) for name in names}
    (folder / "tampered.mp4").write_bytes(audited.source.read_bytes())
    (folder / "gone.mp4").unlink()
    (folder / "unmasked.masks.json").unlink()
    (folder / "unread.manifest.json").write_text("[")
    shutil.copyfile(folder / "good.manifest.json", folder / "raw.manifest.json")
    shutil.copyfile(audited.source, folder / "raw.mp4")
    shutil.copyfile(audited.output, folder / "unread.mp4")
    with_masks(made["small"], folder, Masks(32, 24, ((),) * 12))
    with_masks(made["huge"], folder, Masks(10**9, 10**9, ((),) * 12))
    add(audited, folder, "elsewhere", source_sha256="0" * 64)
    changes = {"huge_box": {"faces": [[0, 0, 10**200, 10**299]] * 12}, "half": {"planted": ["\ud800"]}}
    rows = [
        dict(audited.truth) | {"clip_id": name, "file": audited.source.name} | changes.get(name, {})
        for name in names
        if name != "unknown"
    ]
    del rows[-1]["faces"]
    truth.write_text("".join(json.dumps(row) + "\n" for row in rows))

    found = audit(folder, truth, audited.source.parent, options=AuditOptions(every=12)).checks
    said = found.unchecked
    expected = {
        "tampered": "tampered.mp4: its hash differs",
        "gone": "gone.mp4: cannot be read",
        "unmasked": "unmasked.masks.json: cannot be read",
        "unread": "unread.manifest.json: not valid JSON",
        "raw": "its manifest is that of good",
        "small": "small.mp4: its masks are of another video: pictures of 32x24",
        "huge": "huge.masks.json: no file of masks",
        "huge_box": "huge_box: its truth has no usable face boxes",
        "half": 'half: "planted"',
    }
    assert said.keys() == expected.keys()
    assert all(said[name].startswith(start) for name, start in expected.items()), said
    # A missing raw file breaks no promise: everything else of the clip is checked.
    assert found.failures == {} and found.lacking == {
        "unknown": "the truth has no row for it",
        "elsewhere": "its raw file is not the one that it was made from (its hash differs)",
        "last": 'its row of the truth has no "faces"',
    }
    assert {r.clip_id for r in found.checked} == {"good", "last", "unknown", "elsewhere"}
    assert {r.clip_id: r.true_boxes for r in found.checked} == dict.fromkeys(["good", "elsewhere"], 12) | {
        "unknown": None,
        "last": None,
    }
    assert [r.clip_id for r in found.checked if r.si_snr_db is None] == ["elsewhere"]
    assert found.verdict == "9 of 13 clips or files could not be checked"
    summary = found.summary()
    assert (summary["clips"], summary["checked"], summary["unchecked"]) == (13, 4, 9)
    assert (summary["failed_clips"], summary["not_compared"]) == (0, 3)
    assert summary["true_boxes"] == 24 and summary["least_coverage"] >= 0.98
    written = (folder / "audit.json").read_text()
    assert str(tmp_path) not in written and str(audited.source.parent) not in written
    assert {row["clip_id"] for row in json.loads(written)["clips"]} == {*names, "unread", "raw"}


def test_nothing_that_can_be_checked(audited, tmp_path):
    add(audited, tmp_path, "c2", settings={"\ud800": 1})
    found = audit(tmp_path).checks
    assert "settings of another version" in found.unchecked["c2"] and found.checked == ()
    assert "no clip could be checked" in found.table() and (tmp_path / "audit.json").exists()


def test_files_that_no_manifest_names(audited, tmp_path):
    add(audited, tmp_path, "c2")
    unnamed = ["X.mp4", "C2.MP4", ".hidden.mov", "c2.mkv", "other.preview.mp4", "voice.wav", "line\nbreak.mp4"]
    for name in [*unnamed, "c2.preview.mp4", "notes.txt"]:
        shutil.copyfile(audited.output, tmp_path / name)
    shutil.copyfile(audited.output, os.fsencode(tmp_path) + b"/\xff.mp4")
    (tmp_path / "folder.mp4").mkdir()
    assert set(unnamed) < set(find_clips(tmp_path).unnamed)
    found = audit(tmp_path, options=AuditOptions(every=12)).checks
    shown = {name.replace("\n", r"\n") for name in unnamed} | {r"\udcff.mp4"}
    assert found.failures == {} and found.unchecked == dict.fromkeys(sorted(shown), "no manifest names it")
    summary = found.summary()
    assert (summary["clips"], summary["checked"], summary["files_without_manifest"]) == (1, 1, 8)
    assert json.loads((tmp_path / "audit.json").read_text())["summary"] == summary


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes on this system")
def test_pipes_are_not_waited_for(audited, tmp_path):
    for name in ("film", "masks", "tracks", "good"):
        add(audited, tmp_path, name)
    for name in ("film.mp4", "masks.masks.json", "tracks.tracks.json", "pipe.manifest.json"):
        (tmp_path / name).unlink(missing_ok=True)
        os.mkfifo(tmp_path / name)
    (tmp_path / "audit").mkdir()
    os.mkfifo(tmp_path / "audit" / "human_check.json")
    found = audit(tmp_path, options=AuditOptions(every=12)).checks
    assert found.unchecked.keys() == {"film", "masks", "tracks", "pipe"}
    assert all("is no file; de-identify the clip again" in why for why in found.unchecked.values())
    os.mkfifo(tmp_path / "refused.jsonl")
    with pytest.raises(UserError, match=r"refused\.jsonl: is no file"):
        audit(tmp_path)


def test_what_would_fail_every_clip_stops_the_audit(audited, tmp_path):
    add(audited, tmp_path, "c2")
    with pytest.raises(UserError, match="is no folder"):
        audit(tmp_path / "c2.manifest.json")
    (tmp_path / "refused.jsonl").write_text("no JSON")
    with pytest.raises(UserError, match="not valid JSON"):
        audit(tmp_path)


@pytest.mark.slow
def test_a_clip_that_crashes_its_process_does_not_stop_the_others(audited, tmp_path, deadly_decoder):
    folder = tmp_path / "deid"
    folder.mkdir()
    for name in ("a", "deadly", "odd", "z"):
        add(audited, folder, name)
    found = audit(folder, options=AuditOptions(workers=1, every=4)).checks
    assert list(found.unchecked) == ["deadly", "odd"] and len(found.checked) == 2
    assert "SIGABRT" in found.unchecked["deadly"] and "RuntimeError: a bug" in found.unchecked["odd"]
