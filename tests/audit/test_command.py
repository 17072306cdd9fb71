"""`python -m deemo_jax.audit`, as a person runs it: what is said, and the exit code."""

import dataclasses
import json
import shutil
from pathlib import Path

import pytest

from configs import sample
from deemo_jax.core import files
from deemo_jax.deid.manifest import Masks, write_masks
from tests import commands
from tests.audit.copies import add


def command(*arguments):
    done = commands.run("audit", *arguments)
    return done.returncode, done.stdout, done.stderr


@pytest.fixture
def folder(audited, tmp_path):
    """Two good clips."""
    (tmp_path / "deid").mkdir()
    for name in ("c1", "c2"):
        add(audited, tmp_path / "deid", name)
    return tmp_path / "deid"


def test_promises_that_are_kept(folder):
    code, out, err = command(folder, "--every", 12)
    assert code == 0 and "failed" not in err
    assert "beside masks: by two detectors" in out and "nobody has looked yet" in out


@pytest.mark.slow
def test_a_bare_clip_breaks_promises(audited, folder):
    manifest = add(audited, folder, "bare")
    shutil.copyfile(audited.source, folder / manifest.file)
    write_masks(folder / manifest.masks, Masks(320, 240, (((0, 0, 20, 20),),) * 12))
    digests = {"output_sha256": manifest.file, "masks_sha256": manifest.masks}
    forged = dataclasses.replace(manifest, **{k: files.sha256(folder / name) for k, name in digests.items()})
    files.write_json(folder / "bare.manifest.json", forged.to_json())
    code, _, err = command(folder, "--every", 6)
    assert code == 2 and "in 2 frames two detectors see a face beside the masks" in err
    assert err.splitlines()[-1] == f"error: {folder}: 1 of 3 clips break a promise"
    listed = {row["clip_id"]: row for row in json.loads((folder / "audit.json").read_text())["clips"]}
    assert [seen["who"] for seen in listed["bare"]["beside"]] == ["both"] * 2


def test_what_cannot_be_checked_is_another_matter(audited, folder):
    (folder / "c2.mp4").write_bytes(b"another")
    code, _, err = command(folder, "--every", 12)
    assert code == 2 and "not checked: c2: c2.mp4: its hash differs" in err
    assert err.splitlines()[-1] == f"error: {folder}: 1 of 2 clips or files could not be checked"


def test_a_third_detector_that_is_not_there_is_told_before_the_work(folder):
    code, _, err = command(folder, "--detector", folder / "absent.onnx")
    assert code == 2 and "absent.onnx: no such file" in err.splitlines()[-1] and not (folder / "audit.json").exists()
    code, _, err = command(folder, "--detector", "mtcnn", "--towers", "x.py")
    assert code == 2 and "--detector is for checks" in err


def test_a_raw_file_that_is_not_at_hand_breaks_no_promise(audited, folder):
    add(audited, folder, "c3", source_sha256="0" * 64)
    code, out, err = command(folder, "--source", audited.source.parent, "--every", 12)
    assert code == 0 and "not compared: c3: its raw file is not there" in err
    assert "3 of 3 (100.0%)" in out and "break a promise" not in err


@pytest.mark.slow
def test_what_a_person_saw_is_recorded_and_shown(folder):
    code, _, err = command(folder, "--human_check", "none")
    assert code == 2 and "--report first" in err.splitlines()[-1]
    assert command(folder, "--report", "--every", 12)[0] == 0
    code, out, _ = command(folder, "--human_check", "none")
    assert code == 0 and "A person saw a face in 0 of 24 pictures" in out
    assert "A person saw a face in 0 of 24" in command(folder, "--every", 12)[1]
    assert command(folder, "--human_check", "3")[0] == 0
    code, _, err = command(folder, "--every", 12)
    assert code == 2 and "A person saw a face in 1 of 24 pictures (numbers 3)" in err.splitlines()[-1]


def test_towers_without_a_report_measure_what_use_is_left_alone(folder, tmp_path):
    recipe = Path(sample.__file__)
    code, out, _ = command(folder, "--towers", recipe, "--json", tmp_path / "use.json")
    assert code == 0 and "not measured: needs" in out.lower() and not (folder / "audit.json").exists()
    assert json.loads((tmp_path / "use.json").read_text()) == {"balanced_accuracy": None}
    code, _, err = command(folder, "--json", tmp_path / "none.json")
    assert code == 2 and "--json is for" in err
