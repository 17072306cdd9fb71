"""The manifest of a de-identified clip: what was done, with which software, and hashes of all files.

A clip is four files in one folder: NAME.mp4, NAME.masks.json (the covered rectangles of every frame),
NAME.tracks.json (the tracks of faces that they were computed from) and NAME.manifest.json, which is put in place last
and holds the hashes of the other three.
"""

import dataclasses
import itertools
import json
import os
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from deemo_jax.core import files
from deemo_jax.core.errors import UserError

# A covered part of a picture: x0, y0, x1, y1 in whole pixels, the far edges outside.
Rectangle = tuple[int, int, int, int]
# The covered parts of every frame of a clip.
Rectangles = tuple[tuple[Rectangle, ...], ...]

VERSION = 2
# Endings of the names of a clip's manifest, of its preview, and of the folder that holds its new files until they are
# moved into place.
SUFFIX = ".manifest.json"
PREVIEW = ".preview.mp4"
WHOLE = ".whole"
# Bytes of a manifest, and seconds of a recording, at most.
MAX_BYTES = 1 << 20
MAX_SECONDS = 1e9
# Fields that manifests of earlier versions lack, with what they count as.
LATER: dict[str, Any] = {"sound": {}, "span": None, "recording": "", "asked": None, "background": {}, "text": {}}
CLIP_ID = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}")
SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclasses.dataclass(frozen=True, slots=True)
class Manifest:
    """What is recorded of one clip.

    Attributes:
        clip_id: a pseudonym, also the stem of the files.
        file: name of the de-identified MP4, beside the manifest.
        output_sha256: of that file.
        masks: name of the file with the covered rectangles.
        masks_sha256: of that file.
        tracks: name of the file with the tracks of faces.
        tracks_sha256: of that file.
        source_sha256: of the raw file.
        settings: the fields of `Settings`.
        software: name -> version of the libraries that read or changed pixels and samples; the detector's hash.
        voice: "method" ("none" where the clip has no sound), "key_id" (never the key, nor a coefficient),
            "sample_rate" (Hz); for "neutral" also "model_sha256" (of its model of phones) and "around" (whose mean
            prosody is taken around: "clip" or "speaker"); for "spoken" the latter, "words_sha256" (of the recording's
            words without names, and their times), "espeakng_loader" (its version), "words", "hidden" (how many are said
            in the clip, and how many of these in place of a name) and "unsaid" (share of the energy of speech without
            words); for "command" "tool_sha256" (file name -> hash); where people
            are told apart "people" (how many speak in the clip), and by a transcript "turns_sha256" (its hash).
        faces: counts, and how they came about.
            "frames": frames of the source.
            "looked", "full_size": frames in which the detector searched; in which it did so at full size.
            "looks": in words, the size of the picture, the size at which the detector sees it, the smallest face.
            "turns": quarter turns by which pictures were turned for the detector.
            "tracks", "small": tracks of faces; of faces below the smallest size.
            "empty": frames of accepted scenes that show nobody.
            "boxes": detections of faces that were used.
            "bridged": frames in which a face was lost for a short time and covered all the same.
            "min_score": the lowest score of a face.
            "filled", "dropped": frames that are masked whole; that the copy leaves out.
            "seen_again": frames that were covered further, since the covered picture still showed something like a
            face.
            "corrected": whether a person gave the tracks.
        notes: sentences for a reader, e.g. that short sound is padded, or which sound tracks are heard.
        complete: true in every manifest that is accepted.
        sound: "tracks" (how many the source has), "used" (the numbers of those that are heard, from 1), "channels" (of
            each of these), "remarks" (unusual facts, in words); empty in manifests of earlier versions, which took the
            first track.
        span: where the clip starts and ends in the raw file, seconds; None in manifests of earlier versions.
        recording: where the clip is a span of the raw file, the pseudonym of the whole recording; else empty.
        asked: the span that was asked for, seconds; its first frame may come later. None for all of the raw file.
        background: where it was replaced, how that went; else empty.
            "without_person": frames in which a face is covered and no person was found, all of which is background.
            "kept_share": mean share of the picture that is a person.
        text: where text in the picture was looked for, counts; else empty.
            "looked": frames that were searched.
            "found": lines of text that were found beside the masks of faces, in all of these frames.
            "frames": frames in which text is covered.
            "seen_again": frames that were covered further, since the covered pictures still showed something like text.
    """

    clip_id: str
    file: str
    output_sha256: str
    masks: str
    masks_sha256: str
    tracks: str
    tracks_sha256: str
    source_sha256: str
    settings: Mapping[str, Any]
    software: Mapping[str, str]
    voice: Mapping[str, Any]
    faces: Mapping[str, Any]
    notes: tuple[str, ...] = ()
    complete: bool = True
    sound: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    span: tuple[float, float] | None = None
    recording: str = ""
    asked: tuple[float, float] | None = None
    background: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    text: Mapping[str, Any] = dataclasses.field(default_factory=dict)

    @property
    def silent(self) -> bool:
        """Whether the clip has no sound track."""
        return self.voice.get("method") == "none"

    @property
    def hashes(self) -> tuple[tuple[str, str], ...]:
        """Name and SHA-256 of each file."""
        return (
            (self.file, self.output_sha256),
            (self.masks, self.masks_sha256),
            (self.tracks, self.tracks_sha256),
        )

    def to_json(self) -> dict[str, Any]:
        """The manifest as it is written."""
        return {"version": VERSION, **dataclasses.asdict(self), "notes": list(self.notes)}


