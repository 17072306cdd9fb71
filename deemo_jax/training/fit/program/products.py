"""The matrix products and convolutions of a traced program: where they stand, their FLOPs and the bytes they touch."""

import dataclasses
import math
from collections.abc import Iterator
from typing import Any

import jax
from jax.extend import core


@dataclasses.dataclass(frozen=True)
class Product:
    """A matrix product or convolution of the program.

    Attributes:
        name: where in the model it stands, as JAX names it in traces and profiles.
        flops: of one run; 2 for each multiplication with its addition.
        moved: bytes of its operands and its result, each once.
        made: bytes of its result.
        times: how often it runs in one run of the program.
    """

    name: str
    flops: int
    moved: int
    made: int
    times: int


def products(traced: Any) -> list[Product]:
    """Those of a `jax.make_jaxpr`. What stands in a scan counts as often as that turns; of branches the dearest."""
    return list(_products(traced.jaxpr, ""))


def _products(jaxpr: Any, prefix: str) -> Iterator[Product]:
    for equation in jaxpr.eqns:
        name = f"{prefix}/{equation.source_info.name_stack}"
        kind = equation.primitive.name
        if kind == "dot_general":
            (contracted, _), _ = equation.params["dimension_numbers"]
            left = equation.invars[0].aval.shape
            yield _product(name, equation, math.prod(left[axis] for axis in contracted))
        elif kind == "conv_general_dilated":
            kernel = equation.invars[1].aval.shape
            features = kernel[equation.params["dimension_numbers"].rhs_spec[0]]
            yield _product(name, equation, math.prod(kernel) // features)
        found = [list(_products(inner, name)) for inner in inner_programs(equation)]
        if kind == "cond":
            found = [max(found, key=lambda branch: sum(one.flops * one.times for one in branch))]
        turns = equation.params["length"] if kind == "scan" else 1
        for branch in found:
            for one in branch:
                yield dataclasses.replace(one, times=turns * one.times)


def _product(name: str, equation: Any, contracted: int) -> Product:
    (out,) = equation.outvars
    moved = sum(bytes_of(value.aval) for value in (*equation.invars, out))
    return Product(name, 2 * math.prod(out.aval.shape) * contracted, moved, bytes_of(out.aval), 1)


def inner_programs(equation: Any) -> Iterator[Any]:
    """The programs that an equation runs: a loop's body, branches, what is called."""
    for value in equation.params.values():
        for one in value if isinstance(value, tuple | list) else (value,):
            if isinstance(one, core.ClosedJaxpr):
                yield one.jaxpr
            elif isinstance(one, core.Jaxpr):
                yield one


def bytes_of(aval: Any) -> int:
    """Bytes of a value of a traced program; 0 for what is no plain array, such as a random key."""
    try:
        return math.prod(aval.shape) * jax.numpy.dtype(aval.dtype).itemsize
    except (TypeError, AttributeError):
        return 0
