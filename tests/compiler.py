"""Toy models spend their time in the compiler, so it may be lazy: rooms import the fixture into their conftest."""

from collections.abc import Iterator

import jax
import pytest


@pytest.fixture(scope="module", autouse=True)
def quick_compiler() -> Iterator[None]:
    """XLA without most of its optimisations."""
    jax.config.update("jax_disable_most_optimizations", True)
    yield
    jax.config.update("jax_disable_most_optimizations", False)
