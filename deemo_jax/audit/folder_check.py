"""Checks all clips of a folder, in parallel, and sums the results up."""

import collections
import dataclasses
import functools
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from deemo_jax.audit.audited_clips import AuditedClip, Found, tidied
from deemo_jax.audit.clip_check import LEAST_COVERAGE, CheckResult, check_clip
from deemo_jax.audit.face_detection.detectors import confirming_detector, detector_name
from deemo_jax.audit.refusals import Refusals, read_refusals
from deemo_jax.core import files, processes, tables
from deemo_jax.core.errors import UserError, plain
from deemo_jax.core.progress import with_progress
from deemo_jax.deid.video.detection.face_network import model_path
from deemo_jax.deid.video.screen_text.text_network import MODEL
from deemo_jax.deid.voice.likeness import MOST_SI_SNR_DB
from deemo_jax.media.video import read_pictures

RESULT = "audit.json"
REPORT_DIR, PAGE = "audit", "report.html"
# Clips of the probes that measure what use is left: both for learning and for testing.
CLIPS = 400
# Why a part of the audit was not measured.
NEEDS_TRUTH, NEEDS_SOURCE = "not measured: needs --truth", "not measured: needs --source"
NO_SOUND = "not measured: no clip has sound"
NOTHING_CHECKED = "not measured: no clip could be checked"
UNNAMED = "no manifest names it"


def lacking(clips: Sequence[AuditedClip]) -> str | None:
    """Why a part that needs the source and the truth of clips cannot be measured; None where it can.

    Such a part leaves out clips that lack either; it can be measured where one clip has both.
    """
    if all(clip.truth is None for clip in clips):
        return NEEDS_TRUTH
    return None if compared(clips) else NEEDS_SOURCE


def compared(clips: Sequence[AuditedClip]) -> list[AuditedClip]:
    """The clips that have a source and a truth."""
    return [clip for clip in clips if clip.source is not None and clip.truth is not None]


