"""Reports of `deemo_jax.fit` on the 7B recipes: `python -m benchmarks.fit_7b [--only v5e]`.

Prints three tables and the commands behind them. A row for TPUs is one compile, minutes of two cores, in a process of
its own, and an estimate beside it; no TPU is needed, but the extra tpu. Reports stay in `--out`, and those that are
there are not made again.
"""

import argparse
import dataclasses
import json
import resource
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

from deemo_jax.core import cli
from deemo_jax.core.files import write_json
from deemo_jax.core.tables import aligned


@dataclasses.dataclass(frozen=True)
class Case:
    """One report.

    Attributes:
        recipe: name of its file.
        topology: as `--topology` takes it.
        mesh: sizes of 'data' and 'fsdp'.
        batch: examples of a step.
    """

    recipe: str
    topology: str
    mesh: tuple[int, int]
    batch: int

    @property
    def command(self) -> list[str]:
        """Its words behind `python`."""
        words = ["-m", "deemo_jax.fit", "--config", f"configs/{self.recipe}.py", "--topology", self.topology]
        sizes = {"mesh.data": self.mesh[0], "mesh.fsdp": self.mesh[1], "data.batch_size": self.batch}
        return words + [f"--config.{key}={size}" for key, size in sizes.items()]

    @property
    def file(self) -> str:
        """Where its report is kept."""
        return f"{self.recipe}_{self.topology.replace(':', '_')}.json"


# Stage 1 at its own batch; stage 2 at 2 examples a chip.
CASES = [
    Case(recipe, topology, mesh, chips * 2 if recipe == "deemo_llama_7b" else 256)
    for topology, mesh, chips in (
        ("v5e:2x4", (1, 8), 8),
        ("v5p:2x4x4", (1, 32), 32),
        ("v6e:8x8", (1, 64), 64),
        ("v5e:16x16", (4, 64), 256),
        ("v5p:8x8x4", (4, 64), 256),
        ("h100:8x4", (4, 8), 32),
    )
    for recipe in ("pretrain_7b", "deemo_llama_7b")
]
KINDS = ("all-gather", "collective-permute", "all-reduce", "reduce-scatter", "all-to-all")
# Columns on the right of a case's name; 'estimated' is what --nocompile says.
MEMORY = ("mesh", "batch", "frozen", "learns", "working", "all", "estimated")
SENT = (*KINDS, "all", "estimated")
TIME = ("ms at the bound", "bound by", "MFU at most", "samples/s", "compiled in", "processor time")


def main() -> int:
    """Makes what is missing, and prints it."""
    parser = cli.Parser("python -m benchmarks.fit_7b", description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("runs/fit_7b"), help="folder of the reports")
    parser.add_argument("--only", default="", help="topologies whose names begin so")
    flags = parser.parse_args()
    flags.out.mkdir(parents=True, exist_ok=True)
    cases = [case for case in CASES if case.topology.startswith(flags.only)]
    reports = [(case.recipe, case.topology, found(case, flags)) for case in cases]
    for caption, header, cells in (
        ("GiB of a chip, by kind", MEMORY, memory),
        ("GB that a chip sends in a step, by kind of collective", SENT, sent),
        ("Least time of a step, and the compiler's", TIME, time),
    ):
        lines = [(recipe, topology, *cells(report)) for recipe, topology, report in reports]
        print(f"{caption}:\n\n{aligned([('recipe', 'topology', *header), *lines], range(2, len(header) + 2))}\n")
    print("Each is the report of a command; --nocompile gives the estimates:\n")
    print("\n".join(shlex.join(["python", *case.command]) for case in cases))
    return 0


def found(case: Case, flags: argparse.Namespace) -> Any:
    """The report of a case, made where it is not there.

    Returns:
        The JSON of `fit`, and two keys more: `estimate`, the one with --nocompile; the command's `processor_seconds`.
    """
    path = flags.out / case.file
    if not path.exists():
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        made = report(case.command)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        spent = after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime
        estimate = report([*case.command, "--nocompile"])
        write_json(path, {**made, "estimate": estimate, "processor_seconds": spent})
    return json.loads(path.read_text(encoding="utf-8"))


def report(command: list[str]) -> Any:
    """The JSON of one report.

    Raises:
        ValueError: the command made none.
    """
    print("python", *command, file=sys.stderr, flush=True)
    done = subprocess.run([sys.executable, *command, "--json"], capture_output=True, text=True, check=False)
    if done.returncode not in (0, 1):
        raise ValueError(done.stderr)
    return json.loads(done.stdout)


def memory(found: Any) -> list[str]:
    """The cells of a report under `MEMORY`; what was not compiled has estimates only."""
    sizes, estimate = found["memory_bytes_a_chip"], found["estimate"]["memory_bytes_a_chip"]
    return [
        " x ".join(str(size) for size in found["mesh"].values()),
        str(found["batch_size"]),
        *map(gib, (sizes["frozen"], sizes["trainable"] + sizes["optimizer"], sizes["working"])),
        gib(sizes["total"]) if found["compiled"] else "-",
        gib(estimate["total"]),
    ]


def time(found: Any) -> list[str]:
    """The cells of a report under `TIME`."""
    bound, compiled = found["bound"], found["compiled"]
    return [
        f"{1e3 * bound['step']:.0f}",
        bound["bound_by"],
        f"{bound['mfu']:.0%}",
        f"{found['batch_size'] / bound['step']:,.0f}",
        f"{found['compile_seconds'] / 60:.1f} min" if compiled else "-",
        f"{found['processor_seconds'] / 60:.1f} min" if compiled else "-",
    ]


def sent(found: Any) -> list[str]:
    """The cells of a report under `SENT`."""
    kinds = {kind: sum(one["bytes_a_chip"] for one in found["collectives"] if one["kind"] == kind) for kind in KINDS}
    total, estimate = (sum(one["bytes_a_chip"] for one in of["collectives"]) for of in (found, found["estimate"]))
    cells = [f"{size / 1e9:.1f}" for size in kinds.values()] if found["compiled"] else ["-"] * len(KINDS)
    return [*cells, f"{total / 1e9:.1f}" if found["compiled"] else "-", f"{estimate / 1e9:.1f}"]


def gib(size: float) -> str:
    """Bytes as GiB."""
    return f"{size / 2**30:.2f}"


if __name__ == "__main__":
    sys.exit(cli.guarded(main))