def file_names(clip_id: str) -> tuple[str, str, str, str]:
    """The names of a clip's video, masks, tracks and manifest.

    Raises:
        UserError: a clip id that is no safe file name.
    """
    if not CLIP_ID.fullmatch(clip_id):
        raise UserError(f"clip id {clip_id!r}: use up to 100 letters, digits, _, - and ., or --clip_ids keyed")
    return f"{clip_id}.mp4", f"{clip_id}.masks.json", f"{clip_id}.tracks.json", f"{clip_id}{SUFFIX}"


def span_id(recording: str, span: tuple[float, float]) -> str:
    """The clip id of a span: the id of its recording, and start and end in milliseconds."""
    return f"{recording}_{span[0] * 1000:07.0f}_{span[1] * 1000:07.0f}"


def recording_id(clip_id: str) -> str:
    """The id of a clip's recording: the inverse of `span_id`; any other id is returned as it is."""
    return re.sub(r"_\d{7,}_\d{7,}$", "", clip_id)


def preview_name(clip_id: str) -> str:
    """The name of a clip's preview, in which tracks are drawn on it; it is not part of the manifest."""
    return f"{clip_id}{PREVIEW}"


def whole(folder: Path, clip_id: str) -> Path:
    """The folder that holds a clip's new files, complete, until all of them are moved into place."""
    return folder / f".{clip_id}{WHOLE}"


def load_manifest(path: str | os.PathLike[str]) -> Manifest:
    """Reads and validates a manifest.

    Raises:
        UserError: missing, too large, of another version, incomplete, or malformed.
    """
    row = files.read_json(path, MAX_BYTES)
    if not isinstance(row, dict) or row.get("version") != VERSION:
        raise UserError(f"{path}: not a de-identification manifest of version {VERSION}; de-identify the clip again")
    names = {field.name for field in dataclasses.fields(Manifest)}
    row = LATER | row
    if missing := names - row.keys():
        raise UserError(f"{path}: the manifest lacks {', '.join(sorted(missing))}; de-identify the clip again")
    texts = ("clip_id", "file", "masks", "tracks", "output_sha256", "masks_sha256", "tracks_sha256", "source_sha256")
    good = (
        row["complete"] is True
        and all(isinstance(row[key], str) for key in texts)
        and all(SHA256.fullmatch(row[key]) for key in texts if key.endswith("sha256"))
        and all(isinstance(row[key], dict) for key in ("settings", "software", "voice", "faces", "sound"))
        and all(isinstance(row[key], dict) for key in ("background", "text"))
        and isinstance(row["notes"], list)
        and _is_span(row["span"])
        and _is_span(row["asked"])
        and isinstance(row["recording"], str)
        and CLIP_ID.fullmatch(row["recording"] or "_") is not None
        and all(isinstance(note, str) for note in row["notes"])
        and CLIP_ID.fullmatch(row["clip_id"]) is not None
        and (row["file"], row["masks"], row["tracks"]) == file_names(row["clip_id"])[:3]
    )
    if not good:
        raise UserError(f"{path}: the manifest is incomplete or malformed; de-identify the clip again")
    return Manifest(**{name: _read(name, row[name]) for name in names})


def _read(name: str, value: Any) -> Any:
    """The value of a field: JSON has lists where the manifest has tuples."""
    return tuple(value) if name in ("notes", "span", "asked") and value is not None else value


def _is_span(span: Any) -> bool:
    if span is None:
        return True
    numbers = isinstance(span, list) and len(span) == 2 and all(type(x) in (int, float) for x in span)
    return numbers and 0 <= span[0] < span[1] < MAX_SECONDS