@dataclasses.dataclass(frozen=True, slots=True)
class FolderCheck:
    """The checks of a folder.

    Attributes:
        results: of each clip with a manifest, and of each film or sound that no manifest names.
        every: the detectors searched one frame in so many.
        refusals: what refused.jsonl lists.
        third: name of the third face detector; None where there is none.
    """

    results: tuple[CheckResult, ...]
    every: int
    refusals: Refusals = dataclasses.field(default_factory=Refusals)
    third: str | None = None

    @property
    def checked(self) -> tuple[CheckResult, ...]:
        """The results of the clips that could be checked; all figures are about these."""
        return tuple(r for r in self.results if r.unchecked is None)

    @property
    def unchecked(self) -> dict[str, str]:
        """Clip id, or name of a file -> why it could not be checked."""
        return {r.clip_id: r.unchecked for r in self.results if r.unchecked is not None}

    @property
    def lacking(self) -> dict[str, str]:
        """Clip id -> what it was to be compared with and could not be."""
        return {r.clip_id: r.lacking for r in self.results if r.lacking is not None}

    @property
    def failures(self) -> dict[str, tuple[str, ...]]:
        """Clip id -> the promises that it breaks, in words."""
        return {r.clip_id: r.failures for r in self.results if r.failures}

    @property
    def verdict(self) -> str | None:
        """What is wrong with the folder, in one line; None where every promise is kept."""
        wrong = {
            "clips break a promise": len(self.failures),
            "clips or files could not be checked": len(self.unchecked),
        }
        said = [f"{count} of {len(self.results)} {what}" for what, count in wrong.items() if count]
        return "; ".join(said) or None

    def summary(self) -> dict[str, Any]:
        """Sums over all clips, for JSON; None where something was not measured."""
        unnamed = sum(r.unchecked == UNNAMED for r in self.results)
        clips, refused = len(self.results) - unnamed, self.refusals.count
        shares = [r.coverage for r in self.results if r.coverage is not None]
        boxes = [r.true_boxes for r in self.results if r.true_boxes is not None]
        exposed = [r.beside_on_face for r in self.results if r.beside_on_face is not None]
        beside = sum((collections.Counter(r.beside_count) for r in self.results), collections.Counter())
        texts = [r for r in self.results if r.text_at_s is not None]
        asked = [r.third_asked for r in self.results if r.third_asked is not None]
        levels = [r.si_snr_db for r in self.results if r.si_snr_db is not None]
        deviations = [r.deviation for r in self.results if r.deviation is not None]
        return {
            "clips": clips,
            "checked": len(self.checked),
            "not_compared": len(self.lacking),
            "files_without_manifest": unnamed,
            "refused": refused,
            "refused_later": self.refusals.later,
            "accepted_share": clips / max(1, clips + refused),
            "frames": sum(r.frames for r in self.results),
            "seconds": sum(r.seconds for r in self.results),
            "true_boxes": sum(boxes) if boxes else None,
            "least_coverage": min(shares, default=None),
            "clips_below_coverage": sum(share < LEAST_COVERAGE for share in shares) if shares else None,
            "frames_below_coverage": sum(len(r.uncovered_at_s) for r in self.results) if shares else None,
            "fill_deviation_max": max(deviations, default=None),
            "residual_looked_at_one_frame_in": self.every,
            "residual_faces": sum(r.residual for r in self.results),
            "beside_masks": {who: beside[who] for who in ("both", "CenterFace", "BlazeFace")},
            "beside_masks_on_true_faces": sum(exposed) if exposed else None,
            "third_detector": None
            if self.third is None
            else {"name": self.third, "asked": sum(asked), "agreed": sum(r.third_agreed or 0 for r in self.results)},
            "frames_seen_by_two": sum(r.leaks for r in self.results),
            "frames_with_text": sum(len(r.text_at_s or ()) for r in texts) if texts else None,
            "clips_with_text": sum(bool(r.text_at_s) for r in texts) if texts else None,
            "clips_with_metadata": sum(bool(r.metadata) for r in self.results),
            "clips_without_sound": sum(r.silent for r in self.results),
            "si_snr_db_mean": float(np.mean(levels)) if levels else None,
            "si_snr_db_max": max(levels, default=None),
            "failed_clips": len(self.failures),
            "unchecked": len(self.unchecked),
        }

    def rows(self) -> list[tuple[str, str, str]]:
        """The summary as rows of text: what, measured, promised."""
        s = self.summary()
        needs_truth, levels = (NEEDS_TRUTH, NEEDS_SOURCE) if self.checked else (NOTHING_CHECKED,) * 2
        boxes = "no truth" if s["true_boxes"] is None else s["true_boxes"]
        coverage = needs_truth if s["least_coverage"] is None else f"{s['least_coverage']:.2%}"
        exposed = needs_truth if s["beside_masks_on_true_faces"] is None else f"{s['beside_masks_on_true_faces']}"
        beside, third = s["beside_masks"], s["third_detector"]
        agreed = third["agreed"] if third else 0
        if s["clips_without_sound"] and s["clips_without_sound"] == s["checked"]:
            levels = NO_SOUND
        if s["si_snr_db_max"] is not None:
            levels = f"{s['si_snr_db_mean']:.1f} / {s['si_snr_db_max']:.1f} dB"
        return [
            ("clips accepted", f"{s['clips']} of {s['clips'] + s['refused']} ({s['accepted_share']:.1%})", ""),
            *([("... and refused by a later run", f"{s['refused_later']}", "")] * bool(s["refused_later"])),
            ("clips that could not be checked", f"{s['clips'] - s['checked']}", "0"),
            ("... not compared with source or truth", f"{s['not_compared']}", "counted"),
            ("films and sounds without manifest", f"{s['files_without_manifest']}", "0"),
            ("frames / true face boxes", f"{s['frames']} / {boxes}", ""),
            ("least covered true box", coverage, f">= {LEAST_COVERAGE:.0%}"),
            ("faces that CenterFace still reports", f"{s['residual_faces']} (one frame in {self.every})", "counted"),
            ("beside masks: by two detectors", f"{beside['both'] + agreed} in {s['frames_seen_by_two']} frames", "0"),
            ("... by CenterFace / BlazeFace alone", f"{beside['CenterFace']} / {beside['BlazeFace']}", "listed"),
            *(
                [(f"... of these by {self.third} as well", f"{agreed} of {third['asked']} it was shown", "0")]
                if third
                else []
            ),
            ("... and on a true face", exposed, "counted"),
            *([] if s["frames_with_text"] is None else [self._text_row(s)]),
            ("clips with metadata left", f"{s['clips_with_metadata']}", "0"),
            *([("clips without sound", f"{s['clips_without_sound']}", "")] * bool(s["clips_without_sound"])),
            ("voice SI-SNR, mean / max", levels, f"< {MOST_SI_SNR_DB:.0f} dB"),
        ]

    def _text_row(self, summary: Mapping[str, Any]) -> tuple[str, str, str]:
        found = f"{summary['frames_with_text']} frames of {summary['clips_with_text']} clips"
        promised = sum(r.text_promised for r in self.checked)
        return "text beside masks", f"{found} (one frame in {self.every})", f"0 in {promised} clips" * bool(promised)

    def table(self) -> str:
        """The rows of the summary, aligned for a terminal."""
        return tables.aligned(self.rows())


