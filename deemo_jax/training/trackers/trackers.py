"""The trackers of a run, by the names of `config.train.trackers`."""

import contextlib
import functools
import importlib.util
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from deemo_jax.core.errors import UserError
from deemo_jax.core.files import read_json, write_json
from deemo_jax.core.recipe import TENSORBOARD, Recipe
from deemo_jax.core.run_folder.workdir import Workdir
from deemo_jax.training.trackers.aside import Aside
from deemo_jax.training.trackers.tensorboard_file import TensorboardFile
from deemo_jax.training.trackers.tracker import TrackedRun, Tracker, numbers_of


def _wandb(run: TrackedRun) -> Tracker:
    from deemo_jax.training.trackers.wandb_tracker import WandbTracker

    return WandbTracker(run)


def _mlflow(run: TrackedRun) -> Tracker:
    from deemo_jax.training.trackers.mlflow_tracker import MlflowTracker

    return MlflowTracker(run)


# Name -> how it is opened. The name is also that of the package, of its extra, and of its folder in the run's.
SERVICES: dict[str, Callable[[TrackedRun], Tracker]] = {"wandb": _wandb, "mlflow": _mlflow}
# File by which services know the run again when it goes on, in the folder of trackers.
IDENTS = "idents.json"


def check_installed(names: Sequence[str]) -> None:
    """Checks that the packages of trackers are there.

    Raises:
        UserError: one is not.
    """
    for name in names:
        if name in SERVICES and importlib.util.find_spec(name) is None:
            raise UserError(
                f"config.train.trackers: {name} is not installed; pip install 'deemo-jax[{name}]', or leave it out"
            )


class Trackers:
    """All trackers of a run.

    TensorBoard writes at once, and a full disk under it ends the run as one under metrics.jsonl does; the others work
    aside, and what goes wrong there is said once.

    Args:
        recipe: of the run.
        folder: of the run.
    """

    def __init__(self, recipe: Recipe, folder: Workdir) -> None:
        self._recipe, self._folder = recipe, folder
        self._board: TensorboardFile | None = None
        self._aside: list[Aside] = []
        self._writing = threading.Lock()

    @property
    def where(self) -> Path:
        """The folder of TensorBoard's files, for messages."""
        return self._folder.tensorboard

    def open(self, start: int) -> None:
        """Begins, after `start` steps that were done before.

        Raises:
            OSError: TensorBoard's file cannot be written.
        """
        names = self._recipe.train.trackers
        if TENSORBOARD in names:
            self._board = TensorboardFile(self._folder.tensorboard, purge_step=start + 1)
        known = self._idents() if start else {}
        for name in names:
            if name in SERVICES:
                numbers = numbers_of(self._recipe.resolved())
                home = self._folder.trackers / name
                run = TrackedRun(self._recipe.name or "deemo_jax", numbers, home, str(known.get(name, "")))
                self._aside.append(Aside(name, functools.partial(SERVICES[name], run), self._note(name)))

    def add(self, step: int, values: Mapping[str, float]) -> None:
        """Takes name -> value of a step.

        Raises:
            OSError: TensorBoard's file cannot be written.
        """
        for tracker in self._aside:
            tracker.add(step, values)
        if self._board is not None:
            self._board.add(step, values)

    def close(self, finished: bool) -> None:
        """Ends; `finished` says whether the run has made all its steps."""
        for tracker in self._aside:
            tracker.close(finished)
        if self._board is not None:
            with contextlib.suppress(OSError):  # `add` has raised an error on a full disk already
                self._board.close()

    def _idents(self) -> dict[str, Any]:
        path = self._folder.trackers / IDENTS
        with contextlib.suppress(UserError):  # one that is damaged begins a new run of the service
            found = read_json(path) if path.is_file() else {}
            return found if isinstance(found, dict) else {}
        return {}

    def _note(self, name: str) -> Callable[[str], None]:
        def note(ident: str) -> None:
            with self._writing:
                write_json(self._folder.trackers / IDENTS, self._idents() | {name: ident})

        return note
