"""The fingerprint of a dataset: its version, the sizes of its splits, and the hashes of all its shards.

`build` writes it beside the dataset, and readers compare the files with it. Two datasets with equal fingerprints are
the same. A dataset may lack the file, as one built by an early version; its shards are then counted, and hashed when
their hashes are needed.
"""

import dataclasses
import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import tensorflow_datasets as tfds

from deemo_jax.core.errors import UserError
from deemo_jax.core.files import read_json, sha256, write_json
from deemo_jax.core.progress import with_progress
from deemo_jax.core.schema import DEEMO_LABELS, Labels
from deemo_jax.data.record_features import labels_of

FILE = "fingerprint.json"
# The most files that are named in a message.
NAMED = 3
MEND = "copy the dataset again, or build it again with --overwrite"


@dataclasses.dataclass(frozen=True, slots=True)
class Shard:
    """One file of records: its size in bytes, and its SHA-256."""

    bytes: int
    sha256: str


@dataclasses.dataclass(frozen=True)
class Fingerprint:
    """What identifies a dataset.

    Attributes:
        dataset: its name.
        version: e.g. '1.0.0'.
        splits: name -> number of records.
        shards: file name -> size and hash.
        labels: the emotions that its records name.
    """

    dataset: str
    version: str
    splits: Mapping[str, int]
    shards: Mapping[str, Shard]
    labels: Labels = DEEMO_LABELS

    def to_json(self) -> dict[str, Any]:
        """The fingerprint as it is written; DEEMO's own labels are left out, as early versions knew no others."""
        content = dataclasses.asdict(self) | {"labels": list(self.labels)}
        if self.labels == DEEMO_LABELS:
            del content["labels"]
        return content

    @property
    def digest(self) -> str:
        """SHA-256 of all that identifies the dataset."""
        return hashlib.sha256(json.dumps(self.to_json(), sort_keys=True).encode()).hexdigest()

    @classmethod
    def from_json(cls, value: Any, where: str | Path) -> "Fingerprint":
        """Reads what `to_json` gave.

        Raises:
            UserError: the value is something else.
        """
        try:
            shards = {str(name): Shard(int(of["bytes"]), str(of["sha256"])) for name, of in value["shards"].items()}
            splits = {str(name): int(count) for name, count in value["splits"].items()}
            labels = Labels(tuple(map(str, value.get("labels", DEEMO_LABELS))))
            return cls(str(value["dataset"]), str(value["version"]), splits, shards, labels)
        except (AttributeError, KeyError, OverflowError, TypeError, ValueError) as error:
            raise UserError(f"{where}: is no fingerprint of a dataset ({error!r}); remove it") from error


def measure(builder: tfds.core.DatasetBuilder) -> Fingerprint:
    """The fingerprint of a dataset, from its files; every byte is read.

    Raises:
        UserError: a shard is missing or cannot be read.
    """
    paths = [path for files in _files(builder).values() for path in files]
    shards = {path.name: Shard(_size(path), sha256(path)) for path in with_progress(paths, "hashes of shards")}
    splits = {name: int(split.num_examples) for name, split in builder.info.splits.items()}
    labels = _labels(builder)
    return Fingerprint(builder.name, str(builder.info.version), splits, shards, labels)


def write(builder: tfds.core.DatasetBuilder) -> None:
    """Writes the fingerprint of a dataset into its folder.

    Raises:
        UserError: the dataset cannot be read, or its folder cannot be written.
    """
    write_json(Path(builder.data_path) / FILE, measure(builder).to_json())


def stored(builder: tfds.core.DatasetBuilder) -> Fingerprint | None:
    """The fingerprint in a dataset's folder; None where there is none.

    Raises:
        UserError: it is malformed, or of another dataset.
    """
    path = Path(builder.data_path) / FILE
    if not path.exists():
        return None
    found = Fingerprint.from_json(read_json(path), path)
    splits = {name: int(split.num_examples) for name, split in builder.info.splits.items()}
    names = {file.name for files in _files(builder).values() for file in files}
    labels = _labels(builder)
    recorded = found.version, dict(found.splits), found.shards.keys(), found.labels
    if recorded != (str(builder.info.version), splits, names, labels):
        raise UserError(f"{path}: is of another dataset than the one that lies beside it; build it again")
    return found


