"""The verdict and its tables: for a terminal, as Markdown, as HTML, and as JSON for a program."""

import dataclasses
import html
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jax

from deemo_jax.core.errors import UserError
from deemo_jax.core.files import atomic
from deemo_jax.core.progress import duration
from deemo_jax.core.tables import Table
from deemo_jax.training.fit.cost import USUAL_MFU, Cost
from deemo_jax.training.fit.memory import Memory
from deemo_jax.training.fit.plan import Plan
from deemo_jax.training.fit.program import collectives
from deemo_jax.training.fit.search import told

# How a report may end, by the ending of its file.
ENDINGS = (".md", ".html")
# Plans of a search that a report shows.
SHOWN = 10
STYLE = (
    "body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem}"
    "table{border-collapse:collapse;margin:.5rem 0 1.5rem}td,th{padding:.2rem .8rem;border-bottom:1px solid #ccc}"
    "th{text-align:left}.number{text-align:right}pre{white-space:pre-wrap;background:#f4f4f4;padding:.5rem}"
)


@dataclasses.dataclass(frozen=True)
class Report:
    """What `fit` found.

    Attributes:
        plan: of the recipe, or the best one of a search.
        costs: by speed, 'bound' and 'usual'; empty where the chip's figures are not known.
        advice: what to change where it does not fit.
        others: plans of a search, the best first; empty without one.
        command: as it was given.
    """

    plan: Plan
    costs: dict[str, Cost]
    advice: Sequence[str]
    others: Sequence[Plan]
    command: str

    def verdict(self) -> str:
        """One line: fits or not, and how that is known."""
        plan, memory = self.plan, self.plan.memory
        size = f"{gib(memory.total)} of {gib(plan.topology.memory)} GiB a chip"
        return f"{'fits' if plan.fits else 'does not fit'}: {size}, {self._known()}"

    def _known(self) -> str:
        plan = self.plan
        if plan.seconds is not None:
            return f"compiled in {duration(plan.seconds)} (JAX {jax.__version__})"
        if plan.topology.platform == "gpu":
            return "an estimate: programs for GPUs are compiled only where they are (there, --topology local does)"
        return "an estimate, not compiled"

    def subject(self) -> str:
        """One line: the recipe and the chips."""
        plan = self.plan
        data, mesh = plan.recipe.data, " x ".join(f"{axis} {size}" for axis, size in plan.mesh.items())
        return (
            f"{plan.recipe.name or 'recipe'} on {plan.topology.name}: {plan.topology.chips} chips, mesh {mesh}; batch "
            f"{data.batch_size} ({plan.rows} a share), {data.max_length} positions, {data.frames} frames"
        )

    def tables(self) -> list[Table]:
        """All tables."""
        found = [self._memory(), self._flops()]
        if self.plan.topology.chips > 1:
            found.insert(1, self._collectives())
        if self.costs:
            found += [self._bounds(), self._epoch()]
        if self.others:
            found.append(self._others())
        return found

    def text(self) -> str:
        """For a terminal."""
        tables = [f"{table.caption}\n{table.text()}" for table in self.tables()]
        return "\n\n".join([f"{self.subject()}\n{self.verdict()}", *self._advice(), *tables])

    def markdown(self) -> str:
        """As a page."""
        tables = [f"**{table.caption}**\n\n{table.markdown()}" for table in self.tables()]
        head = [f"# {self.subject()}", f"    {self.command}", f"**{self.verdict()}**"]
        return "\n\n".join([*head, *self._advice(), *tables]) + "\n"

    def html(self) -> str:
        """As one page that needs no other file."""
        head = f"<h1>{html.escape(self.subject())}</h1><pre>{html.escape(self.command)}</pre>"
        parts = [head, f"<p><strong>{html.escape(self.verdict())}</strong></p>"]
        parts += [f"<p>{html.escape(line)}</p>" for line in self._advice()]
        parts += [f"<h2>{html.escape(table.caption)}</h2>{_html(table)}" for table in self.tables()]
        title = html.escape(self.subject())
        return f'<!doctype html><meta charset="utf-8"><title>{title}</title><style>{STYLE}</style>{"".join(parts)}\n'

    def json(self) -> dict[str, Any]:
        """For a program: bytes, seconds and FLOPs as numbers."""
        plan = self.plan
        return {
            "recipe": plan.recipe.name,
            "topology": plan.topology.name,
            "chips": plan.topology.chips,
            "mesh": dict(plan.mesh),
            "batch_size": plan.recipe.data.batch_size,
            "flags": told(plan.recipe),
            "fits": plan.fits,
            "compiled": plan.seconds is not None,
            "compile_seconds": plan.seconds,
            "memory_bytes_a_chip": {**dataclasses.asdict(plan.memory), "total": plan.memory.total},
            "memory_bytes_of_a_chip": plan.topology.memory,
            "collectives": [
                {"kind": kind, "axes": axes, "times": times, "bytes_a_chip": sent}
                for kind, axes, times, sent in collectives.table(plan.sent)
            ],
            "flops": {part.part: dataclasses.asdict(part) for part in plan.parts},
            "bound": None if plan.bound is None else plan.bound.json(),
            "costs": {name: dataclasses.asdict(cost) for name, cost in self.costs.items()},
            "advice": list(self.advice),
            "search": [
                {
                    "flags": told(one.recipe),
                    "compiled": one.seconds is not None,
                    "fits": one.fits,
                    "memory_bytes_a_chip": one.memory.total,
                    "step": one.bound.step if one.bound else None,
                }
                for one in self.others[:SHOWN]
            ],
        }

    def _advice(self) -> list[str]:
        return [f"it would fit with {line}" if line.startswith("--") else line for line in self.advice]

    def _memory(self) -> Table:
        rows = [(field.name, gib(getattr(self.plan.memory, field.name))) for field in dataclasses.fields(Memory)]
        rows = [row for row in rows if row[0] != "padding" or self.plan.memory.padding]
        return Table("Memory of a chip", ("kind", "GiB"), (*rows, ("all", gib(self.plan.memory.total))), right=(1,))

    def _collectives(self) -> Table:
        rows = [
            (kind, axes, f"{times:,}", f"{sent / 1e6:,.1f}")
            for kind, axes, times, sent in collectives.table(self.plan.sent)
        ]
        unsure = sum(not one.sure for one in self.plan.sent)
        caption = "Collectives of a step" + ("" if self.plan.seconds is not None else ", estimated")
        if unsure:
            caption += f" ({unsure} of them in loops that turn an unknown number of times, counted once)"
        total = sum(one.per_step for one in self.plan.sent)
        rows.append(("all", "", f"{sum(one.times for one in self.plan.sent):,}", f"{total / 1e6:,.1f}"))
        return Table(caption, ("kind", "along", "times", "MB a chip sends"), tuple(rows), right=(2, 3))

    def _flops(self) -> Table:
        size, parts = self.plan.recipe.data.batch_size, self.plan.parts
        unit, scale = ("TFLOP", 1e12) if self.plan.model_flops > 1e11 * size else ("GFLOP", 1e9)
        rows: list[tuple[str, tuple[int, ...]]]
        rows = [(part.part, (part.forward, part.backward, part.again)) for part in parts]
        rows.append(("all", tuple(map(sum, zip(*(values for _, values in rows), strict=True)))))
        cells = tuple((name, *(f"{value / size / scale:.3f}" for value in values)) for name, values in rows)
        header = ("part", "forward", "backward", "computed again")
        return Table(f"{unit} a sample (MFU counts forward and backward)", header, cells, right=(1, 2, 3))

    def _bounds(self) -> Table:
        bound = self.plan.bound
        assert bound
        rows = [
            ("arithmetic at the peak", milliseconds(bound.arithmetic)),
            ("products, with their memory traffic", milliseconds(bound.products)),
            ("fast links", milliseconds(bound.links)),
            ("network beyond them", milliseconds(bound.network)),
            (f"a step at least (bound by {bound.bound_by})", milliseconds(bound.step)),
            ("MFU at most", f"{bound.mfu:.0%}"),
        ]
        return Table("Bounds of a step, all overlapping", ("", "ms"), tuple(rows), right=(1,))

    def _epoch(self) -> Table:
        names = {"bound": "at the bound", "usual": f"at {USUAL_MFU:.0%} MFU or the bound"}
        columns = [self.costs[name] for name in names]
        rows = [
            ("step, ms", *(milliseconds(cost.step) for cost in columns)),
            ("samples a second", *(f"{cost.samples:,.1f}" for cost in columns)),
            ("MFU", *(f"{cost.mfu:.0%}" for cost in columns)),
        ]
        for label, key in (
            ("cores that decode, without the feature cache", "cores"),
            ("hours an epoch", "hours"),
            ("chip-hours an epoch", "chip_hours"),
            ("money an epoch", "money"),
        ):
            values = [getattr(cost, key) for cost in columns]
            if None not in values:
                rows.append((label, *(f"{value:,.2f}" if value >= 1 else f"{value:.2g}" for value in values)))
        first = columns[0]
        rate = f" (a core decodes {first.samples / first.cores:,.0f} clips a second)" if first.cores else ""
        return Table(f"An epoch{rate}", ("", *names.values()), tuple(rows), right=(1, 2))

    def _others(self) -> Table:
        rows = [
            (
                told(one.recipe),
                "compiled" if one.seconds is not None else "estimated",
                gib(one.memory.total),
                milliseconds(one.bound.step / one.recipe.data.batch_size * 1000) if one.bound else "-",
            )
            for one in self.others[:SHOWN]
        ]
        return Table(
            "Search, the fastest first", ("flags", "", "GiB a chip", "s/1000 samples"), tuple(rows), right=(2, 3)
        )


