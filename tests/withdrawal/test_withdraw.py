"""A person who withdraws: what is found, what is removed, what stays whole, and what is refused."""

import dataclasses
import shutil
from pathlib import Path

import pytest
from array_record.python.array_record_module import ArrayRecordReader, ArrayRecordWriter

from deemo_jax.core.errors import UserError
from deemo_jax.core.files import read_json, read_jsonl, sha256, write_json, write_jsonl
from deemo_jax.core.recipe import DataRecipe
from deemo_jax.core.run_folder.lock import Lock
from deemo_jax.data import record_removal
from deemo_jax.data.clip_source import ClipSource, open_builder
from deemo_jax.data.fingerprint import check_files
from deemo_jax.data.run_data import check_run
from deemo_jax.deid.keys import VoiceKey
from deemo_jax.deid.manifest import load_manifest
from deemo_jax.evaluation.evaluate_file import FileRequest, evaluate_file
from deemo_jax.withdraw import main
from deemo_jax.withdrawal.subject import Subject
from tests.withdrawal.conftest import CLIPS, VERSION, contents, facts, records, write_clip

OTHERS = {split: [clip for clip, who in of.items() if who != "anna"] for split, of in CLIPS.items()}
THEIRS = [clip for of in CLIPS.values() for clip, who in of.items() if who == "anna"]


def run(root: Path, *arguments: str) -> int:
    return main([*arguments, "--in", str(root)])


def refused(capsys: pytest.CaptureFixture[str]) -> str:
    """The one line of a refusal."""
    lines = [line for line in capsys.readouterr().err.splitlines() if line.startswith("error: ")]
    assert len(lines) == 1
    return lines[0]


