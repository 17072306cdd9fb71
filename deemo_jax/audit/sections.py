"""The whole audit: every section in order, each of which says what it measured or what it would need."""

import dataclasses
from collections import Counter
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from deemo_jax.audit import report
from deemo_jax.audit.attacks import reidentify, voice
from deemo_jax.audit.attacks.embedders import FaceEmbedder, face_embedder
from deemo_jax.audit.attacks.speaker_encoder import SpeakerEncoder
from deemo_jax.audit.attacks.trials import VoiceClip
from deemo_jax.audit.attacks.vectors import check_encoder
from deemo_jax.audit.clips import AuditedClip, find_clips, read_source_voice, read_voice
from deemo_jax.audit.detectors import given_detector
from deemo_jax.audit.faces import faces_section
from deemo_jax.audit.folder import (
    CLIPS,
    NEEDS_SOURCE,
    NEEDS_TRUTH,
    NO_SOUND,
    NOTHING_CHECKED,
    PAGE,
    REPORT_DIR,
    Audit,
    check_all,
    refusals,
    write,
)
from deemo_jax.audit.human import FRAMES, human_section
from deemo_jax.audit.scan import LOWEST
from deemo_jax.audit.section import Section, not_measured
from deemo_jax.audit.text import text_section
from deemo_jax.audit.utility import emotion
from deemo_jax.audit.utility.towers import Towers
from deemo_jax.core.tables import Table
from deemo_jax.deid.settings import Settings

LISTED = 20


@dataclasses.dataclass(frozen=True)
class AuditOptions:
    """What the whole audit is given beside the clips.

    Attackers of one's own are objects with one method. From Python:

        class Ear:
            def embed(self, waveform, sample_rate):  # float32 (n,) in [-1, 1], 16000
                return my_speaker_model(waveform)  # a vector of any length

        class Eye:
            def embed(self, crop):  # uint8 (H, W, 3), RGB, of any size
                return my_face_model(crop)

        options = AuditOptions(speaker_encoder=Ear(), face_embedder=Eye())
        found, sections = full_audit(Path("deid"), Path("truth.jsonl"), Path("raw"), options)

    Attributes:
        workers: processes; objects that are given work in this one.
        every: detectors look at one frame of so many.
        detector: an ONNX file of one more face detector (`detectors.YuNet`).
        face_embedder: an ONNX file (`embedders.OnnxEmbedder`), "grey", or an object (`embedders.FaceEmbedder`).
        speaker_encoder: what the attacker hears with, an object (`speakers.SpeakerEncoder`); None: the project's own.
        towers: frozen encoders for the probes of utility.
        clips: at most so many clips for those.
        sheet: frames for the human check.
    """

    workers: int = 0
    every: int = 1
    detector: Path | None = None
    face_embedder: str | FaceEmbedder | None = None
    speaker_encoder: SpeakerEncoder | None = None
    towers: Towers | None = None
    clips: int = CLIPS
    sheet: int = FRAMES


def full_audit(
    folder: Path, truth_file: Path | None, source_dir: Path | None, options: AuditOptions
) -> tuple[Audit, list[Section]]:
    """Checks every clip, measures every section, and writes `audit.json` and `audit/report.html` into `folder`.

    Raises:
        UserError: something named is missing or cannot be used. What is wrong with one clip is a failure of that clip.
    """
    # A wrong file is known before the work.
    if options.detector is not None:
        given_detector(options.detector, LOWEST)
    if options.face_embedder is not None:
        face_embedder(options.face_embedder)
    if options.speaker_encoder is not None:
        check_encoder(options.speaker_encoder, "speaker encoder")
    listed = find_clips(folder, truth_file, source_dir)
    found = check_all(listed, folder, options.workers, options.every, with_sources=True)
    write(found, folder)
    # The other parts need clips that are what their manifests say.
    clips = [clip for clip, r in zip(listed.clips, found.results, strict=False) if r.unchecked is None]
    sections = _sections(clips, found, folder, options)
    summary = found.summary()
    lead = (
        f"{summary['clips']} clips de-identified, of which {len(clips)} could be checked, {found.refused} refused; "
        f"{'with' if source_dir else 'without'} their sources, {'with' if truth_file else 'without'} a truth. "
        "Every figure has its n; what was not measured says so."
    )
    write(found, folder, sections=report.numbers(sections))
    report.write_page(folder / REPORT_DIR / PAGE, "Audit of de-identified clips", lead, sections)
    return found, sections


