"""The folder of a run: its files, whether a run may begin or go on there, and the records of how it was trained.

config.json   origin.json   config_history.jsonl   data.json   metrics.jsonl   goodput.json   checkpoints/
tensorboard/   trackers/   evaluation/   profile/   stacks/   .lock
"""

import dataclasses
import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from deemo_jax.core.config import leaves
from deemo_jax.core.errors import UserError
from deemo_jax.core.files import append_line, read_json, refuse_remote, write_json
from deemo_jax.core.recipe import Recipe
from deemo_jax.core.run_folder.overwrite import check_clearable, check_links, clear

# Beginnings of the keys that may change when a run is resumed: where it runs, what it logs, and what is changed to save
# a run that goes wrong (the optimizer's numbers, the length of sequences, what is kept in memory). Other `train.steps`
# change the learning rate of the steps to come. All changes are printed and recorded in config_history.jsonl.
CHANGEABLE = (
    "name",
    "mesh.",
    "data.data_dir",
    "data.workers",
    "data.cached_views",
    "data.test_split",
    "data.validation_split",
    "data.masked_",
    "data.corpus",
    "data.max_length",
    "model.decoder.context",
    "model.decoder.remat",
    "optimizer.",
    "train.",
    "init",
)
# File that names the folder in which the run was begun: relative paths of its config count from there.
ORIGIN = "origin.json"
# The keys of a config that are paths.
PATHS = (("data", "data_dir"), ("init",), ("tokenizer", "path"))
# Dotted key -> (value before, value now).
Changes = Mapping[str, tuple[Any, Any]]
# Stands for the value of a key that a config lacks.
_ABSENT = "absent"


@dataclasses.dataclass(frozen=True)
class Workdir:
    """Paths of a run.

    Raises:
        UserError: the folder is in a bucket.
    """

    path: Path

    def __post_init__(self) -> None:
        refuse_remote(self.path)

    @property
    def config(self) -> Path:
        """The config of the run, with all defaults."""
        return self.path / "config.json"

    @property
    def history(self) -> Path:
        """Each time that the run was resumed: step, time, and what changed; JSON lines."""
        return self.path / "config_history.jsonl"

    @property
    def data(self) -> Path:
        """Which dataset the run was trained on."""
        return self.path / "data.json"

    @property
    def metrics(self) -> Path:
        """Metrics of training; JSON lines."""
        return self.path / "metrics.jsonl"

    @property
    def checkpoints(self) -> Path:
        """Folder of checkpoints, see `deemo_jax.core.run_folder.checkpoint`."""
        return self.path / "checkpoints"

    @property
    def tensorboard(self) -> Path:
        """Folder of the event files that TensorBoard reads."""
        return self.path / "tensorboard"

    @property
    def trackers(self) -> Path:
        """Folder of what other trackers keep: files of theirs, and by what they know the run again."""
        return self.path / "trackers"

    @property
    def evaluation(self) -> Path:
        """Folder of the evaluations of the run."""
        return self.path / "evaluation"

    @property
    def goodput(self) -> Path:
        """Where the time of the run went."""
        return self.path / "goodput.json"

    @property
    def profile(self) -> Path:
        """Folder of the traces that `--profile` asks for."""
        return self.path / "profile"

    @property
    def stacks(self) -> Path:
        """Folder of what the threads of a run that was stuck were doing."""
        return self.path / "stacks"

    @property
    def lock(self) -> Path:
        """The file that is locked while the run is trained."""
        return self.path / ".lock"

    @property
    def folders(self) -> tuple[Path, ...]:
        """The folders that a run fills. The checkpoints are removed first: without them no run can be resumed."""
        return self.checkpoints, self.tensorboard, self.trackers, self.evaluation, self.profile, self.stacks

    @property
    def files(self) -> tuple[Path, ...]:
        """The files that a run writes beside its folders."""
        return self.metrics, self.goodput, self.history, self.data, self.config

    def holds_run(self) -> bool:
        """Whether a run was begun here."""
        saved = self.checkpoints.is_dir() and any(self.checkpoints.iterdir())
        return saved or self.config.exists() or self.metrics.exists()


