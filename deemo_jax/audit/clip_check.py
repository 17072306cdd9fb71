"""Checks of one de-identified clip against what is promised, its raw file and, where there is one, the corpus's truth.

Axes: B true boxes of a frame, R rectangles, H height, W width.
"""

import dataclasses
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from jaxtyping import Bool, Float, UInt8

from deemo_jax.audit.audited_clips import read_source_voice, read_voice
from deemo_jax.audit.face_detection.agreement import MOST_SIGHTINGS, Sighting
from deemo_jax.audit.face_detection.blazeface import BlazeFace
from deemo_jax.audit.face_detection.detectors import CenterFace, confirming_detector
from deemo_jax.audit.face_detection.look_beside import Lookers
from deemo_jax.audit.manifest_claims import check_claims
from deemo_jax.audit.truth_fields import read_boxes, read_planted
from deemo_jax.core.errors import UserError, plain
from deemo_jax.deid.manifest import Manifest, Masks, Rectangle, load_masks, verify
from deemo_jax.deid.settings import IGNORE, KEEP, Settings
from deemo_jax.deid.video import masks
from deemo_jax.deid.video.detection.boxes import Boxes
from deemo_jax.deid.video.leak_check import covered_share
from deemo_jax.deid.video.screen_text.text_boxes import find_text
from deemo_jax.deid.video.screen_text.text_covering import text_beside
from deemo_jax.deid.voice.likeness import MOST_SI_SNR_DB, si_snr
from deemo_jax.media.picture import Picture
from deemo_jax.media.probe import PICTURES, contains, probe_header, remark_tags
from deemo_jax.media.video import read_pictures

# Share of a true face box that masks must cover.
LEAST_COVERAGE = 0.98
# Mean absolute deviation from the fill colour, in grey levels, that H.264 may leave within a filled rectangle: 7.6 at
# most on the sample corpus (`fill_deviation_max` in audit.json).
MOST_DEVIATION = 10.0
# How far each grey level is from the fill colour.
FROM_FILL = np.abs(np.arange(256) - masks.FILL).astype(np.uint8)
# CenterFace score from which a face counts as still seen; that of de-identification.
RESIDUAL_THRESHOLD = 0.2
# Probability from which a place in a written picture surely is text: more than the 0.5 of de-identification, since
# encoding, and other frames than those searched there, change what is in doubt.
SURELY_TEXT = 0.7
# Before a plain backdrop a whole person looks like a letter: with a replaced background, a box is no text if its
# shorter side has this share of the picture's shorter side. People have 0.45 and more, other finds 0.16 and less.
LARGEST_TEXT = 0.4
# Tags and handlers that libav itself writes into an MP4; any other may come from the source.
ALLOWED_TAGS = frozenset({"major_brand", "minor_version", "compatible_brands", "language", "handler_name", "vendor_id"})
ALLOWED_HANDLERS = frozenset({"VideoHandler", "SoundHandler"})


@dataclasses.dataclass(frozen=True, slots=True)
class CheckResult:
    """What was found in one clip, or why it could not be checked.

    Attributes:
        clip_id: of the clip; the name of the file where no manifest gives an id.
        frames: how many were checked.
        seconds: how long they last.
        true_boxes: boxes of faces in the truth, over all frames; None without a truth.
        coverage: the least share of a true face box that the recorded rectangles cover; 1 where there are no boxes,
            None without a truth.
        uncovered_at_s: times, seconds, of the frames with a box that is covered to less than 98 %.
        deviation: greatest mean absolute deviation from the fill colour, or from the greys of a mosaic, in grey levels,
            within a rectangle; None for blurred ones.
        residual: detections of CenterFace with a score of 0.2 or more in the full-size output, masked places included.
        beside: detections of either detector that do not lie within masked pixels: the first 50, leaks before others.
        beside_count: number of all of them, by detector: "CenterFace", "BlazeFace", or "both" for a place that both
            report, which is a leak.
        third_asked: how many of those that one detector alone reports a third one was shown; None where there is none.
        third_agreed: how many of these it reports as well, which are leaks; None where there is none.
        leaks: frames with a place that two detectors report.
        beside_on_face: detections beside the masks that touch a true face; the others are false alarms. None without
            a truth.
        text_at_s: times, seconds, of the searched frames in which text is seen beside the masks; None where it was not
            looked for.
        text_promised: whether, by the clip's settings, no text is left.
        metadata: planted strings, and tags that libav does not write itself, found in the file.
        si_snr_db: SI-SNR of the changed voice against the original, at the best lag within 50 ms; None without the
            source.
        silent: whether the clip has no sound, by its manifest.
        lacking: what the clip was to be compared with and could not be; None where nothing was.
        unchecked: why the clip could not be checked; None where it was.
    """

    clip_id: str
    frames: int = 0
    seconds: float = 0.0
    true_boxes: int | None = None
    coverage: float | None = None
    uncovered_at_s: tuple[float, ...] = ()
    deviation: float | None = None
    residual: int = 0
    beside: tuple[Sighting, ...] = ()
    beside_count: Mapping[str, int] = dataclasses.field(default_factory=dict)
    third_asked: int | None = None
    third_agreed: int | None = None
    leaks: int = 0
    beside_on_face: int | None = None
    text_at_s: tuple[float, ...] | None = None
    text_promised: bool = False
    metadata: tuple[str, ...] = ()
    si_snr_db: float | None = None
    silent: bool = False
    lacking: str | None = None
    unchecked: str | None = None

    @property
    def failures(self) -> tuple[str, ...]:
        """The promises that are broken, in words."""
        covered, level = 1.0 if self.coverage is None else self.coverage, self.si_snr_db
        broken = {
            f"true face box only {covered:.1%} covered": covered < LEAST_COVERAGE,
            f"fill colour off by {self.deviation or 0:.1f}": (self.deviation or 0.0) > MOST_DEVIATION,
            f"in {self.leaks} frames two detectors see a face beside the masks": self.leaks > 0,
            f"in {len(self.text_at_s or ())} frames text is seen beside the masks": self.text_promised
            and bool(self.text_at_s),
            f"metadata left: {', '.join(self.metadata)}": bool(self.metadata),
            f"voice at {level or 0:.1f} dB of the original": level is not None and not level < MOST_SI_SNR_DB,
        }
        return tuple(text for text, is_broken in broken.items() if is_broken)


