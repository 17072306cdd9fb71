"""One tiny dataset and one uninterrupted run, shared by the tests of training.

Libraries are imported where they are used: pytest imports this file before it starts its workers.
"""

import resource
from collections.abc import Callable, Iterator
from pathlib import Path

import jax
import pytest
from jax.experimental.compilation_cache import compilation_cache

from deemo_jax.training.loop import train
from tests.training import tiny


@pytest.fixture(scope="session")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of compiled functions for every run of this session, subprocesses included."""
    base = tmp_path_factory.getbasetemp()
    # Workers of pytest-xdist have a base folder each, side by side.
    return (base.parent if base.name.startswith("popen-") else base) / "compiled"


@pytest.fixture(scope="module")
def compile_once(compiled: Path) -> Iterator[None]:
    """Turns the cache on in this process."""
    before = jax.config.jax_compilation_cache_dir
    compilation_cache.reset_cache()
    jax.config.update("jax_compilation_cache_dir", str(compiled))
    yield
    jax.config.update("jax_compilation_cache_dir", before)
    compilation_cache.reset_cache()


@pytest.fixture
def small_files() -> Iterator[Callable[[int], None]]:
    """Sets how many bytes a file of this process may have, in place of a disk that is full."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    yield lambda size: resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.fixture(scope="session")
def tiny_data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data_dir with twelve training and four test clips."""
    return tiny.write_tiny_dataset(tmp_path_factory.mktemp("tiny_data"))


@pytest.fixture(scope="module")
def tiny_run(tiny_data: Path, compile_once: None, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The workdir of `tiny.get_config`, trained without interruption."""
    workdir = tmp_path_factory.mktemp("run") / "whole"
    outcome = train(tiny.get_config(str(tiny_data)), workdir)
    assert outcome.finished and outcome.step == tiny.STEPS
    return workdir
