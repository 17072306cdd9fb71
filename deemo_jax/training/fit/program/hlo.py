"""Reads a compiled program's text (HLO): which instructions run, and how often.

A computation of the text is run by its callers: a loop's body as often as the loop turns, a fusion's or a call's once,
of a conditional's branches one. XLA writes into a loop how often it turns where it knows; scans over layers have that.
"""

import dataclasses
import math
import re
from collections.abc import Collection, Iterator, Mapping

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
        return self._named("condition")

    @property
    def body(self) -> str:
        """The computation that a loop turns."""
        return self._named("body")

    def _named(self, role: str) -> str:
        found = re.search(rf"\b{role}=%?([\w.\-]+)", self.text)
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


def running(text: str, opcodes: Collection[str]) -> list[Running]:
    """All instructions with these opcodes that run. Of a conditional the branch with the most operand bytes counts.

    Args:
        text: `compiled.as_text()`.
        opcodes: which instructions are wanted.
    """
    computations, entry = _read(text)
    known: dict[str, list[Running]] = {}

    def run(computation: str) -> list[Running]:
        if computation not in known:
            lines = computations.get(computation, {})
            known[computation] = [found for line in lines.values() for found in of_line(line, lines)]
        return known[computation]

    def of_line(line: Instruction, lines: Mapping[str, Instruction]) -> Iterator[Running]:
        if line.opcode in opcodes:
            size = sum(array_bytes(lines[name].shape) for name in line.operands if name in lines)
            yield Running(line, size, 1, 0, True)
        if line.branches:
            yield from max(
                map(run, line.branches), key=lambda found: sum(one.operand_bytes * one.times for one in found)
            )
        inner = [found for name in line.called for found in run(name)]
        if line.opcode != "while":
            yield from inner
            return
        turns = _turns(line, lines, computations)
        for one in inner:
            times, sure = one.times * (turns or 1), one.sure and turns is not None
            yield dataclasses.replace(one, times=times, loops=one.loops + 1, sure=sure)

    return run(entry)


def _read(text: str) -> tuple[dict[str, dict[str, Instruction]], str]:
    """Computation -> its instructions by name, and the name of the computation that the program begins with."""
    computations: dict[str, dict[str, Instruction]] = {}
    entry, inside = "", None
    for line in text.splitlines():
        if inside is None:
            if header := HEADER.match(line):
                inside = computations.setdefault(header[2], {})
                entry = header[2] if header[1] else entry
        elif line.startswith("}"):
            inside = None
        elif found := _instruction(line):
            inside[found.name] = found
    return computations, entry


def _turns(
    loop: Instruction, caller: Mapping[str, Instruction], computations: Mapping[str, Mapping[str, Instruction]]
) -> int | None:
    """How often a loop turns; None where the text does not say.

    Where XLA wrote no number, it is read from a counter that the condition holds against a constant, and that the body
    raises by a constant. One whose start is not a constant begins at 0, as those of jax.lax.scan do.
    """
    if known := TRIPS.search(loop.text):
        return int(known[1])
    condition, body = computations.get(loop.condition, {}), computations.get(loop.body, {})
    compared = [line for line in condition.values() if line.opcode == "compare" and "direction=LT" in line.text]
    if len(compared) != 1:
        return None
    counter, limit = (_through(condition.get(name), condition) for name in compared[0].operands)
    index = counter and re.search(r"\bindex=(\d+)", counter.text)
    last = _constant(limit, condition)
    results = [line for line in body.values() if line.opcode == "tuple"]
    if not index or last is None or not results:
        return None
    place = int(index[1])
    raised = _through(body.get(results[-1].operands[place]), body)
    steps = [_constant(body.get(name), body) for name in raised.operands] if raised and raised.opcode == "add" else []
    step = next((step for step in steps if step), None)
    begun = caller.get(loop.operands[0])
    start = _constant(caller.get(begun.operands[place]), caller) if begun and begun.opcode == "tuple" else None
    return None if step is None else max(-(-(last - (start or 0)) // step), 0)


def _constant(line: Instruction | None, lines: Mapping[str, Instruction]) -> int | None:
    """The whole number that an instruction gives; None where it is none, or not known."""
    line = _through(line, lines)
    if not line or line.opcode != "constant" or not re.fullmatch(r"-?\d+", line.operands[0]):
        return None
    return int(line.operands[0])


def _through(line: Instruction | None, lines: Mapping[str, Instruction]) -> Instruction | None:
    """The instruction whose result it is that this one copies; itself where it is no copy."""
    while line and line.opcode in ("copy", "bitcast", "convert", "reshape"):
        line = lines.get(line.operands[0])
    return line


def array_bytes(shape: str) -> int:
    """Bytes of all arrays of a shape, an array or a tuple, as text; layouts and padding do not count."""
    return sum(
        _element(kind) * math.prod(map(int, filter(None, sizes.split(",")))) for kind, sizes in ARRAY.findall(shape)
    )


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
