"""A caption dataset in parts: rows are laid down part by part, and each part becomes one shard, whole or not at all.

In the folder of a build, `rows/` holds the rows of each part (JSON lines), `shards/` its shard and, beside it, its
report. A part with a report is done: so work goes on where it stopped, on one machine or on several that share the
folder.
"""

import collections
import contextlib
import dataclasses
import hashlib
import io
import json
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from array_record.python.array_record_module import ArrayRecordWriter
from tensorflow_datasets.core import example_serializer

from deemo_jax.core.errors import UserError
from deemo_jax.core.files import ESCAPED, atomic, read_json, read_jsonl, write_json
from deemo_jax.core.processes import Failure, settled
from deemo_jax.data.build.dataset_writer import fingerprint, told_of_disk
from deemo_jax.data.captions.record import RecordMaker
from deemo_jax.data.captions.rows import CaptionRow, Entry, SkippedRow
from deemo_jax.data.captions.skips import SkipKind
from deemo_jax.data.captions.sources import CaptionSource
from deemo_jax.data.captions.turn_row import TurnRow
from deemo_jax.data.record_features import RecordKind, features_of

# How TFDS writes ArrayRecord: a record can then be read without its neighbours.
WRITER_OPTIONS = "group_size:1"


@dataclasses.dataclass(frozen=True, slots=True)
class Part:
    """The rows of one shard.

    Attributes:
        split: that it belongs to.
        number: within its split, from 0.
        rows: how many, those that are skipped included.
    """

    split: str
    number: int
    rows: int

    @property
    def name(self) -> str:
        """Of its files, without ending."""
        return f"{self.split}-{self.number:05d}"


@dataclasses.dataclass(frozen=True, slots=True)
class Report:
    """What became of the rows of a part.

    Attributes:
        records: that were written.
        bytes: of all records.
        faces: rectangles that were covered.
        with_faces: records with a covered face.
        skipped: the rows without a record.
    """

    records: int
    bytes: int
    faces: int
    with_faces: int
    skipped: tuple[SkippedRow, ...]

    @classmethod
    def from_json(cls, row: dict[str, Any]) -> "Report":
        """Reads what `dataclasses.asdict` gave."""
        return cls(**row | {"skipped": tuple(map(_skipped, row["skipped"]))})


@dataclasses.dataclass(frozen=True)
class Plan:
    """What is to be built.

    Attributes:
        folder: of the build.
        dataset: its name.
        fingerprint: SHA-256 of all rows and settings; hashes of media are not part of it.
        maker: of the records.
        parts: in order.
        kind: of the records.
    """

    folder: Path
    dataset: str
    fingerprint: str
    maker: RecordMaker
    parts: tuple[Part, ...]
    kind: RecordKind = RecordKind.CAPTIONS

    def entries(self, part: Part) -> Iterator[Entry]:
        """The rows of a part."""
        for row in read_jsonl(self.folder / "rows" / f"{part.name}.jsonl"):
            yield _skipped(row) if "kind" in row else _row(row)

    def shard(self, part: Part) -> Path:
        """Where the shard of a part is written."""
        return self.folder / "shards" / f"{part.name}.array_record"

    def report(self, part: Part) -> Report | None:
        """The report of a part; None where it is not done."""
        path = self.shard(part).with_suffix(".json")
        return Report.from_json(read_json(path)) if path.exists() else None

    def forget_empty(self) -> None:
        """Takes out parts without a record, so that the next build reads their media again; all of it where no part
        has one."""
        empty = [part for part in self.parts if (report := self.report(part)) and not report.records]
        if len(empty) == len(self.parts):
            shutil.rmtree(self.folder)
            return
        for part in empty:
            self.shard(part).with_suffix(".json").unlink()
            self.shard(part).unlink(missing_ok=True)


def _row(row: dict[str, Any]) -> CaptionRow:
    return TurnRow.from_json(row) if "turns" in row else CaptionRow(**row)


def _skipped(row: dict[str, Any]) -> SkippedRow:
    return SkippedRow(row["clip_id"], SkipKind(row["kind"]), row["reason"])