def _sections(clips: Sequence[AuditedClip], found: Audit, folder: Path, options: AuditOptions) -> list[Section]:
    workers = options.workers
    sounding = [clip for clip in clips if not clip.manifest.silent]
    if not clips:
        absent = {"faces": "Faces", "human": "Human check", "reidentification": reidentify.TITLE}
        absent |= {"voice": voice.TITLE, "utility": emotion.TITLE}
        skipped = [not_measured(name, title, NOTHING_CHECKED) for name, title in absent.items()]
        return [promises_section(found), *skipped, container_section(found, clips), text_section()]
    return [
        promises_section(found),
        faces_section(clips, found, refusals(folder), detector=options.detector, every=options.every, workers=workers),
        human_section(clips, folder / REPORT_DIR, frames=options.sheet, workers=workers),
        reidentify.reidentification_section(clips, options.face_embedder, workers),
        voices_section(clips, options.speaker_encoder),
        emotion.utility_section(sounding, options.towers, count=options.clips, workers=workers),
        container_section(found, clips),
        text_section(),
    ]


def voices_section(clips: Sequence[AuditedClip], encoder: SpeakerEncoder | None = None) -> Section:
    """Attacks on the voices of the clips that have one; needs who speaks in them, and their sources."""
    clips = [clip for clip in clips if not clip.manifest.silent]
    if not clips:
        return not_measured("voice", voice.TITLE, NO_SOUND)
    if all(clip.source is None for clip in clips):
        return not_measured("voice", voice.TITLE, NEEDS_SOURCE)
    if not any(clip.person and clip.source is not None for clip in clips):
        return not_measured("voice", voice.TITLE, NEEDS_TRUTH)
    clips = [clip for clip in clips if clip.source is not None and clip.person]
    made_by = [Settings.on_record(clip.manifest.settings) for clip in clips]
    voices = [
        VoiceClip(
            clip.clip_id,
            clip.person,
            partial(read_source_voice, clip.source, clip.manifest),
            partial(read_voice, clip.output),
        )
        for clip in clips
        if clip.source is not None
    ]
    alike = len({(s.voice, s.alpha_fixed, s.alpha_low, s.alpha_high) for s in made_by}) == 1
    found = voice.voice_section(voices, made_by=made_by[0] if alike else None, encoder=encoder)
    other = "Voices as they were written: not measured: the clips were made with different voice settings."
    return found if alike else dataclasses.replace(found, notes=(*found.notes, other))


def promises_section(found: Audit) -> Section:
    """What every clip promises, beside what was found."""
    broken = found.failures
    rows = tuple((clip_id, "; ".join(failures)) for clip_id, failures in list(broken.items())[:LISTED])
    told = [Table(f"Clips that break a promise: {len(broken)}, the first {len(rows)}", ("clip", "what"), rows)]
    for what, named in (
        ("Clips and files that could not be checked", found.unchecked),
        ("Clips that were not compared with all that was given", found.lacking),
    ):
        told.append(Table(f"{what}: {len(named)}, the first {LISTED}", ("name", "why"), tuple(named.items())[:LISTED]))
    numbers = found.summary()
    return Section(
        name="promises",
        title="Promises",
        tables=(
            Table(f"Every clip, {numbers['clips']} of them", ("what", "found", "promised"), tuple(found.rows())),
            *(table for table in told if table.rows),
        ),
        numbers=numbers,
        failures=(found.verdict,) if found.verdict else (),
    )


def container_section(found: Audit, clips: Sequence[AuditedClip]) -> Section:
    """Fields left in the files: planted strings, and tags beyond those that the muxer itself writes."""
    left = {r.clip_id: r.metadata for r in found.results if r.metadata}
    kinds = Counter(item.split("=")[0] for fields in left.values() for item in fields)
    planted = any((clip.truth or {}).get("planted") for clip in clips)
    rows = [("clips with anything left", f"{len(left)} of {len(found.checked)}")]
    rows += [(f"... {kind}"[:80], str(count)) for kind, count in kinds.most_common(LISTED)]
    return Section(
        name="container",
        title="Container",
        tables=(Table("Metadata left in the files", ("what", "clips"), tuple(rows)),),
        notes=(
            "Looked for: every tag of the container, its tracks and chapters against the few that the muxer writes; and"
            f" tracks beside one picture and one sound{', and the strings planted in the sources' if planted else ''}.",
            *(() if planted else ("Planted strings: not measured: needs --truth.",)),
        ),
        numbers={"clips": len(found.checked), "clips_with_metadata": len(left), "fields": dict(kinds)},
        failures=(f"{len(left)} clips carry metadata",) if left else (),
    )