def write(report: Report, path: Path) -> None:
    """Writes the report as Markdown or HTML, by the ending of the path.

    Raises:
        UserError: another ending, or the file cannot be written.
    """
    check_ending(path)
    with atomic(path) as temporary:
        Path(temporary).write_text(report.html() if path.suffix == ".html" else report.markdown(), encoding="utf-8")


def check_ending(path: Path) -> None:
    """Whether a report can be written so.

    Raises:
        UserError: it cannot.
    """
    if path.suffix not in ENDINGS:
        raise UserError(f"--report {path}: name a file that ends in {' or '.join(ENDINGS)}")


def gib(size: float) -> str:
    """Bytes as GiB."""
    return f"{size / 2**30:.2f}"


def milliseconds(seconds: float) -> str:
    """Seconds as milliseconds."""
    return f"{1e3 * seconds:,.1f}"


def _html(table: Table) -> str:
    def line(cells: Sequence[str], tag: str) -> str:
        classes = [' class="number"' if column in table.right else "" for column in range(len(cells))]
        inside = (f"<{tag}{kind}>{html.escape(cell)}</{tag}>" for cell, kind in zip(cells, classes, strict=True))
        return f"<tr>{''.join(inside)}</tr>"

    rows = "".join(line(row, "td") for row in table.rows)
    return f"<table><thead>{line(table.header, 'th')}</thead><tbody>{rows}</tbody></table>"
