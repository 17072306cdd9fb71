"""Finds all that is there of a person and, if asked, takes it out; nothing is changed before everything was checked."""

import collections
import contextlib
import dataclasses
import functools
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

from deemo_jax.core import tables
from deemo_jax.core.errors import UserError, plain
from deemo_jax.core.files import check_writable, read_jsonl
from deemo_jax.core.progress import with_progress
from deemo_jax.core.run_folder.lock import Lock
from deemo_jax.core.run_folder.workdir import Workdir
from deemo_jax.data.clip_source import open_builder
from deemo_jax.data.record_removal import settle, states
from deemo_jax.deid.manifest import recording_id
from deemo_jax.withdrawal import places as walk
from deemo_jax.withdrawal import withdrawals_list
from deemo_jax.withdrawal.clip_traces import clip_traces
from deemo_jax.withdrawal.dataset_traces import dataset_traces, theirs
from deemo_jax.withdrawal.identify import Contents, identify, read
from deemo_jax.withdrawal.places import Places
from deemo_jax.withdrawal.result_traces import mentions, ours, result_traces
from deemo_jax.withdrawal.seen_by import Holding, Seen, seen_by
from deemo_jax.withdrawal.subject import Subject, subject_of
from deemo_jax.withdrawal.trace import Trace

# Held, in each folder that is walked, while something is removed.
LOCK = ".withdraw.lock"
# Share of a dataset's bytes that must be free to write it again.
MARGIN = 1.05
# Links and files that a note names, at most.
NAMED = 3
# The order in which traces are removed: that by which others are found comes last.
ORDER = ("audit", "clips", "comparison", "page", "scores", "evaluation", "judgements", "predictions", "calibration")
LAST = ("features", "lengths of prompts", "dataset")


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class WithdrawalRequest:
    """What a person asks for, by the flags of `withdraw`.

    Attributes:
        person_id: pseudonym of annotations; empty where the person is named otherwise.
        clips: ids of clips or recordings.
        sources: raw files, by path or, where they are gone, as the private list names them.
        key_file: of `deidentify`; None for the default one, if there is one.
        annotations: further files of annotations, which tell whose clips are whose.
        roots: folders that are looked through.
        remove: whether what is found is removed.
    """

    person_id: str = ""
    clips: Sequence[str] = ()
    sources: Sequence[str] = ()
    key_file: Path | None = None
    annotations: Sequence[Path] = ()
    roots: Sequence[Path] = (Path(),)
    remove: bool = False


@dataclasses.dataclass(frozen=True)
class Withdrawal:
    """What was found of a person.

    Attributes:
        subject: the person, with all clip ids.
        traces: what can be removed, in the order of removal.
        seen: runs whose checkpoints have seen them, or that read their dataset.
        left: files that name them and are the holder's own: annotations, pages of others.
        notes: sentences for whoever removes.
        removed: whether it was removed.
        before: when it was withdrawn from these folders before; empty for never.
    """

    subject: Subject
    traces: Sequence[Trace]
    seen: Sequence[Seen]
    left: Mapping[Path, str]
    notes: Sequence[str] = ()
    removed: bool = False
    before: str = ""

    def counts(self) -> dict[str, int]:
        """Kind -> clips, records and rows; of what was only computed with them, the number of places."""
        found: collections.Counter[str] = collections.Counter()
        for trace in self.traces:
            found[trace.kind] += trace.count or 1
        return dict(found)

    def __str__(self) -> str:
        if not self.traces:
            return "\n".join([f"nothing of them is there; withdrawn {self.before}", *self._yours()])
        cells = [("what", "of theirs", "removed" if self.removed else "with --remove", "where")]
        cells += [(t.kind, str(t.count or "-"), t.becomes, plain(str(t.path))) for t in self.traces]
        lines = [tables.aligned(cells, right=(1,))]
        seen = [seen for seen in self.seen if seen.how]
        if seen:
            lines.append("\ncheckpoints that have seen them (they stay: train again without them, or remove them):")
        for one in seen:
            steps = f" (steps {', '.join(map(str, one.steps))})" if one.steps else ""
            lines.append(f"  {Workdir(one.run).checkpoints}{steps}: {one.how}")
        lines += self._yours()
        lines += ["", *self.notes] if self.notes else []
        if not self.removed:
            lines.append("\nnothing was changed; --remove does it")
        return "\n".join(lines)

    def _yours(self) -> list[str]:
        """Lines about what stays; none where nothing does."""
        head = "\nyours to see to, as are raw recordings, the private list beside the key, and copies elsewhere:"
        return [head, *(f"  {plain(str(path))}: {what}" for path, what in self.left.items())] if self.left else []


