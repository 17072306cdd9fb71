"""Builds the dataset: privacy gate, splits, records, files; and reports what went in and what was left out."""

import collections
import contextlib
import dataclasses
import itertools
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from deemo_jax.core.errors import UserError
from deemo_jax.core.processes import Failure
from deemo_jax.core.progress import with_progress
from deemo_jax.core.schema import DEEMO_LABELS, RAW_TRANSCRIPT, Labels, Provenance
from deemo_jax.data import deid_methods
from deemo_jax.data.build import attestation, gate
from deemo_jax.data.build.annotations import read_annotations, read_rows, unused_keys
from deemo_jax.data.build.dataset_writer import already_built, fingerprint, write_dataset
from deemo_jax.data.build.records import JPEG_QUALITY, Admitted, Made, make_records
from deemo_jax.data.build.splits import (
    TRAIN,
    VALIDATION,
    VALIDATION_SHARE,
    Splits,
    person_groups,
    read_splits,
    recurring,
    set_apart,
    split_by_person,
)
from deemo_jax.deid.source_map import map_file
from deemo_jax.media import SAMPLE_RATE
from deemo_jax.media.imagebind_mel import CLIP_SAMPLES
from tfds_builders.deemo_mer.deemo_mer_dataset_builder import Builder


@dataclasses.dataclass(frozen=True, kw_only=True)
class BuildRequest:
    """What a person asks for; see `python -m deemo_jax.build --help`.

    Attributes:
        manifests: manifest files, or folders of them, of clips that this project de-identified.
        attestation: of data that was de-identified elsewhere; either this or `manifests` is given.
        annotations: JSON lines, or a table, of clips.
        data_dir: the root of datasets.
        labels: emotions that annotations may name.
        frames: frames that are stored of a clip.
        clips: 2-second mel clips that are stored of a clip.
        fractions: name of a split -> its share of the clips, split by person; not used where `splits` is given.
        split_seed: of that split.
        splits: a file of published splits; None for none.
        validation: share of the training clips that is moved, by person, to a split `validation`; None for 0.1 of
            splits by person that do not name it, and for 0 of published splits.
        strict_persons: refuses published splits in which a person is in two.
        source_map: the private list of which clip was made from which raw file, for annotations by file name; None for
            the one beside the default key, where there is one.
        skip_missing: leaves annotated or listed clips without a paper trail out.
        overwrite: replaces a dataset that was made from other inputs.
        workers: processes that read media; 0 reads them in this process, which a damaged file may end.
    """

    manifests: tuple[Path, ...]
    attestation: Path | None
    annotations: Path
    data_dir: Path
    labels: Labels = DEEMO_LABELS
    frames: int = 8
    clips: int = 8
    fractions: Mapping[str, float]
    split_seed: int = 0
    splits: Path | None = None
    validation: float | None = None
    strict_persons: bool = False
    source_map: Path | None = None
    skip_missing: bool = False
    overwrite: bool = False
    workers: int = 1


@dataclasses.dataclass(frozen=True)
class Report:
    """A dataset that was built, or was there.

    Attributes:
        path: of the dataset.
        built: whether this call has written it.
        facts: the `metadata` that is stored with it.
        unreadable: clip id -> why its media could not be read; these clips are not in the dataset.
        notes: about files and keys that were not used, a sentence each.
    """

    path: Path
    built: bool
    facts: Mapping[str, Any]
    unreadable: Mapping[str, str]
    notes: Sequence[str] = ()

    def __str__(self) -> str:
        facts = self.facts
        lines = [f"{self.path}: {'built' if self.built else 'is there already, from the same inputs; nothing to do'}"]
        lines += [f"  {name}: {s['clips']} clips, {s['persons']} persons" for name, s in facts["splits"].items()]
        lines += [f"  {facts['validation']}"] if facts["validation"] else []
        lines += [f"  labels: {', '.join(labels)}"] if (labels := facts["settings"].get("labels")) else []
        lines.append(
            f"  persons in more than one split: {facts['recurring_persons']} ({facts['recurring_clips']} clips)"
        )
        lines.append(f"  raw transcripts ({RAW_TRANSCRIPT}): {facts['raw_transcripts']}")
        if facts["external"]:
            lines.append(f"  de-identified elsewhere, by attestation: {facts['external']}")
        for key, what in (
            ("without_sound", "clips without sound, which are shown without it"),
            ("skipped", "annotated clips left out for want of a paper trail"),
            ("unsplit", "clips left out because the id file does not name them"),
        ):
            if facts.get(key):
                lines.append(f"  {what}: {facts[key]}")
        return "\n".join([*lines, *(f"  {note}" for note in self.notes)])


