"""Systems and a dataset to write pages of, and a reader of pages."""

import dataclasses
import json
from html.parser import HTMLParser

from deemo_jax.core.files import write_json
from tests.evaluation.samples import imagined

# Texts that try to leave the place where a page puts them.
HOSTILE = (
    "</script><script>document.title='owned'</script>",
    '"><img src=x onerror="document.title=\'owned\'">',
    "'; document.title='owned'; //\u2028\u2029<!-- --> ]]>",
    "{{ 7 * 7 }} {% raw %} javascript:document.title='owned' &lt;b&gt;",
    "\u202eright to left\u202c \ud800 \x00\x1b[31m $\\frac{a}{b}$",
)
TITLE = "owned"


def write_rows(path, rows, **fields):
    """Rows of predictions as a file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(dataclasses.asdict(row) | fields) + "\n" for row in rows))
    return path


def two_systems(folder, clips=120, **fields):
    """Files of two systems' answers to the same clips of 24 persons, one with likelihoods; and metadata of persons."""
    rows = imagined({"all": 0.9, "audio": 0.7}, clips=clips)
    rows = [dataclasses.replace(row, person_id=f"p{int(row.clip_id[4:]) % 24:02d}") for row in rows]
    first, second = ([row for row in rows if row.modalities == name] for name in ("all", "audio"))
    first = [dataclasses.replace(row, log_likelihoods=_odds(row, i), temperature=2.0) for i, row in enumerate(first)]
    second[3] = dataclasses.replace(second[3], emotion_predicted=None)
    people = folder / "people.csv"
    lines = [f"p{i:02d},{'f' if i % 2 else 'm'},{'rowing' if i < 4 else 'judo'}\n" for i in range(24)]
    people.write_text("person_id,sex,sport\n" + "".join(lines))
    return write_rows(folder / "a.jsonl", first, **fields), write_rows(folder / "b.jsonl", second, **fields), people


def as_run(folder, rows, data_dir):
    """The folder of a run over a dataset, with one evaluation of some rows; it has no weights."""
    from tests.training import tiny

    write_json(folder / "config.json", tiny.get_config(str(data_dir)).to_dict())
    write_rows(folder / "evaluation" / "test" / "predictions.jsonl", rows)
    write_json(folder / "evaluation" / "test" / "setting.json", {"split": "test"})
    write_json(
        folder / "evaluation" / "test" / "recognition.json",
        {"sets": {"all": {"classes": dict.fromkeys(("negative", "positive"))}}},
    )
    return folder


def _odds(row, i):
    sure = -0.01 * (i % 40) - 0.01
    other = "positive" if row.emotion_predicted == "negative" else "negative"
    return {str(row.emotion_predicted): sure, other: -3.0 + 0.05 * (i % 40)}


class Page(HTMLParser):
    """What is in a page.

    Attributes:
        tags: (name, attributes) of all elements.
        tables: name of a table -> its rows of texts, of all tables of that name.
        cards: text of each clip's card.
        scripts: attributes and text of each script.
        style: of the page.
        data: the embedded numbers.
    """

    def __init__(self, text):
        super().__init__()
        self.tags, self.tables, self.cards, self.scripts, self.style = [], {}, [], [], ""
        self._rows = self._table = None
        self._in = ""
        self.feed(text)
        self.data = json.loads(next(body for attributes, body in self.scripts if "type" in attributes))

    def handle_starttag(self, tag, attrs):
        attributes = dict(attrs)
        self.tags.append((tag, attributes))
        self._in = tag
        if tag == "table":
            self._rows = self.tables.setdefault(attributes.get("data-table", ""), [])
        elif tag == "tr":
            self._rows.append([])
        elif tag in ("td", "th"):
            self._rows[-1].append("")
            self._table = True
        elif tag == "article":
            self.cards.append("")
        elif tag == "script":
            self.scripts.append((attributes, ""))

    def handle_endtag(self, tag):
        if tag in ("td", "th"):
            self._table = None
        if tag in ("style", "script"):
            self._in = ""

    def handle_data(self, text):
        if self._in == "style":
            self.style += text
        elif self._in == "script":
            self.scripts[-1] = (self.scripts[-1][0], self.scripts[-1][1] + text)
        elif self._table:
            self._rows[-1][-1] += f"{text.strip()} " if text.strip() else ""
        elif self.cards:
            self.cards[-1] += f"{text} "
