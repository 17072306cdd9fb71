"""How arrays lie on devices: the mesh, rules for the parameters of each tower, and batches from every process.

Axes of the mesh, from the slowest network to the fastest: 'data' (parameters copied), 'fsdp' (parameters split, and
gathered where they are used), 'tensor' (heads, hidden widths and vocabulary split). All are of JAX's type Auto: the
compiler decides what the constraints in the model leave open.
"""

import contextlib
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import flax.linen as nn
import jax
import numpy as np
from jax.sharding import AxisType, Mesh, NamedSharding
from jax.sharding import PartitionSpec as P

from deemo_jax.core.errors import UserError
from deemo_jax.core.recipe import MeshRecipe

AXES = ("data", "fsdp", "tensor")
# The axes that rows of a batch are split over.
BATCH = ("data", "fsdp")

# (pattern of paths, logical name of a parameter's dimension -> mesh axis); the first pattern that matches counts. Heads
# are split where there are many: LLaMA has 32, ViT-g 16. The 12 of ImageBind and the Q-Formers divide by few axes.
TOWERS: tuple[tuple[str, Mapping[str, str]], ...] = (
    ("decoder/.*", {"embed": "fsdp", "heads": "tensor", "kv_heads": "tensor", "mlp": "tensor", "vocab": "tensor"}),
    ("video/encoder/.*", {"embed": "fsdp", "heads": "tensor", "mlp": "tensor"}),
    ("audio/encoder/.*", {"embed": "fsdp", "mlp": "tensor"}),
    (".*/connector/.*", {"embed": "fsdp", "mlp": "tensor"}),
)
# Logical names of the dimensions of activations -> mesh axes; None leaves them whole.
ACTIVATIONS = (("batch", BATCH), ("length", None), ("act_embed", None))


def make_mesh(recipe: MeshRecipe, devices: Sequence[jax.Device] | None = None) -> Mesh:
    """The mesh of the given devices; None for all.

    Raises:
        UserError: the axes do not multiply to the number of devices.
    """
    devices = jax.devices() if devices is None else devices
    shape = [recipe.data, recipe.fsdp, recipe.tensor]
    asked = ", ".join(f"{axis} {size}" for axis, size in zip(AXES, shape, strict=True))
    if shape.count(-1) > 1 or any(size < 1 and size != -1 for size in shape):
        raise UserError(f"config.mesh: {asked}; sizes are positive, and at most one is -1")
    if -1 in shape:
        shape[shape.index(-1)] = len(devices) // math.prod(size for size in shape if size != -1)
    if math.prod(shape) != len(devices):
        raise UserError(
            f"config.mesh: {asked} does not multiply to the {len(devices)} devices there are; change the sizes"
        )
    return jax.make_mesh(tuple(shape), AXES, axis_types=(AxisType.Auto,) * len(AXES), devices=devices)


@contextlib.contextmanager
def scope(mesh: Mesh) -> Iterator[None]:
    """Must be entered where a step is traced: outside it, JAX drops the model's constraints without an error."""
    with jax.set_mesh(mesh), nn.logical_axis_rules(ACTIVATIONS):
        yield


def replicated(mesh: Mesh) -> NamedSharding:
    """Whole on every device."""
    return NamedSharding(mesh, P())


def param_shardings(
    mesh: Mesh,
    axes: Mapping[str, Sequence[str | None]],
    shapes: Mapping[str, Sequence[int]],
    replicated_below: int,
) -> dict[str, NamedSharding]:
    """Where each parameter lies.

    Args:
        mesh: of `make_mesh`.
        axes: path -> logical names of the parameter's dimensions.
        shapes: path -> the parameter's shape.
        replicated_below: parameters with fewer elements are kept whole on every device.

    Raises:
        UserError: a mesh axis does not divide the dimension it is to split.
    """
    found = {}
    for path, shape in shapes.items():
        rules: Mapping[str, str] = next((rules for pattern, rules in TOWERS if re.fullmatch(pattern, path)), {})
        spec: list[str | None] = []
        for name, size in zip(axes[path], shape, strict=True):
            axis = rules.get(name or "")
            if axis is None or axis in spec or mesh.shape[axis] == 1 or math.prod(shape) < replicated_below:
                axis = None
            elif size % mesh.shape[axis]:
                raise UserError(
                    f"config.mesh.{axis}: {mesh.shape[axis]} does not divide the {size} {name!r} of {path}; "
                    f"choose a divisor of {size}"
                )
            spec.append(axis)
        found[path] = NamedSharding(mesh, P(*spec))
    return found


def batch_sharding(mesh: Mesh) -> NamedSharding:
    """Rows split over 'data' and 'fsdp'."""
    return NamedSharding(mesh, P(BATCH))


def rows_of_process(mesh: Mesh, batch_size: int) -> tuple[int, int]:
    """Which of how many contiguous shares of the batch this process supplies.

    This follows from the sharding, not from the index of the process: where 'tensor' spans several hosts, they supply
    the same rows.

    Returns:
        The number of the share, from 0, and the number of shares.

    Raises:
        UserError: the batch does not divide over the devices, or its shares are uneven.
    """
    shares = mesh.shape["data"] * mesh.shape["fsdp"]
    if batch_size % shares:
        raise UserError(
            f"config.data.batch_size: {batch_size} does not divide over {shares} shares (mesh data x fsdp); "
            f"choose a multiple of {shares}"
        )
    places = batch_sharding(mesh).addressable_devices_indices_map((batch_size,)).values()
    bounds = [index[0].indices(batch_size)[:2] for index in places if index is not None]
    first, last = min(start for start, _ in bounds), max(stop for _, stop in bounds)
    if first % (last - first) or batch_size % (last - first):
        raise UserError(
            f"config.mesh: rows {first}..{last} of {batch_size} fall to one process; use even shares per host"
        )
    return first // (last - first), batch_size // (last - first)


def put_batch(batch: Any, mesh: Mesh) -> Any:
    """Puts this process' rows of every array of a batch into the global arrays."""
    sharding = batch_sharding(mesh)
    return jax.tree.map(lambda rows: jax.make_array_from_process_local_data(sharding, np.asarray(rows)), batch)


def put_param(array: Any, sharding: NamedSharding) -> jax.Array:
    """Puts a parameter onto its devices; `array` is sliced for each device, so that only the slices are read."""
    return jax.make_array_from_callback(array.shape, sharding, lambda index: array[index])
