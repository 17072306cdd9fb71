"""The page in a real browser, at the width of a desktop and of a phone."""

import http.server
import threading

import numpy as np
import pytest

from benchmarks import chromium
from deemo_jax.core.schema import DEEMO_LABELS, NFBLSegment
from deemo_jax.evaluation.compared_systems import System
from deemo_jax.evaluation.comparison import compare
from deemo_jax.evaluation.page.clip_material import Material
from deemo_jax.evaluation.page.frame_grid import grid
from deemo_jax.evaluation.page.metadata import Metadata
from deemo_jax.evaluation.page.page_view import view
from deemo_jax.evaluation.page.render import render
from deemo_jax.evaluation.predictions import read_predictions
from deemo_jax.evaluation.published import TABLE_5
from tests.evaluation.page.pages import HOSTILE, two_systems

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(chromium.found() is None, reason="no Chromium on this machine"),
]
DESKTOP, PHONE, NARROW = (1280, 900), (390, 844), (320, 640)
# Of small text against what is behind it (WCAG 2.2, 1.4.3).
CONTRAST = 4.5
# Of each text, its contrast, and what it is.
CONTRASTS = """() => {
  const parts = (colour) => colour.match(/[\\d.]+/g).map(Number);
  const linear = (x) => (x <= 0.04045 ? x / 12.92 : ((x + 0.055) / 1.055) ** 2.4);
  const light = (colour) => {
    const [r, g, b] = parts(colour).map((x) => linear(x / 255));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const behind = (element) => {
    for (let at = element; at; at = at.parentElement) {
      const colour = getComputedStyle(at).backgroundColor;
      if (parts(colour)[3] !== 0) return colour;
    }
  };
  const holds = (element) => [...element.childNodes].some((node) => node.nodeType === 3 && node.data.trim());
  const texts = [...document.querySelectorAll("body *:not(script, style, title, option, svg *)")].filter(holds);
  return texts.map((text) => {
    const pair = [light(getComputedStyle(text).color), light(behind(text))].sort((a, b) => b - a);
    return [(pair[0] + 0.05) / (pair[1] + 0.05), text.tagName + "." + text.className];
  });
}"""
# How many fields, buttons and pictures have no name that a screen reader can say.
NAMELESS = """() => {
  const fields = [...document.querySelectorAll("input, select, button, img, [role=img], [role=region]")];
  const named = (field) => field.labels?.length || field.ariaLabel || field.alt || field.textContent.trim();
  return fields.filter((field) => !named(field)).length;
}"""


@pytest.fixture(scope="module")
def browser():
    pytest.importorskip("playwright.sync_api", reason="Playwright is not installed: make setup EXTRAS=review")
    with chromium.opened() as opened:
        yield opened


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """The path of a page with pictures and hostile texts, and the rows of its two systems."""
    folder = tmp_path_factory.mktemp("page")
    files = two_systems(folder, clips=60)[:2]
    rows = [list(read_predictions(path)) for path in files]
    said = HOSTILE + tuple(f"word{i} {'long' * 40}" for i in range(len(HOSTILE), 60))
    rows[0] = [
        row.__class__(
            **{**row.to_json(), "answer": text, "reasoning": text, "reference": text, "transcript_provenance": "rules"}
        )
        for row, text in zip(rows[0], said, strict=True)
    ]
    noise = np.random.default_rng(0).integers(0, 256, (60, 4, 60, 60, 3), np.uint8)
    materials = {
        row.clip_id: Material(text, (NFBLSegment(0.5, 1.0, text[:60]),), 2.0, "rules", "", grid(images, 5000), "")
        for row, text, images in zip(rows[0], said, noise, strict=True)
    }
    names = (f"{HOSTILE[1]} {'x' * 60}", "second")
    systems = [System(name, path, "0" * 64, "all", of) for name, path, of in zip(names, files, rows, strict=True)]
    metadata = Metadata({HOSTILE[0]: [HOSTILE[i % 5] for i in range(60)]})
    found = compare(systems, DEEMO_LABELS, TABLE_5)
    path = folder / "report.html"
    path.write_text(render(view(found, DEEMO_LABELS, materials, metadata, include_raw_text=False)), encoding="utf-8")
    return path, rows


