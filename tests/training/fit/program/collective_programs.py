"""Small programs with known collectives on eight emulated devices: prints as JSON what is read from their text.

A process has as many devices as its flags say when it starts:

    python -m tests.training.fit.program.collective_programs
"""

import json
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax.sharding import NamedSharding
from jax.sharding import PartitionSpec as P

from deemo_jax.core.recipe import MeshRecipe
from deemo_jax.models.mesh import make_mesh
from deemo_jax.training.fit.program.collectives import collectives, table

SIZE, LAYERS = 256, 5
WHOLE = P()


def main() -> dict[str, Any]:
    """Program -> rows of (kind, axes, times, bytes a chip sends)."""
    mesh = make_mesh(MeshRecipe(data=2, fsdp=4), jax.devices())
    found = {}

    def read(
        name: str, function: Callable[..., Any], *specs: P, out: P = WHOLE, dimensions: tuple[int, ...] = (2,)
    ) -> None:
        places = [NamedSharding(mesh, spec) for spec in specs]
        shapes = [jax.ShapeDtypeStruct((LAYERS, SIZE, SIZE)[3 - dims :], jnp.float32) for dims in dimensions]
        compiled = (
            jax.jit(function, in_shardings=places, out_shardings=NamedSharding(mesh, out)).lower(*shapes).compile()
        )
        found[name] = table(collectives(compiled.as_text(), dict(mesh.shape)))

    def layers(x: Any, kernels: Any) -> Any:
        """A loop whose layers gather a kernel that 'fsdp' splits, while rows are split over 'data'."""

        def layer(x: Any, kernel: Any) -> tuple[Any, None]:
            whole = jax.lax.with_sharding_constraint(kernel, NamedSharding(mesh, P()))
            return jnp.tanh(x @ whole), None

        return jax.lax.scan(layer, x, kernels)[0]

    def mapped(function: Callable[[Any], Any], spec: P, out: P) -> Callable[[Any], Any]:
        return jax.shard_map(function, mesh=mesh, in_specs=spec, out_specs=out, check_vma=False)

    read("layers", layers, P("data"), P(None, "fsdp"), out=P("data"), dimensions=(2, 3))
    read("sum", lambda x: x.sum(0), P(("data", "fsdp")))
    read("scatter", mapped(lambda x: jax.lax.psum_scatter(x, "fsdp", tiled=True), P(), P("fsdp")), P(), out=P("fsdp"))
    exchange = mapped(lambda x: jax.lax.all_to_all(x, "fsdp", 1, 0, tiled=True), P("fsdp"), P(None, "fsdp"))
    read("exchange", exchange, P("fsdp"), out=P(None, "fsdp"))
    shift = mapped(lambda x: jax.lax.ppermute(x, "data", [(0, 1), (1, 0)]), P("data"), P("data"))
    read("shift", shift, P("data"), out=P("data"))
    return found


if __name__ == "__main__":
    print(json.dumps(main()))
