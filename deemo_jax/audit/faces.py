"""The report's section on faces: what detectors still report at all thresholds, leaks, and what was refused.

A detection within covered pixels shows only where a face was; one beside them may show a face.
Axes: T thresholds.
"""

import functools
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float

from deemo_jax.audit.audited_clips import AuditedClip
from deemo_jax.audit.clip_check import RESIDUAL_THRESHOLD
from deemo_jax.audit.face_scan import THRESHOLDS, ClipScan, FrameScan, scan_clip
from deemo_jax.audit.folder_check import NEEDS_TRUTH, FolderCheck
from deemo_jax.audit.report_parts import Figure, Section
from deemo_jax.core import parallel
from deemo_jax.core.plots import BLUE, GREEN, ORANGE, VERMILION, canvas, png, tidy
from deemo_jax.core.progress import with_progress
from deemo_jax.core.stats import rate_interval, upper_bound
from deemo_jax.core.tables import Table

# Thresholds of the table, and the one at which de-identification promises that nothing is left.
TABULATED = (0.05, 0.1, 0.2, 0.3, 0.5, 0.7)
PROMISED_AT = RESIDUAL_THRESHOLD
# How the curves of detectors are drawn; that of a third one is dotted.
STROKES = {"CenterFace": "-", "BlazeFace": "--"}
# Greater counts in a manifest are ignored as damaged.
MOST = 1 << 40
WORDS = {"anywhere": "anywhere", "outside": "beside masks", "on_face": "on a true face"}
# Key of a count in manifests -> its name in the report.
COUNTS = {
    "frames": "frames",
    "looked": "frames that the detector looked at",
    "full_size": "frames that it looked at in full size",
    "boxes": "faces found in the sources",
    "tracks": "faces followed over time",
    "small": "of these, smaller than the smallest face asked for",
    "bridged": "frames in which a face was lost, and covered",
    "filled": "frames masked whole",
    "dropped": "frames left out",
    "empty": "frames of scenes that show nobody",
    "seen_again": "frames covered further after the second look",
}
# Keys beside these.
NO_COUNTS = frozenset({"looks", "turns", "min_score", "corrected"})


def faces_section(
    clips: Sequence[AuditedClip],
    found: FolderCheck,
    *,
    detector: Path | str | None = None,
    every: int = 1,
    workers: int = 1,
) -> Section:
    """Scans the clips and, where they are given, their raw files.

    Args:
        clips: at least one.
        found: the checks of the folder.
        detector: one more detector: "mtcnn", or an ONNX file; None for none.
        every: one frame in so many is searched.
        workers: processes.

    Raises:
        UserError: the given detector cannot be loaded.
    """
    scan: Callable[[AuditedClip], ClipScan] = functools.partial(scan_clip, detector, every)
    scans: list[ClipScan] = list(with_progress(parallel.each(scan, clips, workers), "faces left", len(clips)))
    who = list(dict.fromkeys(name for s in scans for name in s.frames))
    curves = {name: [f for s in scans for f in s.frames.get(name, ())] for name in who}
    worst = {name: [max((f.outside for f in s.frames.get(name, ())), default=0.0) for s in scans] for name in curves}
    leaks, leak_notes, leak_numbers, failures = _leaks(found)
    return Section(
        name="faces",
        title="Faces",
        tables=(
            _residual_table(curves, worst),
            leaks,
            _counts_table(clips),
            _refused_table(found),
        ),
        figures=(Figure(f"Frames with a report, by threshold (one frame in {every})", _plot(curves)),),
        notes=(
            f"One frame in {every} was looked at, {len(next(iter(curves.values())))} in {len(scans)} clips. Frames of a"
            " clip are alike: intervals over frames are narrower than they should be, those over clips are not.",
            "Beside the masks a raw picture has no face either, if none was missed: what is reported there is"
            " the detector's false alarms (fists, logos), and as many are to be expected in what was written.",
            "CenterFace also decided where the masks are. Where it is blind, it is blind twice: BlazeFace, which was"
            " trained apart from it and had no say in the masks, and the human check say more. All look at pictures at"
            " their full size; BlazeFace in tiles, so that it sees faces from 24 pixels up.",
            *(("One more detector: not measured; --detector mtcnn adds one.",) if detector is None else ()),
            *leak_notes,
        ),
        numbers={
            "every": every,
            "thresholds": THRESHOLDS.tolist(),
            "curves": {
                name: {
                    "frames": len(frames),
                    "anywhere": _share(frames, "anywhere").tolist(),
                    "outside": _share(frames, "outside").tolist(),
                    "on_true_face": _share(frames, "on_face").tolist() if _knows_faces(frames) else None,
                    "clips_outside_at_0.2": sum(score >= PROMISED_AT for score in worst[name]),
                }
                for name, frames in curves.items()
            },
            "given_detector": None if detector is None else "measured",
            "counts": _counts(clips),
            "refused": dict(found.refusals.reasons),
            **leak_numbers,
        },
        failures=failures,
    )


def _share(frames: Sequence[FrameScan], what: str) -> Float[np.ndarray, " T"]:
    """The share of frames whose best score reaches each of `THRESHOLDS`."""
    scores = np.array([getattr(frame, what) for frame in frames])
    return (scores[None] >= THRESHOLDS[:, None]).mean(axis=1)


def _knows_faces(frames: Sequence[FrameScan]) -> bool:
    return all(frame.on_face is not None for frame in frames)


