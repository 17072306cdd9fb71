"""Topologies by name, 'v5e:16x16', and the devices that a program is compiled for: none of them needs to be there."""

import contextlib
import dataclasses
import difflib
import importlib.util
import math
import os
import re
from collections.abc import Iterator
from typing import Any

import jax

from deemo_jax.core.errors import UserError
from deemo_jax.training.fit.chips import CHIPS, Chip, chip_of_kind

EXAMPLES = "v5e:16x16, v5p:4x4x8, v6e:8x8, h100:8x4 (8 GPUs on each of 4 hosts), cpu:8, local"
# TPU slices that can be rented: v5e and v6e to 16x16; v5p of 4 to 6,144 chips, each side 2 or a multiple of 4,
# the last one also 1: a host has 2x2x1.
FLAT = ("1x1", "2x2", "2x4", "4x4", "4x8", "8x8", "8x16", "16x16")
# What libtpu needs to know on a machine without a TPU: no metadata server, other users of the library, host names.
TPU_ENVIRONMENT = {
    "TPU_SKIP_MDS_QUERY": "1",
    "ALLOW_MULTIPLE_LIBTPU_LOAD": "1",
    "TPU_WORKER_HOSTNAMES": "localhost",
    "TPU_ACCELERATOR_TYPE": "v5litepod-1",
}


