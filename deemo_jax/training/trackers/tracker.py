"""What every tracker does. It is given numbers and their names, and nothing else of a run, its data or its machine."""

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

from deemo_jax.core.config import leaves


@dataclasses.dataclass(frozen=True)
class TrackedRun:
    """What a tracker may know of a run.

    Attributes:
        name: of the recipe.
        numbers: key of the config -> its value, of those that are numbers: no path, pattern or text.
        folder: for the tracker's own files.
        ident: by which a service knows the run again when it goes on; empty for a new run.
    """

    name: str
    numbers: Mapping[str, float]
    folder: Path
    ident: str = ""


class Tracker(Protocol):
    """Takes numbers; a method may raise anything, and may take its time (`deemo_jax.training.trackers.aside`)."""

    @property
    def ident(self) -> str:
        """By which the service knows the run again."""

    def add(self, step: int, values: Mapping[str, float]) -> None:
        """Takes name -> value of a step."""

    def close(self, finished: bool) -> None:
        """Ends; `finished` says whether the run has made all its steps."""


def numbers_of(config: Mapping[str, Any]) -> dict[str, float]:
    """The values of a config that are numbers, by dotted key."""
    return {key: value for key, value in leaves(dict(config)).items() if isinstance(value, bool | int | float)}
