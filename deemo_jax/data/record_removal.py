"""Takes records out of a dataset: shards without them are written beside, and then take the old ones' place."""

import dataclasses
import re
import shutil
import tempfile
from collections.abc import Collection, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import tensorflow_datasets as tfds
from array_record.python.array_record_module import ArrayRecordReader, ArrayRecordWriter

from deemo_jax.core.errors import UserError
from deemo_jax.core.files import read_json, write_json
from deemo_jax.core.progress import with_progress
from deemo_jax.core.schema import ABSENT, RAW_TRANSCRIPT
from deemo_jax.data import deid_methods, fingerprint
from deemo_jax.data.build.splits import VALIDATION, person_groups, recurring
from deemo_jax.data.card import croissant, text_view
from deemo_jax.data.clip_source import ClipSource, Record, open_builder

INFO, METADATA = "dataset_info.json", "metadata.json"
# Of metadata.json: how many records were removed, and the digests of what the dataset was before, oldest first.
WITHDRAWN, EARLIER = "withdrawn", "earlier_fingerprints"
# A card counts records, and shows their texts: it does not stay.
CARD = (croissant.FILE, text_view.FILE)
# Beginnings of the names, in the folder above a dataset's, of what is being written and of what is being replaced.
WRITING, REPLACED = ".removing-", ".replaced-"
# As TFDS writes: each record can be read by itself.
WRITER = "group_size:1"
# Records that are read of a shard at once.
AT_ONCE = 64


def without_records(folder: Path, drop: Mapping[str, Collection[int]], clip_ids: Collection[str] = ()) -> None:
    """Removes records from the dataset in a folder; what it is known by (counts, sizes, hashes) follows.

    The dataset is there at every moment but one between two renamings, which `settle` mends.

    Args:
        folder: of one version of a dataset.
        drop: split -> indices of its records. A split of which nothing stays is no longer there, and so is a dataset.
        clip_ids: of clips that are forgotten, too, where the dataset names clips that it lacks.

    Raises:
        UserError: the dataset is damaged, or its folder cannot be written.
    """
    settle(folder)
    builder = open_builder(folder, folder.parent.name)
    left = {name: split.num_examples - len(drop.get(name, ())) for name, split in builder.info.splits.items()}
    old = folder.parent / f"{REPLACED}{folder.name}"
    try:
        if not any(left.values()):
            folder.rename(old)
            shutil.rmtree(old)
            return
        with tempfile.TemporaryDirectory(dir=folder.parent, prefix=f"{WRITING}{folder.name}-") as scratch:
            new = Path(scratch, "dataset")
            new.mkdir()
            _write(builder, folder, new, drop, frozenset(clip_ids))
            folder.rename(old)
            new.rename(folder)
            shutil.rmtree(old)
    except OSError as error:
        raise UserError(
            f"{folder}: cannot be written ({error.strerror or error}); check space and permissions"
        ) from error


def states(builder: tfds.core.DatasetBuilder) -> frozenset[str]:
    """The digests of a dataset's fingerprints: of what it is, and of what it was before records were removed."""
    earlier = (builder.info.metadata or {}).get(EARLIER) or ()
    return frozenset([fingerprint.fingerprint_of(builder)[0].digest, *map(str, earlier)])


def settle(folder: Path) -> None:
    """Finishes what an ended process began: a dataset whose replacement did not come takes its place again.

    Raises:
        OSError: a folder cannot be renamed or removed.
    """
    old = folder.parent / f"{REPLACED}{folder.name}"
    if old.is_dir():
        if folder.exists():
            shutil.rmtree(old)
        else:
            old.rename(folder)
    for rest in folder.parent.glob(f"{WRITING}{folder.name}-*"):
        shutil.rmtree(rest)


