"""Topologies that exist and those that do not."""

import importlib.util

import pytest

from deemo_jax.core.errors import UserError
from deemo_jax.training.fit import topology as topology_lib
from deemo_jax.training.fit.chips import CHIPS, chip_of_kind
from deemo_jax.training.fit.topology import parse


@pytest.mark.parametrize(
    ("name", "chips", "fast", "compiles"),
    [
        ("v5e:16x16", 256, 256, True),
        ("v5p:4x4x8", 128, 128, True),
        ("v6e:8x8", 64, 64, True),
        ("h100:8x4", 32, 8, False),
        ("a100:1x1", 1, 1, False),
        ("cpu:8", 8, 8, True),
    ],
)
def test_names(name: str, chips: int, fast: int, compiles: bool) -> None:
    found = parse(name)
    assert (found.chips, found.fast, found.compiles) == (chips, fast, compiles)
    assert found.memory > 0 and (found.chip is None) == name.startswith("cpu")


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("v5ee:2x2", "did you mean 'v5e'"),
        ("tpu:4x4", "is no chip of this table; examples"),
        ("v5e", "is no shape"),
        ("v5e:3x3", "did you mean v5e:2x4"),
        ("v6e:16x32", "did you mean v6e:16x16"),
        ("v5e:4x4x4", "no such slice"),
        ("v5p:3x4x4", "multiple of 4"),
        ("v5p:4x4", "three sides"),
        ("v5p:1x2x2", "v5p:2x2x1"),
        ("v5p:16x16x28", "no more than 6144 chips"),
        ("h100:16x2", "as in h100:8x4"),
        ("h100:8", "as in h100:8x4"),
        ("cpu:2x4", "as in cpu:8"),
        ("cpu:0", "as in cpu:8"),
        ("cpu:100000", "as in cpu:8"),
    ],
)
def test_what_does_not_exist_is_refused_with_what_does(name: str, said: str) -> None:
    with pytest.raises(UserError, match="--topology") as raised:
        parse(name)
    assert said in str(raised.value)


def test_the_machine_at_hand() -> None:
    found = parse("local")
    assert found.chips >= 1 and found.compiles and found.platform == "cpu" and found.chip is None


def test_without_the_tpu_compiler_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    absent = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name, *more: None if name == "libtpu" else absent(name, *more)
    )
    with pytest.raises(UserError, match=r"extra tpu .*--nocompile"):
        parse("v5e:2x2").devices()


def test_more_cpu_devices_than_there_are_name_the_flag() -> None:
    with pytest.raises(UserError, match="xla_force_host_platform_device_count=512"):
        topology_lib.parse("cpu:512").devices()


def test_devices_name_their_chip() -> None:
    assert chip_of_kind("TPU v5 lite") is CHIPS["v5e"] and chip_of_kind("TPU v5") is CHIPS["v5p"]
    assert chip_of_kind("NVIDIA H100 80GB HBM3") is CHIPS["h100"] and chip_of_kind("cpu") is None
