"""How many names, places and numbers the rules for texts find, and how many other words they remove.

Measured on sentences with planted values (`benchmarks.privacy.planted`): of real transcripts it is not known what
should be found.
"""

import collections
import dataclasses
import re
import sys
from collections.abc import Iterable, Mapping

from benchmarks.privacy.planted import Planted, Style, TemplateSet, sentences
from deemo_jax.core import cli, stats
from deemo_jax.core.tables import Table
from deemo_jax.deid.text.fuzzy_names import Names
from deemo_jax.deid.text.redaction import find
from deemo_jax.deid.text.spans import KINDS, Engine, Span, clean
from deemo_jax.deid.text.word_lists import word_set
from deemo_jax.sample.script import LEXICON

SENTENCES = 700
NOTES = (
    "The sentences are invented, and their templates short: real talk is harder. The rules were tuned on the tuned"
    " templates only; the held-out ones are what to believe.",
    "Sentences of one template stand and fall together, so the intervals are narrower than they should be.",
    "Text without capitals hides names from the rules: give the project's names with --names there.",
    "Not measured: recognition of a speaker by wording or by the story told, and languages other than English.",
)
_WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)*")
_EMOTION_WORDS = word_set(
    """
    happy proud glad sad angry heartbroken furious thrilled delighted grateful nervous scared ashamed disappointed tears
    joy hope fear love loved hurts frustrated depressed panicked helpless thankful touched moved laughed cried smiling
    crying laughing tired calm relief lonely lovely wonderful
    """
) | {word for phrase in LEXICON for word in phrase.split() if len(word) > 4}


@dataclasses.dataclass(frozen=True, slots=True)
class Share:
    """A share: `hits` of `count`."""

    hits: int
    count: int

    @property
    def interval(self) -> tuple[float, float]:
        """Its exact 95 % interval; (0, 1) where `count` is 0."""
        return stats.rate_interval(self.hits, self.count)

    def __str__(self) -> str:
        if not self.count:
            return "-"
        low, high = self.interval
        return f"{self.hits}/{self.count} = {self.hits / self.count:.1%} [{low:.1%}, {high:.1%}]"


@dataclasses.dataclass(frozen=True, slots=True)
class Score:
    """What was found in a set of sentences.

    Attributes:
        recall: kind -> planted values that were replaced whole, by any tag.
        typed: of these, those that were replaced by the right tag.
        precision: of replaced parts of texts, those that overlap a planted value.
        kept: of words outside planted values, those that were kept.
        kept_emotion: of these words, those for emotions.
    """

    recall: dict[str, Share]
    typed: Share
    precision: Share
    kept: Share
    kept_emotion: Share

    @property
    def overall(self) -> Share:
        """Recall of all kinds together."""
        return Share(sum(s.hits for s in self.recall.values()), sum(s.count for s in self.recall.values()))


def score(said: Iterable[Planted], engine: Engine | None = None, listed: bool = False) -> Score:
    """Scores an engine on sentences with known values.

    Args:
        said: the sentences.
        engine: default: the rules.
        listed: whether the project's list holds the names, teams and places of each sentence.
    """
    tallies: dict[str, list[int]] = collections.defaultdict(lambda: [0, 0])

    def count(name: str, hit: bool) -> None:
        tallies[name][0] += hit
        tallies[name][1] += 1

    for sentence in said:
        text = clean(sentence.text)
        values = [Span(start, end, kind) for kind, start, end in sentence.spans]  # type: ignore[arg-type]
        names = [f"[{v.kind}]{text[v.start : v.end]}" for v in values if v.kind in ("NAME", "TEAM", "PLACE")]
        found = find(text, Names(names if listed else ()), engine)
        for value in values:
            covered = all(any(s.start <= at < s.end for s in found) for at in range(value.start, value.end))
            count(value.kind, covered)
            if covered:
                count("typed", any(s.kind == value.kind for s in found if _touch(s, value)))
        for span in found:
            count("precision", any(_touch(span, value) for value in values))
        for match in _WORD.finditer(text):
            word = Span(match.start(), match.end(), "NAME")
            if not any(_touch(word, value) for value in values):
                stays = not any(_touch(word, span) for span in found)
                count("kept", stays)
                if match[0].lower() in _EMOTION_WORDS:
                    count("kept_emotion", stays)
    share = {name: Share(*tally) for name, tally in tallies.items()}
    none = Share(0, 0)
    return Score(
        {kind: share[kind] for kind in KINDS if kind in share},
        *(share.get(name, none) for name in ("typed", "precision", "kept", "kept_emotion")),
    )


# Column -> (its title, set of templates, style, whether a list of names holds the planted values).
COLUMNS: dict[str, tuple[str, TemplateSet, Style, bool]] = {
    "held_out": ("held-out templates", "held_out", "written", False),
    "tuned": ("tuned templates", "tuned", "written", False),
    "spoken": ("held-out, no capitals", "held_out", "spoken", False),
    "spoken_listed": ("the same, names listed", "held_out", "spoken", True),
}


def scored(seed: int = 0, count: int = SENTENCES) -> dict[str, Score]:
    """Column -> what the default rules find.

    Args:
        seed: of the planted values.
        count: sentences per column.
    """
    return {
        name: score(sentences(seed, count, which, style), listed=listed)
        for name, (_, which, style, listed) in COLUMNS.items()
    }


def table(scores: Mapping[str, Score], count: int) -> Table:
    """Recall by type, precision, and what stays, of `count` sentences a column."""
    rows: list[tuple[str, ...]] = [
        (f"recall of {kind}", *(str(found.recall.get(kind, Share(0, 0))) for found in scores.values()))
        for kind in KINDS
    ]
    rows += [
        ("recall of all", *(str(found.overall) for found in scores.values())),
        ("right tag, where found", *(str(found.typed) for found in scores.values())),
        ("precision", *(str(found.precision) for found in scores.values())),
        ("other words kept", *(str(found.kept) for found in scores.values())),
        ("emotion words kept", *(str(found.kept_emotion) for found in scores.values())),
    ]
    header = ("", *(title for title, *_ in COLUMNS.values()))
    caption = f"Planted values that the text rules remove, {count} sentences a column [exact 95 % intervals]"
    return Table(caption, header, tuple(rows))


def main() -> int:
    """Prints the table, and notes on how to read it."""
    parser = cli.Parser("python -m benchmarks.privacy.words", description=__doc__)
    parser.add_argument("--seed", type=int, default=0, help="of the planted values (%(default)s)")
    parser.add_argument("--sentences", type=int, default=SENTENCES, help="of each column (%(default)s)")
    flags = parser.parse_args()
    found = table(scored(flags.seed, flags.sentences), flags.sentences)
    print("\n".join([found.caption, found.text(), "", *NOTES]))
    return 0


def _touch(a: Span, b: Span) -> bool:
    return a.start < b.end and b.start < a.end


if __name__ == "__main__":
    sys.exit(cli.guarded(main))
