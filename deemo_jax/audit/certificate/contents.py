"""All that stands on the certificate, made from the audit's findings and the manifests of the clips."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path

from deemo_jax.audit.audited_clips import AuditedClip
from deemo_jax.audit.certificate.command_told import told_command, without_paths
from deemo_jax.audit.certificate.file_hashes import FileHashes, file_hashes
from deemo_jax.audit.certificate.plain_words import (
    all_recorded,
    other_counts,
    recorded,
    what_was_done,
)
from deemo_jax.audit.certificate.unmeasured import never_measured, not_measured_here
from deemo_jax.audit.folder_check import FolderCheck
from deemo_jax.audit.report import UNKNOWN, WITH_PROMISES, verdict
from deemo_jax.audit.report_parts import Section
from deemo_jax.core.tables import Table
from deemo_jax.core.versions import code_sha256, version

# Sections that say nothing about privacy.
OF_USE = frozenset({"utility"})
# Headings of tables that list single clips or files, which stay in the report.
LISTS = frozenset({"clip", "name"})
# Rows of a table, at most.
MOST_ROWS = 40


@dataclasses.dataclass(frozen=True, slots=True)
class Part:
    """One part of the audit on the certificate.

    Attributes:
        title: heading.
        verdict: as in the report.
        promised: whether it is about a promise.
        failures: promises that are broken, in words.
        tables: its tables, without lists of single clips.
        cut: captions of tables of which rows are left out.
        notes: how it was measured.
    """

    title: str
    verdict: str
    promised: bool
    failures: tuple[str, ...]
    tables: tuple[Table, ...]
    cut: tuple[str, ...]
    notes: tuple[str, ...]


@dataclasses.dataclass(frozen=True, slots=True)
class Certificate:
    """What stands on the page.

    Attributes:
        folder: name of the folder of the clips.
        date: of the audit.
        command: that made it.
        broken: promises that are broken, in words.
        counts: what there is, and how many.
        done: what was changed, how, in how many clips.
        settings, voices, software, others: all that the manifests record of these, and of further parts.
        by: version and hash of the code that audited.
        parts: that were measured.
        asked: what could have been measured and was not, and what the report says of it.
        never: what this project cannot measure, and why.
        hashes: of all files.
        result_sha256: of audit.json.
    """

    folder: str
    date: str
    command: str
    broken: tuple[str, ...]
    counts: tuple[tuple[str, str], ...]
    done: tuple[tuple[str, str, str], ...]
    settings: tuple[tuple[str, str], ...]
    voices: tuple[tuple[str, str], ...]
    software: tuple[tuple[str, str], ...]
    others: tuple[tuple[str, str], ...]
    by: tuple[tuple[str, str], ...]
    parts: tuple[Part, ...]
    asked: tuple[tuple[str, str], ...]
    never: tuple[tuple[str, str], ...]
    hashes: FileHashes
    result_sha256: str


def contents(
    clips: Sequence[AuditedClip],
    found: FolderCheck,
    sections: Sequence[Section],
    broken: Sequence[str],
    folder: Path,
    *,
    command: Sequence[str],
    date: str,
    result_sha256: str,
) -> Certificate:
    """What the certificate of an audit says.

    Args:
        clips: those that could be checked.
        found: the checks of all clips.
        sections: the parts of the report.
        broken: promises that are broken, in words.
        folder: of the clips; of its path only the name is used.
        command: the words of the command line behind `python -m deemo_jax.audit`.
        date: of the audit, as it is to be read.
        result_sha256: hash of audit.json.
    """
    manifests = [clip.manifest for clip in clips]
    summary = found.summary()
    unnamed = summary["files_without_manifest"]
    measured = [s for s in sections if s.name not in OF_USE]
    return Certificate(
        folder=folder.resolve().name,
        date=date,
        command=f"python -m deemo_jax.audit {told_command(command)}",
        broken=tuple(dict.fromkeys(map(without_paths, broken))),
        counts=(
            ("clips that were checked", f"{len(clips):,}"),
            ("of them without sound", f"{sum(m.silent for m in manifests):,}"),
            ("minutes of film", f"{summary['seconds'] / 60:,.1f}"),
            ("frames", f"{summary['frames']:,}"),
            ("clips that could not be checked", f"{summary['clips'] - summary['checked']:,}"),
            ("sources refused, without a clip", f"{summary['refused']:,}"),
            *([("clips refused by a later run", f"{summary['refused_later']:,}")] * bool(summary["refused_later"])),
            *([("films without a manifest", f"{unnamed:,}")] * bool(unnamed)),
        ),
        done=tuple(what_was_done(manifests)),
        settings=tuple(all_recorded([m.settings for m in manifests])),
        voices=tuple(all_recorded([m.voice for m in manifests])),
        software=tuple(all_recorded([m.software for m in manifests])),
        others=tuple(other_counts(manifests)),
        by=(("deemo_jax", recorded(version("deemo-jax"))), ("code, SHA-256", code_sha256())),
        parts=tuple(map(_part, measured)),
        asked=tuple(not_measured_here(measured)),
        never=tuple(never_measured(manifests)),
        hashes=file_hashes(clips),
        result_sha256=result_sha256,
    )


def _part(section: Section) -> Part:
    said = verdict(section)
    own = [table for table in section.tables if table.rows and table.header[0] not in LISTS]
    lists = [table.caption for table in section.tables if table.rows and table.header[0] in LISTS]
    long = [f"{table.caption}: the first {MOST_ROWS} of {len(table.rows)} rows" for table in own if _is_long(table)]
    return Part(
        title=section.title,
        verdict=said,
        promised=section.name in WITH_PROMISES,
        failures=tuple(section.failures),
        tables=tuple(dataclasses.replace(table, rows=table.rows[:MOST_ROWS]) for table in own),
        cut=(*lists, *long),
        notes=() if said == UNKNOWN else section.notes,
    )


def _is_long(table: Table) -> bool:
    return len(table.rows) > MOST_ROWS
