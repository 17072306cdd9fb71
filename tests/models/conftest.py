from collections.abc import Iterator

import jax
import pytest


@pytest.fixture(scope="module", autouse=True)
def quick_compiler(request: pytest.FixtureRequest) -> Iterator[None]:
    """Toy models spend their time in the compiler, so it may be lazy; the golden values are met with it as it is."""
    lazy = not request.module.__name__.endswith("test_golden")
    jax.config.update("jax_disable_most_optimizations", lazy)
    yield
    jax.config.update("jax_disable_most_optimizations", False)
