"""Builds a caption dataset in parts, with processes or with Beam, and reports what went in and what was left out."""

import collections
import contextlib
import dataclasses
import functools
import itertools
import re
import shutil
import types
from collections.abc import Callable, Generator, Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

import tensorflow_datasets as tfds

from deemo_jax.core.errors import UserError
from deemo_jax.core.files import open_output, write_jsonl
from deemo_jax.core.processes import settled
from deemo_jax.core.progress import with_progress
from deemo_jax.core.run_folder.lock import Lock
from deemo_jax.data.build.dataset_writer import FILE_FORMAT, already_built, put_in_place, told_of_disk
from deemo_jax.data.captions.parts import Part, Plan, Report, claim, counted, planned, refuse_empty, write_part
from deemo_jax.data.captions.record import RecordMaker
from deemo_jax.data.captions.rows import Entry
from deemo_jax.data.captions.sources import CaptionSource
from deemo_jax.data.fingerprint import write as write_fingerprint
from deemo_jax.data.record_features import features_of
from deemo_jax.deid.video.detection.face_network import model_path

SKIPPED = "skipped.jsonl"
# Rows of a shard: eight frames of a video are some 150 kB.
SHARD_ROWS = 1000
# What a dataset may be called.
NAME = re.compile("[a-z][a-z0-9_]*")


@dataclasses.dataclass(frozen=True, kw_only=True)
class CaptionRequest:
    """What a person asks for; see `python -m deemo_jax.build --help`.

    Attributes:
        dataset: a key of `deemo_jax.data.captions.sources.LAYOUTS`.
        name: of the dataset that is written; empty for `dataset`.
        source: of the rows.
        data_dir: the root of datasets.
        frames: stored of a video, at most.
        keep_faces: whether faces stay visible.
        shard_rows: rows of a shard.
        overwrite: replaces a dataset that was made from other rows or settings.
        workers: processes that read media; 0 reads them in this process, which a damaged file may end.
        beam: options of Beam, which then makes the parts, each of its workers with `workers` processes; None for
            this machine alone.
    """

    dataset: str
    source: CaptionSource
    data_dir: Path
    name: str = ""
    frames: int = 8
    keep_faces: bool = False
    shard_rows: int = SHARD_ROWS
    overwrite: bool = False
    workers: int = 1
    beam: str | None = None


@dataclasses.dataclass(frozen=True)
class BuiltCaptions:
    """A dataset that was built, or was there.

    Attributes:
        path: of the dataset.
        built: whether this call has written it.
        facts: the `metadata` that is stored with it.
        rests: folders of builds that were broken off, or are going on.
    """

    path: Path
    built: bool
    facts: Mapping[str, Any]
    rests: Sequence[Path] = ()

    def __str__(self) -> str:
        facts = self.facts
        lines = [f"{self.path}: {'built' if self.built else 'is there already, from the same rows; nothing to do'}"]
        for split, of in facts["splits"].items():
            lines.append(f"  {split}: {of['records']} records of {of['rows']} rows, {of['bytes'] / 1e6:.1f} MB")
            lines += [f"    left out, {kind}: {count}" for kind, count in of["skipped"].items()]
            covered = f"{of['faces']} faces covered, in {of['with_faces']} records"
            lines.append(f"    {'faces kept (--keep_faces)' if facts['settings']['keep_faces'] else covered}")
        if any(of["skipped"] for of in facts["splits"].values()):
            lines.append(f"  what was left out, and why: {self.path / SKIPPED}")
        lines += [f"  {path}: of a build that was broken off; remove it unless one is going on" for path in self.rests]
        return "\n".join(lines)


def build_captions(request: CaptionRequest) -> BuiltCaptions:
    """Builds the dataset, unless it is there already; goes on where an earlier build stopped.

    Raises:
        UserError: the source is malformed or empty, no row of a split can be used, the dataset cannot be written, or
            another one is there.
    """
    if not 1 <= request.frames <= 4096 or request.shard_rows < 1:
        raise UserError(f"--frames {request.frames} --shard_rows {request.shard_rows}: choose 1..4096, and 1 or more")
    name = request.name or request.dataset
    if not NAME.fullmatch(name) or name == "deemo_mer":
        raise UserError(f"--name {name!r}: choose small letters, digits and _, beginning with a letter, not deemo_mer")
    if not request.keep_faces:
        model_path()  # or each row would fail without it
    open_output(request.data_dir, "--data_dir")
    maker = RecordMaker(request.source.media.absolute(), request.frames, request.keep_faces)
    builder_class = _builder_class(request.dataset, name)
    target = request.data_dir / name / str(builder_class.VERSION)
    with planned(request.source, name, maker, request.data_dir.absolute(), request.shard_rows) as draft:
        refuse_empty(draft)
        if (
            not request.overwrite
            and (found := already_built(target, draft.fingerprint, functools.partial(_check, source=request.source)))
            is not None
        ):
            return BuiltCaptions(target, False, found)
        plan = claim(draft, request.data_dir.absolute())
    with Lock(plan.folder / "lock", "name another --data_dir") as lock:
        lock.take()
        _make_parts(plan, request)
        facts = _assemble(plan, builder_class, target, request.overwrite)
        shutil.rmtree(plan.folder)
    rests = [path for pattern in (f".building-{name}-*", ".planning-*") for path in request.data_dir.glob(pattern)]
    return BuiltCaptions(target, True, facts, rests)


