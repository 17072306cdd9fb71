"""The command: a whole conversion, and what it says of mistakes."""

import functools
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from deemo_jax.conversion.parity import verdict
from deemo_jax.models.weights import CONVERSION, WEIGHTS
from tests import commands
from tests.conversion import tiny

ROOT = Path(__file__).parents[1]
RECIPE = f"""
from ml_collections import ConfigDict
from configs import deemo_llama_7b

def get_config():
    config = deemo_llama_7b.get_config("precision=float32")
    config.model = ConfigDict({json.dumps(tiny.MODEL).replace("true", "True")})
    return config
"""
run = functools.partial(commands.run, "convert")


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    folder = tmp_path_factory.mktemp("public")
    return [f"--source={name}={path}" for name, path in tiny.write_public(folder, tiny.recipe()).items()]


def test_from_public_files_to_a_checkpoint_and_again(sources: list[str], tmp_path: Path) -> None:
    (tmp_path / "recipe.py").write_text(RECIPE)
    flags = ["--config", str(tmp_path / "recipe.py"), "--out", str(tmp_path / "out"), *sources]
    done = run(*flags)
    assert done.returncode == 0, done.stderr
    assert "imagebind" in done.stdout and "peak memory" in done.stdout and done.stdout.rstrip().endswith("written")
    assert "in no source, drawn at random by training: audio/connector, audio/projector" in done.stdout
    before = (tmp_path / "out" / CONVERSION).stat().st_mtime_ns
    assert "is there already" in run(*flags).stdout
    assert (tmp_path / "out" / CONVERSION).stat().st_mtime_ns == before
    assert "as its sources are" in run(*flags, "--check").stdout
    damaged = run(*flags[:4], "--check", "--source=llama=nowhere")
    assert damaged.returncode == 2 and "nowhere: there is no such file or folder" in damaged.stderr
    with open(tmp_path / "out" / WEIGHTS, "r+b") as handle:
        handle.seek(-1, os.SEEK_END)
        handle.write(b"\x55")
    damaged = run(*flags[:4], "--check")
    assert damaged.returncode == 2 and "1 differences: " in damaged.stderr and "as it was" not in damaged.stdout


SAME, APART = np.ones(3, np.float32), np.array([1, np.nan, 1], np.float32)


@pytest.mark.parametrize(("decoder", "code"), [(APART, 2), (SAME, 0)])
def test_parity_that_fails_is_exit_code_2(
    decoder: np.ndarray, code: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Comparing needs PyTorch; what becomes of the comparisons does not."""
    rows = [verdict.compared(f"{name}: out", ours, SAME, 1e-4) for name, ours in (("ViT", SAME), ("decoder", decoder))]
    monkeypatch.setattr(verdict, "compare", lambda *_, **__: rows)
    done = run("--config", "configs/deemo_llama_7b.py", "--out", tmp_path, "--parity")
    assert done.returncode == code, done.stderr
    assert "ViT: out" in done.stdout and ("differs from PyTorch in decoder: out" in done.stderr) == (code == 2)


SLOWLY = """
import sys, time
from deemo_jax import convert
from deemo_jax.conversion.io.row_writer import RowWriter
from deemo_jax.core import cli
write = RowWriter.write
def slowly(*arguments):
    print("writes", flush=True)
    time.sleep(0.2)
    write(*arguments)
RowWriter.write = slowly
cli.run(convert.main)
"""


@pytest.mark.slow
def test_a_terminated_conversion_leaves_nothing(sources: list[str], tmp_path: Path) -> None:
    (tmp_path / "recipe.py").write_text(RECIPE)
    flags = ["--config", str(tmp_path / "recipe.py"), "--out", str(tmp_path / "out"), *sources]
    command = [sys.executable, "-c", SLOWLY, *flags]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        assert process.stdout and process.stdout.readline() == "writes\n"
        assert len(list(tmp_path.glob(".out.*.partial"))) == 1
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=60)
    assert process.returncode == 128 + signal.SIGTERM
    assert [path.name for path in tmp_path.iterdir()] == ["recipe.py"]


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        ([], "name a recipe with --config"),
        (["--config", "configs/deemo_llama_7b.py"], "--out"),
        (["--config", "configs/deemo_llama_7b.py", "--out", "x"], "--source NAME=PATH"),
        (["--config", "configs/deemo_llama_7b.py", "--out", "x", "--source", "llama"], "expected NAME=PATH"),
        (["--config", "configs/deemo_llama_7b.py:vicuna=v9", "--out", "x"], "vicuna=v1.5|v1.1|v0"),
        (["--config", "configs/deemo_llama_7b.py", "--out", "x", "--source=vit=y"], "choose from eva_vit_g"),
        (["--to_pytorch", "x.pth"], "--workdir"),
        (["--workdir", "nowhere", "--to_pytorch", "x.pth"], "holds no run"),
        (["stray"], "'stray' is no flag"),
    ],
)
def test_mistakes_are_one_line_and_exit_code_2(flags: list[str], said: str) -> None:
    done = run(*flags)
    assert done.returncode == 2 and said in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1 and done.stderr.startswith("error: ")


@pytest.mark.slow
def test_the_sources_are_listed() -> None:
    assert "imagebind_huge.pth" in commands.run_alone("convert", "--list").stdout
