"""Features that eight emulated devices, or two processes, make together."""

import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from deemo_jax.data.features.files import Features, SplitFiles
from deemo_jax.data.features.make import make_features
from tests.data.features.test_make import config, folder

ROOT = Path(__file__).parents[3]
CODE = """
import sys
import jax
from deemo_jax.data.features.make import make_features
from tests.data.features.test_make import config
where, address, number = sys.argv[1:]
if address:
    jax.distributed.initialize(address, 2, int(number))
asked = config(where, batch_size=8)
asked.mesh.fsdp = len(jax.devices()) // 2
make_features(asked, splits=["train"])
"""


def started(where: Path, devices: int, address: str = "", number: int = 0) -> subprocess.Popen[str]:
    flags = f"{os.environ.get('XLA_FLAGS', '')} --xla_force_host_platform_device_count={devices}"
    env = os.environ | {"XLA_FLAGS": flags, "JAX_PLATFORMS": "cpu"}
    command = [sys.executable, "-c", CODE, str(where), address, str(number)]
    return subprocess.Popen(command, cwd=ROOT, env=env, stderr=subprocess.PIPE, text=True)


@pytest.mark.slow
@pytest.mark.parametrize(("processes", "devices"), [(1, 8), (2, 2)])
def test_they_are_those_of_one_device(processes: int, devices: int, tiny_data: Path, tmp_path: Path) -> None:
    one, many = (shutil.copytree(tiny_data, tmp_path / name) for name in ("one", "many"))
    make_features(config(one, batch_size=8), splits=["train"])
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}" if processes > 1 else ""
    running = [started(many, devices, address, number) for number in range(processes)]
    for process in running:
        _, said = process.communicate(timeout=300)
        assert process.returncode == 0, said
    for modality in ("video", "audio"):
        alone, together = (
            Features(SplitFiles.read(folder(of, modality), "train") or pytest.fail()) for of in (one, many)
        )
        for index in range(12):
            np.testing.assert_allclose(together[index], alone[index], rtol=1e-5, atol=1e-5)
