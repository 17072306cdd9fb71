"""What a classifier guesses about invented athletes from their interviews, before and after `redact`.

The same attack on transcripts of one's own is `python -m deemo_jax.audit --attacks --transcripts FILE`.
"""

import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from benchmarks.privacy.interviews import NATIONS, SPORTS, interviews
from benchmarks.privacy.planted import Style
from deemo_jax.audit.attacks.words.spoken_texts import DIRECT, QUASI, read_texts
from deemo_jax.audit.attacks.words.text_versions import AS_SAID, NO_IDENTIFIER, REDACTED
from deemo_jax.audit.attacks.words.words_attack import CLASSIFIER, words_section
from deemo_jax.core import cli, files
from deemo_jax.core.stats import Interval
from deemo_jax.core.tables import markdown
from deemo_jax.deid.text.english_rules import Rules
from deemo_jax.deid.text.fuzzy_names import Names

PERSONS = 300
# Set -> how its texts are written, and whether the list of names holds all names, teams and cities.
SETS: dict[str, tuple[Style, bool]] = {
    "written": ("written", False),
    "no capitals": ("spoken", False),
    "no capitals, names listed": ("spoken", True),
}
NOTES = (
    "Accuracy in %, and entities that are gone in %, [95 % over persons]. `as said` and `no identifier` are of the"
    " texts with capitals; `no identifier` is without what the truth marks as direct or quasi, as a perfect redaction"
    " leaves it.",
    "The persons and their sentences are invented, so these figures say how such an attack works, and nothing of how"
    " much real interviews give away.",
)


def listed_names() -> Names:
    """All names, teams and cities of the set."""
    people = [n for of in NATIONS.values() for slot in ("female", "male", "surname") for n in of[slot]]
    places = [f"[PLACE]{city}" for of in NATIONS.values() for city in of["city"]]
    return Names([*people, *places, *(f"[TEAM]{team}" for of in SPORTS.values() for team in of["team"])])


def measured(seed: int, persons: int) -> dict[str, Mapping[str, Any]]:
    """Set -> the numbers of the attack on it."""
    found = {}
    with tempfile.TemporaryDirectory() as folder:
        for name, (style, listed) in SETS.items():
            file = Path(folder) / "texts.jsonl"
            files.write_jsonl(file, interviews(seed, persons, style))
            found[name] = words_section(read_texts(file), listed_names() if listed else Names(), Rules()).numbers
    return found


def tables(found: Mapping[str, Mapping[str, Any]]) -> str:
    """The numbers of `measured` as two tables in Markdown."""
    written = found["written"][CLASSIFIER]
    rows = [
        (
            f"{name}, of {one['values']}",
            f"{100 * one['majority']:.1f}",
            *(_shown(written[version][name]["accuracy"]) for version in (AS_SAID, REDACTED, NO_IDENTIFIER)),
            *(_shown(found[other][CLASSIFIER][REDACTED][name]["accuracy"]) for other in list(SETS)[1:]),
        )
        for name, one in written[REDACTED].items()
    ]
    header = (
        "guessed",
        "majority",
        "as said",
        "redacted",
        "no identifier",
        *(f"redacted, {n}" for n in list(SETS)[1:]),
    )
    left = [
        (
            f"{kind}: gone",
            *(_shown(of["identifiers"][kind]["gone"]) for of in found.values()),
        )
        for kind in (DIRECT, QUASI)
    ]
    persons = [
        (
            f"{kind}: persons of whom none is left",
            *(
                f"{of['identifiers'][kind]['persons_of_whom_none_is_left']} of {of['identifiers'][kind]['persons']}"
                for of in found.values()
            ),
        )
        for kind in (DIRECT, QUASI)
    ]
    return f"{markdown(header, rows)}\n\n{markdown(('identifiers', *SETS), [*left, *persons])}"


def main(arguments: list[str] | None = None) -> int:
    """Prints the tables, or writes a set."""
    parser = cli.Parser("python -m benchmarks.privacy.words_attack", description=__doc__)
    parser.add_argument("--seed", type=int, default=0, help="of persons and sentences (%(default)s)")
    parser.add_argument("--persons", type=int, default=PERSONS, help="of each set (%(default)s)")
    parser.add_argument("--write", type=Path, metavar="FILE", help="instead, write the set with capitals")
    flags = parser.parse_args(arguments)
    if flags.write:
        files.write_jsonl(flags.write, interviews(flags.seed, flags.persons))
        print(f"{flags.write}: {flags.persons} persons")
        return 0
    found = measured(flags.seed, flags.persons)
    print("\n".join([f"{flags.persons} persons, seed {flags.seed}:", "", tables(found), "", *NOTES]))
    return 0


def _shown(found: Mapping[str, Any]) -> str:
    return f"{Interval(found['value'], *found['interval'])}"


if __name__ == "__main__":
    sys.exit(cli.guarded(main))
