"""Instruction data as TFDS datasets: what is stored, what is left out, and names of their own."""

from pathlib import Path

import cv2
import numpy as np
import pytest
import tensorflow_datasets as tfds

from deemo_jax.build import main
from deemo_jax.core.files import read_json, read_jsonl
from deemo_jax.data.clip_source import ClipSource
from deemo_jax.data.record_features import RecordKind
from deemo_jax.withdrawal.places import look
from tests.instruction_data import write_instructions
from tfds_builders.instructions.instructions_dataset_builder import Builder


@pytest.fixture(scope="module")
def source(portrait: np.ndarray, tmp_path_factory: pytest.TempPathFactory) -> Path:
    face = cv2.resize(portrait, (100, 100), interpolation=cv2.INTER_AREA)
    return write_instructions(tmp_path_factory.mktemp("instructions") / "source", face)


@pytest.fixture(scope="module")
def data(source: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data")
    assert main(command(source, folder, "--name", "llava")) == 0
    return folder


def command(source: Path, data: Path, *extra: str) -> list[str]:
    files = [str(source / name) for name in ("llava.json", "chat.json", "emer.csv", "merr.json")]
    media = ["--media", str(source / "media"), "--data_dir", str(data), "--workers", "0"]
    return ["instructions", "--source", *files, *media, *extra]


def test_stock_tfds_reads_turns_and_faces_are_covered(data: Path) -> None:
    records = list(tfds.builder_from_directory(data / "llava" / "1.0.0").as_data_source("train"))
    assert [len(record["frames"]) for record in records] == [1, 1, 6, 4, 4]
    assert list(records[0]["turns"]["answer"]) == [b"A ramp.", b"Grey."] and records[0]["picture_at"] == 0
    assert records[1]["picture_at"] == len("Is it dark?\n") and records[2]["picture_at"] == -1
    assert list(records[3]["turns"]["question"]) == [b""] and records[3]["transcript"] == b"Well played."
    assert records[0]["faces"] == 1 and records[0]["provenance"]["video"].startswith(b"deemo_jax solid")
    assert records[0]["provenance"]["source"] == b"instructions"


def test_a_single_empty_question_is_that_of_the_recipe(data: Path) -> None:
    source = ClipSource(data, "llava", "train")
    assert source.kind is RecordKind.INSTRUCTIONS
    talks = [record.clip.conversation for record in source]
    assert [talk and len(talk.turns) for talk in talks] == [2, 1, 3, None, None]
    assert (source[3].clip.reasoning, source[3].clip.transcript) == ("The voice is warm.", "Well played.")


def test_what_is_left_out_is_counted_and_a_person_is_told(data: Path) -> None:
    folder = data / "llava" / "1.0.0"
    expected = {"turns out of order": 1, "duplicate id": 1, "media missing": 1, "no readable media": 1}
    assert read_json(folder / "metadata.json")["splits"]["train"]["skipped"] == expected
    assert len(list(read_jsonl(folder / "skipped.jsonl"))) == 4
    assert look([data]).captions == [folder]


def test_the_same_command_again_does_nothing_and_another_name_is_another_dataset(
    source: Path, data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(command(source, data, "--name", "llava")) == 0
    assert "nothing to do" in capsys.readouterr().out
    for name in ("deemo_mer", "../llava", "A"):
        assert main(command(source, data, "--name", name)) == 2
        said = capsys.readouterr().err
        assert "--name" in said and said.count("\n") == 1
    assert [path.name for path in data.iterdir()] == ["llava"]


def test_tfds_own_way_gives_the_same_turns(source: Path, data: Path, tmp_path: Path) -> None:
    builder = Builder(data_dir=tmp_path, file_format="array_record")
    settings = tfds.download.DownloadConfig(manual_dir=source)
    builder.download_and_prepare(download_config=settings)
    turns = [record["turns"] for record in builder.as_data_source("train")]
    assert sum(len(each["answer"]) for each in turns) == 7  # the table is not of the first pattern
