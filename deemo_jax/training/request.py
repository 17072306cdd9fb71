"""What a person asks for: a new run, one that is continued, or one that replaces another.

A request is checked without touching anything, which gives a plan; checked again when the folder's lock is held; then
begun.
"""

import dataclasses
from typing import Any

from deemo_jax.core.errors import UserError
from deemo_jax.core.run_folder.lock import Lock
from deemo_jax.core.run_folder.workdir import Workdir, begin, check, record
from deemo_jax.training.resume import first_step, set_aside
from deemo_jax.training.trackers.trackers import check_installed


@dataclasses.dataclass(frozen=True)
class Plan:
    """What a request comes to.

    Attributes:
        start: steps that are done already.
        changes: key -> (value before, value now) where the config differs from the run's.
        found: whether the folder was there.
    """

    start: int
    changes: dict[str, tuple[Any, Any]]
    found: bool


@dataclasses.dataclass(frozen=True)
class TrainingRequest:
    """What a person asks for.

    Attributes:
        folder: of the run.
        config: resolved.
        resume: continues the run that is there.
        overwrite: removes the run that is there.
        from_step: continues from this checkpoint; None for the newest.
    """

    folder: Workdir
    config: dict[str, Any]
    resume: bool = False
    overwrite: bool = False
    from_step: int | None = None

    def check(self) -> Plan:
        """The plan; nothing is touched.

        Raises:
            UserError: the request cannot be met.
        """
        check_installed(self.config["train"].get("trackers", ()))
        changes = check(
            self.folder, self.config, resume=self.resume, overwrite=self.overwrite, from_step=self.from_step
        )
        start = 0 if self.overwrite else first_step(self.folder.checkpoints, self.from_step)
        return Plan(start, changes, self.folder.path.is_dir())

    def hold(self, lock: Lock, plan: Plan, *, new: bool) -> bool:
        """Takes the lock of a folder that was there when the plan was made, or makes a `new` folder and takes its lock.

        Returns:
            Whether `lock.note` is to be shown.

        Raises:
            UserError: another run holds the lock, or has changed the folder since the plan was made.
        """
        if plan.found == new:
            return False
        path = self.folder.path
        if new:
            try:
                path.mkdir(parents=True, exist_ok=True)
            except OSError as error:
                raise UserError(f"{path}: cannot be made ({error.strerror}); check space and permissions") from error
        lock.take()
        if dataclasses.replace(self.check(), found=plan.found) != plan:
            raise UserError(f"{path}: another run changed it just now; try again")
        return bool(lock.note)

    def begin(self, plan: Plan) -> list[str]:
        """Removes what is overwritten, moves newer checkpoints aside, and writes the config and its history.

        Returns:
            Lines to be shown.

        Raises:
            UserError: the folder cannot be written.
        """
        begin(self.folder, self.config, overwrite=self.overwrite)
        aside = set_aside(self.folder.checkpoints, plan.start) if self.from_step is not None else []
        facts: dict[str, Any] = {}
        if plan.changes:
            facts["changed"] = {key: list(values) for key, values in plan.changes.items()}
        if aside:
            facts["set_aside"] = aside
        if facts:
            record(self.folder, plan.start, **facts)
        where = self.folder.checkpoints / "set_aside"
        return [f"set aside, in {where}: the checkpoints {', '.join(map(str, aside))}"] if aside else []
