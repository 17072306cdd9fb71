"""The word lists of the text rules: words that are no names though they may have a capital, names, places, titles.

Each list is a file in `words/`, those of persons in `words/names/`: one lower-case word a line, and comments (#) that
say what the words are. The lists are short, since the rules look at capitals and neighbouring words first.
"""

from pathlib import Path

from deemo_jax.core.text_files import read_text

FOLDER = Path(__file__).with_name("words")


def word_set(text: str) -> frozenset[str]:
    """The words of a text that is split at blanks."""
    return frozenset(text.split())


def _listed(name: str) -> frozenset[str]:
    """The words of a list, without its comments."""
    lines = read_text(FOLDER / f"{name}.txt").splitlines()
    return frozenset(line for line in lines if line and not line.startswith("#"))


COMMON = _listed("common")
NAMES_TOO = _listed("names/names_too")
UNCALLED = _listed("uncalled")
MONTHS = _listed("months")
WEEKDAYS = _listed("weekdays")
PLACES = _listed("places")
LABELS = _listed("labels")
SUBJECTS = _listed("subjects")
ID_WORDS = _listed("id_words")
ACRONYMS = _listed("acronyms")
GIVEN_NAMES = _listed("names/given_names")
TITLES = _listed("names/titles")
RANKS = _listed("names/ranks")
TEAM_ENDINGS = _listed("team_endings")
PLACE_ENDINGS = _listed("place_endings")
DEEDS = _listed("deeds")
NAME_PARTICLES = _listed("names/name_particles")
