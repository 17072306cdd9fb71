"""How much memory a traced program needs at once, without a compiler: an estimate from the lives of its values.

A value is alive from the line that makes it to the last one that reads it. What only changes elements one by one is
taken for fused into its readers, which then read its operands: it takes no memory and lengthens their lives. Matrix
products and convolutions fuse nothing: what they read, such as the weights of attention, is in memory beside what it
was made from, such as their logits.
"""

import re
from collections.abc import Collection
from typing import Any

from jax.extend import core

from deemo_jax.training.fit.program.products import bytes_of, inner_programs

# Operations that write their result to memory.
WRITTEN = re.compile(
    r"dot_general|conv_general_dilated|gather|scatter.*|sort|concatenate|reduce_.*|cum.*|dynamic_update_slice|scan|while|"
    r"cond|p?jit|remat.*|checkpoint|custom_.*|pallas_call"
)
# Operations that read their operands from memory, and those that only show them in another shape.
PRODUCTS = ("dot_general", "conv_general_dilated")
VIEWS = ("reshape", "transpose", "squeeze", "broadcast_in_dim", "copy")
# Of these the results are written while the inner program runs.
LOOPS = ("scan", "while")


def peak_bytes(jaxpr: Any, *, returned: bool = True) -> int:
    """The most bytes that a program's own values take at once, its inputs left out.

    Args:
        jaxpr: run line by line, on one device.
        returned: whether its results take memory; not where they are written over its inputs.
    """
    written = _written(jaxpr)
    last = _last_lines(jaxpr, returned, written)
    ending: dict[int, int] = {}
    alive = most = 0
    for index, line in enumerate(jaxpr.eqns):
        if index in written:
            out = sum(bytes_of(value.aval) for value in line.outvars)
            inside = max((peak_bytes(inner) for inner in inner_programs(line)), default=0)
            most = max(most, alive + (out + inside if line.primitive.name in LOOPS else max(out, inside)))
            alive += out
            for value in line.outvars:
                end = max(last.get(value, index), index)
                ending[end] = ending.get(end, 0) + bytes_of(value.aval)
        alive -= ending.pop(index, 0)
    if returned:
        counted = {value for index in written for value in jaxpr.eqns[index].outvars}
        counted |= {*jaxpr.invars, *jaxpr.constvars}
        made = {value for value in jaxpr.outvars if not isinstance(value, core.Literal)} - counted
        most = max(most, alive + sum(bytes_of(value.aval) for value in made))
    return most


def _written(jaxpr: Any) -> set[int]:
    """The lines whose results are in memory."""
    made_by = {value: index for index, line in enumerate(jaxpr.eqns) for value in line.outvars}
    found = {index for index, line in enumerate(jaxpr.eqns) if WRITTEN.fullmatch(line.primitive.name)}
    for line in jaxpr.eqns:
        for value in line.invars if line.primitive.name in PRODUCTS else ():
            while not isinstance(value, core.Literal) and value in made_by:
                index = made_by[value]
                if jaxpr.eqns[index].primitive.name not in VIEWS:
                    found.add(index)
                    break
                value = jaxpr.eqns[index].invars[0]
    return found


def _last_lines(jaxpr: Any, returned: bool, written: Collection[int]) -> dict[Any, int]:
    """value -> the last line at which it must still be in memory."""
    last: dict[Any, int] = {}
    if returned:
        last = {value: len(jaxpr.eqns) for value in jaxpr.outvars if not isinstance(value, core.Literal)}
    for index, line in reversed(list(enumerate(jaxpr.eqns))):
        fused = index not in written
        until = max((last.get(value, index) for value in line.outvars), default=index) if fused else index
        for value in line.invars:
            if not isinstance(value, core.Literal):
                last[value] = max(last.get(value, 0), until)
    return last
