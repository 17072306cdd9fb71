"""What is done with one source: its clip is kept, refused as before, or made. Media libraries are imported on call."""

import contextlib
import dataclasses
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from deemo_jax.core import files
from deemo_jax.core.errors import UserError
from deemo_jax.core.files import refuse_links
from deemo_jax.deid import manifest
from deemo_jax.deid.folder.source_outcome import Outcome
from deemo_jax.deid.keys import VoiceKey
from deemo_jax.deid.manifest import span_id
from deemo_jax.deid.replace_files import alone, discard, settle
from deemo_jax.deid.settings import DETAIL, IGNORE, KEEP, MIXED, PROSODY, Settings
from deemo_jax.deid.source_spans import SourceSpan, TooLong, pieces
from deemo_jax.deid.voice.command import VoiceTool
from deemo_jax.deid.voice.diarised import Diarised
from deemo_jax.deid.voice.neutral.manner import Manner
from deemo_jax.deid.voice.spoken.words import Words


@dataclasses.dataclass(frozen=True, slots=True)
class Options:
    """What a run is told beside the settings of de-identification.

    Attributes:
        tracks: file of corrected tracks, for a run of one source, whose clip is then made again.
        preview: whether a film with the tracks is written beside every clip.
        threads: of each worker.
        device: where faces and text are looked for, one of `onnx_device.DEVICES`.
        speakers: clip id, or stem of the source's name -> who speaks; for settings that give each speaker one voice.
        manners: speaker -> how they speak on the whole; for settings that take prosody around it.
        tool: changes voices, for settings that leave it to a tool.
        turns: source -> who speaks when in it; each of these people gets a voice of their own.
        words: source -> what is said in it, for settings that have it said anew.
        source_map: path of the private list to which sources and their clips are added (`deemo_jax.deid.source_map`).
        new_key: whether to go on where the folder holds clips of another key.
    """

    tracks: Path | None = None
    preview: bool = False
    threads: int = 1
    device: str = "cpu"
    speakers: Mapping[str, str] | None = None
    manners: Mapping[str, Manner] = dataclasses.field(default_factory=dict)
    tool: VoiceTool | None = None
    turns: Mapping[Path, Diarised] = dataclasses.field(default_factory=dict)
    words: Mapping[Path, Words] = dataclasses.field(default_factory=dict)
    source_map: Path | None = None
    new_key: bool = False


DEFAULT = Options()


