"""The same model on meshes of eight emulated devices; one step of a decoder is in test_eight_devices.py."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.training.many_meshes import MESHES, collectives

ROOT = Path(__file__).parents[2]
# (data, fsdp, tensor) -> collectives with the number of devices in a group. Data and fsdp: gradients are summed. Fsdp:
# a layer's parameters are gathered. Tensor: partial sums of a layer are added up.
EXPECTED = {
    (8, 1, 1): {("all-reduce", 8)},
    (1, 8, 1): {("all-gather", 8), ("all-reduce", 8)},
    (2, 2, 2): {("all-gather", 2), ("all-reduce", 2), ("all-reduce", 4)},
    (1, 4, 2): {("all-gather", 4), ("all-reduce", 2), ("all-reduce", 4)},
}


def test_collectives_are_read_from_compiled_text() -> None:
    text = """
      %a = f32[8]{0} all-reduce(%x), channel_id=1, replica_groups=[2,4]<=[8], use_global_device_ids=true
      %b = (f32[8]{0}, f32[2]{0}) all-gather-start(%y), replica_groups={{0,1},{2,3}}, dimensions={0}
      %c = f32[] all-to-all(%z), replica_groups=mesh['a'=2,'b'=4], device_ids=([4,2]T(1,0)) {'a','b'}, d={0}
      %d = f32[] reduce-scatter(%z), replica_groups=mesh['axis_0'=1,'axis_1'=8] {'axis_1':(1)2}, dimensions={0}
    """
    expected = {("all-reduce", 4), ("all-gather", 2), ("all-to-all", 8), ("reduce-scatter", 2)}
    assert collectives(text) == expected


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    flags = f"{os.environ.get('XLA_FLAGS', '')} --xla_force_host_platform_device_count=8"
    command = [sys.executable, "-m", "tests.training.many_meshes", str(tmp_path_factory.mktemp("checkpoints"))]
    env = os.environ | {"XLA_FLAGS": flags, "JAX_PLATFORMS": "cpu"}
    done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.slow
@pytest.mark.parametrize("sizes", MESHES)
def test_a_mesh_trains_as_one_device_does(sizes: tuple[int, int, int], found: dict[str, Any]) -> None:
    """Losses of 20 steps are within 1e-5 (relative) of those of one device."""
    one, mesh = found["meshes"]["(1, 1, 1)"], found["meshes"][str(sizes)]
    assert len(mesh["losses"]) == 20 and mesh["losses"][-1] < mesh["losses"][0] / 2
    assert mesh["losses"] == pytest.approx(one["losses"], rel=1e-5)
    assert mesh["held"] <= 1.1 * mesh["rules"]
    assert one["held"] == pytest.approx(one["whole"], rel=1e-3) and one["rules"] == one["whole"]
    assert one["collectives"] == []
    assert mesh["rules"] < (1.05 if sizes[1] == 1 else 0.75) * one["whole"]
    assert {(kind, size) for kind, size in mesh["collectives"]} >= EXPECTED[sizes]
    if sizes[1] == 1:
        assert "all-gather" not in {kind for kind, _ in mesh["collectives"]}


@pytest.mark.slow
def test_a_checkpoint_of_eight_devices_is_the_same_on_two_and_on_one(found: dict[str, Any]) -> None:
    assert found["differing"] == []
