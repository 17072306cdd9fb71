"""Reads a compiled program's text (HLO): which instructions run, and how often.

A computation of the text is run by its callers: a loop's body as often as the loop turns, a fusion's or a call's once,
of a conditional's branches one. XLA writes into a loop how often it turns where it knows; scans over layers have that.
"""

import dataclasses
import functools
import math
import re
from collections.abc import Iterator

# Bytes of an element; types that are not named have as many bits as their name says ('f8e4m3fn': 8).
BYTES = {"pred": 1, "token": 0, "opaque": 0, "c64": 8, "c128": 16}
ARRAY = re.compile(r"\b([a-z]+\d*[a-z0-9]*)\[([\d,]*)\]")
HEADER = re.compile(r"^(ENTRY )?%?([\w.\-]+) .*\{\s*$")
INSTRUCTION = re.compile(r"^\s+(?:ROOT )?%?([\w.\-]+) = (.*)$")
CALLED = re.compile(r"\b(?:calls|to_apply|body|true_computation|false_computation)=%?([\w.\-]+)")
BRANCHES = re.compile(r"\b(?:branch_computations|called_computations)=\{([^}]*)\}")
TRIPS = re.compile(r'"known_trip_count":\s*\{"n":\s*"?(\d+)')
OP_NAME = re.compile(r'op_name="([^"]*)"')


@dataclasses.dataclass(frozen=True)
class Instruction:
    """One line of the text.

    Attributes:
        name: of its result.
        opcode: what it does, 'all-gather-start' for example.
        shape: its result, as text: an array or a tuple of them.
        operands: names of its operands.
        text: all behind the operands.
    """

    name: str
    opcode: str
    shape: str
    operands: tuple[str, ...]
    text: str

    @property
    def op_name(self) -> str:
        """Where in the model it comes from."""
        found = OP_NAME.search(self.text)
        return found[1] if found else ""

    @property
    def branches(self) -> tuple[str, ...]:
        """The computations of which it runs one; empty where it is no conditional."""
        if self.opcode != "conditional":
            return ()
        listed = BRANCHES.search(self.text)
        found = listed[1].split(",") if listed else CALLED.findall(self.text)
        return tuple(name.strip().removeprefix("%") for name in found)

    @property
    def called(self) -> tuple[str, ...]:
        """The computations that it runs, those of a conditional left out."""
        if self.opcode == "conditional":
            return ()
        listed = BRANCHES.search(self.text)
        more = tuple(name.strip().removeprefix("%") for name in listed[1].split(",")) if listed else ()
        return (*CALLED.findall(self.text), *more)

    @property
    def condition(self) -> str:
        """The computation that a loop asks whether to go on."""
        found = re.search(r"\bcondition=%?([\w.\-]+)", self.text)
        return found[1] if found else ""


@dataclasses.dataclass(frozen=True)
class Running:
    """An instruction of the program as it runs.

    Attributes:
        instruction: the line.
        operand_bytes: of all its operands together.
        times: how often it runs in one run of the program.
        loops: how many loops it stands in.
        sure: False where a loop around it turns an unknown number of times, which is then counted once.
    """

    instruction: Instruction
    operand_bytes: int
    times: int
    loops: int
    sure: bool


class Program:
    """A compiled program's text, read."""

    def __init__(self, text: str):
        """Reads `compiled.as_text()`."""
        self._computations: dict[str, dict[str, Instruction]] = {}
        self._entry = ""
        inside: dict[str, Instruction] | None = None
        for line in text.splitlines():
            if inside is None:
                if header := HEADER.match(line):
                    inside = self._computations.setdefault(header[2], {})
                    self._entry = header[2] if header[1] else self._entry
            elif line.startswith("}"):
                inside = None
            elif found := _instruction(line):
                inside[found.name] = found

    def running(self, opcodes: frozenset[str]) -> Iterator[Running]:
        """All instructions with these opcodes that run. Of a conditional the branch with the most operand bytes."""
        yield from self._run(self._entry, opcodes)

    @functools.cache  # noqa: B019  a computation may be called from many places; the program lives as long as its cache
    def _run(self, computation: str, opcodes: frozenset[str]) -> tuple[Running, ...]:
        found: list[Running] = []
        lines = self._computations.get(computation, {})
        for line in lines.values():
            if line.opcode in opcodes:
                size = sum(array_bytes(lines[name].shape) for name in line.operands if name in lines)
                found.append(Running(line, size, 1, 0, True))
            if line.branches:
                branches = [self._run(name, opcodes) for name in line.branches]
                found += max(branches, key=lambda runs: sum(run.operand_bytes * run.times for run in runs))
            trips = self._trips(line) if line.opcode == "while" else 1
            for name in line.called:
                for run in self._run(name, opcodes):
                    if line.opcode == "while":
                        run = dataclasses.replace(
                            run, times=run.times * (trips or 1), loops=run.loops + 1, sure=run.sure and trips is not None
                        )
                    found.append(run)
        return tuple(found)

    def _trips(self, loop: Instruction) -> int | None:
        """How often a loop turns; None where the text does not say. Loops that jax.lax.scan makes count from 0."""
        if known := TRIPS.search(loop.text):
            return int(known[1])
        condition = self._computations.get(loop.condition, {})
        limits = [line for line in condition.values() if line.opcode == "constant" and line.shape.startswith("s32[]")]
        compared = any(line.opcode == "compare" and "direction=LT" in line.text for line in condition.values())
        if len(limits) == 1 and compared:
            return int(limits[0].operands[0])
        return None


def array_bytes(shape: str) -> int:
    """Bytes of all arrays of a shape, an array or a tuple, as text; layouts and padding do not count."""
    return sum(_element(kind) * math.prod(map(int, filter(None, sizes.split(",")))) for kind, sizes in ARRAY.findall(shape))


def _element(kind: str) -> int:
    if kind in BYTES:
        return BYTES[kind]
    bits = re.search(r"\d+", kind)
    return max(int(bits[0]) // 8, 1) if bits else 0


def _instruction(line: str) -> Instruction | None:
    found = INSTRUCTION.match(line)
    if not found:
        return None
    name, rest = found.groups()
    end = _closing(rest) + 1 if rest.startswith("(") else rest.find(" ")
    shape, rest = rest[:end], rest[end:].lstrip()
    opcode, bracket, _ = rest.partition("(")
    if not bracket:
        return None
    start = len(opcode)
    stop = start + _closing(rest[start:])
    inner = rest[start + 1 : stop]
    operands = re.findall(r"%([\w.\-]+)", inner) or [word.split()[-1] for word in inner.split(",") if word.strip()]
    return Instruction(name, opcode.strip(), shape, tuple(operands), rest[stop + 1 :])


def _closing(text: str) -> int:
    """Index of the bracket that closes the one at the beginning."""
    depth = 0
    for index, character in enumerate(text):
        depth += (character == "(") - (character == ")")
        if not depth:
            return index
    return len(text)