@dataclasses.dataclass(frozen=True, slots=True)
class SourceJob:
    """A function from a source to its outcome, which `deidentify_all` and the Beam transform apply to every source.

    Attributes:
        out_dir: folder of the results; checked by `deemo_jax.deid.folder.output_checks`.
        settings: how faces and voices are changed.
        key: the secret from which voices and pseudonyms are drawn.
        clip_ids: "keyed" or "stem".
        refusals: clip id -> row of refused.jsonl of an earlier run.
        options: of the run.
    """

    out_dir: Path
    settings: Settings
    key: VoiceKey
    clip_ids: str = "keyed"
    refusals: Mapping[str, dict[str, Any]] = dataclasses.field(default_factory=dict)
    options: Options = DEFAULT

    def identify(self, piece: SourceSpan) -> tuple[str, str, str]:
        """The id of the clip, the id of its recording, and the source's SHA-256.

        Raises:
            UserError: the source cannot be read, or the clip's name would be that of another clip's preview.
        """
        with contextlib.suppress(OSError):  # reading the file reports the same error
            if piece.source.exists() and not piece.source.is_file():  # reading a pipe would wait for ever
                raise UserError(f"{piece.source}: is no file; save what it holds as one")
        digest = files.sha256(piece.source)
        recording = piece.source.stem if self.clip_ids == "stem" else self.key.pseudonym(digest)
        clip_id = piece.clip_id or (span_id(recording, piece.span) if piece.span else recording)
        if f"{clip_id}.mp4".lower().endswith(manifest.PREVIEW):
            raise UserError(
                f"clip id {clip_id!r}: ends as the names of previews do; rename it, or use --clip_ids keyed"
            )
        return clip_id, recording, digest

    def __call__(self, wanted: Path | SourceSpan) -> Outcome:
        """De-identifies one source, or span of it; a `UserError` becomes an outcome, any other exception is raised."""
        piece = wanted if isinstance(wanted, SourceSpan) else SourceSpan(wanted)
        return dataclasses.replace(self._settled(piece), span=piece.span)

    def _settled(self, piece: SourceSpan) -> Outcome:
        from deemo_jax.deid.video.refusal_messages import Refused

        source, clip_id, digest, made_by = piece.source, piece.clip_id, None, ""
        if self.clip_ids == "stem" and piece.span is None:
            clip_id = source.stem
        try:
            clip_id, recording, digest = self.identify(piece)
            manifest.file_names(clip_id)  # raises where it is no safe file name
            made_by = fingerprint(self.settings)
            with alone(self.out_dir, clip_id):
                return self._made(piece, clip_id, recording, digest, made_by)
        except UserError as error:
            if isinstance(error, TooLong) and piece.span is None:
                return Outcome(source, clip_id, "long", source_sha256=digest, pieces=tuple(pieces(error.seconds)))
            refused = isinstance(error, Refused)
            times = error.times_s if isinstance(error, Refused) else ()
            reason = self.told(str(error), source, clip_id)
            return Outcome(source, clip_id, "refused" if refused else "bad", reason, times, digest, "", made_by)

    def _made(self, piece: SourceSpan, clip_id: str, recording: str, digest: str, made_by: str) -> Outcome:
        """Keeps a clip, refuses it as before, or makes it.

        Raises:
            UserError: it is refused, or cannot be made.
        """
        from deemo_jax.deid.clip import deidentify_clip
        from deemo_jax.deid.video.detection import onnx_device
        from deemo_jax.deid.video.preview import preview_again

        onnx_device.run_on(self.options.device)
        source, preview = piece.source, self.out_dir / manifest.preview_name(clip_id)
        own = [preview, *(self.out_dir / name for name in manifest.file_names(clip_id))]
        refuse_links([*own, manifest.whole(self.out_dir, clip_id)])
        settle(self.out_dir, clip_id)
        speaker = self.speaker_of(clip_id, recording, source)
        usual = self.options.manners.get(speaker) if speaker else None
        if self.options.tracks is None and self._is_kept(piece, clip_id, digest, usual):
            remarks: tuple[str, ...] = ()
            if self.options.preview and not preview.exists():
                try:
                    preview_again(self.out_dir, clip_id, source)
                except UserError as error:
                    remarks = (f"no preview of it: {error}",)
            return Outcome(source, clip_id, "kept", source_sha256=digest, remarks=remarks)
        tracks = self._tracks(clip_id, digest)
        discard(self.out_dir, clip_id)
        for path in own:
            files.remove_rests(path)
        row = self.refusals.get(clip_id) if tracks is None else None
        if row and _stands(row, made_by) and row.get("source_sha256") == digest:
            return Outcome(source, clip_id, "refused", row["reason"], tuple(row["times_s"]), digest, "", made_by)
        made = deidentify_clip(
            source,
            self.out_dir,
            clip_id,
            self.settings,
            self.key,
            speaker=speaker,
            usual=usual,
            tool=self.options.tool,
            said=self.options.turns.get(source),
            words=self.options.words.get(source),
            tracks=tracks,
            preview=self.options.preview,
            threads=self.options.threads,
            span=piece.span,
            recording=recording if piece.span else "",
        )
        looks = made.faces["looks"]
        return Outcome(source, clip_id, "done", source_sha256=digest, looks=looks, remarks=tuple(made.notes))

    def speaker_of(self, clip_id: str, recording: str, source: Path) -> str | None:
        """Who speaks in a clip, by the list of this run; None where that does not say it."""
        listed = self.options.speakers or {}
        return listed.get(clip_id, listed.get(recording, listed.get(source.stem)))

    def told(self, reason: str, source: Path, clip_id: str | None) -> str:
        """A reason without paths, which may name people, and with a remark where an earlier clip stays."""
        reason = reason.replace(f"{source}: ", "").replace(str(source), clip_id or "the source")
        if self.options.tracks is not None:
            reason = reason.replace(str(self.options.tracks), "the file of tracks")
        if clip_id is not None and manifest.CLIP_ID.fullmatch(clip_id):
            path = self.out_dir / manifest.file_names(clip_id)[-1]
            if path.exists() and not path.is_symlink():
                reason += f" ({STAYS})"
        return " ".join(reason.split())

    def _tracks(self, clip_id: str, digest: str) -> Path | None:
        """The file of corrected tracks to cover by: one given for this run, or the one of an earlier corrected clip.

        So a correction stays when the clip is made again with other settings. None where nobody corrected tracks.

        Raises:
            UserError: the file cannot be read; or the tracks of an earlier clip were edited, but not given as --tracks.
        """
        from deemo_jax.deid.video.track_file import read_row

        if self.options.tracks is not None:
            read_row(self.options.tracks)
            return self.options.tracks
        before = self.out_dir / manifest.file_names(clip_id)[2]
        if not before.is_file():
            return None
        row = read_row(before)
        if row.get("source_sha256") != digest:
            return None
        if row.get("corrected") is True:
            return before
        if self._is_changed(clip_id, before):
            raise UserError(
                f"{before.name} was changed by hand; give it as --tracks to have it covered as it says, or remove it"
            )
        return None

    def _is_changed(self, clip_id: str, tracks: Path) -> bool:
        """Whether a file of tracks differs from the one that the clip's manifest has the hash of."""
        path = self.out_dir / manifest.file_names(clip_id)[-1]
        try:
            return path.exists() and manifest.load_manifest(path).tracks_sha256 != files.sha256(tracks)
        except UserError:
            return False

    def _is_kept(self, piece: SourceSpan, clip_id: str, digest: str, usual: Manner | None) -> bool:
        """Whether an earlier clip is whole and of the same source, span, settings, key and detector."""
        from deemo_jax.deid.clip import software_of
        from deemo_jax.deid.voice.anonymise import on_record
        from deemo_jax.media.audio import sound_tracks

        path = self.out_dir / manifest.file_names(clip_id)[-1]
        if not path.exists():
            return False
        try:
            known = manifest.load_manifest(path)
            manifest.verify(known, self.out_dir)
        except UserError:
            return False
        # `on_missing` may differ: a clip with whole frames masked, or left out, hides no less than one without.
        before = {**LATER, **known.settings, "on_missing": ""}
        if known.settings.get("mask") == "mosaic" and "background" not in known.settings:
            return False  # a version whose mosaics had mean colours of the face
        same_settings = before == {**dataclasses.asdict(self.settings), "on_missing": ""}
        said = self.options.turns.get(piece.source)
        before_voice = {"turns_sha256": None, **known.voice}
        made_with = on_record(
            self.settings, usual, self.options.tool, said=said, words=self.options.words.get(piece.source)
        )
        voice = {**before_voice, "turns_sha256": None, **made_with}
        same_settings = same_settings and (known.silent or voice == before_voice)
        same_key = known.voice.get("key_id") == self.key.key_id
        networks = ("centerface_sha256", "person_network_sha256", "text_network_sha256")
        software = software_of(self.settings)
        same_networks = all(known.software.get(name) == software.get(name) for name in networks)
        same_source = known.source_sha256 == digest and known.asked == piece.span
        if not (same_source and same_settings and same_key and same_networks):
            return False
        # Manifests of earlier versions have no `sound`: of several sound tracks those versions took the first.
        return bool(known.sound) or len(sound_tracks(piece.source)) == 1


# Settings that manifests of earlier versions lack, with what they count as.
LATER = {
    "background": KEEP,
    "text_in_picture": IGNORE,
    "audio_track": MIXED,
    "prosody": PROSODY,
    "detail": DETAIL,
    "voice_command": "",
}
# Remark on a source that failed and has an earlier clip.
STAYS = "what was made of it before stays"


def fingerprint(settings: Settings) -> str:
    """Settings and software, as text to compare: with the same text, the same source is refused again."""
    from deemo_jax.deid.clip import software_of

    return json.dumps([dataclasses.asdict(settings), software_of(settings)], sort_keys=True)


def _stands(row: Mapping[str, Any], made_by: str) -> bool:
    """Whether a row of refused.jsonl is a refusal with the same settings and software."""
    whole = isinstance(row.get("reason"), str) and isinstance(row.get("times_s"), list)
    return whole and row.get("kind") == "refused" and row.get("made_by") == made_by
