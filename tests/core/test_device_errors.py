"""Devices that are missing or full are one line; other errors are none of these."""

from typing import NoReturn

import pytest

from deemo_jax.core import cli
from deemo_jax.core.device_errors import device_trouble


class JaxRuntimeError(RuntimeError):
    """Named as JAX's."""


# As JAX 0.10 says it on a GPU, on a TPU, and on a machine without either.
GPU_FULL = JaxRuntimeError(
    "RESOURCE_EXHAUSTED: Out of memory while trying to allocate 12884901888 bytes. [tf-allocator]\nmore"
)
TPU_FULL = JaxRuntimeError(
    "RESOURCE_EXHAUSTED: XLA:TPU compile permanent error. Ran out of memory in memory space hbm."
)
ABSENT = RuntimeError("Unable to initialize backend 'cuda': no such backend (set JAX_PLATFORMS='')")


def test_full_memory_names_what_makes_it_less() -> None:
    for error in (GPU_FULL, TPU_FULL):
        assert "memory is full" in device_trouble(error) and "config.data.batch_size" in device_trouble(error)
    assert "(12884901888 bytes more were asked for)" in device_trouble(GPU_FULL)


def test_a_platform_that_is_not_there_names_its_extra() -> None:
    assert "'cuda' that JAX_PLATFORMS asks for; install the extra (make setup EXTRAS=cuda)" in device_trouble(ABSENT)


def test_the_bare_assertion_with_which_jax_ends_names_it_too(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JAX_PLATFORMS", "cuda,tpu")

    def main(file: str) -> None:
        exec(compile("assert False", f"/somewhere/{file}", "exec"))

    assert cli.guarded(lambda: main("xla_bridge.py")) == 2
    assert "'cuda' that JAX_PLATFORMS asks for; install the extra" in capsys.readouterr().err
    with pytest.raises(AssertionError):
        cli.guarded(lambda: main("other.py"))


def test_other_errors_are_bugs() -> None:
    for error in (JaxRuntimeError("INTERNAL: a bug"), RuntimeError("Out of memory"), ValueError("RESOURCE_EXHAUSTED")):
        assert device_trouble(error) == ""


def test_a_command_ends_with_the_line(capsys: pytest.CaptureFixture[str]) -> None:
    def main() -> NoReturn:
        raise GPU_FULL

    assert cli.guarded(main) == 2
    assert capsys.readouterr().err.startswith("error: the devices' memory is full")
    with pytest.raises(RuntimeError, match="other"):
        cli.guarded(lambda: (_ for _ in ()).throw(RuntimeError("other")))