@pytest.fixture
def opened(browser, made):
    """Opens the page in a window of a width and height, and watches what it says and asks for."""
    contexts, complaints = [], []

    def opened(size=DESKTOP, scheme="light"):
        context = browser.new_context(viewport={"width": size[0], "height": size[1]}, color_scheme=scheme)
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda message: complaints.append(message.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("dialog", lambda dialog: complaints.append(dialog.message))
        page.on("request", lambda request: complaints.append(request.url) if _leaves(request.url) else None)
        page.goto(made[0].as_uri())
        page.wait_for_selector("#count:not(:empty)")
        return page

    def _leaves(url):
        return url != made[0].as_uri() and not url.startswith("data:")

    yield opened
    for context in contexts:
        context.close()
    assert complaints == []


@pytest.mark.parametrize("size", [DESKTOP, PHONE, NARROW])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_opens_without_a_complaint_and_scrolls_one_way(opened, size, scheme):
    page = opened(size, scheme)
    assert page.title() == "Emotion recognition, 60 clips"
    assert page.evaluate("document.documentElement.scrollWidth") <= size[0]
    for card in page.query_selector_all(".card")[:6]:
        card.scroll_into_view_if_needed()
        box = card.bounding_box()
        assert box["x"] >= 0 and box["x"] + box["width"] <= size[0]
    page.evaluate("scrollTo(0, document.body.scrollHeight)")
    assert page.evaluate("document.documentElement.scrollWidth") <= size[0]
    page.locator("#clip-60 img").scroll_into_view_if_needed()
    decoded = "(image) => image.decode().then(() => image.naturalWidth)"
    assert page.eval_on_selector("#clip-60 img", decoded) == 320


def test_it_can_reach_nothing(browser, made):
    asked = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            asked.append(self.path)
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_):
            pass

    with http.server.HTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        address = f"http://127.0.0.1:{server.server_port}/"
        page = browser.new_page()
        page.goto(made[0].as_uri())
        script = """async (address) => {
          const refused = await fetch(address + "fetch").then(() => false, () => true);
          new Image().src = address + "image";
          const added = document.createElement("script");
          added.textContent = "document.title = 'ran'";
          document.body.append(added);
          const frame = document.createElement("iframe");
          frame.src = address + "frame";
          document.body.append(frame);
          navigator.sendBeacon(address + "beacon", "x");
          await new Promise((done) => setTimeout(done, 500));
          return [refused, document.title];
        }"""
        assert page.evaluate(script, address) == [True, "Emotion recognition, 60 clips"]
        page.close()
        server.shutdown()
    assert asked == []


def test_filters_show_the_clips_that_are_meant(opened, made):
    page, (_, rows) = opened(), made

    def count(**values):
        for name, value in values.items():
            page.fill("#find", value) if name == "find" else page.select_option(f"#{name}", value)
        page.wait_for_timeout(100)
        shown = page.evaluate("document.querySelectorAll('.card:not([hidden])').length")
        assert page.text_content("#count") == f"{shown} of 60 clips"
        return shown

    def sum_of(true):
        return sum(true(*pair) for pair in zip(*rows, strict=True))

    right = lambda row: row.emotion_predicted == row.emotion_true  # noqa: E731
    assert count() == 60
    assert count(which="wrong", by="1") == sum_of(lambda a, b: not right(b))
    assert count(by="") == sum_of(lambda a, b: not (right(a) and right(b)))
    assert count(truth="0") == sum_of(lambda a, b: not (right(a) and right(b)) and a.emotion_true == "negative")
    assert count(which="disagree", truth="") == sum_of(lambda a, b: a.emotion_predicted != b.emotion_predicted)
    assert count(which="unparsed") == 1
    assert count(which="", by="0", said="1") == sum_of(lambda a, b: a.emotion_predicted == "positive")
    page.click("button[type=reset]")
    assert count(find="WORD7") == 1 and count(find="word7 nothing") == 0
    assert page.is_visible("#empty")
    assert count(find="") == 60 and page.is_hidden("#empty")


def test_keys_go_from_clip_to_clip(opened):
    page = opened()
    press, current = page.keyboard.press, lambda: page.evaluate("document.activeElement.id")
    start = page.evaluate("scrollY")
    press("ArrowDown")
    assert current() == "" and start == 0  # scrolls, as no clip is chosen
    press("j")
    assert current() == "clip-1"
    press("j")
    press("ArrowDown")
    assert current() == "clip-3" and page.get_attribute("#clip-3", "aria-current") == "true"
    box, bar = page.locator("#clip-3").bounding_box(), page.locator("#filters").bounding_box()
    assert bar["y"] + bar["height"] <= box["y"] + 1 and box["y"] < 300  # it is not under the bar of filters
    press("k")
    press("ArrowUp")
    press("k")
    assert current() == "clip-1"
    press("/")
    assert current() == "find"
    page.keyboard.type("jjk?/")
    assert page.input_value("#find") == "jjk?/" and page.is_hidden("#keys")
    page.fill("#find", "word9")
    page.wait_for_timeout(100)
    press("Escape")
    press("j")
    assert current() == "clip-10"
    press("j")
    assert current() == "clip-10"
    press("?")
    assert page.is_visible("#keys")
    press("Escape")
    assert page.is_hidden("#keys")


def test_it_prints_and_changes_its_colours(opened, tmp_path):
    page = opened()
    colour = "getComputedStyle(document.body).backgroundColor"
    before = page.evaluate(colour)
    page.click("#theme")
    assert page.evaluate(colour) != before
    page.select_option("#which", "unparsed")
    page.wait_for_timeout(100)
    short = page.pdf()
    page.select_option("#which", "")
    page.wait_for_timeout(100)
    whole = page.pdf()
    # Only what filters show is printed, with pictures that were not on the screen.
    assert [done.count(b"/Subtype /Image") for done in (short, whole)] == [1, 60]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_texts_stand_out_and_fields_have_names(opened, scheme):
    page = opened(scheme=scheme)
    found = page.evaluate(CONTRASTS)
    assert len(found) > 500 and [one for one in found if one[0] < CONTRAST] == []
    assert page.evaluate(NAMELESS) == 0
    assert page.get_attribute("html", "lang") == "en" and len(page.query_selector_all("h1")) == 1
