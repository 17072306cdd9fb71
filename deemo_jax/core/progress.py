"""Shows how far along long work is: a bar in a terminal, plain lines elsewhere."""

import dataclasses
import sys
import time
from collections.abc import Iterable, Iterator
from typing import Any, TypeVar

from deemo_jax.core.errors import plain

Item = TypeVar("Item")


def in_terminal() -> bool:
    """Whether stderr is a terminal, in which a bar can be drawn over itself."""
    return sys.stderr.isatty()


def duration(seconds: float) -> str:
    """A time in words: '2 h 05 min', '3 min 20 s', '12 s'."""
    whole = round(seconds)
    if whole >= 3600:
        return f"{whole // 3600} h {whole % 3600 // 60:02} min"
    return f"{whole // 60} min {whole % 60:02} s" if whole >= 60 else f"{whole} s"


def bar(what: str, total: int, done: int, unit: str) -> Any:
    """A tqdm bar that the caller moves, with `update`, `set_postfix` and `close`; it is drawn in a terminal only."""
    from tqdm import tqdm

    return tqdm(total=total, initial=done, desc=what, unit=unit, disable=not in_terminal())


def with_progress(items: Iterable[Item], what: str, total: int | None = None, every_s: float = 10.0) -> Iterator[Item]:
    """Yields `items` and shows how many are done: a bar in a terminal, elsewhere a line with an ETA every `every_s`."""
    if total is None and hasattr(items, "__len__"):
        total = len(items)  # type: ignore[arg-type]
    if in_terminal():
        from tqdm import tqdm

        yield from tqdm(items, desc=what, total=total)
        return
    start = last = time.monotonic()
    count = 0
    for count, item in enumerate(items, 1):
        yield item
        now = time.monotonic()
        if now - last >= every_s:
            last = now
            eta = f", about {(now - start) / count * (total - count):.0f} s left" if total else ""
            print(
                f"{what}: {count}{f'/{total}' if total else ''} in {now - start:.0f} s{eta}",
                file=sys.stderr,
                flush=True,
            )
    print(f"{what}: {count} done in {time.monotonic() - start:.1f} s", file=sys.stderr, flush=True)


@dataclasses.dataclass(frozen=True, slots=True)
class Stage:
    """How much is done of one part of a long piece of work, such as the first pass over a film.

    Attributes:
        name: of the part.
        done: units that are done.
        total: units in all; 0 where that is not known.
        unit: what is counted.
    """

    name: str
    done: int
    total: int = 0
    unit: str = "frames"

    def told(self, seconds: float) -> str:
        """In words, with the time that is left of this part, estimated after `seconds` of it."""
        if not 0 < self.done <= self.total:
            return f"{self.name}, {self.done} {self.unit}"
        left = seconds / self.done * (self.total - self.done)
        return f"{self.name}, {self.done} of {self.total} {self.unit}, about {left:.0f} s left of this part"


class Within:
    """Prints how far along each of several pieces of work is; a line each, above the bar in a terminal.

    Call it with a piece of work and its `Stage` as often as you like: of each piece it prints every `every_s` seconds.

    Args:
        what: the work, at the beginning of each line.
        every_s: seconds between two lines about one piece.
    """

    def __init__(self, what: str, every_s: float = 10.0):
        self._what, self._every_s = what, every_s
        # Piece of work -> name of its stage, when that began, and when a line was last printed; monotonic seconds.
        self._known: dict[str, tuple[str, float, float]] = {}

    def __call__(self, item: object, stage: Stage) -> None:
        now = time.monotonic()
        name, began, last = self._known.get(str(item), (stage.name, now, now))
        if name != stage.name:
            began = last = now
        if now - last >= self._every_s:
            last = now
            _say(plain(f"{self._what}: {item}: {stage.told(now - began)}"))
        self._known[str(item)] = (stage.name, began, last)


def _say(line: str) -> None:
    if in_terminal():
        from tqdm import tqdm

        tqdm.write(line, file=sys.stderr)
    else:
        print(line, file=sys.stderr, flush=True)
