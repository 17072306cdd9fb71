"""The parts of the report, in order: promises, faces, human check, attackers, use that is left, container."""

import dataclasses
from collections import Counter
from collections.abc import Collection, Sequence
from functools import partial
from pathlib import Path

from deemo_jax.audit.attacks import reidentify, voice
from deemo_jax.audit.attacks.attacked_voice import AttackedVoice
from deemo_jax.audit.attacks.ears.speaker_encoder import speaker_encoder
from deemo_jax.audit.attacks.embedders import face_embedder
from deemo_jax.audit.attacks.trials import VoiceClip
from deemo_jax.audit.attacks.words import words_attack
from deemo_jax.audit.attacks.words.speakers import speakers_of
from deemo_jax.audit.attacks.words.spoken_texts import read_texts
from deemo_jax.audit.audited_clips import AuditedClip, read_source_voice, read_voice
from deemo_jax.audit.face_detection.detectors import given_detector
from deemo_jax.audit.face_scan import LOWEST
from deemo_jax.audit.faces import faces_section
from deemo_jax.audit.folder_check import (
    NEEDS_SOURCE,
    NEEDS_TRUTH,
    NO_SOUND,
    NOTHING_CHECKED,
    REPORT_DIR,
    FolderCheck,
)
from deemo_jax.audit.human_sheets import human_section
from deemo_jax.audit.options import AuditOptions
from deemo_jax.audit.report_parts import Section, not_measured
from deemo_jax.audit.truth_fields import read_planted
from deemo_jax.audit.utility import emotion
from deemo_jax.core.errors import UserError
from deemo_jax.core.tables import Table
from deemo_jax.deid.settings import Settings

# So many rows are shown of long lists.
LISTED = 20
# Settings that change how a voice is changed.
OF_VOICE = ("voice", "alpha_fixed", "alpha_low", "alpha_high", "prosody", "detail", "voice_command")
# Tags that are called by their names where they are left in a file.
TAGS = frozenset(
    (
        *("title", "artist", "author", "album", "comment", "description", "date", "creation_time", "location"),
        *("encoder", "handler_name", "copyright", "make", "model", "genre", "synopsis", "timecode"),
    )
)
# Why the sections on attacks are empty without --attacks.
NOT_TRIED = "not measured: attackers were not tried; --attacks tries them"
NEEDS_TRANSCRIPTS = "not measured: needs --transcripts, with what is true of each person"


def check_given(options: AuditOptions) -> None:
    """Checks that the detectors, encoders and transcripts that a person brings can be used, before the long work.

    Raises:
        UserError: one cannot, or it is an attacker's and attacks are not asked for.
    """
    for_attackers = (options.face_embedder, options.speaker_encoder, options.words)
    if not options.attacks and any(given is not None for given in for_attackers):
        raise UserError("an attacker is given and none is to be tried; set AuditOptions(attacks=True)")
    if options.detector is not None:
        given_detector(options.detector, LOWEST)
    if options.face_embedder is not None:
        face_embedder(options.face_embedder)
    if options.speaker_encoder is not None:
        speaker_encoder(options.speaker_encoder)
    if options.words is not None:
        speakers_of(read_texts(options.words.transcripts))


def sections_of(clips: Sequence[AuditedClip], found: FolderCheck, folder: Path, options: AuditOptions) -> list[Section]:
    """Measures all parts of the report; a part that cannot be measured says what it would need.

    Args:
        clips: those that could be checked.
        found: the checks of all clips.
        folder: of the clips; the sheets for the human check are written into its `audit/`.
        options: how the folder is audited.
    """
    workers = options.workers
    sounding = [clip for clip in clips if not clip.manifest.silent]
    if not clips:
        absent = {"faces": "Faces", "human": "Human check", "reidentification": reidentify.TITLE}
        absent |= {"voice": voice.TITLE, words_attack.NAME: words_attack.TITLE, "utility": emotion.TITLE}
        skipped = [not_measured(name, title, NOTHING_CHECKED) for name, title in absent.items()]
        return [promises_section(found), *skipped, container_section(found, clips)]
    return [
        promises_section(found),
        faces_section(clips, found, detector=options.detector, every=options.every, workers=workers),
        human_section(clips, folder / REPORT_DIR, frames=options.sheet, workers=workers),
        *attack_sections(clips, options),
        emotion.utility_section(sounding, options.towers, count=options.clips, modes=options.voices, workers=workers),
        container_section(found, clips),
    ]


def attack_sections(clips: Sequence[AuditedClip], options: AuditOptions) -> list[Section]:
    """The sections on attacks on faces, on voices and on words; they say so where attacks are not asked for."""
    if not options.attacks:
        titles = {"reidentification": reidentify.TITLE, "voice": voice.TITLE, words_attack.NAME: words_attack.TITLE}
        return [not_measured(name, title, NOT_TRIED) for name, title in titles.items()]
    return [
        reidentify.reidentification_section(clips, options.face_embedder, options.workers),
        voices_section(clips, options),
        words_attack.attack_words(options.words)
        if options.words
        else not_measured(words_attack.NAME, words_attack.TITLE, NEEDS_TRANSCRIPTS),
    ]


def voices_section(clips: Sequence[AuditedClip], options: AuditOptions) -> Section:
    """Attacks on the voices of the clips that have sound; needs their sources, and a truth with who speaks.

    Args:
        clips: with or without sound.
        options: how the folder is audited.
    """
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
    around = {clip.manifest.voice.get("around") == "speaker" for clip in clips}
    alike = len({tuple(getattr(s, name) for name in OF_VOICE) for s in made_by}) == 1 == len(around)
    found = voice.voice_section(
        voices,
        made_by=AttackedVoice(made_by[0], around.pop()) if alike else None,
        modes=options.voices,
        encoder=options.speaker_encoder,
        workers=options.workers,
    )
    other = "Voices as they were written: not measured: the clips were made with different voice settings."
    people = [clip.manifest.voice.get("people") for clip in clips]
    several = sum(type(count) is int and count > 1 for count in people)
    notes: tuple[str, ...] = () if alike else (other,)
    if several:
        notes += (
            f"{several} clips have several voices, by sound tracks or a transcript. Attackers take each clip for that"
            " of the one person whom it is about, and imitate the voice of the first.",
        )
    return dataclasses.replace(found, notes=(*found.notes, *notes))


def promises_section(found: FolderCheck) -> Section:
    """What is promised of every clip, beside what was found."""
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


def _kind(item: str, planted: Collection[str]) -> str:
    """What of a file's metadata is left, without what others wrote: neither values, nor names of tags of their own."""
    if item in planted:
        return "planted strings"
    if item.startswith("tracks "):
        return "other tracks"
    place, _, key = item.partition("=")[0].partition(".")
    # What lies beside pictures has names of FFmpeg's.
    known = place == "picture" or key.lower() in TAGS
    return f"{place.rstrip('0123456789')}.{key.lower()}" if known else "another tag"


def container_section(found: FolderCheck, clips: Sequence[AuditedClip]) -> Section:
    """Metadata left in the files: planted strings, and tags that libav does not write itself."""
    left = {r.clip_id: r.metadata for r in found.results if r.metadata}
    strings = {clip.clip_id: frozenset(read_planted(clip.truth or {}, clip.clip_id)) for clip in clips}
    kinds = Counter(_kind(item, strings.get(clip_id, frozenset())) for clip_id, of in left.items() for item in of)
    planted = any(strings.values())
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
