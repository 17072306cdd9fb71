"""Devices that answer equal shares of a batch say what one says."""

import os
import subprocess
import sys
from pathlib import Path

import jax
import pytest

from deemo_jax.core.files import read_jsonl
from deemo_jax.evaluation.evaluate_run import side_by_side
from tests.tiny_runs import NEW

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(("batch", "devices", "used"), [(32, 8, 8), (6, 4, 3), (7, 4, 1), (8, 1, 1)])
def test_as_many_answer_as_divide_the_batch(
    batch: int, devices: int, used: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jax, "local_device_count", lambda: devices)
    assert side_by_side(batch) == used


@pytest.mark.slow
def test_eight_devices_answer_as_one(untrained_run: Path, tmp_path: Path) -> None:
    answers = []
    for count in (1, 8):
        flags = f"{os.environ.get('XLA_FLAGS', '')} --xla_force_host_platform_device_count={count}"
        env = os.environ | {"XLA_FLAGS": flags, "JAX_PLATFORMS": "cpu"}
        command = [sys.executable, "-m", "deemo_jax.evaluate", "--workdir", str(untrained_run), "--nocalibrate"]
        command += ["--out", str(tmp_path / str(count)), "--batch_size", "8", "--max_new_tokens", str(NEW)]
        done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        answers.append(list(read_jsonl(tmp_path / str(count) / "predictions.jsonl")))
    for one, eight in zip(*answers, strict=True):
        odds = "log_likelihoods"
        assert {**one, odds: None} == {**eight, odds: None}
        assert eight[odds] == pytest.approx(one[odds], rel=1e-3)