@dataclasses.dataclass(frozen=True)
class Topology:
    """Chips and how they are connected.

    Attributes:
        name: as it was asked for.
        chip: what one of them can do; None where the table does not know it, as for CPUs.
        chips: number of them.
        memory: bytes that a chip may use.
        fast: chips that the fast links connect; beyond them is the network.
        platform: 'tpu', 'gpu' or 'cpu'.
        per_host: chips of a host.
    """

    name: str
    chip: Chip | None
    chips: int
    memory: int
    fast: int
    platform: str
    per_host: int

    @property
    def compiles(self) -> bool:
        """Whether a program can be compiled for it here; for GPUs only where they are ('local')."""
        return self.platform != "gpu" or self.name == "local"

    @property
    def networks(self) -> list[int]:
        """Of each fast network, its chips."""
        return [self.fast] * (self.chips // self.fast)

    def devices(self) -> list[Any]:
        """Devices for `deemo_jax.models.mesh.make_mesh`; those of a TPU can only be compiled for.

        Raises:
            UserError: libtpu is not installed, or knows no such topology; or JAX has too few CPU devices.
        """
        if self.name == "local":
            return jax.devices()
        if self.platform == "cpu":
            return _cpu_devices(self.chips)
        return _tpu_devices(self)


def parse(name: str) -> Topology:
    """Reads 'CHIP:SHAPE', 'cpu:N' or 'local'.

    Raises:
        UserError: there is no such chip, or it is not sold in such a shape.
    """
    if name == "local":
        return _local()
    kind, _, shape = name.partition(":")
    kind = kind.lower()
    if kind not in {*CHIPS, "cpu"}:
        close = difflib.get_close_matches(kind, [*CHIPS, "cpu", "local"], 1, 0.7)
        raise UserError(f"--topology {name!r}: {kind!r} is no chip of this table{_meant(close)}; examples: {EXAMPLES}")
    if kind == "cpu" and not re.fullmatch(r"[1-9]\d{0,2}", shape):
        raise UserError(f"--topology {name!r}: give the number of CPU devices, 1 to 512, as in cpu:8")
    if not re.fullmatch(r"[1-9]\d{0,4}(x[1-9]\d{0,4}){0,2}", shape):
        raise UserError(f"--topology {name!r}: {shape!r} is no shape; examples: {EXAMPLES}")
    sides = [int(side) for side in shape.split("x")]
    chips = math.prod(sides)
    if kind == "cpu":
        if chips > 512:
            raise UserError(f"--topology {name!r}: give the number of CPU devices, 1 to 512, as in cpu:8")
        return Topology(name, None, chips, _host_memory() // chips, chips, "cpu", chips)
    chip = CHIPS[kind]
    if chip.platform == "gpu":
        if len(sides) != 2 or sides[0] > chip.per_host:
            raise UserError(f"--topology {name!r}: give GPUs a host (1 to {chip.per_host}) x hosts, as in {kind}:8x4")
        return Topology(name, chip, chips, chip.memory, sides[0], "gpu", sides[0])
    _check_slice(name, kind, sides)
    return Topology(name, chip, chips, chip.memory, chips, "tpu", min(chips, chip.per_host))


def _check_slice(name: str, kind: str, sides: list[int]) -> None:
    if kind != "v5p":
        if "x".join(map(str, sides)) not in FLAT:
            raise UserError(f"--topology {name!r}: {kind} has no such slice{_nearest(kind, sides)}")
        return
    fine = len(sides) == 3 and 1 not in sides[:2] and all(side in (1, 2) or side % 4 == 0 for side in sides)
    if not fine or math.prod(sides) > CHIPS[kind].most:
        raise UserError(
            f"--topology {name!r}: a v5p slice has three sides, each 2 or a multiple of 4 and the last one 1 at least, "
            f"and no more than {CHIPS[kind].most} chips, such as v5p:2x2x1, v5p:4x4x8"
        )


def _nearest(kind: str, sides: list[int]) -> str:
    """The slice of the nearest number of chips, and all of them."""
    wanted = math.prod(sides)
    near = min(FLAT, key=lambda shape: abs(math.log(math.prod(map(int, shape.split("x"))) / wanted)))
    return f"; did you mean {kind}:{near}? there are {', '.join(FLAT)}"


def _meant(close: list[str]) -> str:
    return f", did you mean {close[0]!r}?" if close else ""


def _local() -> Topology:
    devices = jax.devices()
    chip, count = chip_of_kind(devices[0].device_kind), len(devices)
    memory = chip.memory if chip else _host_memory() // len(jax.local_devices())
    fast = count if chip is None or chip.platform == "tpu" else min(count, chip.most)
    return Topology("local", chip, count, memory, fast, devices[0].platform, len(jax.local_devices()))


def _host_memory() -> int:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def _cpu_devices(count: int) -> list[Any]:
    with contextlib.suppress(RuntimeError):  # JAX runs already: then it has the devices that it has
        jax.config.update("jax_num_cpu_devices", count)
    devices = jax.devices("cpu")
    if len(devices) < count:
        raise UserError(
            f"--topology cpu:{count}: JAX has {len(devices)} CPU devices; set "
            f"XLA_FLAGS=--xla_force_host_platform_device_count={count}"
        )
    return devices[:count]


@contextlib.contextmanager
def _environment() -> Iterator[None]:
    """libtpu reads these when it is loaded; what the user has set stays."""
    added = [key for key in TPU_ENVIRONMENT if key not in os.environ]
    os.environ.update({key: TPU_ENVIRONMENT[key] for key in added})
    try:
        yield
    finally:
        for key in added:
            del os.environ[key]


def _tpu_devices(topology: Topology) -> list[Any]:
    from jax.experimental import topologies

    if importlib.util.find_spec("libtpu") is None:
        raise UserError(
            f"--topology {topology.name}: the TPU compiler is not installed; get it with the extra tpu "
            "(pip install 'deemo-jax[tpu]', or make setup EXTRAS=tpu), which needs no TPU, or give --nocompile"
        )
    with _environment():
        try:
            # A host has 2x2 chips unless it is said to have one.
            alone = {"chips_per_host_bounds": [1, 1, 1]} if topology.chips == 1 else {}
            found = topologies.get_topology_desc(topology.name, platform="tpu", **alone).devices
        except (RuntimeError, ValueError) as error:
            raise UserError(f"--topology {topology.name}: the TPU compiler refuses it ({error})") from error
    return list(found)
