"""How large the page of an evaluation is, and how fast Chromium opens it: `python -m benchmarks.report_page`.

The page has 831 clips, as many as DEEMO-MER's test split, with 4 frames each, and the answers of 4 systems. Frames are
those of the sample's dataset (`make train` makes it), each clip's moved by some pixels; texts are drawn words. It is
opened from the disk, in a new context each time; a page is open when all of it is read, its script has counted the
clips, and the first picture is painted. Needs Chromium and the extra `review`.
"""

import os
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import chromium
from benchmarks.ratios import spread
from deemo_jax.core import cli
from deemo_jax.core.schema import DEEMO_LABELS, Modality, NFBLSegment
from deemo_jax.data.clip_source import ClipSource
from deemo_jax.evaluation.compared_systems import System
from deemo_jax.evaluation.comparison import compare
from deemo_jax.evaluation.page.clip_material import Material
from deemo_jax.evaluation.page.frame_grid import FRAMES, budget, grid
from deemo_jax.evaluation.page.page_view import view
from deemo_jax.evaluation.page.render import render
from deemo_jax.evaluation.predictions import Prediction

CLIPS, SYSTEMS, PERSONS = 831, 4, 60
# Words of a transcript and of an answer.
SPOKEN, ANSWERED = 30, 60
WINDOWS = {"desktop": (1280, 900), "phone": (390, 844)}


def main() -> int:
    """Prints the size of the page, and a line for each window."""
    parser = cli.Parser("python -m benchmarks.report_page", description=__doc__)
    parser.add_argument("--data_dir", default="runs/sample_data/tfds", help="dataset whose frames are shown")
    parser.add_argument("--repeats", type=int, default=15, help="how often the page is opened in each window")
    flags = parser.parse_args()
    began = time.perf_counter()
    text = page(ClipSource(flags.data_dir, "deemo_mer", "test"))
    made = time.perf_counter() - began
    size = len(text.encode()) / 1e6
    print(f"{CLIPS} clips, {FRAMES} frames each, {SYSTEMS} systems: {size:.1f} MB, made in {made:.0f} s")
    with tempfile.TemporaryDirectory() as folder, chromium.opened() as browser:
        path = Path(folder, "report.html")
        path.write_text(text, encoding="utf-8")
        print(f"Chromium {browser.version}, seconds until it is open, median [least, greatest] of {flags.repeats}")
        for name, (width, height) in WINDOWS.items():
            seconds = [opening(browser, path, width, height) for _ in range(flags.repeats)]
            print(f"{name:<8} {width} x {height}: {spread(seconds)}")
        print(f"processes that wanted a core meanwhile: {os.getloadavg()[0]:.1f} on average of the last minute")
    return 0


def page(source: ClipSource) -> str:
    """The page as HTML."""
    rng = np.random.default_rng(0)
    words = [record.clip.transcript for record in (source.without_media(i) for i in range(min(len(source), 50)))]
    vocabulary = sorted({word for text in words for word in text.split()})

    def drawn(count: int) -> str:
        return " ".join(rng.choice(vocabulary, count))

    rows: list[list[Prediction]] = [[] for _ in range(SYSTEMS)]
    materials = {}
    for i in range(CLIPS):
        clip, truth = f"clip{i:04d}", DEEMO_LABELS.names[int(rng.random() < 0.6)]
        for of in rows:
            said = DEEMO_LABELS.names[int(rng.random() < 0.6)]
            odds = dict(zip(DEEMO_LABELS, rng.normal(size=2).tolist(), strict=True))
            person = f"person{i % PERSONS}"
            text, reference = drawn(ANSWERED), drawn(ANSWERED)
            of.append(Prediction(clip, "all", text, said, truth, text, reference, odds, 1.5, person, "rules"))
        frames = source[i % len(source)].read(Modality.VIDEO, FRAMES)
        moved = np.roll(frames, tuple(rng.integers(-9, 10, 2)), (1, 2))
        nfbl = tuple(NFBLSegment(float(at), float(at + 1), drawn(2)) for at in rng.uniform(0, 4, 3))
        materials[clip] = Material(drawn(SPOKEN), nfbl, 5.0, "rules", "", grid(moved, budget(CLIPS)), "")
    systems = [System(f"system {i}", Path(), "0" * 64, "all", of) for i, of in enumerate(rows)]
    found = compare(systems, DEEMO_LABELS)
    return render(view(found, DEEMO_LABELS, materials, None, include_raw_text=False))


def opening(browser: Any, path: Path, width: int, height: int) -> float:
    """Seconds until the page is open."""
    context = browser.new_context(viewport={"width": width, "height": height})
    tab = context.new_page()
    began = time.perf_counter()
    tab.goto(path.as_uri(), wait_until="load")
    tab.wait_for_selector("#count:not(:empty)")
    tab.evaluate("new Promise((done) => requestAnimationFrame(() => setTimeout(done)))")
    seconds = time.perf_counter() - began
    context.close()
    return seconds


if __name__ == "__main__":
    sys.exit(cli.guarded(main))