def _builder_class(dataset: str, name: str) -> Any:
    """The builder of a kind of datasets, under the name of one."""
    builder = import_module(f"tfds_builders.{dataset}.{dataset}_dataset_builder").Builder
    if name == dataset:
        return builder
    own = {"name": name, "__module__": builder.__module__}
    return types.new_class("Builder", (builder,), {"skip_registration": True}, lambda body: body.update(own))


def _check(features: Any, folder: Path, source: CaptionSource) -> None:
    if set(features) != set(features_of(source.kind)):
        raise UserError(f"{folder}: is no dataset of {source.kind}; choose another --data_dir or --name")


def _make_parts(plan: Plan, request: CaptionRequest) -> None:
    pending = [part for part in plan.parts if plan.report(part) is None]
    if done := len(plan.parts) - len(pending):
        print(f"{plan.dataset}: goes on after {done} of {len(plan.parts)} parts")
    if request.beam is not None:
        from deemo_jax.data.captions.beam import make_parts

        make_parts(plan, pending, request.beam, request.workers)
        return
    with contextlib.closing(_settled(plan, pending, request.workers)) as settling:
        made = with_progress(settling, plan.dataset, sum(part.rows for part in pending))
        for part in pending:
            write_part(plan, part, itertools.islice(made, part.rows))
        collections.deque(made, 0)  # lets the progress come to its end


def _settled(plan: Plan, parts: Sequence[Part], workers: int) -> Generator[tuple[Entry, Any]]:
    """The rows of parts, in order, each with what is made of it: processes need not wait at the end of a part."""
    yield from settled(plan.maker, (entry for part in parts for entry in plan.entries(part)), workers)


def _assemble(
    plan: Plan, builder_class: Callable[..., tfds.core.DatasetBuilder], target: Path, overwrite: bool
) -> dict[str, Any]:
    """Makes a dataset of the shards, and returns its facts; when it is interrupted it can be called again."""
    parts: dict[str, list[tuple[Part, Report]]] = collections.defaultdict(list)
    for part in plan.parts:
        report = plan.report(part)
        assert report is not None
        parts[part.split].append((part, report))
    splits = {split: _summed(those) for split, those in parts.items()}
    facts = {"fingerprint": plan.fingerprint, "settings": plan.maker.settings(), "splits": splits}
    for split, of in splits.items():
        if not of["records"]:
            plan.forget_empty()
            why = ", ".join(f"{kind}: {count}" for kind, count in of["skipped"].items())
            raise UserError(
                f"{plan.dataset}: no row of split {split!r} has a record ({why}); is --media right? Mend it and build"
                " again"
            )
    with told_of_disk(target.parent.parent):
        builder = builder_class(data_dir=plan.folder / "dataset", file_format=FILE_FORMAT)
        folder = Path(builder.data_path)
        folder.mkdir(parents=True, exist_ok=True)
        infos = []
        for split, those in parts.items():
            full = [(part, report) for part, report in those if report.records]
            template = tfds.core.ShardedFileTemplate(
                folder, dataset_name=plan.dataset, split=split, filetype_suffix=FILE_FORMAT
            )
            for index, (part, _) in enumerate(full):
                if plan.shard(part).exists():
                    plan.shard(part).rename(template.sharded_filepath(shard_index=index, num_shards=len(full)))
            lengths = [report.records for _, report in full]
            infos.append(tfds.core.SplitInfo(split, lengths, sum(report.bytes for _, report in full), template))
        builder.info.set_splits(tfds.core.splits.SplitDict(infos))
        builder.info.metadata.update(facts)
        builder.info.write_to_directory(folder)
        write_jsonl(
            folder / SKIPPED,
            (dataclasses.asdict(row) for those in parts.values() for _, r in those for row in r.skipped),
        )
        write_fingerprint(builder)
        put_in_place(folder, target, overwrite=overwrite)
    return facts


def _summed(parts: list[tuple[Part, Report]]) -> dict[str, Any]:
    reports = [report for _, report in parts]
    return {
        "rows": sum(part.rows for part, _ in parts),
        "records": sum(report.records for report in reports),
        "bytes": sum(report.bytes for report in reports),
        "faces": sum(report.faces for report in reports),
        "with_faces": sum(report.with_faces for report in reports),
        "skipped": counted(row for report in reports for row in report.skipped),
    }