def coverage(
    boxes: Sequence[Sequence[float]], rectangles: Sequence[Sequence[int]], width: int, height: int
) -> Float[np.ndarray, " B"]:
    """The share of each box that the union of the rectangles covers, exactly.

    Only the part of a box within the picture counts; a box outside of it counts as covered.

    Args:
        boxes: x0, y0, x1, y1 each, pixels.
        rectangles: x0, y0, x1, y1 each, whole pixels within the picture.
        width: of the picture, pixels.
        height: of the picture, pixels.
    """
    hidden = masks.region(rectangles, width, height)
    return np.array([covered_share(box, hidden) for box in boxes])


def check_clip(
    source: Path | None,
    output: Path,
    manifest: Manifest,
    truth: Mapping[str, Any] | None,
    every: int = 1,
    text: bool = False,
    detector: Path | str | None = None,
) -> CheckResult:
    """Checks one de-identified clip against its source and the truth, where these are given.

    Args:
        source: the raw file; None where it is not at hand.
        output: the de-identified file; the file of masks lies beside it.
        manifest: of the output.
        truth: "faces": per frame, one box [x0, y0, x1, y1] or a list of them; "planted": strings planted as metadata.
            None without a truth; without "faces" coverage is not known.
        every: the detectors search one frame in so many; everything else is checked in every frame.
        text: whether text is searched for, too.
        detector: a third face detector, as `detectors.given_detector` takes it, which is asked about what one of the
            other two sees alone; None for none.

    Raises:
        UserError: the text detector or the third one is not installed; a file or a key is missing or malformed, a hash
            differs, masks, pictures and truth differ in size or number of frames, or the manifest is of another length.
    """
    verify(manifest, output.parent)
    recorded = load_masks(output.parent / manifest.masks)
    count, dropped = len(recorded.rectangles), set(recorded.dropped)
    true_boxes = read_boxes(truth, manifest.clip_id)
    if true_boxes is not None:
        true_boxes = [boxes for t, boxes in enumerate(true_boxes) if t not in dropped]
    if true_boxes is not None and len(true_boxes) != count:
        raise UserError(f"{manifest.clip_id}: masks of {count} frames, truth of {len(true_boxes)}; one clip?")
    made_by = Settings.on_record(manifest.settings)
    filled = made_by.mask != "gaussian"
    width, height = recorded.width, recorded.height
    third = None if detector is None else confirming_detector(detector)
    look = Lookers(CenterFace(width, height, RESIDUAL_THRESHOLD), BlazeFace(), third)
    least, deviation = 1.0, 0.0
    uncovered: list[float] = []
    seen: list[Sighting] = []
    read: list[float] = []
    remarks: dict[str, str] = {}
    frames = residual = leaks = exposed = 0
    seconds = 0.0
    for picture, rectangles, boxes in zip(
        _pictures(output, recorded), recorded.rectangles, true_boxes or [[]] * count, strict=True
    ):
        if picture.index < PICTURES:
            remarks = picture.remarks() | remarks
        hidden = masks.region(rectangles, width, height)
        shares = [covered_share(box, hidden) for box in boxes]
        least = min([least, *shares])
        if any(share < LEAST_COVERAGE for share in shares):
            uncovered.append(picture.time_s)
        if filled and hidden.any():
            deviation = max(deviation, _deviation(picture.rgb(), rectangles, made_by.mask))
        if picture.index % every == 0:
            beside, reported = look(picture, picture.time_s, hidden)
            residual += reported
            leaks += any(s.is_leak for s in beside)
            exposed += sum(any(touch(s.box, box) for box in boxes) for s in beside)
            seen += beside
            if text and len(_text_left(picture, hidden, made_by)):
                read.append(picture.time_s)
        frames, seconds = frames + 1, picture.time_s + picture.lasts_s
    check_claims(manifest, recorded, seconds)
    known = true_boxes is not None
    return CheckResult(
        clip_id=manifest.clip_id,
        frames=frames,
        seconds=seconds,
        true_boxes=sum(map(len, true_boxes)) if true_boxes is not None else None,
        coverage=least if known else None,
        uncovered_at_s=tuple(uncovered),
        deviation=deviation if filled else None,
        residual=residual,
        beside=tuple(sorted(seen, key=lambda s: not s.is_leak)[:MOST_SIGHTINGS]),
        beside_count=dict(Counter(s.who for s in seen)),
        third_asked=None if third is None else sum(s.third is not None for s in seen),
        third_agreed=None if third is None else sum(s.third is True for s in seen),
        leaks=leaks,
        beside_on_face=exposed if known else None,
        text_at_s=tuple(read) if text else None,
        text_promised=made_by.text_in_picture != IGNORE,
        metadata=_left_over(output, read_planted(truth or {}, manifest.clip_id), manifest.silent, remarks),
        si_snr_db=None if manifest.silent else _level(output, source, manifest),
        silent=manifest.silent,
    )