def test_without_remove_everything_is_listed_and_nothing_changed(
    everything: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = contents(everything)
    assert run(everything, "anna") == 0
    said = capsys.readouterr().out
    assert contents(everything) == before
    found = {line.split()[0]: line.split()[1] for line in said.splitlines() if str(everything) in line}
    assert (found["clips"], found["dataset"], found["evaluation"], found["predictions"]) == ("4", "4", "1", "1")
    assert {"audit", "features", "calibration", "comparison", "page", "lengths", "judgements"} <= found.keys()
    assert "key.sources.jsonl: the private list of raw files, 1 rows" in said
    assert "work/checkpoints (steps 5): trained on up to 2 of their clips, chosen by the loss on 1" in said
    assert f"next/checkpoints (steps 5): began with a checkpoint of {everything / 'work'}" in said
    assert "truth.jsonl: annotations, 5 rows" in said and "mine.html: a page that names their clips" in said
    assert (
        "cut from the same recordings (their records stay, the films go): 1\n" in said and "nothing was changed" in said
    )


def test_remove_takes_them_out_and_leaves_the_rest_whole(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    old, before = open_builder(root / "data", "deemo_mer"), contents(root)
    shards = [before[str(VERSION / name)] for name in ("features.json", "emotion.labels.txt")]
    assert run(root, "anna", "--remove") == 0
    assert "nothing was changed" not in capsys.readouterr().out
    builder = open_builder(root / "data", "deemo_mer")
    check_files(builder, hashes=True)
    assert old.info.splits["train"].num_bytes > builder.info.splits["train"].num_bytes
    assert [(root / VERSION / name).read_bytes() for name in ("features.json", "emotion.labels.txt")] == shards
    for split, clips in OTHERS.items():
        kept = [record for record in records(split) if record["clip_id"] in clips]
        source = ClipSource(root / "data", "deemo_mer", split)
        assert [record.clip.clip_id for record in source] == clips
        for record, made in zip(source, kept, strict=True):
            assert record.clip.transcript == made["transcript"] and list(record.jpegs) == made["frames"]
            assert (record.mel == made["mel"]).all()
    known = facts(root)
    assert known["splits"]["test"] == {"clips": 3, "persons": 3} and known["recurring_clips"] == 5
    assert known["withdrawn"] == 4 and known["recurring_persons"] == 2 and "fingerprint" not in known
    left = contents(root)
    gone = {Path(name).name for name in before.keys() - left.keys()}
    assert {"a1.mp4", "a1.manifest.json", "a3.mp4", "rec9.masks.json", "audit.json", "sheet_00.png"} <= gone
    assert {"recognition.json", "report.md", "scores.csv", "calibration-step5.json", "comparison.md"} <= gone
    assert {"scores.jsonl", "replies.jsonl"} <= gone  # of a judge
    assert {"judged/judge.json", "judged/scores.jsonl", "sweep/comparison.json"} <= before.keys() - left.keys()
    assert left["judged_others/scores.jsonl"] == before["judged_others/scores.jsonl"]
    assert {"page.html", "key.json"} <= gone and not {"b1.mp4", "mine.html", "truth.jsonl"} & gone
    assert [row["clip_id"] for row in read_jsonl(root / "deid/refused.jsonl")] == ["b4"]
    for file in ("other/theirs.jsonl", "work/evaluation/test-step5-all/predictions.jsonl"):
        assert [row["clip_id"] for row in read_jsonl(root / file)] == OTHERS["test"]
    untouched = {name for name in before if name.startswith(("deid/b1", "next/", "work/checkpoints", "raw/"))}
    assert all(left[name] == before[name] for name in untouched)
    for name, content in left.items():
        if not name.startswith("raw/") and name not in ("mine.html", "key.sources.jsonl"):
            assert b'"a3"' not in content and b"anna" not in content, name


@pytest.mark.slow
def test_scores_are_made_again_of_what_is_left(root: Path) -> None:
    assert run(root, "anna", "--remove") == 0
    folder = root / "work/evaluation/test-step5-all"
    found, _ = evaluate_file(FileRequest(predictions=folder / "predictions.jsonl", out=folder, overwrite=True))
    assert found.n == 3 and read_json(folder / "recognition.json")["sets"]["all"]["n"] == 3


def test_the_record_names_nobody_and_a_second_withdrawal_is_told_from_an_unknown_person(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(root, "anna", "--remove") == 0
    rows = list(read_jsonl(root / "withdrawals.jsonl"))
    assert [row["state"] for row in rows] == ["begun", "done"] and rows[1]["seen_by"] == ["next", "work"]
    assert rows[1]["removed"]["dataset"] == 4 and "anna" not in (root / "withdrawals.jsonl").read_text()
    before = contents(root)
    capsys.readouterr()
    assert run(root, "anna", "--remove") == 0
    assert f"withdrawn {rows[1]['at']}" in capsys.readouterr().out
    assert run(root, "Anna", "--remove") == 2
    assert "nothing of this person is in" in refused(capsys) and contents(root) == before


def test_who_was_there_before_is_known_after_another_has_left(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(root, "anna", "--remove") == 0
    recipe = DataRecipe(data_dir=str(root / "data"), batch_size=2, max_length=64)
    assert "4 records were withdrawn from the data since the run was trained." in check_run(root / "work", recipe)
    shutil.move(root / "data", root / "moved")  # the run finds it by what it was, not by its path
    capsys.readouterr()
    assert run(root, "bert") == 0
    assert "work/checkpoints (steps 5): trained on up to 2 of their clips\n" in capsys.readouterr().out


def test_links_are_named(root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (root / "link").symlink_to(tmp_path)
    assert run(root, "anna") == 0
    assert f"1 links to folders were not followed; name what they lead to with --in: {root / 'link'}" in (
        capsys.readouterr().out
    )


def test_by_source_every_clip_of_a_recording_is_meant(
    root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "raw.mp4").write_bytes(b"a film")
    write_clip(root / "deid", "rec9", sha256(tmp_path / "raw.mp4"))
    assert main(["--source", str(tmp_path / "raw.mp4"), "--in", str(root)]) == 0
    said = capsys.readouterr().out
    found = {line.split()[0]: line.split()[1] for line in said.splitlines() if str(root) in line}
    assert (found["clips"], found["dataset"]) == ("1", "2")
    assert "these clips are of anna, bert" in said
    # Where the film is gone, the key tells the pseudonym of the recording.
    key = tmp_path / "voice.key"
    key.write_text("00" * 32 + "\n")
    key.chmod(0o600)
    pseudonym = VoiceKey(bytes(32)).pseudonym(sha256(tmp_path / "raw.mp4"))
    rows = [f'{{"clip_id": "{pseudonym}_0001000_0002000", "answer": "x", "emotion_true": "negative"}}\n']
    (tmp_path / "lone").mkdir()
    (tmp_path / "lone/p.jsonl").write_text("".join(rows))
    arguments = ["--source", str(tmp_path / "raw.mp4"), "--key_file", str(key), "--in", str(tmp_path / "lone")]
    assert main(arguments) == 0 and "predictions" in capsys.readouterr().out
    assert main([*arguments, "--remove"]) == 0 and not (tmp_path / "lone/p.jsonl").exists()


def test_an_interrupted_removal_is_finished_by_the_same_command(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rename, count = Path.rename, [0]

    def killed(self: Path, target: Path) -> Path:
        if self.name == "dataset":
            count[0] += 1
            raise KeyboardInterrupt
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", killed)
    (root / "data/deemo_mer/.removing-1.0.0-abc").mkdir()
    assert run(root, "anna", "--remove") == 130 and count == [1]
    monkeypatch.undo()
    assert not (root / VERSION).exists()
    assert run(root, "anna") == 2  # nothing is changed without --remove
    assert run(root, "anna", "--remove") == 0
    assert [record.clip.clip_id for record in ClipSource(root / "data", "deemo_mer", "test")] == OTHERS["test"]
    assert not [path for path in (root / "data/deemo_mer").iterdir() if path.name.startswith(".")]
    assert [row["state"] for row in read_jsonl(root / "withdrawals.jsonl")] == ["begun", "begun", "done"]


def test_what_is_in_use_read_only_or_damaged_is_refused_before_anything_changes(
    root: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with Lock(root / "work/.lock") as lock:
        lock.take()
        before = contents(root)
        assert run(root, "anna", "--remove") == 2
        assert "is in use by another run" in refused(capsys) and contents(root) == before

    def closed(folder: Path) -> None:
        if folder.name == "other":
            raise UserError(f"{folder}: cannot be written (Permission denied); check space and permissions")

    monkeypatch.setattr("deemo_jax.withdrawal.withdraw.check_writable", closed)
    assert run(root, "anna", "--remove") == 2
    assert "other: cannot be written" in refused(capsys)
    monkeypatch.undo()
    shard = next((root / VERSION).glob("*test.array_record*"))
    whole = shard.read_bytes()
    shard.write_bytes(whole[: len(whole) // 2])
    assert run(root, "anna", "--remove") == 2 and shard.name in refused(capsys)
    shard.write_bytes(whole)
    after = contents(root)
    assert all(after[name] == before.get(name) for name in after if not name.endswith("/.lock"))


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "name the person"),
        (["--source", "gone.mp4", "--key_file", "/nowhere/key"], "does not know it"),
        (["anna", "--in", "/nowhere"], "no such folder"),
    ],
)
def test_wrong_flags_are_told_in_a_line(
    arguments: list[str], said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(arguments) == 2 and said in refused(capsys)


def test_records_go_out_of_the_right_one_of_several_shards(root: Path) -> None:
    folder, made = root / VERSION, records("train")
    one = folder / "deemo_mer-train.array_record-00000-of-00001"
    reader = ArrayRecordReader(str(one))
    for number in range(3):
        writer = ArrayRecordWriter(str(one.with_name(one.name[:-14] + f"{number:05d}-of-00003")), "group_size:1")
        for data in reader.read([0, 1] if number == 0 else [number + 1]):
            writer.write(data)
        writer.close()
    one.unlink()
    (folder / "fingerprint.json").unlink()
    info = read_json(folder / "dataset_info.json")
    next(of for of in info["splits"] if of["name"] == "train")["shardLengths"] = ["2", "1", "1"]
    write_json(folder / "dataset_info.json", info)
    (folder / "notes.txt").write_text("mine")
    (folder / "croissant.json").write_text("{}")
    record_removal.without_records(folder, {"train": [1, 2]})
    left = open_builder(root / "data", "deemo_mer").info.splits["train"]
    assert [int(length) for length in left.shard_lengths] == [1, 1] and not (folder / "fingerprint.json").exists()
    kept = [record.clip.clip_id for record in ClipSource(root / "data", "deemo_mer", "train")]
    assert kept == [made[0]["clip_id"], made[3]["clip_id"]]
    assert (folder / "notes.txt").read_text() == "mine" and not (folder / "croissant.json").exists()


def test_a_record_is_cut_from_the_piece_in_which_it_lies(everything: Path) -> None:
    known = load_manifest(everything / "deid/b1.manifest.json")
    manifest = dataclasses.replace(known, clip_id="r_0000000_0060000", recording="r", span=(0.0, 60.0))
    for clip, is_in in (("r_0001000_0002000", True), ("r_0061000_0062000", False), ("s_0001000_0002000", False)):
        assert Subject(clip_ids=frozenset([clip])).shown_in(manifest) == is_in
    assert not Subject("b1").shown_in(known) and Subject(sources=frozenset([known.source_sha256])).shown_in(known)


def test_shards_and_splits_of_which_nothing_stays_go(root: Path) -> None:
    folder = root / VERSION
    record_removal.without_records(folder, {"validation": [0, 1], "train": [0]}, ["a1", "a2", "c1"])
    builder = open_builder(root / "data", "deemo_mer")
    assert {name: split.num_examples for name, split in builder.info.splits.items()} == {"train": 3, "test": 4}
    assert not list(folder.glob("*validation*")) and "its clips were withdrawn" in facts(root)["validation"]
    assert facts(root)["unreadable"] == ["a9"]
    record_removal.without_records(folder, {"train": range(3), "test": range(4)}, ["a9"])
    assert not folder.exists() and not list(folder.parent.iterdir())


def test_predictions_of_every_kind_lose_rows_and_what_was_computed_of_them(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    odds = [{"clip_id": f"c{n}", "person_id": f"p{n}", "log_likelihoods": None} for n in range(3)]
    words = [{"clip_id": f"c{n}", "person_id": f"p{n}", "emotion_words": ["glad"]} for n in range(3)]
    write_jsonl(tmp_path / "odds.jsonl", odds)
    write_jsonl(tmp_path / "words.jsonl", words)
    digest = sha256(tmp_path / "words.jsonl")
    for folder, stated in (("of_these", digest), ("of_others", "0" * 64)):
        write_json(tmp_path / folder / "open_vocabulary.json", {"files": {"words.jsonl": stated}})
        write_json(tmp_path / folder / "faithfulness.json", {"source": f"Predictions (SHA-256 {stated})"})
        (tmp_path / folder / "faithfulness.md").write_text("a table")
    write_jsonl(tmp_path / "kept.jsonl", [{"hash": "a", "key": "b", "settled": True, "outcome": "reply"}])
    write_jsonl(tmp_path / "notes.jsonl", [{"note": "hello"}, {"clip_id": "c1", "answer": "a"}])
    (tmp_path / "two\nlines.csv").write_text("who,mood\np1,glad\n")
    (tmp_path / "others.csv").write_text("who,mood\np11,glad\n")
    assert run(tmp_path, "p1", "--remove") == 0
    said = capsys.readouterr().out
    assert "kept.jsonl: replies of a judge" in said and "notes.jsonl: rows of another kind that name them" in said
    assert "two\\nlines.csv: rows of another kind" in said and "others.csv" not in said
    for name, rows in (("odds", odds), ("words", words)):
        assert list(read_jsonl(tmp_path / f"{name}.jsonl")) == [rows[0], rows[2]]
    assert list((tmp_path / "of_these").iterdir()) == []
    assert len(list((tmp_path / "of_others").iterdir())) == 3
    assert run(tmp_path, "p1") == 0  # withdrawn before; what is left of another kind is said again
    assert "nothing of them is there" in (said := capsys.readouterr().out) and "lines.csv" in said
    assert run(tmp_path, "p11") == 2 and "others.csv: rows of another kind" in refused(capsys)