def run(request: BuildRequest) -> None:
    """Builds the dataset, and prints what went in and what did not.

    Raises:
        UserError: see `build`; or clips could not be read, and the dataset is built from the others.
    """
    report = build(request)
    for clip_id, reason in report.unreadable.items():
        print(f"bad: {clip_id}: {reason}", file=sys.stderr)
    print(report)
    if report.unreadable:
        raise UserError(
            f"{len(report.unreadable)} clips could not be read and are not in the dataset; mend these and build again "
            "with --overwrite, or go on without them"
        )


def build(request: BuildRequest) -> Report:
    """Builds the dataset, unless it is there already, from all clips whose media can be read.

    Raises:
        UserError: the gate refuses, splits are wrong, nothing of a split can be read, the dataset cannot be written, or
            another one is there.
    """
    if not 1 <= request.frames <= 4096 or not 1 <= request.clips <= 1024:
        raise UserError(f"--frames {request.frames} --clips {request.clips}: choose 1..4096 frames and 1..1024 clips")
    rows = read_rows(request.annotations, request.labels)
    notes = unused_keys(request.annotations)
    if request.attestation is not None:
        known = [path for path in (request.annotations, request.splits) if path]
        annotations = read_annotations(request.annotations, request.labels)
        admitted, said = attestation.admit_attested(
            request.attestation, annotations, skip_missing=request.skip_missing, known=known
        )
        notes += said
    else:
        source_map = request.source_map or (default if (default := map_file(None)).exists() else None)
        admitted = gate.admit_rows(request.manifests, rows, source_map, skip_missing=request.skip_missing)
    notes += _too_long(admitted, request) + _too_late(admitted)
    by_id = {clip.clip.clip_id: clip for clip in admitted}
    splits = _splits(request, by_id)
    made_from = fingerprint(
        {
            "settings": _settings(request),
            "clips": {split: [_identity(by_id[clip_id]) for clip_id in ids] for split, ids in splits.items()},
        }
    )
    target = request.data_dir / Builder.name / str(Builder.VERSION)
    if not request.overwrite and (found := already_built(target, made_from)) is not None:
        lacking = found.get("unreadable", ())
        return Report(target, False, found, dict.fromkeys(lacking, _UNREAD), notes)

    seen = _Seen()

    def facts() -> dict[str, Any]:
        return _facts(request, len(rows), by_id, splits, seen) | {"fingerprint": made_from}

    def builder(data_dir: Path) -> Builder:
        records = {split: _records(itertools.islice(made, len(ids)), split, ids, seen) for split, ids in splits.items()}
        return Builder(records=records, metadata=facts, labels=request.labels, data_dir=data_dir)

    # The same processes make the records of all splits, which are written one after the other.
    in_order = [by_id[clip_id] for ids in splits.values() for clip_id in ids]
    with contextlib.closing(make_records(in_order, request.frames, request.clips, request.workers)) as made:
        path = write_dataset(builder, request.data_dir, overwrite=request.overwrite)
    return Report(path, True, facts(), seen.unreadable, notes)


