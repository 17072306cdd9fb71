"""The command: what it says of mistakes, and what it leaves."""

import functools
import shutil
from pathlib import Path

import pytest

from tests import commands

run = functools.partial(commands.run, "cache")


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        ([], "name a recipe with --config"),
        (["--config", "configs/sample.py", "--data_dir", "nowhere"], "nowhere/deemo_mer: no dataset there"),
        (["--config", "configs/sample.py", "--dtype", "int8"], "int8"),
        (
            ["--config", "configs/sample.py", "--config.data.cached_views=0"],
            "cached_views is 0: this recipe's encoders",
        ),
        (["--config", "configs/sample.py", "--config.data.cached_views=3"], "all views of a clip are the same"),
    ],
)
def test_mistakes_are_one_line_and_exit_code_2(flags: list[str], said: str) -> None:
    done = run(*flags)
    assert done.returncode == 2 and said in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1 and done.stderr.startswith("error: ")


def test_features_lie_beside_the_dataset(tiny_data: Path, tmp_path: Path) -> None:
    where = shutil.copytree(tiny_data, tmp_path / "data")
    recipe = ["--config", f"tests/training/tiny.py:{tiny_data}", "--config.data.cached_views=1"]
    done = run(*recipe, "--data_dir", where, "--split", "test", "--dtype", "bfloat16")
    assert done.returncode == 0, done.stderr
    folders = [Path(line) for line in done.stdout.splitlines()]
    assert [folder.name.split("-")[0] for folder in folders] == ["video", "audio"]
    for folder in folders:
        assert folder.parent == where / "features"
        assert {path.name for path in folder.iterdir()} == {
            ".lock",
            "key.json",
            "test.split.json",
            "test-00000-of-00001.array_record",
        }
    assert "bytes a clip" in done.stderr and "bfloat16" in done.stderr
