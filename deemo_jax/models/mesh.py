"""How arrays lie on devices: the mesh, rules for the parameters of each tower, and batches from every process.

Axes of the mesh, from the slowest network to the fastest: 'data' (parameters copied), 'fsdp' (parameters split, and
gathered where they are used), 'tensor' (heads, hidden widths and vocabulary split). All are of JAX's type Auto: the
compiler decides what the constraints in the model leave open. Devices that share a fast network, which are those of a
TPU slice or of a host of GPUs, are neighbours along 'fsdp' and 'tensor'; only 'data' reaches from one to the next.
"""

import collections
import contextlib
import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import flax.linen as nn
import jax
import numpy as np
from jax.experimental import mesh_utils
from jax.sharding import AbstractMesh, AxisType, Mesh, NamedSharding
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
# No axis splits these: the compiled loop over layers reads one of them at a time.
UNSPLIT = "layers"
# The largest share of a model's elements that may lie whole on every device because no axis divides their dimensions.
# ViT-g beside a 7B, over fsdp=256, leaves 4 %.
WHOLE_SHARE = 0.1
# Logical names of the dimensions of activations -> mesh axes; None leaves them whole.
ACTIVATIONS = (("batch", BATCH), ("length", None), ("act_embed", None))


def make_mesh(recipe: MeshRecipe, devices: Sequence[jax.Device] | None = None) -> Mesh:
    """The mesh of the given devices; None for all.

    Raises:
        UserError: the axes do not multiply to the number of devices, or 'fsdp' and 'tensor' reach over more devices
            than share a fast network.
    """
    devices = jax.devices() if devices is None else devices
    shape, types = mesh_sizes(recipe, len(devices)), (AxisType.Auto,) * len(AXES)
    networks = collections.Counter(map(_network, devices))
    if len(networks) == 1:
        return jax.make_mesh(shape, AXES, axis_types=types, devices=devices)
    return Mesh(_joined(shape, devices, list(networks.values())), AXES, axis_types=types)


def abstract_mesh(recipe: MeshRecipe, networks: Sequence[int]) -> AbstractMesh:
    """The mesh of devices that need not be there, for shapes and shardings.

    Args:
        recipe: the sizes of its axes.
        networks: of each fast network, its number of devices.

    Raises:
        UserError: see `make_mesh`.
    """
    shape = mesh_sizes(recipe, sum(networks))
    if len(networks) > 1:
        _check_networks(shape, networks)
    return AbstractMesh(shape, AXES, axis_types=(AxisType.Auto,) * len(AXES))


def mesh_sizes(recipe: MeshRecipe, devices: int) -> tuple[int, ...]:
    """The sizes of `AXES` for a number of devices.

    Raises:
        UserError: they do not multiply to it.
    """
    shape = [recipe.data, recipe.fsdp, recipe.tensor]
    asked = ", ".join(f"{axis} {size}" for axis, size in zip(AXES, shape, strict=True))
    if shape.count(-1) > 1 or any(size < 1 and size != -1 for size in shape):
        raise UserError(f"config.mesh: {asked}; sizes are positive, and at most one is -1")
    if -1 in shape:
        shape[shape.index(-1)] = devices // math.prod(size for size in shape if size != -1)
    if math.prod(shape) != devices:
        raise UserError(f"config.mesh: {asked} does not multiply to the {devices} devices there are; change the sizes")
    return tuple(shape)


def _network(device: Any) -> int:
    """The fast network that a device is in: its TPU slice or host of GPUs, or the process of a CPU."""
    # TPUs that are only compiled for do not know of slices: they are one.
    return getattr(device, "slice_index", 0 if device.platform == "tpu" else device.process_index)


def _check_networks(shape: Sequence[int], sizes: Sequence[int]) -> None:
    """Checks that a mesh lies well on several fast networks of these sizes.

    Raises:
        UserError: the networks differ in size, or the axes behind the first do not fit into one.
    """
    count, (data, fsdp, tensor) = len(sizes), shape
    if len(set(sizes)) > 1:
        raise UserError(
            f"config.mesh: the {count} fast networks (TPU slices, hosts of GPUs) have {', '.join(map(str, sizes))} "
            "devices; a run takes the same number of each"
        )
    if data % count:
        raise UserError(
            f"config.mesh: fsdp {fsdp} x tensor {tensor} do not fit into the {sizes[0]} devices of a fast network (a "
            f"TPU slice, a host of GPUs), of which there are {count}; let fsdp x tensor divide {sizes[0]}, and data "
            "take the rest"
        )


