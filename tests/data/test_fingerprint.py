"""What a dataset consists of: written by build, held against the files by whoever reads."""

import json
import os
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from deemo_jax.core.errors import UserError
from deemo_jax.core.files import sha256, write_json
from deemo_jax.data.build.dataset_writer import write_dataset
from deemo_jax.data.clip_source import ClipSource, open_builder
from deemo_jax.data.file_watch import FileWatch
from deemo_jax.data.fingerprint import FILE, Fingerprint, Shard, check_files, differences, fingerprint_of, stored
from tests.training import tiny
from tfds_builders.deemo_mer.deemo_mer_dataset_builder import Builder

VERSION = Path("deemo_mer", "1.0.0")
TRAIN = "deemo_mer-train.array_record-00000-of-00001"
TEST = "deemo_mer-test.array_record-00000-of-00001"


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("built")
    splits = {"train": tiny.records(4, 0), "test": tiny.records(2, 1)}
    write_dataset(lambda data_dir: Builder(records=splits, data_dir=data_dir), folder, overwrite=False)
    return folder


@pytest.fixture
def copy(built: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(built, tmp_path / "copy"))


def test_build_records_every_shard_and_split(built: Path) -> None:
    found = stored(open_builder(built, "deemo_mer"))
    assert found and (found.dataset, found.version, found.splits) == ("deemo_mer", "1.0.0", {"train": 4, "test": 2})
    assert found.shards.keys() == {TRAIN, TEST}
    for name, shard in found.shards.items():
        path = built / VERSION / name
        assert shard == Shard(path.stat().st_size, sha256(path))


def test_a_dataset_without_a_fingerprint_is_read_and_measured(copy: Path) -> None:
    before = stored(open_builder(copy, "deemo_mer"))
    (copy / VERSION / FILE).unlink()
    builder = open_builder(copy, "deemo_mer")
    assert len(ClipSource(copy, "deemo_mer", "train")) == 4 and stored(builder) is None
    assert fingerprint_of(builder) == (before, False)
    with pytest.raises(UserError, match=r"has no fingerprint.json to verify it by"):
        check_files(builder, hashes=True)


def empty(path: Path) -> None:
    path.write_bytes(b"")


def halve(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2)


