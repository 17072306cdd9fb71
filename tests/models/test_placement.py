"""The table of where parameters lie."""

import jax
import jax.numpy as jnp
from jax.sharding import AbstractMesh, NamedSharding
from jax.sharding import PartitionSpec as P

from deemo_jax.models import placement
from deemo_jax.models.mesh import AXES

MESH = AbstractMesh((2, 4, 2), AXES)


def array(shape: tuple[int, ...], *spec: str | None) -> jax.ShapeDtypeStruct:
    return jax.ShapeDtypeStruct(shape, jnp.bfloat16, sharding=NamedSharding(MESH, P(*spec)))


PARAMS = {
    "decoder/gate": array((1024, 4096), "fsdp", "tensor"),
    "decoder/key": array((1024, 1024), "fsdp"),
    "decoder/norm": array((1024,)),
    "video/query": array((1024, 1023), None, None),
}


def test_bytes_are_those_of_all_devices_and_of_one() -> None:
    rows = {row.path: row for row in placement.placements(PARAMS)}
    gate, query = rows["decoder/gate"], rows["video/query"]
    assert (gate.axes, gate.bytes, gate.device_bytes) == (("fsdp", "tensor"), 8 << 20, 1 << 20)
    assert (query.axes, query.bytes, query.device_bytes) == ((), 1024 * 1023 * 2, 1024 * 1023 * 2)
    assert next(iter(rows)) == "video/query"  # what takes most of a device comes first


def test_the_table_names_what_is_left_whole_against_the_rules() -> None:
    lines = placement.table(placement.placements(PARAMS), replicated_below=2048).splitlines()
    assert [line.split("  ")[0] for line in lines] == [
        "parameters",
        "split over fsdp",
        "split over fsdp, tensor",
        placement.INDIVISIBLE,
        placement.SMALL,
        "total",
        "",
    ]
    assert lines[2].split()[-4:] == ["8.0", "MiB", "1.0", "MiB"] and "video/query (1024, 1023)" in lines[-1]
