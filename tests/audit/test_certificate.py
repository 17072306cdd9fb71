"""The certificate: what stands on it, that hostile texts are texts, and that files can be checked by it."""

import dataclasses
import hashlib
import re
import shutil
import subprocess

import pytest

from benchmarks import chromium
from deemo_jax.audit.audit import audit
from deemo_jax.audit.certificate.command_told import told_command, without_paths
from deemo_jax.audit.certificate.contents import contents
from deemo_jax.audit.certificate.write_certificate import render, write_certificate
from deemo_jax.audit.clip_check import CheckResult
from deemo_jax.audit.folder_check import UNNAMED, FolderCheck
from deemo_jax.audit.options import AuditOptions
from deemo_jax.audit.refusals import Refusals
from deemo_jax.audit.report_parts import Section, not_measured
from deemo_jax.core.errors import UserError
from deemo_jax.core.tables import Table
from tests import commands
from tests.audit.copies import add

HOSTILE = '<script>alert(1)</script><img src="//x.example/a.png"> \x1b[31m\u202e /home/jane/secret/list.txt'
LONG = "w" * 300


def plain_text(page):
    """The page without its tags."""
    return re.sub(r"<[^>]*>", "", page)


def voices(rows):
    header = ("voice", "ignorant", "lazy-informed", "grid inversion", "trained: ear", "trained: statistics", "both")
    return Table("Equal error rate, %", header, tuple((f"voice {n}", *["42.0 [36.8, 51.7]"] * 6) for n in range(rows)))


@pytest.fixture(scope="module")
def certified(audited, tmp_path_factory):
    """Makes a certificate of the clip; `sections` of the report are added to a part that was not measured."""

    def make(*sections, broken=(), settings=(), command=("DIR", "--certificate"), date="2026-11-28"):
        changed = {
            "settings": audited.manifest.settings | dict(settings),
            "background": {"without_person": 7, "of": 0.5},
        }
        manifest = dataclasses.replace(audited.manifest, **changed)
        clip = dataclasses.replace(audited, manifest=manifest)
        results = (CheckResult("c1", frames=12, seconds=90.0), CheckResult("c2", unchecked="damaged"))
        checks = FolderCheck((*results, CheckResult("x.mp4", unchecked=UNNAMED)), 6, Refusals({"a face is lost": 3}, 1))
        parts = [*sections, not_measured("human", "Human check", "not measured: nobody looked")]
        given = {"command": command, "date": date, "result_sha256": "a" * 64}
        return contents([clip], checks, parts, broken, tmp_path_factory.mktemp("page") / "interviews", **given)

    return make


def test_what_is_said(certified):
    asked = Table("c", ("what", "found"), (("true boxes", "not measured: needs --truth"),))
    listing = Table("Clips that break a promise: 1", ("clip", "what"), (("jane_smith", "bare"),))
    faces = Section("faces", "Faces", tables=(asked, listing), notes=("One more: not measured; give it.", "Of 12."))
    made = certified(faces, Section("utility", "What use is left", tables=(asked,)))
    page = render(made)
    for said in ("Every promise", "filled with one colour", "said again by one invented voice", ">interviews<"):
        assert said in page, said
    assert made.asked == (
        ("Faces", "One more: not measured; give it."),
        ("Faces", "true boxes, found: not measured: needs --truth"),
        ("Human check", "Not measured: nobody looked."),
    )
    assert [what for what, _ in made.never][:2] == [
        "Rooms and what is around people",
        "Names in captions, on tags and boards",
    ]
    assert ("Captions and name tags in the picture", "not looked for", "1 of 1") in made.done
    assert "jane_smith" not in page and "Clips that break a promise: 1" in page and "What use is left" not in page
    assert dict(made.counts) == {
        "clips that were checked": "1",
        "of them without sound": "0",
        "minutes of film": "1.5",
        "frames": "12",
        "clips that could not be checked": "1",
        "sources refused, without a clip": "3",
        "clips refused by a later run": "1",
        "films without a manifest": "1",
    }

    made = certified(broken=("1 clip fails",), settings={"background": "grey", "text_in_picture": "cover", "new": [1]})
    page = render(made)
    assert "1 clip fails" in page and "Every promise" not in page
    assert made.others == (("background: without_person", "7"), ("background: of", "0.5 on average"))
    assert "replaced by grey" in page and ("new", "[1]") in made.settings
    assert made.never[0][0].startswith("Gait")


