"""Compiles the step for a topology, and reads what the compiler planned."""

import dataclasses
import re
import time

import jax

from deemo_jax.training.fit.memory import Memory, arguments, compiled
from deemo_jax.training.fit.program.collectives import Collective, collectives
from deemo_jax.training.fit.step_shapes import StepShapes

# How XLA says that a program needs more memory than there is: 'Used 20.37G of 15.75G hbm'; or of working memory alone
# 'the total memory required for HLO temporaries (87.81G) exceeds available HBM (15.75G)'.
USED = re.compile(r"Used ([\d.]+)([KMGT]) of ")
TEMPORARIES = re.compile(r"HLO temporaries \(([\d.]+)([KMGT])\)")
UNITS = {"K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40}


@dataclasses.dataclass(frozen=True)
class Compiled:
    """What the compiler made of a step.

    Attributes:
        memory: of a chip; None where the compiler gave up for want of memory without saying how much it takes.
        sent: the collectives; empty where it gave up.
        fits: False where it gave up for want of memory.
        seconds: that lowering and compiling took.
    """

    memory: Memory | None
    sent: tuple[Collective, ...]
    fits: bool
    seconds: float


def compile_step(step: StepShapes) -> Compiled:
    """Compiles a step for its mesh's devices."""
    start = time.monotonic()
    lowered = step.lower()
    try:
        program = lowered.compile()
    except jax.errors.JaxRuntimeError as error:
        if "RESOURCE_EXHAUSTED" not in str(error):
            raise
        return Compiled(_refused(step, str(error)), (), False, time.monotonic() - start)
    seconds = time.monotonic() - start
    sent = collectives(program.as_text(), dict(step.mesh.shape))
    return Compiled(compiled(step, program.memory_analysis()), tuple(sent), True, seconds)


def _refused(step: StepShapes, message: str) -> Memory | None:
    """The memory that the compiler's refusal names."""
    known = arguments(step)
    if found := USED.search(message):
        return dataclasses.replace(known, working=max(_bytes(found) - known.total, 0))
    if found := TEMPORARIES.search(message):
        return dataclasses.replace(known, working=_bytes(found))
    return None


def _bytes(found: re.Match[str]) -> int:
    return int(float(found[1]) * UNITS[found[2]])
