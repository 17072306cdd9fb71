"""A step that is split over eight emulated devices; whole runs on eight are in test_loop.py."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.slow
def test_eight_devices_take_the_steps_of_one() -> None:
    flags = f"{os.environ.get('XLA_FLAGS', '')} --xla_force_host_platform_device_count=8"
    env = os.environ | {"XLA_FLAGS": flags, "JAX_PLATFORMS": "cpu"}
    command = [sys.executable, "-m", "tests.training.eight_devices"]
    done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    one, eight = json.loads(done.stdout)
    for alone, split in zip(one, eight, strict=True):
        assert split["loss"] == pytest.approx(alone["loss"], rel=1e-4)
        assert split["grad_norm"] == pytest.approx(alone["grad_norm"], rel=1e-3)
        assert alone["pieces"] == 1 and split["pieces"] == 4
    assert one[2]["loss"] < one[0]["loss"]  # what the second step learnt is seen by the third