# Paths are left out of what identifies a dataset: the hashes of its files identify it wherever they lie.
_NO_PATHS = {"movie": None, "images": None, "sound": None}
# A note tells of clips of which the stored sound is less than this share, in time.
LEAST_STORED = 0.25
# Seconds by which annotated body language may end behind its clip before a note tells of it.
LATE_S = 0.5
# Length of a mel clip.
CLIP_SECONDS = CLIP_SAMPLES / SAMPLE_RATE
_UNREAD = "could not be read when the dataset was built"


def _identity(admitted: Admitted) -> dict[str, Any]:
    """What a clip's record is made from.

    Fields that early versions lacked are left out where they have no effect, so that their datasets are recognised.
    """
    known = dataclasses.asdict(admitted) | _NO_PATHS
    del known["lasts_s"]
    if admitted.span is None:
        del known["span"]
    return known


def _too_long(admitted: Sequence[Admitted], request: BuildRequest) -> list[str]:
    """A note on clips of whose sound less than `LEAST_STORED` is stored, if there are any."""
    long = [one for one in admitted if one.lasts_s * LEAST_STORED > request.clips * CLIP_SECONDS]
    if not long:
        return []
    worst = max(long, key=lambda one: one.lasts_s)
    return [
        f"{len(long)} clips are long for what is stored of them, the longest {worst.clip.clip_id!r}:"
        f" {worst.lasts_s:.0f} s as {request.frames} frames and {request.clips} sounds of {CLIP_SECONDS:g} s; cut them"
        " by rows with start_s and end_s, or give more --frames and --clips"
    ]


def _too_late(admitted: Sequence[Admitted]) -> list[str]:
    """A note on clips whose body language ends behind them, as where its times are those of the recording."""
    late = [
        (one.clip.clip_id, segment.end_s, lasts_s)
        for one in admitted
        if (lasts_s := one.lasts_s or one.clip.end_s - one.clip.start_s) > 0
        for segment in one.clip.nfbl
        if segment.end_s > lasts_s + LATE_S
    ]
    if not late:
        return []
    clip_id, end_s, lasts_s = late[0]
    return [
        f"{len({each[0] for each in late})} clips have body language beyond their end, the first {clip_id!r}: at"
        f" {end_s:g} s, and it lasts {lasts_s:.1f} s; its times count from the beginning of the clip"
    ]


def _settings(request: BuildRequest) -> dict[str, Any]:
    stored: dict[str, Any] = {"frames": request.frames, "clips": request.clips, "jpeg_quality": JPEG_QUALITY}
    stored["version"] = str(Builder.VERSION)
    # DEEMO's own labels are left out, so that datasets of versions that knew no others are recognised.
    return stored if request.labels == DEEMO_LABELS else stored | {"labels": list(request.labels)}


@dataclasses.dataclass
class _Seen:
    """What was found while media were read.

    Attributes:
        unreadable: clip id -> why it could not be read.
        without_sound: number of readable clips without sound.
        methods: how the readable clips were de-identified.
    """

    unreadable: dict[str, str] = dataclasses.field(default_factory=dict)
    without_sound: int = 0
    methods: deid_methods.DeidMethods = dataclasses.field(default_factory=deid_methods.DeidMethods)


def _records(made: Iterator[Made], split: str, ids: Sequence[str], seen: _Seen) -> Iterator[dict[str, Any]]:
    """The records of a split, of these clips; what is seen on the way is put down."""
    written = 0
    for one, record in with_progress(made, f"{Builder.name} {split}", len(ids)):
        if isinstance(record, Failure):
            seen.unreadable[one.clip.clip_id] = " ".join(record.reason.split())
        else:
            written += 1
            seen.without_sound += not len(record["mel"])
            seen.methods.add(Provenance(**record["provenance"]))
            yield record
    if not written:
        raise UserError(
            f"split {split!r}: none of its {len(ids)} clips can be read, so nothing is built; the first is "
            f"{ids[0]!r}: {seen.unreadable[ids[0]]}"
        )


