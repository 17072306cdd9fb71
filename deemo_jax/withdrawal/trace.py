"""One place that holds something of a person, and how it is taken out."""

import dataclasses
from collections.abc import Callable
from pathlib import Path


@dataclasses.dataclass(frozen=True)
class Trace:
    """What was found in one place.

    Attributes:
        kind: what the place is, such as "dataset".
        path: of it.
        count: how many of their clips, records or rows it holds; 0 for what was only computed with them.
        becomes: what its removal does, a phrase.
        remove: does it; doing it again does no harm.
        lock: file that whoever works on the place holds a lock on; None where nobody does.
        writes: the folder in which files are removed or written.
        space: bytes that are needed there.
    """

    kind: str
    path: Path
    count: int
    becomes: str
    remove: Callable[[], None]
    writes: Path
    lock: Path | None = None
    space: int = 0
