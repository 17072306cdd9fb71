"""What an earlier version wrote opens: a dataset, a run with its evaluation, a de-identified clip."""

import shutil
from pathlib import Path

import numpy as np
import pytest

from deemo_jax.core.files import read_json, read_jsonl
from deemo_jax.core.schema import Clip
from deemo_jax.data import fingerprint
from deemo_jax.data.build.gate import admit_deidentified
from deemo_jax.data.build.records import make_record
from deemo_jax.data.clip_source import ClipSource, decode_jpeg, open_builder
from deemo_jax.deid.manifest import load_manifest, load_masks, verify
from deemo_jax.generation.load import load_run
from deemo_jax.models.weights import flatten
from deemo_jax.training.loop import train
from tests import commands

HERE = Path(__file__).parent / "earlier_version"
EVALUATION = "evaluation/train-step4-all+transcript"


@pytest.fixture
def work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the run, in the folder that its relative paths count from."""
    shutil.copytree(HERE, tmp_path / "home")
    monkeypatch.chdir(tmp_path / "home")
    return tmp_path / "home" / "run"


def test_a_dataset_opens() -> None:
    source = ClipSource(HERE / "data", "deemo_mer", "train")
    fingerprint.check_files(open_builder(HERE / "data", "deemo_mer"), hashes=True)
    records = list(source)
    assert [record.clip.clip_id for record in records] == ["clip0", "clip1", "clip2", "clip3"]
    assert [record.clip.emotion for record in records] == ["negative", "positive"] * 2
    assert [len(record.mel) for record in records] == [1, 1, 1, 0]
    assert all(len(record.jpegs) == 2 for record in records)
    assert decode_jpeg(records[3].jpegs[1])[0, 0].tolist() == [215, 215, 215]
    np.testing.assert_allclose(records[1].mel[0, 0, [0, 203]], [-2, 2], atol=1e-6)
    assert records[1].clip.nfbl[0].label == "folding arms" and records[1].clip.transcript == "We played set 1."
    assert records[0].provenance.source == "external" and "drawn, not filmed" in records[0].provenance.video


@pytest.mark.slow
def test_a_run_opens_and_goes_on(work: Path) -> None:
    _, _, params = load_run(work)
    before = flatten(params)
    config = read_json(work / "config.json")
    config["train"]["steps"] = 5
    ended = train(config, work, resume=True)
    assert (ended.step, ended.finished) == (5, True)
    assert [row["step"] for row in read_jsonl(work / "metrics.jsonl")] == [1, 2, 3, 4, 5]
    after = flatten(load_run(work)[2])
    moved = {path for path in before if not np.array_equal(before[path], after[path])}
    assert moved == {path for path in before if "/projector/" in path}


def test_a_finished_evaluation_is_shown_and_not_made_again(work: Path) -> None:
    predictions = (work / EVALUATION / "predictions.jsonl").read_bytes()
    flags = ["--max_new_tokens", 4, "--modalities", "all;transcript", "--data_dir", work.parent / "data"]
    done = commands.run("evaluate", "--workdir", work, *flags)
    assert done.returncode == 0, done.stderr
    assert "evaluated before" in done.stdout and f"{EVALUATION}/report.md" in done.stdout
    assert (work / EVALUATION / "predictions.jsonl").read_bytes() == predictions


def test_a_deidentified_clip_is_admitted() -> None:
    manifest = load_manifest(HERE / "deid" / "s3_000001.manifest.json")
    assert verify(manifest, HERE / "deid") == HERE / "deid" / "s3_000001.mp4"
    masks = load_masks(HERE / "deid" / manifest.masks)
    assert (masks.width, masks.height) == (192, 144) and all(len(boxes) for boxes in masks.rectangles)
    clip = Clip("s3_000001", "video", "person", 0.0, 2.5, "Well.", (), "positive", "A reason.")
    (admitted,) = admit_deidentified([HERE / "deid"], {clip.clip_id: clip}, skip_missing=False)
    record = make_record(admitted, 2, 1)
    assert len(record["frames"]) == 2 and record["mel"].shape == (1, 128, 204)
    assert record["provenance"]["source"] == "deid" and record["provenance"]["audio"].startswith("deemo_jax mcadams")
