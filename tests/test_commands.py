"""Commands answer mistakes in flags, and --help, before JAX is imported."""

import subprocess
import sys
from pathlib import Path

import pytest

import deemo_jax

ROOT = Path(deemo_jax.__file__).parent
COMMANDS = sorted(path.stem for path in ROOT.glob("*.py") if path.stem != "__init__")
PACKAGES = sorted(path.parent.name for path in ROOT.glob("*/__main__.py"))
# Each in a child of one process, since two commands may define the same flag; that one has imported what many need.
SCRIPT = """
import importlib, os, sys
import cv2, scipy.signal, deemo_jax.core.config, deemo_jax.core.processes, deemo_jax.core.recipe
for name in sys.argv[1:]:
    child = os.fork()
    if not child:
        importlib.import_module(f"deemo_jax.{name}")
        os._exit("jax" in sys.modules)
    if os.waitpid(child, 0)[1]:
        sys.exit(f"{name} imports jax, or fails")
"""


@pytest.mark.slow
def test_no_command_imports_jax_before_its_flags_are_read() -> None:
    assert {"train", "generate", "evaluate", "convert", "build", "deidentify"} <= set(COMMANDS)
    names = [*COMMANDS, *(f"{package}.__main__" for package in PACKAGES)]
    done = subprocess.run([sys.executable, "-c", SCRIPT, *names], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_a_resolved_recipe_is_shown_without_jax() -> None:
    flags = ["--config", "configs/sample.py", "--show_config", "--config.optimizer.lr=3e-4"]
    command = [sys.executable, "-X", "importtime", "-m", "deemo_jax.train", *flags]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT.parent, check=False)
    assert done.returncode == 0, done.stderr
    lines = [line.split("# ") for line in done.stdout.splitlines()]
    assert ["optimizer.lr = 0.0003", "--config.optimizer.lr=3e-4"] in [[line.strip(), origin] for line, origin in lines]
    origins = {line.split(" = ")[0]: origin for line, origin in lines}
    assert origins["data.batch_size"] == "configs/sample.py" and origins["mesh.replicated_below"] == "default"
    assert not [line for line in done.stderr.splitlines() if line.split("|")[-1].strip() == "jax"]