def _write(
    builder: tfds.core.DatasetBuilder,
    folder: Path,
    new: Path,
    drop: Mapping[str, Collection[int]],
    clip_ids: frozenset[str],
) -> None:
    info = read_json(folder / INFO)
    splits = []
    for of in info["splits"]:
        shards = _copy(folder, new, builder.info.splits[of["name"]], frozenset(drop.get(of["name"], ())))
        if shards:
            lengths, sizes = [str(shard.records) for shard in shards], sum(shard.bytes for shard in shards)
            splits.append(of | {"shardLengths": lengths, "numBytes": str(sizes)})
    write_json(new / INFO, info | {"splits": splits})
    shards_before = {name for split in builder.info.splits.values() for name in split.filenames}
    for path in sorted(folder.iterdir()):
        if path.name not in {*shards_before, INFO, METADATA, fingerprint.FILE, *CARD}:
            (shutil.copytree if path.is_dir() else shutil.copy2)(path, new / path.name)
    if (folder / METADATA).is_file():
        facts = _facts(new, read_json(folder / METADATA), clip_ids)
        facts[WITHDRAWN] = sum(map(len, drop.values())) + (facts.get(WITHDRAWN) or 0)
        facts[EARLIER] = [*(facts.get(EARLIER) or ()), fingerprint.fingerprint_of(builder)[0].digest]
        write_json(new / METADATA, facts)
    rewritten = open_builder(new, builder.name)
    if (folder / fingerprint.FILE).is_file():
        fingerprint.write(rewritten)
    fingerprint.check_files(rewritten)


@dataclasses.dataclass(frozen=True, slots=True)
class _Shard:
    """A shard without some records: its file, how many it has, and their bytes."""

    path: Path
    records: int
    bytes: int


def _copy(folder: Path, new: Path, split: Any, dropped: frozenset[int]) -> list[_Shard]:
    """Copies the shards of a split without some records; shards of which nothing stays are left out."""
    made, first = [], 0
    shards = list(zip(split.filenames, map(int, split.shard_lengths), strict=True))
    for name, length in with_progress(shards, f"shards of {split.name}"):
        keep = [number for number in range(length) if first + number not in dropped]
        first += length
        if keep:
            target = new / f"{name}.part"
            made.append(_Shard(target, len(keep), _copy_records(folder / name, target, keep)))
    stem = re.sub(r"-\d+-of-\d+$", "", split.filenames[0])
    for number, shard in enumerate(made):
        shard.path.rename(new / f"{stem}-{number:05d}-of-{len(made):05d}")
    return made


def _copy_records(source: Path, target: Path, keep: list[int]) -> int:
    """Copies records by their numbers, and returns how many bytes they have."""
    size = 0
    try:
        with (
            closing(ArrayRecordReader(str(source))) as reader,
            closing(ArrayRecordWriter(str(target), WRITER)) as writer,
        ):
            for start in range(0, len(keep), AT_ONCE):
                for data in reader.read(keep[start : start + AT_ONCE]):
                    writer.write(data)
                    size += len(data)
    except (RuntimeError, ValueError) as error:
        raise UserError(f"{source}: its records cannot be copied ({error}); check space, or copy it again") from error
    return size


def _facts(folder: Path, facts: dict[str, Any], clip_ids: frozenset[str]) -> dict[str, Any]:
    """What `build` recorded, counted anew. The hash of what the dataset was made from goes: it is made from less."""
    builder = open_builder(folder, folder.name)
    records = {split: _texts(folder, split) for split in builder.info.splits}
    every = [record for of in records.values() for record in of]
    ids = {split: [record.clip.clip_id for record in of] for split, of in records.items()}
    clips = [record.clip for record in every]
    owner, persons = person_groups(clips), recurring(clips, ids)
    methods = deid_methods.DeidMethods()
    for record in every:
        methods.add(record.provenance)
    counted = {
        "splits": {
            split: {"clips": len(of), "persons": len({owner[clip_id] for clip_id in of})} for split, of in ids.items()
        },
        "recurring_persons": len(persons.persons),
        "recurring_clips": persons.clips,
        "raw_transcripts": sum(record.provenance.transcript == RAW_TRANSCRIPT for record in every),
        "external": sum(record.provenance.source == "external" for record in every),
        "without_sound": sum(record.provenance.audio == ABSENT for record in every),
        deid_methods.KEY: methods.to_json(),
        "unreadable": [clip_id for clip_id in facts.get("unreadable") or () if clip_id not in clip_ids],
    }
    if VALIDATION not in ids and facts.get("validation") == "":
        counted["validation"] = (
            f"no split {VALIDATION!r} (its clips were withdrawn): probabilities cannot be calibrated"
        )
    return {key: counted.get(key, value) for key, value in facts.items() if key != "fingerprint"}


def _texts(folder: Path, split: str) -> list[Record]:
    source = ClipSource(folder, folder.name, split)
    return [source.without_media(index) for index in range(len(source))]