def check(
    workdir: Workdir, config: dict[str, Any], *, resume: bool, overwrite: bool, from_step: int | None = None
) -> dict[str, tuple[Any, Any]]:
    """Checks whether a run may begin or go on here; nothing is written.

    Args:
        workdir: of the run.
        config: with all defaults.
        resume, overwrite, from_step: the flags of `train`.

    Returns:
        Key -> (value before, value now) of what changed since the run was begun; empty for a new run.

    Raises:
        UserError: flags that exclude each other; a run is there and neither flag is given, or its config computes
            otherwise; links that lead nowhere, or that `overwrite` cannot follow.
    """
    if resume and overwrite:
        raise UserError("--resume and --overwrite exclude each other; give one")
    if from_step is not None and not resume:
        raise UserError("--from_step says where a run goes on: give --resume, too")
    if workdir.path.exists() and not workdir.path.is_dir():
        raise UserError(f"{workdir.path}: is no folder; name another --workdir")
    check_links((workdir.path, *workdir.folders), workdir.files)
    if overwrite:
        check_clearable(workdir.path, workdir.folders, workdir.files)
    if not workdir.holds_run() or overwrite:
        if from_step is not None:
            raise UserError(
                f"{workdir.path}: holds no run, so none goes on from step {from_step}; leave out --from_step"
            )
        return {}
    if not resume:
        raise UserError(
            f"{workdir.path}: already holds a run; give --resume to go on, --overwrite to begin anew, or another "
            "--workdir"
        )
    if not workdir.config.exists():
        raise UserError(f"{workdir.config}: is missing, so the run cannot go on; give --overwrite or another --workdir")
    # Keys that the stored config lacks, since it was written before they existed, have their defaults.
    before, now = leaves(Recipe.from_config(read_json(workdir.config)).resolved()), leaves(config)
    changed = {
        key: (before.get(key, _ABSENT), now.get(key, _ABSENT))
        for key in sorted(before | now)
        if before.get(key, _ABSENT) != now.get(key, _ABSENT)
    }
    refused = {key: change for key, change in changed.items() if not key.startswith(CHANGEABLE)}
    if refused:
        raise UserError(
            f"{workdir.path}: the run was begun with another config ({'; '.join(told(refused))}); use that one, or "
            "another --workdir"
        )
    return changed


def told(changes: Changes) -> list[str]:
    """The changes in words, a line each."""
    return [f"config.{key}: {before} -> {now}" for key, (before, now) in changes.items()]


def begin(workdir: Workdir, config: dict[str, Any], *, overwrite: bool) -> None:
    """Writes the config; with `overwrite`, removes the files of an earlier run first, and no others.

    Raises:
        UserError: something cannot be removed or written.
    """
    if overwrite:
        clear(workdir.folders, workdir.files)
    record_origin(workdir.path)
    write_json(workdir.config.resolve(), config)


def record(workdir: Workdir, step: int, **facts: Any) -> None:
    """Adds a line to config_history.jsonl: the step that a run goes on from, the time, and `facts`.

    Raises:
        UserError: it cannot be written.
    """
    at = time.strftime("%Y-%m-%dT%H:%M:%S%z")
    try:
        append_line(workdir.history, json.dumps({"step": step, "at": at, **facts}, ensure_ascii=False))
    except OSError as error:
        raise UserError(
            f"{workdir.history}: cannot be written ({error.strerror}); check space and permissions"
        ) from error


def record_origin(workdir: Path) -> None:
    """Notes the current folder as the one that the paths of a run's config count from.

    Raises:
        UserError: the workdir cannot be written.
    """
    write_json(workdir / ORIGIN, {"begun_in": str(Path.cwd())})


def anchored(config: dict[str, Any], workdir: Path) -> dict[str, Any]:
    """The config with its relative paths made absolute, counted from the folder in which the run was begun.

    A path that does not exist there stays relative, and so do all paths of a run that has no origin.json.

    Args:
        config: of the run, as nested dicts.
        workdir: of the run.
    """
    known = read_json(workdir / ORIGIN) if (workdir / ORIGIN).is_file() else None
    origin = known.get("begun_in") if isinstance(known, dict) else None
    if not isinstance(origin, str):
        return config
    for *parents, key in PATHS:
        config = _replaced(config, parents, key, origin)
    return config


def _replaced(config: dict[str, Any], parents: list[str], key: str, origin: str) -> dict[str, Any]:
    if parents:
        inner = config.get(parents[0])
        return config | {parents[0]: _replaced(inner, parents[1:], key, origin)} if isinstance(inner, dict) else config
    path = config.get(key)
    if not isinstance(path, str) or not path or "://" in path or not (Path(origin) / path).exists():
        return config
    return config | {key: str(Path(origin) / path)}
