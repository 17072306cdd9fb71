"""Which data a run was trained on, recorded in its folder; other data is refused, or accepted and recorded.

data.json: {"data": the present fingerprint, "changes": [{"step", "differences", "before": the fingerprint until then}]}
"""

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from deemo_jax.core.errors import UserError
from deemo_jax.core.files import read_json, write_json
from deemo_jax.core.recipe import DataRecipe
from deemo_jax.core.run_folder.workdir import Workdir
from deemo_jax.core.schema import DEEMO_LABELS, Labels
from deemo_jax.data.clip_source import open_builder
from deemo_jax.data.fingerprint import Fingerprint, check_files, differences, fingerprint_of, together
from deemo_jax.data.record_removal import states

ACCEPT = "--accept_data_change"


@dataclasses.dataclass(frozen=True)
class DataRecord:
    """The data of a run.

    Attributes:
        data: fingerprint of what it is trained on; None for a run without a record.
        changes: the changes of data that were accepted, oldest first.
    """

    data: Fingerprint | None = None
    changes: tuple[Mapping[str, Any], ...] = ()

    def agreeing(self, now: Fingerprint, where: Path, step: int, *, accept: bool) -> "DataRecord":
        """The record of a run that continues with the data `now`.

        Args:
            now: fingerprint of the data.
            where: the run's folder, for messages.
            step: number of steps done.
            accept: whether other data is accepted.

        Raises:
            UserError: it is other data, and that is not accepted; or it has other labels, which is never accepted.
        """
        if step:
            refuse_other_labels(self.data.labels if self.data else DEEMO_LABELS, now.labels, where)
        if self.data is None:
            return dataclasses.replace(self, data=now)
        different = differences(self.data, now)
        if not different:
            return self
        if not accept:
            raise UserError(_refusal(where, different))
        change = {"step": step, "differences": different, "before": self.data.to_json()}
        return DataRecord(now, (*self.changes, change))

    def notes(self) -> list[str]:
        """The changes of data, a sentence each, for readers of the run's scores."""
        return [f"The run's data changed at step {of['step']}: {'; '.join(of['differences'])}." for of in self.changes]

    def write(self, path: Path) -> None:
        """Writes the record to `path`, `Workdir.data`.

        Raises:
            UserError: the folder cannot be written.
        """
        data = self.data.to_json() if self.data else None
        write_json(path.resolve(), {"data": data, "changes": list(self.changes)})


def read_record(path: Path) -> DataRecord:
    """The record in `path`, `Workdir.data`; an empty one where there is none.

    Raises:
        UserError: it is malformed.
    """
    if not path.exists():
        return DataRecord()
    content = read_json(path)
    try:
        data, changes = content["data"], [{**change} for change in content["changes"]]
        known = all({"step", "differences", "before"} <= change.keys() for change in changes)
        known = known and all(isinstance(part, str) for change in changes for part in change["differences"])
    except (AttributeError, KeyError, TypeError) as error:
        raise UserError(f"{path}: is no record of a run's data ({error!r}); remove it") from error
    if not known:
        raise UserError(f"{path}: is no record of a run's data; remove it")
    return DataRecord(Fingerprint.from_json(data, path) if data is not None else None, tuple(changes))


def examine(data: DataRecipe, *, verify: bool) -> tuple[Fingerprint, list[str]]:
    """The fingerprint of a config's data, whose files are checked.

    Args:
        data: `config.data`; of a mixture, all of its datasets are examined.
        verify: whether the hash of every shard is compared with the one that `build` recorded; every byte is read.

    Returns:
        The fingerprint, and remarks for a person, a line each.

    Raises:
        UserError: no such dataset, or a shard is missing or not what was built.
    """
    found, lines = [], []
    for name in data.datasets:
        builder = open_builder(data.data_dir, name)
        check_files(builder, hashes=verify)
        one, was_stored = fingerprint_of(builder)
        found.append(one)
        if not was_stored:
            lines.append(f"{builder.data_path}: has no fingerprint beside it; it was taken from the shards")
    return together(found), lines


def check_run(workdir: str | Path, data: DataRecipe, *, accept: bool = False, verify: bool = False) -> list[str]:
    """Checks that the data that is about to be read is that of the run in `workdir`.

    Args:
        workdir: of a run, or of a converted checkpoint, which has no data of its own.
        data: the `config.data` that is read.
        accept: whether other data is accepted.
        verify: see `examine`.

    Returns:
        Remarks for readers of the scores, a line each.

    Raises:
        UserError: the run was trained on other data, and that is not accepted (data of which persons have withdrawn
            since is no other data); or with other labels; or see `examine`.
    """
    record = read_record(Workdir(Path(workdir)).data)
    found, lines = examine(data, verify=verify)
    refuse_other_labels(trained_labels(workdir) or found.labels, found.labels, Path(workdir))
    if record.data is None:
        return lines
    different = differences(record.data, found)
    earlier = states(open_builder(data.data_dir, data.dataset)) if different and not data.mixture else ()
    if record.data.digest in earlier:
        fewer = sum(record.data.splits.values()) - sum(found.splits.values())
        return [*lines, *record.notes(), f"{fewer} records were withdrawn from the data since the run was trained."]
    if different and not accept:
        raise UserError(_refusal(Path(workdir), different))
    other = [f"This is not the data that the run was trained on: {'; '.join(different)}."] if different else []
    return [*lines, *record.notes(), *other]


def trained_labels(workdir: str | Path) -> Labels | None:
    """The labels that a run was trained with; None for a converted checkpoint, which takes those of any dataset.

    Raises:
        UserError: the run's record of its data is malformed.
    """
    folder = Workdir(Path(workdir))
    record = read_record(folder.data)
    if record.data is not None:
        return record.data.labels
    return DEEMO_LABELS if folder.config.exists() else None


def refuse_other_labels(trained: Labels, now: Labels, where: Path) -> None:
    """Checks that a run and a dataset have the same labels in the same order.

    Raises:
        UserError: they have not.
    """
    if trained != now:
        raise UserError(
            f"{where}: the run was trained with the labels {', '.join(trained)}, and the dataset has {', '.join(now)};"
            " give it a dataset of its labels, or train another run"
        )


def _refusal(where: Path, different: list[str]) -> str:
    return (
        f"{where}: the run was trained on other data than is there ({'; '.join(different)}); put that data back, give "
        f"its own folder of one version as data_dir, or take the other data with {ACCEPT}"
    )
