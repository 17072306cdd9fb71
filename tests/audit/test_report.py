import html.parser
import json

from deemo_jax.audit.report import numbers, page, text, verdict
from deemo_jax.audit.report_parts import Figure, Section
from deemo_jax.core.tables import Table

EVIL = '<script>alert("x")</script>\x00'
SECTIONS = [
    Section("promises", "Promises", (Table("n = 3", ("what", EVIL), (("a", EVIL),)),), failures=(EVIL,)),
    Section("faces", "Faces", (Table("t", ("x",), (("1",),)),), (Figure(EVIL, b"\x89PNG..."),), numbers={"leaks": 0}),
    Section("utility", "Utility", (Table("t", ("x",), (("1",),)),)),
    Section("voice", "Voice", notes=("Not measured: needs --truth.",)),
]


class Checker(html.parser.HTMLParser):
    def __init__(self):
        super().__init__()
        self.tags, self.links, self.open = set(), [], []

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        self.links += [value for name, value in attrs if name in ("src", "href")]
        if tag not in ("meta", "img"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def test_the_page_stands_alone_and_escapes():
    written = page("Audit", EVIL, SECTIONS)
    checker = Checker()
    checker.feed(written)
    assert not checker.open and "script" not in checker.tags and "\x00" not in written
    assert all(link.startswith(("#", "data:image/png;base64,")) for link in checker.links)
    assert written.count("&lt;script&gt;") >= 5


def test_verdicts_and_numbers():
    assert [verdict(s) for s in SECTIONS] == ["broken", "kept", "measured", "not measured"]
    found = json.loads(json.dumps(numbers(SECTIONS)))
    assert found["faces"] == {"verdict": "kept", "failures": [], "notes": [], "numbers": {"leaks": 0}}
    said = text(SECTIONS)
    assert "== Voice (not measured): Not measured: needs --truth." in said and "n = 3" in said


def test_the_page_fits_a_telephone():
    written = page("Audit", "lead", SECTIONS)
    assert '<meta name="viewport" content="width=device-width, initial-scale=1">' in written
    # What scrolls sideways holds tables and nothing that is to be read as a sentence.
    scrolled = [part.split("</div>")[0] for part in written.split('<div class="scroll">')[1:]]
    assert scrolled and all(part.startswith("<table>") and "caption" not in part for part in scrolled)
