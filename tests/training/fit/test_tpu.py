"""Compiles for TPUs that are not here. Needs libtpu (the extra tpu), but no TPU."""

import dataclasses
import functools
import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.training.fit.recipes import recipe

ROOT = Path(__file__).parents[3]
pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("libtpu") is None, reason="libtpu is not installed: make setup EXTRAS=tpu"
)


def compiled(topology: str, asked: Any, mesh: tuple[int, int, int]) -> Any:
    from deemo_jax.training.fit.plan import Planner
    from deemo_jax.training.fit.topology import parse

    data, fsdp, tensor = mesh
    asked = dataclasses.replace(
        asked, mesh=dataclasses.replace(asked.mesh, data=data, fsdp=fsdp, tensor=tensor, replicated_below=0)
    )
    return Planner(parse(topology)).plan(asked, compiles=True)


@pytest.mark.slow
def test_the_tiny_step_compiles_with_the_collectives_of_its_mesh() -> None:
    split = compiled("v5e:2x2", recipe(), (1, 4, 1))
    assert split.fits and split.seconds is not None and split.memory.working > 0
    kinds = {(one.kind, one.axes) for one in split.sent}
    assert ("all-gather", ("fsdp",)) in kinds
    looped = [one for one in split.sent if one.loops]
    assert looped and all(one.times > 1 and one.sure for one in looped)
    copied = compiled("v5e:2x2", recipe(), (4, 1, 1))
    assert {one.kind for one in copied.sent} <= {"all-reduce"} and copied.memory.frozen > 2 * split.memory.frozen


@functools.cache
def report(topology: str, data: int, batch: int) -> Any:
    """Of stage 2 at full width, with fsdp 64; a compile of minutes in a process of its own."""
    script = (
        "import json, sys, dataclasses\n"
        "from configs import deemo_llama_7b\n"
        "from deemo_jax.core.recipe import Recipe\n"
        "from tests.training.fit.test_tpu import compiled\n"
        "config = deemo_llama_7b.get_config(); config.data.data_dir = 'none'; config.data.batch_size = int(sys.argv[3])\n"
        "plan = compiled(sys.argv[1], Recipe.from_config(config), (int(sys.argv[2]), 64, 1))\n"
        "sent = [dataclasses.asdict(one) for one in plan.sent]\n"
        "print(json.dumps({'fits': plan.fits, 'total': plan.memory.total, 'sent': sent}))\n"
    )
    words = [sys.executable, "-c", script, topology, str(data), str(batch)]
    env = os.environ | {"JAX_PLATFORMS": "cpu"}
    done = subprocess.run(words, cwd=ROOT, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.slow
def test_the_7b_step_fits_and_gathers_no_vocabulary_matrix_in_a_loop() -> None:
    found = report("v5e:8x8", 1, 128)
    assert found["fits"] and found["total"] < 4 * 2**30
    gathered = [one for one in found["sent"] if one["kind"] == "all-gather"]
    assert any(one["loops"] and one["times"] >= 32 for one in gathered)  # the decoder's layers, one at a time
    assert [one for one in gathered if one["loops"] and "32000" in one["shape"]] == []


@pytest.mark.slow
def test_what_a_chip_sends_does_not_grow_with_the_number_of_chips() -> None:
    few, many = (
        sum(one["sent"] * one["times"] for one in report(topology, data, batch)["sent"])
        for topology, data, batch in (("v5e:8x8", 1, 128), ("v5e:16x16", 4, 512))
    )
    assert many == pytest.approx(few, rel=0.1)
