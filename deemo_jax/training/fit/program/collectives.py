"""What the chips send one another in a step: kind, axis of the mesh, how often, and bytes, from the compiled text.

Bytes are those that a chip sends when the collective runs as a ring over its n chips, which is the least there is for
large arrays: of an all-gather n - 1 times its share, of a reduce-scatter or all-to-all (n - 1) / n of what it holds, of
an all-reduce twice that, of a permutation what it holds.
"""

import dataclasses
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from deemo_jax.training.fit.program.hlo import Instruction, Running, running

# Opcode -> kind; of one that is split in two, the first half counts.
KINDS = {
    f"{kind}{half}": kind
    for kind in ("all-gather", "all-reduce", "reduce-scatter", "all-to-all", "collective-permute", "ragged-all-to-all")
    for half in ("", "-start")
} | {"collective-broadcast": "collective-broadcast"}
LISTED = re.compile(r"replica_groups=\{\{([\d,]*)\}")
IOTA = re.compile(r"replica_groups=\[(\d+),(\d+)\]<=\[([\d,]+)\](?:T\(([\d,]+)\))?")
# The groups along named axes of a mesh of XLA's own; an axis may be cut: 'a':(2)4 is 4 of it, behind a factor of 2.
NAMED = re.compile(r"replica_groups=mesh\[([^\]]*)\]([^{]*)\{([^}]*)\}")
ORDER = re.compile(r"device_ids=\(\[([\d,]+)\](?:T\(([\d,]+)\))?")
CHAIN = re.compile(r'chain_id="?(\w+)')
CHANNEL = re.compile(r"channel_id=(\d+)")
PAIRS = re.compile(r"source_target_pairs=\{\{(\d+),(\d+)\}")


@dataclasses.dataclass(frozen=True)
class Collective:
    """One collective of the compiled step.

    Attributes:
        kind: 'all-gather', 'all-reduce', ...
        axes: the mesh axes along which its chips lie.
        group: number of those chips.
        shape: of its result, as text.
        sent: bytes that a chip sends each time.
        times: how often it runs in a step.
        loops: how many loops it stands in; the loop over a tower's layers is one.
        op_name: where in the model it comes from.
        sure: False where a loop around it turns an unknown number of times, which is then counted once.
    """

    kind: str
    axes: tuple[str, ...]
    group: int
    shape: str
    sent: int
    times: int
    loops: int
    op_name: str
    sure: bool

    @property
    def per_step(self) -> int:
        """Bytes that a chip sends in a step."""
        return self.sent * self.times


def collectives(text: str, mesh: Mapping[str, int]) -> list[Collective]:
    """Those of a compiled program, the heaviest first; one whose chips are alone in their groups sends nothing.

    Args:
        text: `compiled.as_text()`.
        mesh: axis -> size, in the mesh's order.
    """
    found = []
    for run in _once(running(text, KINDS)):
        line = run.instruction
        kind = KINDS[line.opcode]
        members = _group(line, math.prod(mesh.values()))
        count = len(members)
        if count > 1:
            sent = sent_bytes(kind, run.operand_bytes, count)
            axes = _axes(members, mesh)
            found.append(Collective(kind, axes, count, line.shape, sent, run.times, run.loops, line.op_name, run.sure))
    return sorted(found, key=lambda one: -one.per_step)


def _once(found: Iterable[Running]) -> list[Running]:
    """Those of which XLA spreads one over several fusions, or over the turns of a loop, that compute meanwhile, once.

    Each such fusion names the collective, with its channel and a chain.
    """
    kept: dict[str, Running] = {}
    for index, run in enumerate(found):
        chain, channel = CHAIN.search(run.instruction.text), CHANNEL.search(run.instruction.text)
        key = f"{chain[1]} {channel[1]}" if chain and channel else str(-index)
        if key not in kept or run.times < kept[key].times:
            kept[key] = run
    return list(kept.values())


def sent_bytes(kind: str, held: int, group: int) -> int:
    """Bytes that a chip sends, of a collective of `group` chips that each hold `held` bytes beforehand."""
    if kind == "all-gather":
        return held * (group - 1)
    if kind == "all-reduce":
        return 2 * held * (group - 1) // group
    if kind in ("reduce-scatter", "all-to-all", "ragged-all-to-all"):
        return held * (group - 1) // group
    return held


def table(found: Iterable[Collective]) -> list[tuple[str, str, int, int]]:
    """(kind, axes joined by '+', how many run in a step, bytes a chip sends for them), the heaviest first."""
    rows: dict[tuple[str, str], tuple[int, int]] = {}
    for one in found:
        key = one.kind, "+".join(one.axes)
        times, sent = rows.get(key, (0, 0))
        rows[key] = times + one.times, sent + one.per_step
    return sorted(((*key, *row) for key, row in rows.items()), key=lambda row: -row[3])


def _group(line: Instruction, devices: int) -> Sequence[int]:
    """The devices of the first group, as indices into the mesh; all of them where no groups are given."""
    if found := PAIRS.search(line.text):
        return [int(found[1]), int(found[2])] if found[1] != found[2] else [int(found[1])]
    if found := LISTED.search(line.text):
        return [int(index) for index in found[1].split(",") if index]
    if found := IOTA.search(line.text):
        return _order(found[3], found[4]).reshape(int(found[1]), int(found[2]))[0].tolist()
    if found := NAMED.search(line.text):
        return _along(*found.groups())
    return range(devices)


def _order(sizes: str, turned: str | None) -> Any:
    """The devices as an array of these sizes, its axes in another order, as '2,4' and '1,0' say it."""
    order = np.arange(math.prod(map(int, sizes.split(",")))).reshape([int(size) for size in sizes.split(",")])
    return order.transpose([int(axis) for axis in turned.split(",")]) if turned else order


def _along(sizes: str, order: str, axes: str) -> Sequence[int]:
    """The first group of `mesh['a'=2,'b'=4] {'b'}`, or of `mesh['a'=4,'b'=2], device_ids=([2,4]T(1,0)) {'b'}`."""
    mesh = {name: int(size) for name, size in re.findall(r"'(\w+)'=(\d+)", sizes)}
    listed = ORDER.search(order)
    devices = _order(*listed.groups()) if listed else np.arange(math.prod(mesh.values()))
    place: Any = devices.reshape(tuple(mesh.values()))
    members = np.zeros(1, int)
    for name, before, size in re.findall(r"'(\w+)'(?::\((\d+)\)(\d+))?", axes):
        line = np.moveaxis(place, list(mesh).index(name), 0).reshape(mesh[name], -1)[:, 0]
        if size:
            line = line.reshape(int(before), int(size), -1)[0, :, 0]
        members = (members[:, None] + line).ravel()
    return members.tolist()


def _axes(members: Sequence[int], mesh: Mapping[str, int]) -> tuple[str, ...]:
    """Axes along which devices differ."""
    places = np.array(np.unravel_index(np.asarray(members), tuple(mesh.values())))
    return tuple(axis for axis, row in zip(mesh, places, strict=True) if len(set(row.tolist())) > 1)