def _splits(request: BuildRequest, by_id: Mapping[str, Admitted]) -> Splits:
    clips = [admitted.clip for admitted in by_id.values()]
    if request.splits is None:
        splits = split_by_person(clips, request.fractions, request.split_seed)
    else:
        splits = _listed(request.splits, by_id, request.skip_missing)
    if share := _share(request, splits):
        splits = set_apart(clips, splits, share, request.split_seed)
    persons = recurring(clips, splits).persons
    if persons and request.strict_persons:
        raise UserError(
            f"{request.splits}: {len(persons)} persons are in more than one split, the first is "
            f"{persons[0]!r}; mend the file, or drop --strict_persons"
        )
    return splits


def _listed(path: Path, by_id: Mapping[str, Admitted], skip_missing: bool) -> Splits:
    """The published splits, without clips that are not there.

    Raises:
        UserError: clips are missing, and that is not accepted; or all of a split.
    """
    splits = read_splits(path)
    missing = sorted({clip_id for ids in splits.values() for clip_id in ids} - by_id.keys())
    if missing and not skip_missing:
        raise UserError(
            f"{path}: {len(missing)} listed clips are not among the admitted ones, the first is "
            f"{missing[0]!r}; bring them, or leave them out with --skip_missing"
        )
    splits = {split: [clip_id for clip_id in ids if clip_id in by_id] for split, ids in splits.items()}
    if empty := [split for split, ids in splits.items() if not ids]:
        raise UserError(f"{path}: none of the clips of split {empty[0]!r} is there")
    return splits


def _share(request: BuildRequest, splits: Splits) -> float:
    """The share of the training clips that is moved to `validation`."""
    if request.validation is None:
        ours = request.splits is None and TRAIN in splits and VALIDATION not in splits
        return VALIDATION_SHARE if ours else 0.0
    if not 0 <= request.validation <= 0.5:
        raise UserError(f"--validation {request.validation:g}: choose a share from 0 to 0.5")
    return request.validation


def _no_validation(request: BuildRequest, splits: Splits) -> str:
    """A sentence on why there is no `validation`; empty where there is one."""
    if VALIDATION in splits:
        return ""
    why = "not asked for"
    if share := _share(request, splits):
        why = f"too few training persons: each has more than twice the {share:.0%} of the training clips asked for"
    return f"no split {VALIDATION!r} ({why}): probabilities cannot be calibrated"


def _facts(
    request: BuildRequest,
    annotated: int,
    by_id: Mapping[str, Admitted],
    splits: Splits,
    seen: _Seen,
) -> dict[str, Any]:
    written = {split: [clip_id for clip_id in ids if clip_id not in seen.unreadable] for split, ids in splits.items()}
    used = [by_id[clip_id] for ids in written.values() for clip_id in ids]
    clips = [admitted.clip for admitted in by_id.values()]
    owner, persons = person_groups(clips), recurring(clips, written)
    sources = collections.Counter(admitted.provenance.source for admitted in used)
    return {
        "settings": _settings(request),
        "splits": {
            split: {"clips": len(ids), "persons": len({owner[clip_id] for clip_id in ids})}
            for split, ids in written.items()
        },
        "split_source": "id file" if request.splits else f"by person, seed {request.split_seed}",
        "validation": _no_validation(request, splits),
        "recurring_persons": len(persons.persons),
        "recurring_clips": persons.clips,
        "raw_transcripts": sum(admitted.provenance.transcript == RAW_TRANSCRIPT for admitted in used),
        "external": sources["external"],
        "without_sound": seen.without_sound,
        deid_methods.KEY: seen.methods.to_json(),
        "skipped": annotated - len(by_id),
        "unsplit": len(by_id) - sum(map(len, splits.values())),
        "unreadable": sorted(seen.unreadable),  # without the reasons, which hold paths on this machine
    }