def test_it_is_the_same_but_for_the_date_and_nothing_in_it_is_followed(certified):
    table = Table(HOSTILE, (HOSTILE, "b"), ((HOSTILE, HOSTILE),))
    section = Section("faces", HOSTILE, tables=(table,), notes=(HOSTILE,), failures=(HOSTILE,))
    given = {
        "broken": (HOSTILE,),
        "settings": {HOSTILE: HOSTILE, "mask": HOSTILE},
        "command": ("/home/jane/x", HOSTILE),
    }
    made = certified(section, **given)
    page = render(made)
    assert page == render(certified(section, **given))
    assert page.replace("2026-11-28", "2027-01-01") == render(certified(section, **given, date="2027-01-01"))
    for bad in ("<script", "<img", "\x1b", "/home/jane", "jane/secret"):
        assert bad not in page, bad
    assert (
        "&lt;script&gt;" in page
        and "default-src &#39;none&#39;" in page
        and "http" not in page.replace("http-equiv", "")
    )


def test_the_command_line_and_texts_have_no_folders():
    words = (
        "/data/jane/deid/",
        "--truth=/home/jane/t.jsonl",
        "--base_url",
        "http://jane:pw@host.example/v1?key=1",
        "-x",
    )
    assert told_command(words) == "deid --truth=t.jsonl --base_url host.example -x"
    assert told_command((r"C:\Users\jane\deid", "--every", "8")) == "deid --every 8"
    assert (
        without_paths("see /home/jane/a b.txt; 3/4 and/or, C:\\Users\\jane\\x.mp4.")
        == "see a b.txt; 3/4 and/or, x.mp4."
    )
    for path in (
        "raw/j.mp4",
        "../jane/j.mp4",
        "./j/j.mp4",
        "~/a/j.mp4",
        "~jane/j.mp4",
        "C:/a/j.mp4",
        r"\\host\a\j.mp4",
    ):
        assert without_paths(f"'{path}': bad, and file:///home/jane/a.wav") == "'j.mp4': bad, and a.wav", path
    kept = "GE2E/CAM++, 0.5/0.25 of 1/2, and/or 3/4.5 %, 12 / 3, p/F0. https://x.example/a"
    assert without_paths(kept) == kept


def test_the_page_lies_beside_hashes_that_can_be_checked(audited, tmp_path):
    folder = tmp_path / "deid"
    folder.mkdir()
    add(audited, folder, "c1")
    command = (str(folder), "--certificate")
    options = AuditOptions(report=True, certificate=True, command=command, every=12, sheet=2)
    found = audit(folder, None, None, options)
    assert f"certificate: {folder}/audit/certificate.html" in found.text()
    page = found.certificate.read_text()
    assert str(tmp_path) not in page and "python -m deemo_jax.audit deid --certificate" in plain_text(page)
    assert "waits for a person" in page
    listing = folder / "audit" / "certificate.sha256"
    assert hashlib.sha256(listing.read_bytes()).hexdigest() in page
    assert hashlib.sha256((folder / "audit.json").read_bytes()).hexdigest() in page
    names = [line.split("  ")[1] for line in listing.read_text().splitlines()]
    assert names == [f"c1.{kind}" for kind in ("manifest.json", "masks.json", "mp4", "tracks.json")]
    if tool := shutil.which("sha256sum"):
        check = [tool, "--check", "--quiet", "audit/certificate.sha256"]
        assert subprocess.run(check, cwd=folder, capture_output=True).returncode == 0
        (folder / "c1.mp4").write_bytes(b"")
        assert subprocess.run(check, cwd=folder, capture_output=True).returncode == 1
    with pytest.raises(UserError, match="report=True"):
        audit(folder, None, None, dataclasses.replace(options, report=False))


