"""Addresses of buckets are refused by name before anything is made; paths of this machine are not."""

import sys
from pathlib import Path

import pytest

from deemo_jax.core import cli
from deemo_jax.core.errors import UserError
from deemo_jax.core.files import refuse_remote, refuse_remote_words
from deemo_jax.core.recipe import Recipe
from deemo_jax.data.build.dataset_writer import write_dataset
from deemo_jax.data.clip_source import open_builder
from deemo_jax.generation.load import load_run
from deemo_jax.training.loop import train
from tests.training import tiny

BUCKETS = ["gs://bucket/run", "s3://bucket/run", "S3://bucket", "abfss://a@b/c", "hdfs:///x", "gs:/bucket/run"]


@pytest.fixture(autouse=True)
def nothing_is_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize("text", [*BUCKETS, *map(Path, BUCKETS)])
def test_a_bucket_is_refused_by_name(text: str | Path) -> None:
    with pytest.raises(UserError, match=rf"--out: {text}: is no folder or file of this machine.*gcsfuse"):
        refuse_remote(text, "--out")


def test_a_url_of_a_file_is_refused_with_its_own_mend() -> None:
    with pytest.raises(UserError, match="give the plain path, without 'file:'"):
        refuse_remote("file:///data/run")


@pytest.mark.parametrize("text", ["https://host/run", "HTTP://host", "http:/host/run", "sftp://me@host/run"])
def test_an_address_of_another_machine_is_refused(text: str) -> None:
    with pytest.raises(UserError, match=r"is no folder or file of this machine.*copy what is needed to this machine"):
        refuse_remote(text)


@pytest.mark.parametrize(
    "text",
    [
        "https://host/x said so",
        "runs/gs",
        "/gs:/x",
        "./gs://x",
        "gs:x.mp4",
        "a:/b",
        "notes: gs://x",
        "",
        "gs:",
        "C://x",
        "10:30.mp4",
    ],
)
def test_a_path_of_this_machine_is_taken(text: str) -> None:
    refuse_remote(text)
    refuse_remote_words([text, f"--flag={text}"])


@pytest.mark.parametrize("word", ["{}", "--workdir={}", "--source=llama={}", "--config.data.data_dir={}"])
@pytest.mark.parametrize("bucket", ["gs://bucket/run", "s3://bucket/a=b"])
def test_no_command_begins_with_a_bucket_on_its_command_line(
    word: str, bucket: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def begin() -> None:
        Path(bucket).mkdir(parents=True)

    monkeypatch.setattr(sys, "argv", ["command", "first", word.format(bucket)])
    assert cli.guarded(begin) == 2
    assert bucket in capsys.readouterr().err and list(tmp_path.iterdir()) == []


def test_no_run_dataset_or_recipe_lies_in_a_bucket(tmp_path: Path) -> None:
    config = tiny.get_config("nowhere")
    for call in (
        lambda: train(config, "gs://bucket/run"),
        lambda: load_run("gs://bucket/run"),
        lambda: open_builder("gs://bucket/data", "deemo_mer"),
        lambda: write_dataset(lambda _: pytest.fail("begun"), Path("gs://bucket/data"), overwrite=True),
    ):
        with pytest.raises(UserError, match=r"gs:/+bucket/.* is no folder or file of this machine"):
            call()
    for key in ("data.data_dir", "init", "tokenizer.path"):
        changed = tiny.get_config("nowhere")
        changed.update_from_flattened_dict({key: "s3://bucket/x"})
        with pytest.raises(UserError, match=f"config.{key}: s3://bucket/x: is no folder"):
            Recipe.from_config(changed)
    assert list(tmp_path.iterdir()) == []
