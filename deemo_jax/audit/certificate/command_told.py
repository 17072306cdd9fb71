"""Texts without paths of this machine: a command line, and what a report says."""

import re
import urllib.parse
from collections.abc import Sequence
from pathlib import PureWindowsPath

# Two or more names behind slashes, or a drive of Windows, that begin a word.
_PATH = re.compile(r"(?<![\w:/.\\])(?:~?(?:/[^\s/'\",;:()]+){2,}/?|[A-Za-z]:\\[^\s'\",;()]+)")


def told_command(words: Sequence[str]) -> str:
    """A command line on which files have names and no folders, and addresses their host only."""
    return " ".join(_word(word) for word in words)


def without_paths(text: str) -> str:
    """A text in which a path from the root is its last name."""
    return _PATH.sub(lambda found: PureWindowsPath(found[0]).name, text)


def _word(word: str) -> str:
    flag, equals, value = word.partition("=") if word.startswith("-") else ("", "", word)
    if "://" in value:
        value = urllib.parse.urlsplit(value).hostname or ""
    elif "/" in value or "\\" in value:
        value = PureWindowsPath(value).name
    return f"{flag}{equals}{value}"