def withdraw(request: WithdrawalRequest) -> Withdrawal:
    """Finds what is there of a person; with `remove`, takes it out, which may be interrupted and asked for again.

    Raises:
        UserError: nobody is named, or nothing of them is there and never was; something is damaged, read-only, in use,
            or too large for the disk. Nothing was changed then.
    """
    named = subject_of(request.person_id, request.clips, request.sources, request.key_file)
    roots = [root.resolve() for root in request.roots]
    with contextlib.ExitStack() as locks:
        if request.remove:
            _writable([root for root in roots if root.is_dir()])
            for root in dict.fromkeys(roots):
                if root.is_dir():
                    locks.enter_context(Lock(root / LOCK, "name other folders with --in", stays=False)).take()
            for folder in walk.look(roots).unsettled:
                settle(folder)
        found = _find(named, request, roots)
        if not found.traces:
            return _nothing(found, named, roots)
        if not request.remove:
            return found
        for lock in _locks(found):
            locks.enter_context(lock).take()
        _check(found)
        _remove(found, named, roots)
    return dataclasses.replace(found, removed=True)


def _find(named: Subject, request: WithdrawalRequest, roots: Sequence[Path]) -> Withdrawal:
    places = walk.look(roots)
    if places.unsettled:
        raise UserError(f"{places.unsettled[0]}: a removal was ended while it put this dataset in place; give --remove")
    contents = read(places, request.annotations)
    subject = identify(named, contents, request.key_file)
    holdings = [_holding(folder, contents, subject) for folder in places.datasets]
    holdings = [holding for holding in holdings if holding.clips]
    seen = seen_by(places.runs, holdings)
    all_states = frozenset().union(*(holding.states for holding in holdings))
    traces = [trace for folder, of in contents.manifests.items() for trace in clip_traces(folder, of, subject)]
    traces += result_traces(places, contents.rows, subject, all_states)
    traces += [trace for one in seen if one.calibrated for trace in _calibrations(one.run)]
    traces += [trace for folder, of in contents.records.items() for trace in dataset_traces(folder, of, subject)]
    traces.sort(key=lambda trace: (*ORDER, *LAST).index(trace.kind))
    left = {
        path: f"annotations, {count} rows of theirs"
        for path, rows in contents.annotated.items()
        if (count := sum(subject.owns(clip_id, person_id) for clip_id, person_id, _ in rows))
    }
    for path in places.private_lists:
        if count := sum(subject.owns(str(row.get("clip_id")), None) for row in read_jsonl(path)):
            left[path] = f"the private list of raw files, {count} rows of theirs"
    left |= {
        page: "a page that names their clips" for page in places.pages if not ours(page) and mentions(page, subject)
    }
    goes = [trace.path for trace in traces if trace.kind in ("evaluation", "judgements", "dataset")]
    stays = dict.fromkeys(places.replies, "replies of a judge, which name no clip, so that theirs are not known")
    stays |= {path: "rows of another kind that name them" for path in places.others if mentions(path, subject)}
    left |= {path: what for path, what in stays.items() if not any(path.is_relative_to(folder) for folder in goes)}
    return Withdrawal(subject, traces, seen, left, _notes(contents, places, subject))


