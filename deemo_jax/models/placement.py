"""Where parameters lie on the devices of a mesh: rows for a table, for a person or for a plan of memory."""

import dataclasses
import math
from collections.abc import Iterable, Mapping
from typing import Any

from deemo_jax.core import tables

# Arrays that the table names one by one.
NAMED = 3
# Ways to lie whole on every device.
SMALL, INDIVISIBLE = "whole, as they are small", "whole, as nothing splits them"


@dataclasses.dataclass(frozen=True)
class Placement:
    """How one parameter lies.

    Attributes:
        path: of the parameter.
        shape: in memory, over all devices.
        axes: axes of the mesh that it is split over; none for a parameter that is whole on every device.
        bytes: of all of it.
        device_bytes: of what one device holds.
    """

    path: str
    shape: tuple[int, ...]
    axes: tuple[str, ...]
    bytes: int
    device_bytes: int


def placements(params: Mapping[str, Any]) -> list[Placement]:
    """A row for each parameter, those first that take most of a device.

    Args:
        params: path -> array, or `jax.ShapeDtypeStruct`, with a `NamedSharding`.
    """
    rows = []
    for path, leaf in params.items():
        spec = [axes if isinstance(axes, tuple) else (axes,) for axes in leaf.sharding.spec if axes]
        size = leaf.dtype.itemsize
        part = math.prod(leaf.sharding.shard_shape(leaf.shape)) * size
        axes = tuple(axis for group in spec for axis in group)
        rows.append(Placement(path, tuple(leaf.shape), axes, math.prod(leaf.shape) * size, part))
    return sorted(rows, key=lambda row: (-row.device_bytes, row.path))


def table(rows: Iterable[Placement], replicated_below: int) -> str:
    """Bytes in all and on one device, for each way to lie; below, the largest of the large arrays that lie whole.

    Args:
        rows: of `placements`.
        replicated_below: `config.mesh.replicated_below`; parameters with fewer elements are whole on purpose.
    """
    rows = list(rows)
    kinds: dict[str, tuple[int, int]] = {}
    for row in rows:
        kind = _kind(row, replicated_below)
        total, part = kinds.get(kind, (0, 0))
        kinds[kind] = total + row.bytes, part + row.device_bytes
    lines = [("parameters", "in all", "a device")]
    lines += [(kind, _told(total), _told(part)) for kind, (total, part) in sorted(kinds.items())]
    lines.append(("total", _told(sum(row.bytes for row in rows)), _told(sum(row.device_bytes for row in rows))))
    left = [row for row in rows if _kind(row, replicated_below) == INDIVISIBLE][:NAMED]
    lines += [(f"  {row.path} {row.shape}", _told(row.bytes), _told(row.device_bytes)) for row in left]
    return tables.aligned(lines, right=(1, 2))


def _kind(row: Placement, replicated_below: int) -> str:
    if row.axes:
        return f"split over {', '.join(sorted(set(row.axes)))}"
    return SMALL if math.prod(row.shape) < replicated_below else INDIVISIBLE


def _told(size: int) -> str:
    return f"{size / 2**20:,.1f} MiB"