def verify(manifest: Manifest, folder: str | os.PathLike[str]) -> Path:
    """Compares the files beside a manifest with its hashes.

    Returns:
        The path of the video.

    Raises:
        UserError: incomplete, a file is missing, or a hash differs.
    """
    if not manifest.complete:
        raise UserError(f"{manifest.clip_id}: its manifest is not complete; de-identify the clip again")
    for name, digest in manifest.hashes:
        if files.sha256(Path(folder) / name) != digest:
            mend = "de-identify the clip again"
            if whole(Path(folder), manifest.clip_id).is_dir():
                mend = "deidentify was ended while it put new files in place: run it again"
            raise UserError(f"{Path(folder) / name}: its hash differs from the manifest's; {mend}")
    return Path(folder) / manifest.file


def find_manifests(paths: Iterable[str | os.PathLike[str]]) -> list[Path]:
    """The manifests that paths name: a file itself, of a folder all that lie in it, sorted.

    Raises:
        UserError: a path does not exist, is no manifest, or holds none.
    """
    found: list[Path] = []
    for path in map(Path, paths):
        if path.is_dir():
            inside = sorted(path.glob(f"*{SUFFIX}"))
        elif path.is_file() and path.name.endswith(SUFFIX):
            inside = [path]
        else:
            raise UserError(f"{path}: no manifest (*{SUFFIX}) and no folder with manifests; run deidentify first")
        if not inside:
            raise UserError(f"{path}: holds no manifest (*{SUFFIX}); run deidentify first")
        found += inside
    return found


@dataclasses.dataclass(frozen=True, slots=True)
class Masks:
    """The covered rectangles of a clip.

    Attributes:
        width: of the picture, pixels.
        height: of the picture, pixels.
        rectangles: per frame of the clip, [x0, y0, x1, y1] each, the far edges outside.
        dropped: frames of the source that the clip lacks, ascending.
    """

    width: int
    height: int
    rectangles: Rectangles
    dropped: tuple[int, ...] = ()


def write_masks(path: str | os.PathLike[str], masks: Masks) -> None:
    """Writes the rectangles as compact JSON, whole or not at all."""
    frames = [[number for rectangle in frame for number in rectangle] for frame in masks.rectangles]
    row = {"version": VERSION, "width": masks.width, "height": masks.height, "dropped": masks.dropped, "frames": frames}
    with files.atomic(path) as temporary:
        temporary.write_text(json.dumps(row, separators=(",", ":")) + "\n", encoding="utf-8")


def load_masks(path: str | os.PathLike[str]) -> Masks:
    """Reads the rectangles of a clip.

    Raises:
        UserError: missing, too large or malformed.
    """
    row = files.read_json(path)
    try:
        return _masks(row)
    except (KeyError, TypeError) as error:
        raise UserError(f"{path}: no file of masks ({error}); de-identify the clip again") from error


def _masks(row: Any) -> Masks:
    """The masks in a decoded file, checked, since pictures of their size will be made.

    Raises:
        KeyError, TypeError: it is no file of masks.
    """
    from deemo_jax.media.display_geometry import MAX_PIXELS

    width, height, dropped, frames = row["width"], row["height"], row["dropped"], row["frames"]
    if type(width) is not int or type(height) is not int or min(width, height) < 1 or width * height > MAX_PIXELS:
        raise TypeError("a width and a height of a picture are needed")
    if type(frames) is not list or not frames or type(dropped) is not list:
        raise TypeError("lists of frames and of dropped frames are needed, and at least one frame")
    total = len(frames) + len(dropped)
    if any(type(t) is not int for t in dropped) or not all(a < b for a, b in itertools.pairwise([-1, *dropped, total])):
        raise TypeError("dropped frames are numbers of frames of the source, ascending")
    return Masks(width, height, tuple(_rectangles(frame, width, height) for frame in frames), tuple(dropped))


def _rectangles(frame: Any, width: int, height: int) -> "tuple[Rectangle, ...]":
    if type(frame) is not list or len(frame) % 4 or any(type(number) is not int for number in frame):
        raise TypeError("rectangles are four whole numbers each")
    rectangles = tuple(zip(*[iter(frame)] * 4, strict=True))
    if not all(0 <= x0 < x1 <= width and 0 <= y0 < y1 <= height for x0, y0, x1, y1 in rectangles):
        raise TypeError("a rectangle is empty, or reaches out of the picture")
    return rectangles