def _joined(shape: Sequence[int], devices: Sequence[Any], sizes: Sequence[int]) -> np.ndarray:
    """Devices of several fast networks, of these sizes, as an array whose first axis reaches over all networks.

    Raises:
        UserError: see `_check_networks`.
    """
    _check_networks(shape, sizes)
    count, (data, fsdp, tensor) = len(sizes), shape
    return mesh_utils.create_hybrid_device_mesh(
        (data // count, fsdp, tensor),
        (count, 1, 1),
        devices,
        process_is_granule=not hasattr(devices[0], "slice_index"),
        allow_split_physical_axes=True,
    )


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
    """Where each parameter lies: split as its tower's rules say; where an axis does not divide the dimension that they
    name, along the largest other one that it divides, and whole where there is none.

    Args:
        mesh: of `make_mesh`.
        axes: path -> logical names of the parameter's dimensions.
        shapes: path -> the parameter's shape.
        replicated_below: parameters with fewer elements are kept whole on every device.

    Raises:
        UserError: more than `WHOLE_SHARE` of the elements would lie whole on every device for that reason.
    """
    found: dict[str, NamedSharding] = {}
    whole: dict[str, int] = {}
    for path, shape in shapes.items():
        rules: Mapping[str, str] = next((rules for pattern, rules in TOWERS if re.fullmatch(pattern, path)), {})
        wanted: dict[str, list[int]] = {}
        for dimension, name in enumerate(axes[path]):
            axis = rules.get(name or "")
            if axis and mesh.shape[axis] > 1 and math.prod(shape) >= replicated_below:
                wanted.setdefault(axis, []).append(dimension)
        spec = _spec(wanted, axes[path], shape, mesh.shape)
        if wanted and not any(spec):
            whole[path] = math.prod(shape)
        found[path] = NamedSharding(mesh, P(*spec))
    share = sum(whole.values()) / sum(map(math.prod, shapes.values()))
    if share > WHOLE_SHARE:
        largest = max(whole, key=lambda path: whole[path])
        raise UserError(
            f"config.mesh: fsdp {mesh.shape['fsdp']} and tensor {mesh.shape['tensor']} divide no dimension of "
            f"{share:.0%} of the parameters, which every device would hold whole (the largest: {largest} "
            f"{tuple(shapes[largest])}); choose sizes that divide its dimensions, such as powers of 2"
        )
    return found


def _spec(
    wanted: Mapping[str, Sequence[int]], names: Sequence[str | None], shape: Sequence[int], sizes: Mapping[str, int]
) -> list[str | None]:
    """The axis that splits each dimension of a parameter.

    Args:
        wanted: axis -> the dimensions that it is to split, by the rules.
        names: logical names of the dimensions.
        shape: of the parameter.
        sizes: of the mesh's axes.
    """
    spec: list[str | None] = [None] * len(shape)

    def place(axis: str, dimensions: Iterable[int]) -> None:
        free = [d for d in dimensions if spec[d] is None and names[d] != UNSPLIT and shape[d] % sizes[axis] == 0]
        if free and axis not in spec:
            spec[max(free, key=lambda d: shape[d])] = axis

    for axis, dimensions in wanted.items():
        for dimension in dimensions:
            place(axis, [dimension])
    for axis in wanted:
        place(axis, range(len(shape)))
    return spec


def batch_sharding(mesh: Mesh) -> NamedSharding:
    """Rows split over 'data' and 'fsdp'."""
    return NamedSharding(mesh, P(BATCH))


def check_batch(mesh: Mesh | AbstractMesh, batch_size: int, accumulate: int = 1) -> None:
    """Checks that every device has the same number of rows in each of the `accumulate` parts of a batch.

    Raises:
        UserError: it has not; the message names the smallest batch that fits, which is not below the one asked for.
    """
    shares = mesh.shape["data"] * mesh.shape["fsdp"] * accumulate
    if batch_size % shares:
        parts = f" x {accumulate} parts (config.optimizer.accumulate)" if accumulate > 1 else ""
        raise UserError(
            f"config.data.batch_size: {batch_size} does not divide over {shares} shares (mesh data x fsdp{parts}); "
            f"the smallest that fits is {-(-batch_size // shares) * shares}"
        )


def rows_of_process(mesh: Mesh, batch_size: int) -> tuple[int, int]:
    """Which of how many contiguous shares of the batch this process supplies.

    This follows from the sharding, not from the index of the process: where 'tensor' spans several hosts, they supply
    the same rows.

    Returns:
        The number of the share, from 0, and the number of shares.

    Raises:
        UserError: the batch does not divide over the devices, or its shares are uneven.
    """
    check_batch(mesh, batch_size)
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


def put_param(array: Any, sharding: NamedSharding, shape: tuple[int, ...] | None = None) -> jax.Array:
    """Puts a parameter onto its devices; `array` is sliced for each device, so that only the slices are read.

    Args:
        array: what is sliced.
        sharding: of the result.
        shape: of the result; zeros fill what `array` lacks of it. None for that of `array`.
    """
    shape = array.shape if shape is None else shape

    def read(index: Any) -> np.ndarray:
        if shape == array.shape:
            return array[index]
        bounds = [part.indices(size)[:2] for part, size in zip(index, shape, strict=True)]
        made = np.zeros([stop - start for start, stop in bounds], array.dtype)
        have = [slice(start, min(stop, size)) for (start, stop), size in zip(bounds, array.shape, strict=True)]
        if all(part.start < part.stop for part in have):
            made[tuple(slice(part.stop - part.start) for part in have)] = array[tuple(have)]
        return made

    return jax.make_array_from_callback(shape, sharding, read)
