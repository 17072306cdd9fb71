"""Texts without paths of this machine: a command line, and what a report says."""

import re
import urllib.parse
from collections.abc import Sequence
from pathlib import PureWindowsPath

# Of a path of POSIX and of Windows, a folder or name.
_NAME, _WINDOWS = r"[^\s/'\",;:()]+", r"[^\s'\",;()]+"
# Begins a word: two or more names behind slashes, also behind a home, `.` or `..`, or as an address; names of which the
# last has an ending; a drive or a server of Windows.
_PATH = re.compile(
    r"(?<![\w:/.\\])(?:"
    rf"(?:file://|~\w*|\.\.?)?(?:/{_NAME}){{2,}}/?"
    rf"|(?:{_NAME}/)+[^\s/'\",;:()]*[^\W\d]\.[A-Za-z]\w{{0,4}}(?!\w)"
    rf"|[A-Za-z]:[\\/]{_WINDOWS}|\\\\{_WINDOWS})"
)


def told_command(words: Sequence[str]) -> str:
    """A command line on which files have names and no folders, and addresses their host only."""
    return " ".join(_word(word) for word in words)


def without_paths(text: str) -> str:
    """A text in which a path is its last name."""
    return _PATH.sub(lambda found: PureWindowsPath(found[0]).name, text)


def _word(word: str) -> str:
    flag, equals, value = word.partition("=") if word.startswith("-") else ("", "", word)
    if "://" in value:
        value = urllib.parse.urlsplit(value).hostname or ""
    elif "/" in value or "\\" in value:
        value = PureWindowsPath(value).name
    return f"{flag}{equals}{value}"
