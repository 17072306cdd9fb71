"""The folder of a sweep: a folder for each of its runs, the table, and what the sweep is of.

sweep.json   TV-seed42/ (a run, with its evaluation)   full-seed42/   logs/ (of local processes)   .locks/
comparison.md, .csv, .tex, .png, .svg, .json
"""

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from deemo_jax.core.config import leaves
from deemo_jax.core.errors import UserError
from deemo_jax.core.files import open_output, read_json, refuse_remote, write_json
from deemo_jax.core.recipe import Recipe
from deemo_jax.core.run_folder.lock import Lock
from deemo_jax.core.run_folder.workdir import Workdir, told

# Beginnings of the keys that may differ when a sweep goes on: where its runs work and what they log, which changes no
# score, and the seed, since rows of more seeds may be added. What a run may change to be saved, such as the learning
# rate, would make rows that are not alike.
FREE = (
    "name",
    "seed",
    "init",
    "mesh.",
    "data.data_dir",
    "data.workers",
    "data.cached_views",
    "data.masked_",
    "data.corpus",
    "model.decoder.remat",
    "train.log_every",
    "train.checkpoint_every",
    "train.keep",
)


@dataclasses.dataclass(frozen=True)
class SweepFolder:
    """Paths of a sweep.

    Raises:
        UserError: the folder is in a bucket.
    """

    path: Path

    def __post_init__(self) -> None:
        refuse_remote(self.path)

    @property
    def record(self) -> Path:
        """The config that all runs of the sweep change."""
        return self.path / "sweep.json"

    def run(self, name: str) -> Path:
        """Folder of a run."""
        return self.path / name

    def log(self, name: str) -> Path:
        """What a local process said of its run."""
        return self.path / "logs" / f"{name}.log"

    def lock(self, name: str) -> Lock:
        """The lock of a run and its evaluation; `begin` comes first."""
        return Lock(self.path / ".locks" / name, "let it do this run", self.run(name))

    def check(self, config: Mapping[str, Any]) -> None:
        """Checks whether a sweep may begin or go on here; nothing is written.

        Args:
            config: that all runs change, with all defaults.

        Raises:
            UserError: the folder is that of a run, of a sweep over another config, or no folder.
        """
        if self.path.exists() and not self.path.is_dir():
            raise UserError(f"{self.path}: is no folder; name another --workdir")
        if Workdir(self.path).holds_run():
            raise UserError(
                f"{self.path}: holds a run, and a sweep with --config makes runs of its own; name another --workdir, "
                "or leave out --config for the rows of this run"
            )
        if not self.record.exists():
            return
        before = read_json(self.record)
        if not isinstance(before, dict) or not isinstance(before.get("config"), dict):
            raise UserError(f"{self.record}: is damaged; name another --workdir")
        # Keys that the record lacks, since it was written before they existed, have their defaults.
        then, now = leaves(Recipe.from_config(before["config"]).resolved()), leaves(dict(config))
        changes = {
            key: (then.get(key, "absent"), now.get(key, "absent"))
            for key in sorted(then | now)
            if then.get(key, "absent") != now.get(key, "absent") and not key.startswith(FREE)
        }
        if changes:
            raise UserError(f"{self.path}: is of another sweep ({'; '.join(told(changes))}); name another --workdir")

    def begin(self, config: Mapping[str, Any]) -> None:
        """Makes the folder, where it is not there, and writes what the sweep is of.

        Raises:
            UserError: as `check`; or it cannot be written.
        """
        self.check(config)
        for folder in (self.path / ".locks", self.path / "logs"):
            open_output(folder)
        if not self.record.exists():
            write_json(self.record, {"config": dict(config)})
