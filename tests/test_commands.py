"""Commands answer mistakes in flags, and --help, before JAX is imported."""

import subprocess
import sys
from pathlib import Path

import deemo_jax

ROOT = Path(deemo_jax.__file__).parent
COMMANDS = sorted(path.stem for path in ROOT.glob("*.py") if path.stem != "__init__")
PACKAGES = sorted(path.parent.name for path in ROOT.glob("*/__main__.py"))
# Each in a child of one process, since two commands may define the same flag.
SCRIPT = """
import importlib, os, sys
for name in sys.argv[1:]:
    child = os.fork()
    if not child:
        importlib.import_module(f"deemo_jax.{name}")
        os._exit("jax" in sys.modules)
    if os.waitpid(child, 0)[1]:
        sys.exit(f"{name} imports jax, or fails")
"""


def test_no_command_imports_jax_before_its_flags_are_read() -> None:
    assert {"train", "generate", "evaluate", "convert", "build", "deidentify"} <= set(COMMANDS)
    names = [*COMMANDS, *(f"{package}.__main__" for package in PACKAGES)]
    done = subprocess.run([sys.executable, "-c", SCRIPT, *names], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