def _residual_table(curves: Mapping[str, Sequence[FrameScan]], worst: Mapping[str, Sequence[float]]) -> Table:
    rows = []
    for name, frames in curves.items():
        n, clips, known = len(frames), len(worst[name]), _knows_faces(frames)
        for threshold in TABULATED:
            counts = [
                sum(score >= threshold for score in scores)
                for scores in (
                    [f.anywhere for f in frames],
                    [f.outside for f in frames],
                    [f.on_face or 0 for f in frames],
                )
            ]
            shares = [
                f"{count / n:.2%} [{low:.2%}, {high:.2%}]"
                for count in counts
                for low, high in [rate_interval(count, n)]
            ]
            hit = sum(score >= threshold for score in worst[name])
            cells = (
                *shares[:2],
                shares[2] if known else NEEDS_TRUTH,
                f"{hit} of {clips} (<= {upper_bound(hit, clips):.2%})",
            )
            rows.append((name, f"{threshold:g}", *cells))
    return Table(
        "Frames in which a detector still reports a face, with exact 95 % intervals; clips with such a frame beside the"
        " masks, with the one-sided 95 % bound on their share",
        ("detector, picture", "threshold", "anywhere", "beside the masks", "... and on a true face", "clips, beside"),
        tuple(rows),
    )


def _plot(curves: Mapping[str, Sequence[FrameScan]]) -> bytes:
    figure = canvas(8.6, 4.0)
    axes = figure.subplots()
    for name, frames in curves.items():
        raw = name.endswith("raw")
        lines = {"anywhere": ORANGE if raw else BLUE}
        lines |= {"outside": "#999999" if raw else VERMILION}
        lines |= {"on_face": GREEN} if not raw and _knows_faces(frames) else {}
        for what, colour in lines.items():
            style: dict[str, Any] = {
                "ls": STROKES.get(name.split(",")[0], ":"),
                "marker": "o",
                "ms": 4,
                "lw": 1.6,
            }
            label = f"{name}: {WORDS[what]}"
            axes.plot(THRESHOLDS, 100 * _share(frames, what), color=colour, label=label, **style)
    axes.axvline(PROMISED_AT, color="#777777", ls=":", lw=1.4)
    axes.text(PROMISED_AT + 0.006, 50, "threshold of the promise", rotation=90, va="center", size=8, color="#555555")
    axes.set(xlim=(0.04, 0.91), ylim=(-2, 102), xlabel="score threshold", ylabel="frames with a report (%)")
    tidy(axes)
    axes.legend(frameon=False, fontsize=9, loc="center left", bbox_to_anchor=(1.0, 0.5))
    return png(figure)


def _leaks(found: FolderCheck) -> tuple[Table, tuple[str, ...], dict[str, Any], tuple[str, ...]]:
    """On true faces that the recorded masks do not cover: table, notes, numbers, and broken promises in words."""
    caption = "True face boxes that the masks do not cover to 98 %"
    header = ("what", "count")
    s = found.summary()
    shown = s["frames_seen_by_two"]
    failures: tuple[str, ...] = (f"in {shown} frames two detectors see a face beside the masks",) if shown else ()
    if s["true_boxes"] is None:
        table = Table(caption, header, (("frames with such a box", NEEDS_TRUTH),))
        return table, (f"Leaks against the truth: {NEEDS_TRUTH}.",), {"leaks": None}, failures
    leaks, hit = s["frames_below_coverage"], s["clips_below_coverage"]
    rows = (
        ("true face boxes", str(s["true_boxes"])),
        ("frames with such a box", f"{leaks} of {s['frames']} (<= {upper_bound(leaks, s['frames']):.3%})"),
        ("clips with such a frame", f"{hit} of {s['checked']} (<= {upper_bound(hit, s['checked']):.2%})"),
        ("least covered box", f"{s['least_coverage']:.2%}"),
    )
    if leaks:
        failures += (f"{leaks} frames show a true face that is not covered",)
    return Table(caption, header, rows), (), {"leaks": leaks, "true_boxes": s["true_boxes"]}, failures


def _counts(clips: Sequence[AuditedClip]) -> dict[str, int]:
    """The sums of the known counts in the clips' manifests."""
    sums: Counter[str] = Counter()
    for clip in clips:
        counts = {key: clip.manifest.faces.get(key) for key in COUNTS}
        sums.update({key: n for key, n in counts.items() if type(n) is int and 0 <= n <= MOST})
    return {key: sums[key] for key in COUNTS if key in sums}


def _counts_table(clips: Sequence[AuditedClip]) -> Table:
    rows = [(COUNTS[key], f"{count:,}") for key, count in _counts(clips).items()]
    unknown = sum(bool(clip.manifest.faces.keys() - COUNTS.keys() - NO_COUNTS) for clip in clips)
    if unknown:
        rows.append(("clips with counts that this version does not know", f"{unknown:,}"))
    return Table(f"What de-identification did, by the manifests of {len(clips)} clips", ("what", "sum"), tuple(rows))


def _refused_table(found: FolderCheck) -> Table:
    summary = found.summary()
    accepted, refused, later = (summary[key] for key in ("clips", "refused", "refused_later"))
    total = accepted + refused
    low, high = rate_interval(refused, total)
    caption = f"Clips refused: {refused} of {total} ({refused / total:.1%} [{low:.1%}, {high:.1%}]), by reason"
    rows = [*found.refusals.reasons.items(), ("accepted", accepted)]
    if later:
        rows.append(("... of these refused by a later run: what was made before it stays", later))
    return Table(caption, ("reason", "clips"), tuple((reason, f"{count:,}") for reason, count in rows))
