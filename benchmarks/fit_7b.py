"""Reports of `deemo_jax.fit` on the 7B recipes, one table: `python -m benchmarks.fit_7b [--only v5e]`.

Each row is one compile for a TPU topology, minutes of one core each, in a process of its own; no TPU is needed, but the
extra tpu. JSON reports stay in `--out`, and those that are there are not made again.
"""

import argparse
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from deemo_jax.core import cli
from deemo_jax.core.files import write_json
from deemo_jax.core.tables import markdown

# Topology, (data, fsdp), and the batch of stage 2; that of stage 1 is the recipe's.
CASES = (
    ("v5e:2x4", (1, 8), 16),
    ("v6e:8x8", (1, 64), 128),
    ("v5p:2x4x4", (1, 32), 64),
    ("v5e:16x16", (4, 64), 512),
    ("v5p:8x8x4", (4, 64), 512),
)
RECIPES = ("pretrain_7b", "deemo_llama_7b")
HEADER = (
    "recipe",
    "topology",
    "mesh",
    "batch",
    "GiB a chip",
    "frozen / learns / working",
    "GB a chip sends",
    "ms at the bound",
    "bound by",
    "MFU at most",
    "samples/s",
    "compiled in, min",
)


def main() -> int:
    """Makes what is missing, and prints the table."""
    parser = cli.Parser("python -m benchmarks.fit_7b", description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("runs/fit_7b"), help="folder of the reports")
    parser.add_argument("--only", default="", help="topologies whose names begin so")
    flags = parser.parse_args()
    flags.out.mkdir(parents=True, exist_ok=True)
    print(markdown(HEADER, rows(flags), right=range(4, len(HEADER))))
    return 0


def rows(flags: argparse.Namespace) -> list[list[str]]:
    """A row for each recipe and topology."""
    found = []
    for topology, mesh, batch in CASES:
        if not topology.startswith(flags.only):
            continue
        for recipe in RECIPES:
            path = flags.out / f"{recipe}_{topology.replace(':', '_')}.json"
            if not path.exists():
                write_json(path, report(recipe, topology, mesh, batch))
            found.append(row(json.loads(path.read_text(encoding="utf-8"))))
    return found


def command(recipe: str, topology: str, mesh: tuple[int, int], batch: int) -> list[str]:
    """The words of the command."""
    words = ["-m", "deemo_jax.fit", "--config", f"configs/{recipe}.py", "--topology", topology]
    words += [f"--config.mesh.data={mesh[0]}", f"--config.mesh.fsdp={mesh[1]}"]
    return words + ([f"--config.data.batch_size={batch}"] if recipe == "deemo_llama_7b" else [])


def report(recipe: str, topology: str, mesh: tuple[int, int], batch: int) -> Any:
    """The JSON of one report.

    Raises:
        ValueError: the command made none.
    """
    words = command(recipe, topology, mesh, batch)
    print("python", *words, file=sys.stderr, flush=True)
    done = subprocess.run([sys.executable, *words, "--json"], capture_output=True, text=True, check=False)
    if done.returncode not in (0, 1):
        raise ValueError(done.stderr)
    return json.loads(done.stdout)


def row(found: Any) -> list[str]:
    """The cells of a report."""
    memory, bound = found["memory_bytes_a_chip"], found["bound"]
    learns = memory["trainable"] + memory["optimizer"]
    sizes = " / ".join(f"{size / 2**30:.2f}" for size in (memory["frozen"], learns, memory["working"]))
    sent = sum(one["bytes_a_chip"] for one in found["collectives"])
    return [
        found["recipe"],
        found["topology"],
        ", ".join(str(size) for size in found["mesh"].values()),
        str(found["batch_size"]),
        f"{memory['total'] / 2**30:.2f}" + ("" if found["fits"] else ", does not fit"),
        sizes,
        f"{sent / 1e9:.1f}",
        f"{1e3 * bound['step']:.0f}",
        bound["bound_by"],
        f"{bound['mfu']:.0%}",
        f"{found['batch_size'] / bound['step']:.0f}",
        f"{found['compile_seconds'] / 60:.1f}",
    ]


if __name__ == "__main__":
    sys.exit(cli.guarded(main))
