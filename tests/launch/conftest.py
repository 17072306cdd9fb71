"""One SLURM for the tests of its script."""

from collections.abc import Iterator

import pytest

from tests.launch.slurm import Cluster, NoSlurmError, cluster


@pytest.fixture(scope="session")
def slurm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    try:
        with cluster(tmp_path_factory.mktemp("slurm")) as found:
            yield found
    except NoSlurmError as reason:
        pytest.skip(f"SLURM: {reason}")
