"""A folder in which a person has left traces everywhere: clips, a dataset, features, a run, its evaluation."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from deemo_jax.core.files import read_json, sha256, write_json, write_jsonl
from deemo_jax.core.recipe import Recipe
from deemo_jax.data.build.dataset_writer import write_dataset
from deemo_jax.data.clip_source import open_builder
from deemo_jax.data.fingerprint import fingerprint_of
from deemo_jax.data.run_data import DataRecord
from tests.training import tiny
from tfds_builders.deemo_mer.deemo_mer_dataset_builder import Builder

EARLIER = Path(__file__).parents[1] / "earlier_version" / "deid"
VERSION = Path("data", "deemo_mer", "1.0.0")
# Split -> clip -> person. "anna" is who withdraws.
CLIPS = {
    "train": {"a1": "anna", "b1": "bert", "rec9_0001000_0002000": "anna", "rec9_0003000_0004000": "bert"},
    "validation": {"a2": "anna", "c1": "cleo"},
    "test": {"a3": "anna", "b2": "bert", "c2": "cleo", "d1": ""},
}
FACTS = {
    "settings": {"frames": 2, "clips": 2, "jpeg_quality": 95},
    "splits": {split: {"clips": len(of), "persons": len(set(of.values()))} for split, of in CLIPS.items()},
    "recurring_persons": 3,
    "recurring_clips": 9,
    "raw_transcripts": 0,
    "external": 0,
    "without_sound": 0,
    "validation": "",
    "unreadable": ["a9"],
    "fingerprint": "of the inputs",
}


def records(split: str) -> list[dict[str, Any]]:
    """The records of a split."""
    seed = list(CLIPS).index(split)
    drawn = tiny.records(len(CLIPS[split]), seed)
    named = zip(drawn, CLIPS[split].items(), strict=True)
    return [
        record | {"clip_id": clip, "person_id": who, "video_id": f"of {who or clip}", "transcript": f"{clip} says"}
        for record, (clip, who) in named
    ]


@pytest.fixture(scope="session")
def everything(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Not to be changed."""
    root = tmp_path_factory.mktemp("withdrawal")
    splits = {split: records(split) for split in CLIPS}
    write_dataset(
        lambda data: Builder(records=splits, metadata=lambda: FACTS, data_dir=data), root / "data", overwrite=False
    )
    for number, clip_id in enumerate(("a1", "a3", "b1", "rec9")):
        write_clip(root / "deid", clip_id, f"{number:064x}")
    write_jsonl(root / "deid/refused.jsonl", [{"clip_id": "a4", "source_sha256": "f" * 64}, {"clip_id": "b4"}])
    write_json(root / "deid/audit.json", {"clips": ["a1"]})
    (root / "deid/audit").mkdir()
    (root / "deid/audit/sheet_00.png").write_bytes(b"faces")
    features = root / "data/features/video-0123"
    features.mkdir(parents=True)
    write_json(features / "key.json", {"dataset": "deemo_mer"})
    (root / "data/prompt_lengths").mkdir()
    write_run(root)
    answers = [row(clip, who) for clip, who in CLIPS["test"].items()]
    evaluation = root / "work/evaluation/test-step5-all"
    write_evaluation(evaluation, answers)
    write_jsonl(root / "other/theirs.jsonl", answers)
    write_jsonl(root / "other/theirs.judge/deemo-1-m-0a1b2c3d/scores.jsonl", [{"clip_id": "a3", "clue": 4}])
    write_jsonl(root / "other/theirs.judge/replies.jsonl", [{"value": {"reason": "Anna says so."}}])
    compared = {"rows": [{"file": str(root / "other/theirs.jsonl"), "sha256": sha256(root / "other/theirs.jsonl")}]}
    write_json(root / "compared/comparison.json", compared)
    (root / "compared/comparison.md").write_text("# Comparison")
    write_jsonl(root / "judged/scores.jsonl", [{"clip_id": "a3", "person_id": "anna", "reason": "a3 nods"}])
    write_json(root / "judged/judge.json", {})
    write_jsonl(root / "judged_others/scores.jsonl", [{"clip_id": "b1", "person_id": "bert"}])
    write_json(root / "judged_others/judge.json", {})
    write_json(root / "sweep/sweep.json", {})
    write_json(root / "sweep/comparison.json", {"rows": []})
    write_evaluation(root / "sweep/T-seed1/evaluation/test", answers)
    write_jsonl(root / "key.sources.jsonl", [{"source": "/f/a1.mp4", "source_sha256": "0" * 64, "clip_id": "a1"}])
    page = '<meta charset="utf-8"><meta name="generator" content="deemo_jax 0.1.0"><script>{"id":"a3"}</script>'
    (root / "page.html").write_text(page)
    (root / "mine.html").write_text("<p>See a3.</p>")
    annotated = [*(pair for of in CLIPS.values() for pair in of.items()), ("a4", "anna")]
    write_jsonl(root / "raw/truth.jsonl", [annotation(*pair) for pair in annotated])
    return root