def _notes(contents: Contents, places: Places, subject: Subject) -> list[str]:
    """What else may be theirs, or is of others."""
    records = [record for of in contents.records.values() for record in of]
    of_theirs = [record for record in records if subject.owns(record.clip_id, record.person_id)]
    films = [manifest for of in contents.manifests.values() for manifest in of if subject.shown_in(manifest)]
    names = {name for manifest in films for name in (manifest.clip_id, manifest.recording) if name}
    others = [record for record in records if record not in of_theirs and recording_id(record.clip_id) in names]
    notes = []
    if others:
        what = "records of others that were cut from the same recordings (their records stay, the films go)"
        notes.append(f"{what}: {len(others)}")
    if persons := sorted({record.person_id for record in of_theirs} - {subject.person_id, ""}):
        notes.append(f"these clips are of {', '.join(persons)}: give the pseudonym, too, to withdraw all of a person's")
    notes += [
        f"{folder}: captioned media, which name no person; take theirs out of the source, and build it again"
        for folder in places.captions
    ]
    if places.links:
        named = ", ".join(map(str, places.links[:NAMED])) + (", ..." if len(places.links) > NAMED else "")
        notes.append(
            f"{len(places.links)} links to folders were not followed; name what they lead to with --in: {named}"
        )
    return notes


def _holding(folder: Path, contents: Contents, subject: Subject) -> Holding:
    clips = collections.Counter(record.split for record in theirs(contents.records[folder], subject))
    known = states(open_builder(folder, folder.parent.name)) if clips else frozenset()
    return Holding(folder, known, clips)


def _calibrations(run: Path) -> list[Trace]:
    """The temperatures of a run, which were learnt on a person's clips."""
    folder = Workdir(run).evaluation
    return [
        Trace(
            "calibration", path, 0, "removed; `evaluate` learns it again", functools.partial(path.unlink, True), folder
        )
        for path in sorted(folder.glob("calibration-*.json"))
    ]


def _nothing(found: Withdrawal, named: Subject, roots: Sequence[Path]) -> Withdrawal:
    """What is said where nothing is there: fine where it was withdrawn before.

    Raises:
        UserError: nothing of them ever was.
    """
    rows = [row for root in roots for row in withdrawals_list.noted(root, named.digest)]
    if not rows:
        where = ", ".join(map(str, roots))
        yours = [f"{path}: {what}" for path, what in list(found.left.items())[:NAMED]]
        also = "".join(f" ({note})" for note in (*yours, *found.notes))
        raise UserError(
            f"nothing of this person is in {where}{also}; mind the spelling, or name more folders with --in"
        )
    return dataclasses.replace(found, before=str(rows[-1].get("at")))


def _locks(found: Withdrawal) -> list[Lock]:
    """Those of runs that read a dataset of theirs, and of the places themselves."""
    paths = [Workdir(seen.run).lock for seen in found.seen if seen.reads]
    paths += [trace.lock for trace in found.traces if trace.lock is not None]
    paths += [trace.path / ".lock" for trace in found.traces if trace.kind == "features"]
    return [Lock(path, "end it first") for path in dict.fromkeys(paths)]


def _check(found: Withdrawal) -> None:
    """Checks that everything can be written, and that there is space for it.

    Raises:
        UserError: it cannot, or there is not.
    """
    _writable(dict.fromkeys(trace.writes for trace in found.traces))
    for trace in found.traces:
        needed, free = int(MARGIN * trace.space), shutil.disk_usage(trace.writes).free
        if free < needed:
            raise UserError(
                f"{trace.path}: {needed / 1e6:,.1f} MB are needed to write it again, and {free / 1e6:,.1f} MB are free;"
                " make room"
            )


def _writable(folders: Sequence[Path] | Mapping[Path, None]) -> None:
    for folder in folders:
        check_writable(folder)


def _remove(found: Withdrawal, named: Subject, roots: Sequence[Path]) -> None:
    runs = [seen.run for seen in found.seen if seen.how]
    for root in roots:
        withdrawals_list.note(root, named.digest, withdrawals_list.BEGUN, found.counts(), runs)
    for trace in with_progress(found.traces, "withdraw"):
        trace.remove()
    for root in roots:
        withdrawals_list.note(root, named.digest, withdrawals_list.DONE, found.counts(), runs)
