"""Many clips: pseudonyms, parallel workers, and resuming where an earlier run stopped."""

import dataclasses
import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from deemo_jax import cli, files, parallel
from deemo_jax.deid import manifest as paper
from deemo_jax.deid.clip import Refused, deidentify_clip, software
from deemo_jax.deid.keys import VoiceKey
from deemo_jax.deid.output import check_output, refuse_links, refuse_lost_key
from deemo_jax.deid.preview import PREVIEW, preview_again
from deemo_jax.deid.settings import Settings
from deemo_jax.deid.trackfile import read_row
from deemo_jax.errors import UserError

VIDEO_SUFFIXES = frozenset(
    {".mp4", ".m4v", ".mov", ".mkv", ".webm", ".avi", ".mpg", ".mpeg", ".ts", ".mts", ".flv", ".wmv"}
)
REFUSALS = "refused.jsonl"
CLIP_IDS = ("keyed", "stem")


@dataclasses.dataclass(frozen=True, slots=True)
class Options:
    """How `deidentify_clip` is called, beside its settings; see there.

    Attributes:
        tracks: corrected tracks, for a single source; it is then done anew.
        preview: a film with tracks beside every clip.
        threads: of each worker.
        speakers: who speaks, by clip id or by the stem of the source's name; for one voice a speaker.
        new_key: goes on where the folder holds clips of another key.
    """

    tracks: Path | None = None
    preview: bool = False
    threads: int = 1
    speakers: Mapping[str, str] | None = None
    new_key: bool = False


DEFAULT = Options()


