"""Collectives of programs that XLA compiled for eight emulated devices."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.training.fit.program.collective_programs import LAYERS, SIZE

ROOT = Path(__file__).parents[4]


@pytest.mark.slow
def test_the_collectives_of_small_programs_are_those_that_they_must_have() -> None:
    flags = f"{os.environ.get('XLA_FLAGS', '')} --xla_force_host_platform_device_count=8"
    env = os.environ | {"XLA_FLAGS": flags, "JAX_PLATFORMS": "cpu"}
    command = [sys.executable, "-m", "tests.training.fit.program.collective_programs"]
    done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    whole = SIZE * SIZE * 4
    assert found["layers"] == [["all-gather", "fsdp", LAYERS, LAYERS * whole * 3 // 4]]
    assert found["sum"] == [["all-reduce", "data+fsdp", 1, 2 * SIZE * 4 * 7 // 8]]
    assert found["scatter"] == [["reduce-scatter", "fsdp", 1, whole * 3 // 4]]
    assert found["exchange"] == [["all-to-all", "fsdp", 1, whole // 4 * 3 // 4]]
    assert found["shift"] == [["collective-permute", "data", 1, whole // 2]]