def test_page_and_hashes_are_written_both_or_none(certified, audited, tmp_path):
    for name in ("certificate.html", "certificate.sha256"):
        place = tmp_path / name / "audit"
        (place / name).mkdir(parents=True)
        with pytest.raises(UserError, match=f"{name}: is a folder"):
            write_certificate(certified(), place)
        with pytest.raises(UserError, match=f"{name}: is a folder"):  # before any work: there are no clips
            audit(place.parent, options=AuditOptions(report=True, certificate=True))
        assert [path.name for path in place.iterdir()] == [name]
    (tmp_path / "audit.json").mkdir()
    with pytest.raises(UserError, match=r"audit\.json: is a folder"):
        audit(tmp_path)
    (tmp_path / "audit").touch()
    (tmp_path / "audit.json").rmdir()
    with pytest.raises(UserError, match="audit: is no folder"):
        audit(tmp_path, options=AuditOptions(report=True))


def test_manifests_of_too_many_keys_are_cut(certified):
    odd = {f"key {number}": HOSTILE * 99 for number in range(5000)}
    made = certified(settings=odd)
    assert len(made.settings) == 41 and made.settings[-1][0] == "further keys, which are not shown"
    assert max(len(text) for row in made.settings for text in row) < 500


@pytest.mark.slow
def test_the_command(audited, tmp_path):
    """A clip that was changed afterwards is said to be; the page is written all the same."""
    add(audited, tmp_path, "c1")
    add(audited, tmp_path, "c2")
    (tmp_path / "c2.mp4").write_bytes(b"")
    done = commands.run("audit", tmp_path, "--certificate", "--every", 12)
    page = (tmp_path / "audit" / "certificate.html").read_text()
    assert done.returncode == 2 and "1 of 2 clips or files could not be checked" in page
    assert f"python -m deemo_jax.audit {tmp_path.name} --certificate --every 12" in plain_text(page)


# Contrast of each text with the colour behind it (WCAG 2.2), the lowest first; `wide`: what is wider than the page.
LOOK = """() => {
  const light = c => { const [r, g, b] = c.map(v => (v /= 255) <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b; };
  const read = s => s.match(/[\\d.]+/g).map(Number);
  const behind = e => { for (; e; e = e.parentElement) { const c = read(getComputedStyle(e).backgroundColor);
    if (c.length < 4 || c[3] > 0) return c.slice(0, 3); } return [255, 255, 255]; };
  const texts = [...document.querySelectorAll('body *')].filter(
    e => [...e.childNodes].some(n => n.nodeType === 3 && n.textContent.trim()));
  const contrast = texts.map(e => { const [a, b] = [light(read(getComputedStyle(e).color).slice(0, 3)),
    light(behind(e))].sort((x, y) => y - x); return (a + 0.05) / (b + 0.05); });
  const width = document.documentElement.clientWidth;
  return {contrast: Math.min(...contrast), wide: document.documentElement.scrollWidth - width,
    beyond: texts.filter(e => e.getBoundingClientRect().right > width + 1).length};
}"""


@pytest.mark.slow
@pytest.mark.skipif(chromium.found() is None, reason="no Chromium on this machine")
def test_it_prints_on_a4(certified, tmp_path):
    pytest.importorskip("playwright.sync_api", reason="Playwright is not installed: make setup EXTRAS=review")
    odd = Table(LONG, (LONG, "b"), ((LONG, f"{LONG} {LONG}"),))
    section = Section("voice", "Voice", tables=(voices(12), odd), notes=(LONG,), failures=(LONG,))
    made = certified(section, broken=(LONG,), settings={LONG: LONG}, command=(LONG,))
    path = write_certificate(made, tmp_path)
    asked = []
    with chromium.opened() as browser:
        page = browser.new_page(viewport={"width": 1000, "height": 1400})
        page.on("request", lambda request: asked.append(request.url))
        page.goto(path.as_uri())
        # A4 less the margins of the style sheet is 178 mm, 673 pixels.
        for media, width in (("screen", 1000), ("screen", 390), ("print", 673)):
            page.emulate_media(media=media)
            page.set_viewport_size({"width": width, "height": 1000})
            found = page.evaluate(LOOK)
            assert found["wide"] <= 0, (media, width)
            assert found["contrast"] >= 4.5, (media, found)
            assert width < 400 or found["beyond"] == 0, (media, width)
        printed = page.pdf(prefer_css_page_size=True)
    assert asked == [path.as_uri()]
    assert 4 <= printed.count(b"/Type /Page\n") <= 8
    assert b"/MediaBox [0 0 594.9" in printed or b"/MediaBox [0 0 595" in printed
