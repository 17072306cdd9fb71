"""What a person asks for: a new run, the same one on, or anew; planned, checked again under the lock, then begun."""

import dataclasses
from typing import Any

from deemo_jax.core.errors import UserError
from deemo_jax.core.run_folder.lock import Lock
from deemo_jax.core.run_folder.workdir import Workdir, begin, check, record
from deemo_jax.training.resume import first_step, set_aside


@dataclasses.dataclass(frozen=True)
class Plan:
    """What will be done.

    Attributes:
        start: steps that are done already.
        changes: key -> (value before, value now) of the config.
        found: whether a folder was there.
    """

    start: int
    changes: dict[str, tuple[Any, Any]]
    found: bool


@dataclasses.dataclass(frozen=True)
class TrainingRequest:
    """A folder, the resolved config, and the flags."""

    folder: Workdir
    config: dict[str, Any]
    resume: bool = False
    overwrite: bool = False
    from_step: int | None = None

    def check(self) -> Plan:
        """Whether it can be done; nothing is touched.

        Raises:
            UserError: it cannot.
        """
        changes = check(
            self.folder, self.config, resume=self.resume, overwrite=self.overwrite, from_step=self.from_step
        )
        start = 0 if self.overwrite else first_step(self.folder.checkpoints, self.from_step)
        return Plan(start, changes, self.folder.path.is_dir())

    def hold(self, lock: Lock, plan: Plan, *, new: bool) -> bool:
        """Takes the lock of a folder that was there when the plan was made, or of a `new` one, which is made.

        Returns:
            Whether `lock.note` has something to say.

        Raises:
            UserError: another run holds it, or changed something since the plan was made.
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
        """Clears what is to be overwritten, sets aside what is newer, and writes the config and its history.

        Returns:
            Lines for people.

        Raises:
            UserError: something cannot be written.
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
