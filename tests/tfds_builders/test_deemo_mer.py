import json
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pytest
import tensorflow_datasets as tfds

from deemo_jax.build import main
from deemo_jax.core.errors import UserError
from deemo_jax.core.files import read_json, write_json
from deemo_jax.core.recipe import Recipe
from deemo_jax.data.clip_source import ClipSource
from deemo_jax.data.pipeline import make_pipeline
from deemo_jax.deid.text.english_rules import Rules
from deemo_jax.deid.text.fuzzy_names import Names
from deemo_jax.deid.text.transcripts import redact_file
from deemo_jax.media.clip_writer import write_clip
from deemo_jax.media.picture import Frame
from deemo_jax.models.media_tokens import MediaTokens
from tests.attested_clips import write_attested
from tfds_builders.deemo_mer.deemo_mer_dataset_builder import Builder

SPLITS = ("--fractions", "train=0.6,test=0.4")


@pytest.fixture(scope="module")
def attested(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("attested")
    write_attested(folder)
    return folder


@pytest.fixture(scope="module")
def built(attested: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    data = tmp_path_factory.mktemp("data")
    assert main(command(attested, data)) == 0
    return data


def command(folder: Path, data: Path, *extra: str) -> list[str]:
    paths = ["--attest", str(folder / "attestation.json"), "--annotations", str(folder / "clips.jsonl")]
    paths += ["--workers", "0"]  # without the start of a process
    return ["deemo_mer", *paths, "--data_dir", str(data), *(extra or SPLITS)]


def refused(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    """The one line of a refusal."""
    capsys.readouterr()
    assert main(arguments) == 2
    lines = capsys.readouterr().err.splitlines()
    errors = [line for line in lines if line.startswith("error: ")]
    assert len(errors) == 1 and not any("Traceback" in line for line in lines)
    return errors[0]


def test_stock_tfds_loads_it(built: Path) -> None:
    stock = tfds.builder_from_directory(built / "deemo_mer" / "1.0.0")
    assert {name: split.num_examples for name, split in stock.info.splits.items()} == {"train": 4, "test": 2}
    clip = stock.as_data_source("train")[0]
    assert len(clip["frames"]) == 8 and clip["frames"][0].shape == (224, 224, 3)
    assert clip["mel"].shape[1:] == (128, 204) and clip["mel"].dtype == np.float32
    assert stock.info.features["emotion"].int2str(int(clip["emotion"])) in ("negative", "positive")
    assert stock.info.metadata["external"] == 6 and stock.info.metadata["recurring_persons"] == 0


def test_no_folder_stays_among_temporary_files(built: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    Builder(data_dir=tmp_path / "data")
    ClipSource(built, "deemo_mer", "train")
    assert not list(tmp_path.glob("tmp*"))


def test_our_source_reads_what_went_in(built: Path) -> None:
    records = [record for split in ("train", "test") for record in ClipSource(built, "deemo_mer", split)]
    by_id = {record.clip.clip_id: record for record in records}
    assert sorted(by_id) == [f"clip{i:02d}" for i in range(6)]
    third = by_id["clip03"]
    assert third.clip.person_id == "person0" and third.clip.transcript == "We played set number 3."
    assert third.clip.nfbl[0].label == "touching the neck" and third.clip.emotion == "positive"
    assert third.provenance.source == "external" and len(third.jpegs) == 8 and third.mel.shape == (2, 128, 204)


@pytest.mark.slow
def test_no_tensorflow_is_imported(attested: Path, tmp_path: Path) -> None:
    config = {
        "seed": 0,
        "tokenizer": {"name": "bytes"},
        "prompt": {"task": "recognition"},
        "data": {
            "dataset": "deemo_mer",
            "data_dir": str(tmp_path),
            "train_split": "train",
            "test_split": "test",
            "batch_size": 2,
            "max_length": 256,
            "frames": 2,
            "clips": 2,
        },
        "model": {},
        "train": {"steps": 1},
        "trainable": [".*"],
    }
    code = f"""
import json, sys
from deemo_jax.build import main
from deemo_jax.core.recipe import Recipe
from deemo_jax.data.pipeline import make_pipeline
from deemo_jax.models.media_tokens import MediaTokens
assert main({command(attested, tmp_path)!r}) == 0
config = json.loads({json.dumps(json.dumps(config))})
batch = make_pipeline(Recipe.from_config(config), MediaTokens(1, 1), train=True).batch_at(0)
assert batch.record_valid.all()
assert not [name for name in sys.modules if name.split(".")[0] in ("tensorflow", "torch")]
"""
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr


@pytest.mark.slow
def test_workers_give_the_same_records(built: Path, attested: Path, tmp_path: Path) -> None:
    assert main(command(attested, tmp_path, "--workers", "2", *SPLITS)) == 0
    for split in ("train", "test"):
        for one, other in zip(
            ClipSource(built, "deemo_mer", split), ClipSource(tmp_path, "deemo_mer", split), strict=True
        ):
            assert (one.clip, one.jpegs, one.provenance) == (other.clip, other.jpegs, other.provenance)
            np.testing.assert_array_equal(one.mel, other.mel)


def test_the_same_inputs_are_not_built_twice_and_others_are_refused(
    built: Path, attested: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = tmp_path / "data"
    shutil.copytree(built, data)
    stamp = (data / "deemo_mer/1.0.0/dataset_info.json").stat().st_mtime_ns
    assert main(command(attested, data)) == 0
    assert "nothing to do" in capsys.readouterr().out
    assert "other inputs or settings" in refused(command(attested, data, *SPLITS, "--frames", "4"), capsys)
    assert (data / "deemo_mer/1.0.0/dataset_info.json").stat().st_mtime_ns == stamp
    assert main(command(attested, data, *SPLITS, "--frames", "4", "--overwrite")) == 0
    assert len(ClipSource(data, "deemo_mer", "train")[0].jpegs) == 4


def test_the_summary_counts_clips_persons_and_raw_transcripts(
    attested: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(command(attested, tmp_path)) == 0
    out = capsys.readouterr().out
    assert "train: 4 clips, 2 persons" in out and "test: 2 clips, 1 persons" in out
    assert "raw transcripts (not de-identified): 6" in out and "by attestation: 6" in out


@pytest.mark.slow
@pytest.mark.parametrize(
    ("flags", "validation", "says"),
    [
        (("--fractions", "train=0.84,test=0.16"), 1, ""),
        (("--fractions", "train=0.84,test=0.16", "--validation", "0.2"), 2, ""),
        (("--fractions", "train=0.84,test=0.16", "--validation", "0"), 0, "(not asked for)"),
        (("--fractions", "train=0.25,test=0.75"), 0, "too few training persons"),
        (("--fractions", "train=0.5,validation=0.25,test=0.25"), 3, ""),
        (("--splits",), 0, "(not asked for)"),
        (("--splits", "--validation", "0.3"), 3, ""),
        (("--validation", "0.6"), None, "choose a share from 0 to 0.5"),
        (("--fractions", "fit=1", "--validation", "0.1"), None, "there is no split 'train'"),
    ],
)
def test_a_validation_split_is_taken_from_the_training_persons(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], flags: tuple[str, ...], validation: int | None, says: str
) -> None:
    folder, data = tmp_path / "in", tmp_path / "data"
    write_attested(folder, clips=12, persons=12, frames=1)
    if flags[0] == "--splits":
        write_json(tmp_path / "ids.json", {"train": [f"clip{i:02d}" for i in range(10)], "test": ["clip10"]})
        flags = ("--splits", str(tmp_path / "ids.json"), *flags[1:])
    arguments = command(folder, data, *flags, "--frames", "1", "--clips", "1")
    if validation is None:
        assert says in refused(arguments, capsys)
        return
    assert main(arguments) == 0
    info = tfds.builder_from_directory(data / "deemo_mer/1.0.0").info
    held = info.splits["validation"].num_examples if "validation" in info.splits else 0
    assert held == validation and info.metadata["recurring_persons"] == 0
    out = capsys.readouterr().out
    assert (says in out) if says else ("cannot be calibrated" not in out)


def test_a_long_film_of_which_little_is_stored_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "in"
    _, rows = write_attested(folder, clips=2, persons=2, frames=1)
    (folder / "clip01" / "000.png").unlink()
    (folder / "clip01" / "mel.npy").unlink()
    pictures = (Frame(i, 20.0 * i, np.zeros((48, 64, 3), np.uint8)) for i in range(10))
    write_clip(folder / "clip01.mp4", pictures, 0.05, None)
    attest_again(folder)
    said = [json.loads(line) for line in rows.read_text().splitlines()]
    rows.write_text("".join(json.dumps(row | {"start_s": 0, "end_s": 183}) + "\n" for row in said))
    assert main(command(folder, tmp_path / "data", "--fractions", "train=0.5,test=0.5")) == 0
    assert "1 clips are long for what is stored of them, the longest 'clip01': 183 s" in capsys.readouterr().out


def test_transcripts_without_names_say_so_and_are_not_counted_as_raw(
    attested: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = tmp_path / "clips.jsonl"
    redact_file(attested / "clips.jsonl", rows, Names(), Rules())
    arguments = command(attested, tmp_path / "data")
    arguments[arguments.index("--annotations") + 1] = str(rows)
    assert main(arguments) == 0
    assert "raw transcripts (not de-identified): 0" in capsys.readouterr().out
    provenance = ClipSource(tmp_path / "data", "deemo_mer", "train")[0].provenance
    assert provenance.transcript.startswith(f"{Rules().method}, ")
    rows.write_text(rows.read_text().replace('"transcript": "', '"transcript": "Mara said '))
    assert "redact again" in refused(arguments, capsys)


def test_an_id_file_counts_recurring_persons_and_strict_refuses_them(
    attested: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ids = tmp_path / "ids.json"
    write_json(ids, {"train": ["clip00", "clip01"], "test": ["clip03"]})
    flags = ("--splits", str(ids))
    refusal = refused(command(attested, tmp_path / "data", *flags, "--strict_persons"), capsys)
    assert "1 persons are in more than one split" in refusal and not (tmp_path / "data").exists()
    assert main(command(attested, tmp_path / "data", *flags)) == 0
    out = capsys.readouterr().out
    assert "more than one split: 1 (2 clips)" in out and "does not name them: 3" in out
    info = tfds.builder_from_directory(tmp_path / "data/deemo_mer/1.0.0").info
    assert info.metadata["recurring_persons"] == 1


def test_a_clip_in_two_splits_of_the_id_file_is_refused(
    attested: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ids = tmp_path / "ids.json"
    write_json(ids, {"train": ["clip00"], "test": ["clip00"]})
    assert "'clip00' is in 'train' and in 'test'" in refused(command(attested, tmp_path, "--splits", str(ids)), capsys)


def test_too_few_persons_for_our_splits_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_attested(tmp_path / "one", clips=2, persons=1)
    assert "one being in two" in refused(command(tmp_path / "one", tmp_path / "data"), capsys)


def attest_again(folder: Path) -> None:
    """The attestation of the files as they are now."""
    filled = read_json(folder / "attestation.json")
    (folder / "attestation.json").unlink()
    assert main(["--attest_template", str(folder)]) == 0
    write_json(folder / "attestation.json", filled | {"files": read_json(folder / "attestation.json")["files"]})


@pytest.mark.parametrize("workers", ["0", "1"])
def test_what_cannot_be_read_costs_its_clip_only(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], workers: str
) -> None:
    folder, data = tmp_path / "in", tmp_path / "data"
    write_attested(folder)
    (folder / "clip05" / "002.png").write_bytes(b"no picture")
    attest_again(folder)
    arguments = command(folder, data, *SPLITS, "--workers", workers)
    capsys.readouterr()
    for again in (False, True):
        assert main(arguments) == 2
        out, err = capsys.readouterr()
        assert "train: 3 clips, 2 persons" in out and "test: 2 clips, 1 persons" in out
        assert ("nothing to do" in out) == again
        assert re.search("(?m)^bad: clip05: .*" + ("could not be read" if again else "002.png: cannot be decoded"), err)
        assert "error: 1 clips could not be read and are not in the dataset" in err
    info = tfds.builder_from_directory(data / "deemo_mer/1.0.0").info
    assert info.metadata["unreadable"] == ["clip05"] and info.metadata["external"] == 5
    assert "clip05" not in {one.clip.clip_id for split in info.splits for one in ClipSource(data, "deemo_mer", split)}
    for path in (data / "deemo_mer/1.0.0").iterdir():
        assert str(tmp_path).encode() not in path.read_bytes()  # no machine path travels with the data


def test_a_split_of_which_nothing_can_be_read_stops_it_and_leaves_nothing_behind(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder, data = tmp_path / "in", tmp_path / "data"
    write_attested(folder, clips=3, frames=1)
    (folder / "clip02" / "000.png").write_bytes(b"no picture")
    attest_again(folder)
    write_json(tmp_path / "ids.json", {"train": ["clip00", "clip01"], "test": ["clip02"]})
    refusal = refused(command(folder, data, "--splits", str(tmp_path / "ids.json")), capsys)
    assert "split 'test': none of its 1 clips can be read" in refusal and "000.png: cannot be decoded" in refusal
    assert list(data.iterdir()) == []


def test_a_broken_promise_of_the_gate_stops_everything(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder, data = tmp_path / "in", tmp_path / "data"
    write_attested(folder, frames=1)
    (folder / "clip05" / "000.png").write_bytes(b"another picture")
    assert "privacy gate" in refused(command(folder, data, *SPLITS, "--skip_missing"), capsys)
    assert not data.exists()


def test_an_unwritable_data_dir_is_one_line(attested: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").write_text("in the way")
    assert "is a file" in refused(command(attested, tmp_path / "file"), capsys)


def test_a_full_disk_is_one_line_and_leaves_nothing_behind(attested: Path, tmp_path: Path) -> None:
    data = tmp_path / "data"
    script = tmp_path / "script.py"
    script.write_text(f"""
import resource
from deemo_jax.build import main
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
raise SystemExit(main({command(attested, data)!r}))
""")
    run = subprocess.run([sys.executable, script], capture_output=True, text=True, cwd=Path.cwd(), check=False)
    assert run.returncode == 2 and "Traceback" not in run.stderr
    assert f"error: {data}: cannot be written (File too large)" in run.stderr
    assert list(data.iterdir()) == []


@pytest.mark.parametrize(
    "arguments",
    [
        ["--annotations", "nowhere.jsonl"],
        ["--attest", "nowhere.json"],
    ],
)
def test_paths_that_do_not_exist(
    attested: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str]
) -> None:
    assert "nowhere" in refused([*command(attested, tmp_path), *arguments], capsys)


def test_a_dataset_with_other_features_is_refused_when_built_and_when_read(
    attested: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    class Older(Builder, skip_registration=True):
        name = "deemo_mer"

        def _info(self) -> tfds.core.DatasetInfo:
            features = tfds.features.FeaturesDict({"clip_id": tfds.features.Text(), "mel": tfds.features.Text()})
            return tfds.core.DatasetInfo(builder=self, features=features, disable_shuffling=True)

        def _generate_examples(self, records):
            yield from enumerate(records)

    older = Older(records={"train": [{"clip_id": "a", "mel": "?"}]}, data_dir=tmp_path)
    older.download_and_prepare(file_format="array_record")
    with pytest.raises(UserError, match=r"other features .*emotion: absent"):
        ClipSource(tmp_path, "deemo_mer", "train")
    assert "other features" in refused(command(attested, tmp_path), capsys)


def test_reading_mistakes_are_one_clear_line(built: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no dataset there; build it with"):
        ClipSource(tmp_path, "deemo_mer", "train")
    with pytest.raises(UserError, match="split 'validation' cannot be opened; it has: train, test"):
        ClipSource(built, "deemo_mer", "validation")
    damaged = tmp_path / "damaged"
    shutil.copytree(built, damaged)
    (damaged / "deemo_mer/1.0.0/features.json").write_text("{")
    with pytest.raises(UserError, match="a damaged dataset"):
        ClipSource(damaged, "deemo_mer", "train")


def test_bytes_damaged_on_disk_cost_their_records_only(built: Path, tmp_path: Path) -> None:
    shutil.copytree(built, tmp_path / "data")
    shard = next((tmp_path / "data").glob("*/*/*train.array_record*"))
    content = bytearray(shard.read_bytes())
    content[200:400] = bytes(200)
    shard.write_bytes(content)
    config = {
        "seed": 0,
        "tokenizer": {"name": "bytes"},
        "prompt": {"task": "recognition"},
        "data": {
            "dataset": "deemo_mer",
            "data_dir": str(tmp_path / "data"),
            "train_split": "train",
            "batch_size": 4,
            "max_length": 256,
            "frames": 2,
            "clips": 2,
        },
        "model": {},
        "train": {"steps": 1},
        "trainable": [".*"],
    }
    pipeline = make_pipeline(Recipe.from_config(config), MediaTokens(1, 1), train=True)
    batch = pipeline.batch_at(0)
    assert 0 < len(pipeline.counts.unreadable) == (~batch.record_valid).sum() < 4


def test_the_builder_has_no_door_of_its_own(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="privacy gate"):
        Builder(data_dir=tmp_path).download_and_prepare()
