"""The caption datasets: what is left out, stock TFDS, going on after a stop, and three ways to one result."""

import json
from collections import Counter
from pathlib import Path

import cv2
import numpy as np
import pytest
import tensorflow_datasets as tfds
from array_record.python.array_record_module import ArrayRecordReader
from tensorflow_datasets.proto import tf_example_pb2

from deemo_jax.build import main
from deemo_jax.core.files import read_jsonl
from deemo_jax.data import fingerprint
from deemo_jax.withdrawal.places import look
from tests.caption_media import BROKEN, broken_row, write_image, write_rows, write_video
from tfds_builders import build_captions
from tfds_builders.captions.captions_dataset_builder import Builder
from tfds_builders.cc3m.cc3m_dataset_builder import Builder as Cc3mBuilder
from tfds_builders.webvid.webvid_dataset_builder import Builder as WebVidBuilder

BUILT = ("captions", "1.0.0")


def make_source(folder: Path, face: np.ndarray, whole: int, broken_each: int) -> Path:
    """Videos and images, every third with a face, among them as many broken ones of each kind as asked for."""
    folder.mkdir()
    rows = []
    for i in range(whole):
        name = f"m{i:04d}" + (".mp4" if i % 2 else ".jpg")
        (write_video if i % 2 else write_image)(folder / name, face=None if i % 3 else face, seed=i)
        rows.append({"clip_id": f"m{i:04d}", "media": name, "caption": f"Thing number {i}."})
    bad = [broken_row(kind, folder, f"b{kind.name}{n}") for n in range(broken_each) for kind in BROKEN]
    step = max(1, whole // max(1, len(bad)))
    for at, row in enumerate(bad):
        rows.insert(at * (step + 1), row)
    write_rows(folder / "captions.jsonl", rows)
    return folder


@pytest.fixture(scope="module")
def face(portrait: np.ndarray) -> np.ndarray:
    return cv2.resize(portrait, (100, 100), interpolation=cv2.INTER_AREA)


@pytest.fixture(scope="module")
def source(face: np.ndarray, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_source(tmp_path_factory.mktemp("captions") / "source", face, 4, 1)


@pytest.fixture(scope="module")
def data(source: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data")
    assert main(command(source, folder)) == 0
    return folder


def command(source: Path, data: Path, *extra: str) -> list[str]:
    return ["captions", "--source", str(source), "--data_dir", str(data), *(extra or ("--workers", "0"))]


def stored(folder: Path) -> list[bytes]:
    """The records of a dataset, as bytes, in order."""
    found: list[bytes] = []
    for path in sorted(folder.joinpath(*BUILT).glob("*.array_record*")):
        reader = ArrayRecordReader(str(path))
        found += reader.read_all()
        reader.close()
    return found


def in_order(records: list[bytes]) -> list[bytes]:
    """The same records, the features of each in order of name."""
    return [tf_example_pb2.Example.FromString(record).SerializeToString(deterministic=True) for record in records]


def test_stock_tfds_reads_what_was_built(data: Path) -> None:
    stock = tfds.builder_from_directory(data.joinpath(*BUILT))
    fingerprint.check_files(stock, hashes=True)
    first, second, *_ = stock.as_data_source("train")
    assert (first["clip_id"], first["caption"]) == (b"m0000", b"Thing number 0.")
    assert len(first["frames"]) == 1 and len(second["frames"]) == 8 and second["frames"][0].shape == (224, 224, 3)
    assert first["faces"] == 1 and second["faces"] == 0
    assert json.loads(first["provenance"]["settings"])["keep_faces"] is False
    assert stored(data) == in_order(stored(data))  # so every process writes the same bytes


def test_what_is_left_out_is_counted_and_listed(data: Path) -> None:
    folder = data.joinpath(*BUILT)
    counts = tfds.builder_from_directory(folder).info.metadata["splits"]["train"]
    assert counts["skipped"] == {kind.value: 1 for kind in BROKEN} and counts["records"] == 4 and counts["rows"] == 14
    listed = list(read_jsonl(folder / build_captions.SKIPPED))
    assert [row["clip_id"] for row in listed] == [f"b{kind.name}0" for kind in BROKEN]
    assert not [row for row in listed if str(data.parent) in row["reason"]]


def test_who_withdraws_is_told_that_captions_name_nobody(data: Path) -> None:
    found = look([data])
    assert found.captions == [data.joinpath(*BUILT)] and not found.datasets


def test_tfds_own_way_gives_the_same_records(source: Path, data: Path, tmp_path: Path) -> None:
    builder = Builder(data_dir=tmp_path, file_format="array_record")
    settings = tfds.download.DownloadConfig(manual_dir=source, compute_stats=tfds.download.ComputeStatsMode.SKIP)
    builder.download_and_prepare(download_config=settings)
    assert stored(tmp_path) == stored(data)
    assert sum(builder.info.metadata["skipped"]["train"].values()) == len(BROKEN)


def test_a_build_goes_on_where_it_stopped(
    source: Path, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    write_part, calls = build_captions.write_part, []

    def stopping(*arguments: object) -> object:
        calls.append(arguments)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return write_part(*arguments)  # type: ignore[arg-type]

    flags = ("--workers", "0", "--shard_rows", "5")
    monkeypatch.setattr(build_captions, "write_part", stopping)
    assert main(command(source, tmp_path, *flags)) != 0
    assert [path.name for path in tmp_path.iterdir() if not path.name.startswith(".building-captions-")] == []
    monkeypatch.undo()
    assert main(command(source, tmp_path, *flags)) == 0
    assert "goes on after 2 of 3 parts" in capsys.readouterr().out
    assert stored(tmp_path) == stored(data)
    assert main(command(source, tmp_path, *flags)) == 0 and "nothing to do" in capsys.readouterr().out
    assert main(command(source, tmp_path, "--workers", "0", "--keep_faces")) == 2
    assert "other inputs or settings" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["captions"]


def test_mistakes_are_one_line(source: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "empty.csv").write_text("media,caption\n")
    (tmp_path / "wrong.csv").write_text("media,caption\nnone.jpg,x\n")
    for arguments, said in (
        (command(tmp_path / "empty.csv", tmp_path / "d"), "has no row"),
        (command(tmp_path / "wrong.csv", tmp_path / "d"), "is --media right?"),
        (command(source, tmp_path / "d", "--frames", "0"), "choose 1..4096"),
        (command(source, tmp_path / "d", "--annotations", "x"), "goes with deemo_mer"),
        (command(source, tmp_path / "d", "--workers", "-1"), "choose 0 or more"),
        (["instructions", *command(source, tmp_path / "d", "--caption_rule", "raw")[1:]], "goes with captions"),
        (["deemo_mer", "--source", "x"], "goes with webvid"),
    ):
        try:
            assert main(arguments) == 2
        except SystemExit as left:
            assert left.code == 2
        lines = capsys.readouterr().err.splitlines()
        assert said in lines[-1] and not [line for line in lines if "Traceback" in line]
        assert not (tmp_path / "d").exists() or not list((tmp_path / "d").iterdir())


def test_media_that_were_missing_are_read_by_the_same_command(
    source: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows, media, data = tmp_path / "rows.jsonl", tmp_path / "media", tmp_path / "data"
    write_rows(rows, [{"media": f"{name}.jpg", "caption": "x"} for name in "ab"])
    write_rows(tmp_path / "rows_val.jsonl", [{"media": "c.jpg", "caption": "x"}])
    media.mkdir()
    argv = ["captions", "--source", str(rows), str(tmp_path / "rows_val.jsonl"), "--media", str(media)]
    argv += ["--data_dir", str(data), "--workers", "0", "--keep_faces", "--shard_rows", "1"]
    assert main(argv) == 2 and not list(data.iterdir())
    for name in "ab":
        write_image(media / f"{name}.jpg")
    assert main(argv) == 2 and "split 'validation'" in capsys.readouterr().err
    write_image(media / "c.jpg")
    assert main(argv) == 0
    said = capsys.readouterr().out
    assert "goes on after 2 of 3 parts" in said and "left out" not in said


@pytest.mark.parametrize("builder", [Builder, Cc3mBuilder, WebVidBuilder])
def test_each_builder_says_what_it_needs(builder: type[Builder], tmp_path: Path) -> None:
    made = builder(data_dir=tmp_path)
    assert "Nothing is fetched" in made.MANUAL_DOWNLOAD_INSTRUCTIONS and made.info.description and made.info.citation


@pytest.mark.slow
def test_three_ways_make_one_dataset_of_a_thousand(
    face: np.ndarray, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = make_source(tmp_path / "source", face, 950, 5)
    workers = ("--workers", "2", "--shard_rows", "100")
    assert main(command(source, tmp_path / "processes", *workers)) == 0
    print(capsys.readouterr().out)
    records = stored(tmp_path / "processes")
    stock = tfds.builder_from_directory((tmp_path / "processes").joinpath(*BUILT))
    counts = stock.info.metadata["splits"]["train"]
    assert counts["skipped"] == {kind.value: 5 for kind in BROKEN} and counts["records"] == len(records) == 950
    planted = {f"m{i:04d}" for i in range(0, 950, 3)}
    covered = {clip["clip_id"].decode() for clip in stock.as_data_source("train") if clip["faces"]}
    assert planted == covered
    builder = Builder(data_dir=tmp_path / "plain", file_format="array_record")
    settings = tfds.download.DownloadConfig(manual_dir=source, compute_stats=tfds.download.ComputeStatsMode.SKIP)
    builder.download_and_prepare(download_config=settings)
    assert stored(tmp_path / "plain") == records
    assert Counter(builder.info.metadata["skipped"]["train"]) == Counter(counts["skipped"])


@pytest.mark.slow
def test_beam_makes_the_same_records(face: np.ndarray, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("apache_beam")
    source = make_source(tmp_path / "source", face, 60, 1)
    assert main(command(source, tmp_path / "none", "--beam=--runner=Nope")) == 2
    assert "error: --beam '--runner=Nope': Unexpected pipeline runner" in capsys.readouterr().err
    for data, flags in (("plain", ("--workers", "0")), ("beam", ("--beam=--runner=DirectRunner",))):
        assert main(command(source, tmp_path / data, *flags, "--shard_rows", "10")) == 0
    assert stored(tmp_path / "beam") == stored(tmp_path / "plain") and len(stored(tmp_path / "beam")) == 60
    assert [path.name for path in (tmp_path / "beam").iterdir()] == ["captions"]
