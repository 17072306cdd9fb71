"""Pictures of a page for docs/: `python -m benchmarks.report_pictures runs/page/report.html`.

Writes docs/report_desktop.png and docs/report_phone.png: some places of the page, at two widths. Needs Chromium and the
extra `review`.
"""

import io
import sys
from pathlib import Path
from typing import Any

from PIL import Image

from benchmarks import chromium
from deemo_jax.core import cli
from deemo_jax.core.files import atomic

DOCS = Path(__file__).parents[1] / "docs"
# Pixels between two pictures, and what is there; the colours of a picture, which keep it small.
GAP, BETWEEN, COLOURS = 20, "#8a8a8a", 256
# The parts of the page that are shown on a phone, before a clip.
PLACES = ("recognition", "calibration", "groups")


def main() -> int:
    """Writes both pictures."""
    parser = cli.Parser("python -m benchmarks.report_pictures", description=__doc__)
    parser.add_argument("page", type=Path, help="report.html")
    page = parser.parse_args().page.absolute()
    with chromium.opened() as browser:
        desktop = _tab(browser, page, 1280, 860)
        shots = [_shot(desktop)]
        _choose_wrong(desktop)
        shots.append(_shot(desktop))
        _write(_joined(shots, side_by_side=False), DOCS / "report_desktop.png")
        phone = _tab(browser, page, 390, 844)
        shots = [_shot(phone)]
        for place in PLACES:
            if phone.query_selector(f"#{place}"):
                phone.eval_on_selector(f"#{place}", "(part) => part.scrollIntoView({ behavior: 'instant' })")
                shots.append(_shot(phone))
        _choose_wrong(phone)
        shots.append(_shot(phone))
        _write(_joined([shots[0], *shots[-3:]], side_by_side=True), DOCS / "report_phone.png")
    return 0


def _tab(browser: Any, page: Path, width: int, height: int) -> Any:
    tab = browser.new_context(viewport={"width": width, "height": height}, device_scale_factor=1).new_page()
    tab.goto(page.as_uri())
    tab.wait_for_selector("#count:not(:empty)")
    return tab


def _choose_wrong(tab: Any) -> None:
    """Shows the clips that the first system has wrong, and goes to the second of them."""
    tab.select_option("#which", "wrong")
    if tab.query_selector("#by"):
        tab.select_option("#by", "0")
    tab.wait_for_timeout(200)
    tab.evaluate("document.activeElement.blur()")
    for _ in range(2):
        tab.keyboard.press("j")


def _shot(tab: Any) -> Image.Image:
    tab.wait_for_timeout(500)
    return Image.open(io.BytesIO(tab.screenshot())).convert("RGB")


def _joined(shots: list[Image.Image], *, side_by_side: bool) -> Image.Image:
    width, height = shots[0].size
    steps = [(i * (width + GAP), 0) if side_by_side else (0, i * (height + GAP)) for i in range(len(shots))]
    whole = Image.new("RGB", (steps[-1][0] + width, steps[-1][1] + height), BETWEEN)
    for shot, step in zip(shots, steps, strict=True):
        whole.paste(shot, step)
    return whole


def _write(picture: Image.Image, path: Path) -> None:
    small = picture.quantize(COLOURS, Image.Quantize.MEDIANCUT, kmeans=3, dither=Image.Dither.NONE)
    with atomic(path) as temporary:
        small.save(temporary, "PNG", optimize=True)
    print(f"{path.name}: {small.width} x {small.height}, {path.stat().st_size / 1e3:.0f} kB")


if __name__ == "__main__":
    sys.exit(cli.guarded(main))
