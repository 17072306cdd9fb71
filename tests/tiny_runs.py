"""One tiny dataset and one uninterrupted run, shared by all rooms.

Libraries are imported where they are used: pytest imports this file before it starts its workers.
"""

import resource
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest


@pytest.fixture
def small_files() -> Iterator[Callable[[int], None]]:
    """Sets how many bytes a file of this process may have, in place of a disk that is full."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    yield lambda size: resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.fixture(scope="session")
def tiny_data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data_dir with twelve training and four test clips; not to be changed."""
    from tests.training import tiny

    return tiny.write_tiny_dataset(tmp_path_factory.mktemp("tiny_data"))


@pytest.fixture(scope="session")
def tiny_run(tiny_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The workdir of `tiny.get_config`, trained without interruption; not to be changed."""
    from deemo_jax.training.loop import train
    from tests.training import tiny

    workdir = tmp_path_factory.mktemp("run") / "whole"
    outcome = train(tiny.get_config(str(tiny_data)), workdir)
    assert outcome.finished and outcome.step == tiny.STEPS
    return workdir


@pytest.fixture(scope="session")
def untrained_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The workdir of a run that has learnt nothing yet, beside its `data`; not to be changed."""
    from tests.training import tiny

    return tiny.write_tiny_run(tmp_path_factory.mktemp("untrained"))