def check_all(
    listed: Found,
    folder: Path,
    workers: int,
    every: int,
    with_sources: bool = False,
    text: bool = False,
    detector: Path | str | None = None,
) -> FolderCheck:
    """Checks the clips of `folder`.

    Args:
        listed: what lies in the folder; the first results are of its clips, in order.
        folder: of the clips.
        workers: processes; with 0 all work is done in this process, which a damaged file may crash.
        every: the detectors search one frame in so many.
        with_sources: whether raw files are decoded to their ends, too, since the parts of a report will read them: a
            clip whose raw file is damaged then counts as not checked.
        text: whether text beside the masks is searched for.
        detector: a third face detector, as for `check_clip`; None for none.

    Raises:
        UserError: refused.jsonl cannot be read, or a detector is not installed.
    """
    # All raise before the work where they fail.
    refused, _ = read_refusals(folder, listed.clip_ids), model_path()
    if detector is not None:
        confirming_detector(detector)
    if text:
        MODEL.read()
    check = functools.partial(_check, every, with_sources, text, detector)
    work = with_progress(processes.settled(check, listed.clips, workers), "audit", len(listed.clips))
    results = [_not_checked(clip, r.reason) if isinstance(r, processes.Failure) else r for clip, r in work]
    results += [CheckResult(clip_id, unchecked=why) for clip_id, why in listed.unusable.items()]
    results += [CheckResult(plain(name), unchecked=UNNAMED) for name in listed.unnamed]
    return FolderCheck(tuple(results), every, refused, None if detector is None else detector_name(detector))


def write(found: FolderCheck, folder: Path, **more: Any) -> None:
    """Writes `audit.json`: "summary", "clips", and the keys of `more`."""
    clips = [dataclasses.asdict(r) | {"failures": r.failures} for r in found.results]
    files.write_json(folder / RESULT, {"summary": found.summary(), **more, "clips": clips})


def _check(every: int, with_source: bool, text: bool, detector: Path | str | None, clip: AuditedClip) -> CheckResult:
    try:
        if with_source and clip.source is not None:
            collections.deque(read_pictures(clip.source, *clip.source_span), maxlen=0)
        made = check_clip(clip.source, clip.output, clip.manifest, clip.truth, every, text, detector)
    except UserError as error:
        return _not_checked(clip, str(error))
    return dataclasses.replace(made, lacking=clip.lacking)


def _not_checked(clip: AuditedClip, why: str) -> CheckResult:
    return CheckResult(clip.clip_id, unchecked=tidied(why, clip.folder, clip.source))
