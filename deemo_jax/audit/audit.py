"""The audit of a folder of de-identified clips: checks every clip and, with a report, measures what attackers get."""

import dataclasses
import datetime
from pathlib import Path

from deemo_jax.audit import human_check, report
from deemo_jax.audit.audited_clips import find_clips
from deemo_jax.audit.certificate.contents import contents
from deemo_jax.audit.certificate.write_certificate import FILES, write_certificate
from deemo_jax.audit.folder_check import PAGE, REPORT_DIR, RESULT, FolderCheck, check_all, write
from deemo_jax.audit.options import DEFAULT, AuditOptions
from deemo_jax.audit.report_parts import Section
from deemo_jax.core.errors import UserError
from deemo_jax.core.files import check_place, sha256


@dataclasses.dataclass(frozen=True, slots=True)
class Audit:
    """What an audit found.

    Attributes:
        folder: of the clips.
        checks: results for every clip.
        human: what a person saw on the sheets of an earlier report, in words.
        broken: promises that are broken, in words, beside those of `checks`.
        sections: the parts of the report; empty without one.
        certificate: path of the certificate; None without one.
    """

    folder: Path
    checks: FolderCheck
    human: str
    broken: tuple[str, ...]
    sections: tuple[Section, ...] = ()
    certificate: Path | None = None

    @property
    def verdict(self) -> str | None:
        """What is wrong, in one line; None where every promise is kept."""
        return self.checks.verdict or "; ".join(self.broken) or None

    def text(self) -> str:
        """What was found, for a terminal: tables, and the paths of the files with everything else."""
        body = f"{self.checks.table()}\nhuman check: {self.human}"
        if self.sections:
            body = f"{report.text(self.sections)}\n\nreport: {self.folder / REPORT_DIR / PAGE}"
        if self.certificate is not None:
            body += f"\ncertificate: {self.certificate}"
        return f"{body}\nevery clip: {self.folder / RESULT}"

    def remarks(self) -> list[str]:
        """A line for each clip that failed, or could not be checked or compared."""
        said = {"failed": {name: "; ".join(why) for name, why in self.checks.failures.items()}}
        said |= {"not checked": self.checks.unchecked, "not compared": self.checks.lacking}
        return [f"{what}: {name}: {why}" for what, named in said.items() for name, why in named.items()]


def audit(
    folder: Path, truth_file: Path | None = None, source_dir: Path | None = None, options: AuditOptions = DEFAULT
) -> Audit:
    """Checks every clip of `folder` and writes `audit.json` there; with a report `audit/report.html`, too.

    Args:
        folder: de-identified clips with manifests.
        truth_file: JSON lines with "clip_id", "file", "faces" and "planted"; None where there is no truth.
        source_dir: folder of the raw files; None where they are not at hand.
        options: how the folder is audited.

    Raises:
        UserError: a file or folder is missing, is of other clips, or cannot be used. What is wrong with one clip is
            part of what is found.
    """
    if options.certificate and not options.report:
        raise UserError("a certificate needs the long parts; set AuditOptions(report=True)")
    if options.report:
        from deemo_jax.audit.sections import check_given, sections_of  # with plots; attackers import JAX

        check_given(options)
    _check_outputs(folder, options)
    listed = find_clips(folder, truth_file, source_dir)
    found = check_all(
        listed,
        folder,
        options.workers,
        options.every,
        with_sources=options.report,
        text=options.text,
        detector=options.detector,
    )
    write(found, folder)
    check, human = human_check.on_record(folder / REPORT_DIR, folder)
    if not options.report:
        return Audit(folder, found, human, (human,) if check is not None and check.with_a_face else ())
    # The other parts need clips that are what their manifests say.
    clips = [clip for clip, r in zip(listed.clips, found.results, strict=False) if r.unchecked is None]
    sections = sections_of(clips, found, folder, options)
    lead = (
        f"{found.summary()['clips']} clips de-identified, of which {len(clips)} could be checked,"
        f" {found.refusals.count} refused; {'with' if source_dir else 'without'} their sources,"
        f" {'with' if truth_file else 'without'} a truth."
        " Every figure has its n; what was not measured says so."
    )
    write(found, folder, sections=report.numbers(sections))
    report.write_page(folder / REPORT_DIR / PAGE, "Audit of de-identified clips", lead, sections)
    broken = tuple(failure for section in sections for failure in section.failures)
    certificate = None
    if options.certificate:
        told = contents(
            clips,
            found,
            sections,
            broken,
            folder,
            command=options.command,
            date=datetime.datetime.now(datetime.UTC).date().isoformat(),
            result_sha256=sha256(folder / RESULT),
        )
        certificate = write_certificate(told, folder / REPORT_DIR)
    return Audit(folder, found, human, broken, tuple(sections), certificate)


def _check_outputs(folder: Path, options: AuditOptions) -> None:
    """Checks that all that will be written can be, before the long work.

    Raises:
        UserError: a folder has the name of a file, or cannot be written to.
    """
    names = [RESULT, *([f"{REPORT_DIR}/{PAGE}"] * options.report)]
    names += [f"{REPORT_DIR}/{name}" for name in FILES] * options.certificate
    for path in (folder / name for name in names):
        if path.is_dir():
            raise UserError(f"{path}: is a folder, and a file is to be written there; move it away")
    if options.report and (folder / REPORT_DIR).exists() and not (folder / REPORT_DIR).is_dir():
        raise UserError(f"{folder / REPORT_DIR}: is no folder, and the report is to be written there; move it away")
    if folder.is_dir():
        for place in (folder, folder / REPORT_DIR) if options.report else (folder,):
            check_place(place)