@dataclasses.dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one source.

    Attributes:
        source: its path.
        clip_id: None where the source cannot even be read.
        status: "done", "kept" (an earlier run did it), "refused" or "bad".
        reason: why not; empty otherwise.
        times_s: frames in which a face was lost.
        source_sha256: None where the source cannot be read.
        looks: at which size the detector looked, and for what, where this run did it.
    """

    source: Path
    clip_id: str | None
    status: str
    reason: str = ""
    times_s: tuple[float, ...] = ()
    source_sha256: str | None = None
    looks: str = ""


def find_sources(paths: Iterable[str]) -> list[Path]:
    """Video files: those named, whatever they are called, and those that lie in named folders, sorted.

    Raises:
        UserError: a folder without any video.
    """
    found: list[Path] = []
    for path in map(Path, paths):
        if not path.is_dir():
            found.append(path)
            continue
        inside = sorted(p for p in path.iterdir() if p.suffix.lower() in VIDEO_SUFFIXES and not p.name.startswith("."))
        if not inside:
            raise UserError(f"{path}: holds no video ({', '.join(sorted(VIDEO_SUFFIXES))})")
        found += inside
    return list(dict.fromkeys(found))


def deidentify_all(
    sources: Sequence[Path],
    out_dir: str | Path,
    settings: Settings,
    key: VoiceKey,
    workers: int = 1,
    clip_ids: str = "keyed",
    *,
    options: Options = DEFAULT,
) -> list[Outcome]:
    """De-identifies every source that can be; `refused.jsonl` in `out_dir` lists the others, under their clip ids.

    A clip whose manifest matches source, settings, key and files is kept; an earlier refusal of the same bytes by the
    same software stands.

    Args:
        sources: raw videos.
        out_dir: created where it is absent; must not hold a source nor be a link.
        settings: how.
        key: draws voices and pseudonyms.
        workers: processes.
        clip_ids: "keyed" (a pseudonym from the source's hash) or "stem" (file names are pseudonyms already).
        options: what does not change a clip that is kept.

    Raises:
        UserError: the folder cannot be used or holds clips of another key, or two sources would share a clip id.
    """
    out_dir, sources = Path(out_dir), [Path(source) for source in sources]
    check_output(out_dir, sources)
    if not options.new_key:
        refuse_lost_key(out_dir, key.key_id)
    if clip_ids == "stem":
        _refuse_twins(sources)
    listing = out_dir / REFUSALS
    refuse_links([listing])
    files.remove_rests(listing)
    # A source that could not even be read has no clip id: it is listed by the run that met it.
    earlier = [row for row in files.read_jsonl(listing) if _is_listed(row)] if listing.exists() else []
    # Written at once, so that a folder that cannot be written is known before the work.
    files.write_jsonl(listing, earlier)
    made_by = _fingerprint(settings)
    standing = {row["source_sha256"]: row for row in earlier if _stands(row, made_by)}
    job = Job(out_dir, settings, key, clip_ids, standing, options)
    outcomes: list[Outcome] = []
    for outcome in cli.progress(parallel.each(job, sources, workers), "deidentify", len(sources)):
        outcomes.append(outcome)
        if outcome.status in ("refused", "bad"):  # at once, so that a run that is killed here knows of it
            _write_listing(listing, earlier, outcomes, made_by)
    _write_listing(listing, earlier, outcomes, made_by)
    return outcomes


def _write_listing(
    listing: Path, earlier: Sequence[Mapping[str, Any]], outcomes: Sequence[Outcome], made_by: str
) -> None:
    settled = {o.clip_id for o in outcomes} | {o.source_sha256 for o in outcomes}
    others = [row for row in earlier if row["clip_id"] not in settled and row.get("source_sha256") not in settled]
    files.write_jsonl(listing, others + [_refusal(o, made_by) for o in outcomes if o.status in ("refused", "bad")])


@dataclasses.dataclass(frozen=True, slots=True)
class Job:
    """What to do with any source: `deidentify_all` and the Beam transform both call it, one clip at a time.

    Attributes:
        out_dir: where files go; checked by `deemo_jax.deid.output`.
        settings: how.
        key: draws voices and pseudonyms.
        clip_ids: "keyed" or "stem".
        standing: earlier refusals by the source's hash.
        options: of `deidentify_clip`.
    """

    out_dir: Path
    settings: Settings
    key: VoiceKey
    clip_ids: str = "keyed"
    standing: Mapping[str, dict[str, Any]] = dataclasses.field(default_factory=dict)
    options: Options = DEFAULT

    def __call__(self, source: Path) -> Outcome:
        """Settles one source; a person's mistake becomes its outcome, a bug is raised."""
        clip_id = source.stem if self.clip_ids == "stem" else None
        digest = None
        try:
            digest = files.sha256(source)
            clip_id = clip_id or self.key.pseudonym(digest)
            own = [self.out_dir / name for name in (f"{clip_id}{PREVIEW}", *paper.file_names(clip_id))]
            refuse_links(own)
            if self.options.tracks is None and self._is_kept(clip_id, digest):
                if self.options.preview and not own[0].exists():
                    preview_again(self.out_dir, clip_id, source)
                return Outcome(source, clip_id, "kept", source_sha256=digest)
            tracks = self._tracks(clip_id, digest)
            for path in reversed(own):
                files.remove_rests(path)
                if tracks is None or path.resolve() != tracks.resolve():
                    path.unlink(missing_ok=True)
            row = self.standing.get(digest) if tracks is None else None
            if row and row["clip_id"] == clip_id:
                return Outcome(source, clip_id, "refused", row["reason"], tuple(row["times_s"]), digest)
            listed = self.options.speakers or {}
            made = deidentify_clip(
                source,
                self.out_dir,
                clip_id,
                self.settings,
                self.key,
                speaker=listed.get(clip_id, listed.get(source.stem)),
                tracks=tracks,
                preview=self.options.preview,
                threads=self.options.threads,
            )
        except UserError as error:
            # Paths may name people; the folder of results must not.
            reason = str(error).replace(f"{source}: ", "").replace(str(source), clip_id or "the source")
            if self.options.tracks is not None:
                reason = reason.replace(str(self.options.tracks), "the file of tracks")
            reason = " ".join(reason.split())
            refused = isinstance(error, Refused)
            times = error.times_s if isinstance(error, Refused) else ()
            return Outcome(source, clip_id, "refused" if refused else "bad", reason, times, digest)
        return Outcome(source, clip_id, "done", source_sha256=digest, looks=made.faces["looks"])

    def _tracks(self, clip_id: str, digest: str) -> Path | None:
        """Tracks that a person gave, now or when this clip was made before: no other settings undo what they corrected.

        Raises:
            UserError: they cannot be read; what was there is not touched.
        """
        if self.options.tracks is not None:
            read_row(self.options.tracks)
            return self.options.tracks
        before = self.out_dir / paper.file_names(clip_id)[2]
        if not before.is_file():
            return None
        row = read_row(before)
        return before if row.get("corrected") is True and row.get("source_sha256") == digest else None

    def _is_kept(self, clip_id: str, digest: str) -> bool:
        path = self.out_dir / paper.file_names(clip_id)[-1]
        if not path.exists():
            return False
        try:
            known = paper.load_manifest(path)
            paper.verify(known, self.out_dir)
        except UserError:
            return False
        # A clip that was once let through with frames masked whole hides no less than one that needed none.
        same_settings = {**known.settings, "on_missing": ""} == {**dataclasses.asdict(self.settings), "on_missing": ""}
        same_key = known.voice.get("key_id") == self.key.key_id
        same_detector = known.software.get("centerface_sha256") == software()["centerface_sha256"]
        return known.source_sha256 == digest and same_settings and same_key and same_detector


def _refuse_twins(sources: Sequence[Path]) -> None:
    seen: dict[str, Path] = {}
    for source in sources:
        if (twin := seen.setdefault(source.stem.lower(), source)) != source:
            raise UserError(f"{source}: has the clip id of {twin}; rename one, or use --clip_ids keyed")


def _is_listed(row: Mapping[str, Any]) -> bool:
    """Whether a row is of a clip; a person may have edited the list."""
    digest = row.get("source_sha256")
    return isinstance(row.get("clip_id"), str) and (digest is None or isinstance(digest, str))


def _stands(row: Mapping[str, Any], made_by: str) -> bool:
    """Whether an earlier refusal holds for the same bytes."""
    whole = isinstance(row.get("reason"), str) and isinstance(row.get("times_s"), list)
    return whole and row.get("kind") == "refused" and row.get("made_by") == made_by and bool(row.get("source_sha256"))


def _fingerprint(settings: Settings) -> str:
    return json.dumps([dataclasses.asdict(settings), software()], sort_keys=True)


def _refusal(outcome: Outcome, made_by: str) -> dict[str, Any]:
    return {
        "clip_id": outcome.clip_id,
        "kind": outcome.status,
        "reason": outcome.reason,
        "times_s": [round(t, 3) for t in outcome.times_s],
        "source_sha256": outcome.source_sha256,
        "made_by": made_by,
    }