def _pictures(output: Path, recorded: Masks) -> Iterator[Picture]:
    """The pictures of a clip, as many and as large as its masks say.

    Raises:
        UserError: they are not: pixels or frames without a mask of their own would not be checked.
    """
    count, size, shown = len(recorded.rectangles), (recorded.width, recorded.height), 0
    other = f"{output.name}: its masks are of another video"
    for picture in read_pictures(output):
        shown += 1
        if shown > count:
            raise UserError(f"{other}: {count} frames, and here are more; de-identify the clip again")
        if picture.size != size:
            known, here = ("x".join(map(str, sides)) for sides in (size, picture.size))
            raise UserError(f"{other}: pictures of {known}, and here is one of {here}; de-identify the clip again")
        yield picture
    if shown < count:
        raise UserError(f"{other}: {count} frames, and here are {shown}; de-identify the clip again")


def _text_left(picture: Picture, hidden: Bool[np.ndarray, "H W"], made_by: Settings) -> Boxes:
    """The boxes of text in a picture that hidden pixels leave."""
    height, width = hidden.shape
    boxes = text_beside(find_text(picture, (width, height), SURELY_TEXT, hidden), hidden)
    if made_by.background == KEEP:
        return boxes
    return boxes[(boxes[:, 2:] - boxes[:, :2]).min(axis=1) < LARGEST_TEXT * min(width, height)]


def _deviation(image: UInt8[np.ndarray, "H W 3"], rectangles: Sequence[Rectangle], mask: str) -> float:
    """The greatest mean absolute deviation of a rectangle's pixels from what fills it, grey levels."""
    if mask == "mosaic":
        apart = cv2.absdiff(image, masks.cover(image, rectangles, mask))
        return max(float(apart[y0:y1, x0:x1].mean()) for x0, y0, x1, y1 in rectangles)
    return max(float(cv2.LUT(image[y0:y1, x0:x1], FROM_FILL).mean()) for x0, y0, x1, y1 in rectangles)


def _level(output: Path, source: Path | None, manifest: Manifest) -> float | None:
    """SI-SNR of the voice in a clip against that in its source, dB; None without the source."""
    return None if source is None else si_snr(read_voice(output), read_source_voice(source, manifest))


def touch(box: Sequence[float] | Float[np.ndarray, "5"], other: Sequence[float]) -> bool:
    """Whether two boxes overlap; coordinates are x0, y0, x1, y1, and what follows is ignored."""
    return bool(box[0] < other[2] and other[0] < box[2] and box[1] < other[3] and other[1] < box[3])


def _left_over(output: Path, planted: Sequence[str], silent: bool, remarks: Mapping[str, str]) -> tuple[str, ...]:
    """Planted strings, foreign tags and unexpected tracks in a file, in words; `remarks` lie beside its pictures."""
    found = [str(needle) for needle in contains(output, [text for text in planted if text])]
    contents = probe_header(output)
    for tag in (*contents.tags, *remark_tags(remarks)):
        key, _, value = tag.partition(".")[2].partition("=")
        if key not in ALLOWED_TAGS or (key == "handler_name" and value not in ALLOWED_HANDLERS):
            found.append(plain(tag))
    if sorted(contents.streams) != ["audio/aac", "video/h264"][silent:]:
        found.append(f"tracks {', '.join(contents.streams)}{' of a clip without sound' * silent}")
    return tuple(found)