@contextlib.contextmanager
def planned(source: CaptionSource, dataset: str, maker: RecordMaker, data_dir: Path, shard_rows: int) -> Iterator[Plan]:
    """Reads all rows and lays them down part by part, in a folder that `claim` makes the build's.

    Args:
        source: of the rows.
        dataset: its name.
        maker: of the records.
        data_dir: the root of datasets.
        shard_rows: rows of a part.

    Yields:
        The plan. Unless it is claimed, its folder is removed at the end.

    Raises:
        UserError: a file of the source is malformed, or the folder cannot be written.
    """
    with told_of_disk(data_dir), tempfile.TemporaryDirectory(dir=data_dir, prefix=".planning-") as scratch:
        folder, hashed, parts = Path(scratch) / "build", hashlib.sha256(), list[Part]()
        (folder / "rows").mkdir(parents=True)
        (folder / "shards").mkdir()
        handle: io.TextIOBase | None = None
        for split, entry in source.entries():
            last = parts[-1] if parts else None
            if handle is None or last is None or last.split != split or last.rows == shard_rows:
                number = last.number + 1 if last and last.split == split else 0
                parts.append(Part(split, number, 0))
                if handle is not None:
                    handle.close()
                path = folder / "rows" / f"{parts[-1].name}.jsonl"
                handle = open(path, "w", encoding="utf-8", errors=ESCAPED)  # noqa: SIM115 - closed with its part
            line = json.dumps(dataclasses.asdict(entry), ensure_ascii=False)
            hashed.update(f"{split}\t{line}\n".encode(errors=ESCAPED))
            handle.write(line + "\n")
            parts[-1] = dataclasses.replace(parts[-1], rows=parts[-1].rows + 1)
        if handle is not None:
            handle.close()
        settings = maker.settings() | {"rule": source.rule, "shard_rows": shard_rows, "dataset": dataset}
        yield Plan(
            folder, dataset, fingerprint(settings | {"rows": hashed.hexdigest()}), maker, tuple(parts), source.kind
        )


def claim(plan: Plan, data_dir: Path) -> Plan:
    """The plan, in a folder of its own; where a build from the same rows and settings was begun, in that one's."""
    folder = data_dir / f".building-{plan.dataset}-{plan.fingerprint[:16]}"
    if not folder.exists():
        plan.folder.rename(folder)
    return dataclasses.replace(plan, folder=folder)


def make_part(plan: Plan, part: Part, workers: int = 1) -> Report:
    """Makes one part, unless it is done. Each row is read in a child process, unless `workers` is 0.

    Raises:
        UserError: the folder cannot be written.
    """
    return plan.report(part) or write_part(plan, part, settled(plan.maker, plan.entries(part), workers))


def write_part(plan: Plan, part: Part, made: Iterable[tuple[Entry, Any]]) -> Report:
    """Writes the shard of a part, and then its report.

    Args:
        plan: that it belongs to.
        part: the part.
        made: its rows, in order, each with what `plan.maker` made of it, or with a `Failure`.

    Raises:
        UserError: the folder cannot be written.
    """
    features = features_of(plan.kind)
    serializer = example_serializer.ExampleSerializer(features.get_serialized_info())
    count: collections.Counter[str] = collections.Counter()
    skipped = []
    with told_of_disk(plan.folder), atomic(plan.shard(part)) as temporary:
        writer = ArrayRecordWriter(str(temporary), WRITER_OPTIONS)
        for entry, result in made:
            record = settled_row(entry, result, plan.maker.media)
            if isinstance(record, SkippedRow):
                skipped.append(record)
                continue
            example = serializer.get_tf_example(features.encode_example(encodable(record)))
            # Features in order of name: without it their order is another one in each process.
            data = example.SerializeToString(deterministic=True)
            writer.write(data)
            faces = record["faces"]
            count.update(records=1, bytes=len(data), faces=faces, with_faces=int(faces > 0))
        writer.close()
    report = Report(count["records"], count["bytes"], count["faces"], count["with_faces"], tuple(skipped))
    write_json(plan.shard(part).with_suffix(".json"), dataclasses.asdict(report))
    return report


def settled_row(entry: Entry, made: dict[str, Any] | SkippedRow | Failure, media: Path) -> dict[str, Any] | SkippedRow:
    """A record, or why there is none: a failure of the process that read the media is a skipped row, too."""
    if not isinstance(made, Failure):
        return made
    kind = SkipKind.CRASHED if made.error is None else SkipKind.DAMAGED
    return SkippedRow(entry.clip_id, kind, made.reason.replace(f"{media}/", ""))


def encodable(record: dict[str, Any]) -> dict[str, Any]:
    """The record as TFDS takes it: an encoded image must be a file object."""
    return record | {"frames": [io.BytesIO(jpeg) for jpeg in record["frames"]]}


def counted(skipped: Iterable[SkippedRow]) -> dict[str, int]:
    """How many rows were skipped for each kind, most first."""
    return dict(collections.Counter(row.kind.value for row in skipped).most_common())


def refuse_empty(plan: Plan) -> None:
    """Refuses a source without rows.

    Raises:
        UserError: there is none.
    """
    if not plan.parts:
        raise UserError(f"{plan.dataset}: the source has no row; nothing can be built from it")