def fingerprint_of(builder: tfds.core.DatasetBuilder) -> tuple[Fingerprint, bool]:
    """The fingerprint of a dataset, and whether it was stored; where it was not, it is measured.

    Raises:
        UserError: see `stored` and `measure`.
    """
    known = stored(builder)
    return (known, True) if known else (measure(builder), False)


def check_files(builder: tfds.core.DatasetBuilder, *, hashes: bool = False) -> None:
    """Checks that every shard has its recorded size, and as many records as the dataset's index says.

    Args:
        builder: of the dataset.
        hashes: whether hashes are compared too, for which every byte is read; needs a stored fingerprint.

    Raises:
        UserError: a shard is missing or damaged; it names the shard.
    """
    known = stored(builder)
    if hashes and known is None:
        raise UserError(f"{builder.data_path}: has no {FILE} to verify it by; build it again to have one")
    for split, paths in _files(builder).items():
        for path, count in zip(paths, builder.info.splits[split].shard_lengths, strict=True):
            size, recorded = _size(path), known.shards[path.name] if known else None
            if not size or (recorded and size != recorded.bytes):
                expected = f", not the {recorded.bytes} that it was built with" if recorded else ""
                raise UserError(f"{path}: has {size} bytes{expected}; {MEND}")
            _check_count(path, int(count))
    if hashes and known:
        for path in with_progress([path for paths in _files(builder).values() for path in paths], "verify shards"):
            if sha256(path) != known.shards[path.name].sha256:
                raise UserError(f"{path}: its hash is not the one that it was built with; {MEND}")


def together(parts: Sequence[Fingerprint]) -> Fingerprint:
    """One fingerprint of several datasets with the same labels: their splits and shards, by 'dataset/name'."""
    if len(parts) == 1:
        return parts[0]
    splits = {f"{one.dataset}/{name}": count for one in parts for name, count in one.splits.items()}
    shards = {f"{one.dataset}/{name}": shard for one in parts for name, shard in one.shards.items()}
    names, versions = ("+".join(getattr(one, key) for one in parts) for key in ("dataset", "version"))
    return Fingerprint(names, versions, splits, shards, parts[0].labels)


def differences(before: Fingerprint, now: Fingerprint) -> list[str]:
    """The differences between two fingerprints, a phrase for each; empty where they are equal."""
    found = []
    for name in ("dataset", "version"):
        if (was := getattr(before, name)) != (is_now := getattr(now, name)):
            found.append(f"{name} {was} -> {is_now}")
    for split in sorted(before.splits.keys() | now.splits.keys()):
        counts = before.splits.get(split, 0), now.splits.get(split, 0)
        if counts[0] != counts[1]:
            found.append(f"split {split} has {counts[0]} -> {counts[1]} records")
    if before.labels != now.labels:
        found.append(f"labels {', '.join(before.labels)} -> {', '.join(now.labels)}")
    names = sorted(before.shards.keys() | now.shards.keys())
    others = [name for name in names if before.shards.get(name) != now.shards.get(name)]
    if others:
        more = f" and {len(others) - NAMED} more" if len(others) > NAMED else ""
        found.append(f"other content in {', '.join(others[:NAMED])}{more}")
    return found


def _labels(builder: tfds.core.DatasetBuilder) -> Labels:
    """The labels of a dataset; DEEMO's own for one whose records have no emotion, such as captions."""
    features = builder.info.features
    return labels_of(features, builder.data_path) if "emotion" in features else DEEMO_LABELS


def _files(builder: tfds.core.DatasetBuilder) -> dict[str, list[Path]]:
    """Split -> its shards, in order."""
    folder = Path(builder.data_path)
    return {name: [folder / file for file in split.filenames] for name, split in builder.info.splits.items()}


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError as error:
        raise UserError(f"{path}: a shard of the dataset cannot be read ({error.strerror}); {MEND}") from error


def _check_count(path: Path, count: int) -> None:
    """Checks the number of records in a shard. A shard's index is at its end, so a truncated shard has none.

    Raises:
        UserError: the shard is damaged, or has another number of records.
    """
    from array_record.python.array_record_module import ArrayRecordReader

    try:
        reader = ArrayRecordReader(str(path))
        found = reader.num_records() if reader.ok() else None
        reader.close()
    except (RuntimeError, OSError, ValueError) as error:
        raise UserError(f"{path}: a shard of the dataset is damaged ({error}); {MEND}") from error
    if found != count:
        holds = "is damaged" if found is None else f"holds {found} records, not {count}"
        raise UserError(f"{path}: a shard of the dataset {holds}; {MEND}")