@pytest.fixture
def root(everything: Path, tmp_path: Path) -> Path:
    """A copy that may be changed; paths in it lead into the copy."""
    copy = Path(shutil.copytree(everything, tmp_path / "all"))
    for name in ("work/config.json", "next/config.json", "compared/comparison.json"):
        (copy / name).write_text((copy / name).read_text().replace(str(everything), str(copy)))
    return copy


def write_clip(folder: Path, clip_id: str, source_sha256: str) -> None:
    """A de-identified clip; its film is not looked at."""
    folder.mkdir(exist_ok=True)
    for path in sorted(EARLIER.iterdir()):
        shutil.copy(path, folder / path.name.replace("s3_000001", clip_id))
    manifest = folder / f"{clip_id}.manifest.json"
    known = json.loads(manifest.read_text().replace("s3_000001", clip_id))
    write_json(manifest, known | {"source_sha256": source_sha256})


def write_run(root: Path) -> None:
    """A run that was trained on the dataset, and one that began with its checkpoint."""
    builder = open_builder(root / "data", "deemo_mer")
    for name, data, init in (("work", root / "data", ""), ("next", "elsewhere", str(root / "work/checkpoints/5/x"))):
        config = tiny.get_config(str(root / "data"))
        config.data.data_dir, config.data.validation_split, config.init = str(data), "validation", init
        write_json(root / name / "config.json", Recipe.from_config(config).resolved())
        (root / name / "checkpoints" / "5").mkdir(parents=True)
    DataRecord(fingerprint_of(builder)[0]).write(root / "work/data.json")
    write_json(root / "work/evaluation/calibration-step5.json", {"sets": {}})


def row(clip_id: str, person_id: str, **more: Any) -> dict[str, Any]:
    """A row of predictions."""
    person = {"person_id": person_id} if person_id else {}
    stated = {"emotion_true": "negative", "emotion_predicted": "negative", "reasoning": f"{clip_id} nods."}
    return {"clip_id": clip_id, "modalities": "all", **stated, **person, **more}


def annotation(clip_id: str, person_id: str) -> dict[str, Any]:
    """A row of annotations."""
    return {"clip_id": clip_id, "person_id": person_id, "emotion": "negative", "transcript": "", "video_id": "v"}


def write_evaluation(folder: Path, rows: list[dict[str, Any]]) -> None:
    """A finished evaluation."""
    write_json(folder / "setting.json", {"split": "test"})
    write_jsonl(folder / "predictions.jsonl", rows)
    for name in ("recognition.json", "report.md", "recognition.png", "judge/scores.csv"):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text("{}")


def contents(root: Path) -> dict[str, bytes]:
    """Every file below a folder."""
    return {str(path.relative_to(root)): path.read_bytes() for path in sorted(root.rglob("*")) if path.is_file()}


def facts(root: Path) -> dict[str, Any]:
    """What the dataset has on record."""
    return read_json(root / VERSION / "metadata.json")