def garble_index(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[-65536:] = bytes(65536)
    path.write_bytes(data)


def swap(path: Path) -> None:
    shutil.copyfile(path.with_name(TEST), path)


@pytest.mark.parametrize("recorded", [True, False])
@pytest.mark.parametrize("damage", [Path.unlink, empty, halve, garble_index, swap])
def test_a_shard_that_is_not_whole_is_named_at_the_start(damage: Any, recorded: bool, copy: Path) -> None:
    if not recorded:
        (copy / VERSION / FILE).unlink()
    damage(copy / VERSION / TRAIN)
    for split in ("train", "test"):  # whichever split is asked for
        with pytest.raises(UserError, match=rf"{TRAIN}: .*; copy the dataset again, or build it again"):
            ClipSource(copy, "deemo_mer", split)


def test_a_shard_of_other_clips_is_named_by_its_size_though_it_has_as_many_records(copy: Path, tmp_path: Path) -> None:
    noise = np.random.default_rng(2).standard_normal((6, 128, 204), np.float32)  # shards are compressed
    longer = [record | {"mel": noise + index} for index, record in enumerate(tiny.records(4, 0))]
    splits = {"train": longer, "test": tiny.records(2, 1)}
    write_dataset(lambda data_dir: Builder(records=splits, data_dir=data_dir), tmp_path / "other", overwrite=False)
    shutil.copyfile(tmp_path / "other" / VERSION / TRAIN, copy / VERSION / TRAIN)
    with pytest.raises(UserError, match=rf"{TRAIN}: has \d+ bytes, not the \d+ that it was built with"):
        ClipSource(copy, "deemo_mer", "train")


def test_hashes_are_compared_when_asked_for(copy: Path) -> None:
    path = copy / VERSION / TRAIN
    data = bytearray(path.read_bytes())
    data[len(data) // 3] ^= 1
    path.write_bytes(data)
    builder = open_builder(copy, "deemo_mer")
    check_files(builder)
    with pytest.raises(UserError, match=rf"{TRAIN}: its hash is not the one"):
        check_files(builder, hashes=True)


@pytest.mark.parametrize("content", [[], {"dataset": "x"}, {"shards": {"a": 1}, "splits": {}}])
def test_a_fingerprint_that_is_none_is_refused(content: Any, copy: Path) -> None:
    write_json(copy / VERSION / FILE, content)
    with pytest.raises(UserError, match=r"fingerprint\.json: is no fingerprint of a dataset"):
        ClipSource(copy, "deemo_mer", "train")


@pytest.mark.parametrize("key", ["version", "splits", "shards"])
def test_a_fingerprint_of_another_dataset_is_refused(key: str, copy: Path) -> None:
    path = copy / VERSION / FILE
    content = json.loads(path.read_text())
    content[key] = "9.0.0" if key == "version" else {}
    write_json(path, content)
    with pytest.raises(UserError, match="is of another dataset than the one that lies beside it"):
        ClipSource(copy, "deemo_mer", "train")


def test_every_difference_is_named() -> None:
    before = Fingerprint("a", "1.0.0", {"train": 4, "test": 2}, {"x": Shard(8, "0"), "y": Shard(8, "1")})
    assert differences(before, before) == []
    same_size = Fingerprint("a", "1.0.0", before.splits, {**before.shards, "y": Shard(8, "2")})
    assert differences(before, same_size) == ["other content in y"]
    other = Fingerprint("a", "1.1.0", {"train": 5, "validation": 2}, {"x": Shard(9, "0")})
    assert differences(before, other) == [
        "version 1.0.0 -> 1.1.0",
        "split test has 2 -> 0 records",
        "split train has 4 -> 5 records",
        "split validation has 0 -> 2 records",
        "other content in x, y",
    ]


def test_one_version_can_be_named_by_its_folder(copy: Path) -> None:
    shutil.copytree(copy / VERSION, copy / "deemo_mer" / "1.1.0")
    assert Path(open_builder(copy, "deemo_mer").data_path).name == "1.1.0"
    assert Path(open_builder(copy / VERSION, "deemo_mer").data_path).name == "1.0.0"


def replace(path: Path) -> None:
    beside = path.with_suffix(".new")
    beside.write_bytes(bytes(len(path.read_bytes())))
    beside.replace(path)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (Path.unlink, "cannot be read any more"),
        (empty, "has 0 bytes instead of 9"),
        (halve, "has 4 bytes instead of 9"),
        (replace, "was replaced"),
    ],
)
def test_a_file_that_changes_while_it_is_read_is_named(change: Any, says: str, tmp_path: Path) -> None:
    path = tmp_path / "shard"
    path.write_bytes(b"123456789")
    watch = FileWatch({path: sha256(path)}, every_s=0)
    watch.check()
    change(path)
    for look in (watch.check, watch.glance):
        with pytest.raises(UserError, match=f"shard: {says}.*--resume"):
            look()


def test_a_glance_soon_after_a_look_looks_at_nothing(tmp_path: Path) -> None:
    path = tmp_path / "shard"
    path.write_bytes(b"1")
    watch = FileWatch({path: None}, every_s=1e9)
    path.unlink()
    watch.glance()
    with pytest.raises(UserError, match="cannot be read"):
        watch.check()


@pytest.mark.parametrize("known", [True, False])
def test_a_file_that_was_copied_anew_is_the_same_while_its_hash_is(known: bool, tmp_path: Path) -> None:
    path = tmp_path / "shard"
    path.write_bytes(b"123456789")
    watch = FileWatch({path: sha256(path) if known else None})
    shutil.copyfile(path, tmp_path / "again")
    (tmp_path / "again").replace(path)
    if known:
        watch.check()
        watch.check()
    else:
        with pytest.raises(UserError, match="was replaced"):
            watch.check()
