"""One clip of the sample as several attackers see it, before each kind of background, and what is left of the people.

Axes: V variants of the pictures, F frames, D numbers of a vector, H height and W width of the picture.
"""

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from jaxtyping import Bool, Float, Float32, UInt8

from benchmarks.privacy.filmed import CAMERAS, Camera
from benchmarks.privacy.outfit import clothes_colours, clothes_lines, filled
from benchmarks.privacy.people_alone import in_even_greys, silhouette
from deemo_jax.deid.keys import VoiceKey
from deemo_jax.deid.manifest import Rectangle, load_masks
from deemo_jax.deid.settings import BACKGROUNDS, MASKS, Settings
from deemo_jax.deid.video import masks
from deemo_jax.deid.video.background.people_only import PeopleOnly
from deemo_jax.deid.video.background.person_network import SIDE, person_probability
from deemo_jax.deid.video.detection.face_finder import FaceFinder
from deemo_jax.deid.video.kept_frames import KeptFrames
from deemo_jax.deid.video.refusal_messages import Refused
from deemo_jax.media.picture import Frame, Picture, Planar, layers
from deemo_jax.media.video import read_pictures, uniform_indices
from deemo_jax.sample import corpus_clip
from deemo_jax.sample.corpus_settings import CorpusSettings

KEY = VoiceKey(b"what is seen around people")
FRAMES = 8
# Width and height of a thumbnail, and cells to a side of the colours under a mask.
THUMBNAIL, CELLS = (16, 12), 5
RAW, MEANS = "raw, no mask", "mean colours, as mosaics of earlier versions"
FOUND, GREYS, SILHOUETTES = "blur, its backdrop found and filled", "grey, people in even greys", "grey, silhouettes"
# Variants of the whole picture; the last has the background, too.
PICTURES = (RAW, *BACKGROUNDS, FOUND, GREYS, SILHOUETTES, "keep, mosaic")
UNDER_MASKS = (RAW, *MASKS, MEANS)
# What attackers compare pictures by.
THUMBNAILS, COLOURS, LINES = "thumbnails", "clothes' colours", "clothes' lines"


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class Views:
    """One clip in all variants.

    Attributes:
        plan: of the clip, with its truth.
        frames: RGB, as the tower sees them.
        seen: `THUMBNAILS`, `COLOURS` or `LINES` -> its vectors, by `PICTURES`.
        under: colours under the largest rectangle, mean over frames, by `UNDER_MASKS`.
        shares: how it was filmed, "" for the frames as they are written -> of the pixels beside the masks, what is kept
            of hands, of the body, and of the background; None where the clip would be refused.
    """

    plan: corpus_clip.ClipPlan
    frames: UInt8[np.ndarray, "V F side side 3"]
    seen: Mapping[str, Float[np.ndarray, "V F _"]]
    under: Float[np.ndarray, "V D"]
    shares: Mapping[str, tuple[float, float, float] | None]


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class _Film:
    """Frames of a clip, each between its neighbours, which have a say in where the person is; and what covers faces."""

    clip_id: str
    size: tuple[int, int]
    pictures: "Sequence[Picture | _Taken]"
    rectangles: Sequence[tuple[Rectangle, ...]]

    def written(
        self, backgrounds: Sequence[str], is_searched: bool = True
    ) -> dict[str, list[tuple[Planar, tuple[Rectangle, ...]]]]:
        """For each background the frames as they are written, without their neighbours, and what is covered in them.

        Args:
            backgrounds: of the settings.
            is_searched: whether what looks like a face without its background is covered; else the clip may be refused.

        Raises:
            Refused: people are not found in too many frames.
        """
        seen = [person_probability(picture.rgb(SIDE, SIDE)) for picture in self.pictures]  # once for all
        return {name: self._written(name, seen, is_searched)[1::3] for name in backgrounds}

    def _written(
        self, background: str, seen: Sequence[Float32[np.ndarray, "h w"]], is_searched: bool
    ) -> list[tuple[Planar, tuple[Rectangle, ...]]]:
        answers = iter(seen)
        on_missing = "mask_frame" if is_searched else "refuse"
        settings = Settings(background=background, on_missing=on_missing)  # type: ignore[arg-type]
        kept = KeptFrames(_Read(self.pictures), self.size, tuple(p.time_s for p in self.pictures))  # type: ignore[arg-type]
        finder = FaceFinder(settings) if is_searched else None
        people = PeopleOnly(
            kept, tuple(self.rectangles), settings, KEY, self.clip_id, finder, find=lambda _: next(answers)
        )
        return list(zip(list(people.pictures()), people.rectangles, strict=True))


class _Read(list[Any]):
    """Some pictures of a film, as `KeptFrames` reads one."""

    path, threads, stage = Path("film"), 1, ""


class _Taken(Frame):
    """A picture of another camera, as decoded ones are asked for."""

    @property
    def size(self) -> tuple[int, int]:
        return self.image.shape[1], self.image.shape[0]

    def rgb(self, width: int, height: int) -> UInt8[np.ndarray, "height width 3"]:
        return cv2.resize(self.image, (width, height), interpolation=cv2.INTER_AREA)


def look_at(
    raw: Path, deid: Path, settings: CorpusSettings, side: int, cameras: Mapping[int, Sequence[str]], index: int
) -> Views:
    """One clip in all variants, under the rectangles of its own masks.

    Args:
        raw, deid: folders of the corpus and of its clips, named by --clip_ids stem.
        settings: of the corpus.
        side: of the tower's frames, pixels.
        cameras: clip -> of `CAMERAS`, those by which it is filmed again.
        index: of the clip.
    """
    plan = corpus_clip.plan(settings, index)
    recorded, truth = load_masks(deid / f"{plan.clip_id}.masks.json"), corpus_clip.film(plan)
    pictures = list(read_pictures(raw / "clips" / f"{plan.clip_id}.mp4"))
    chosen, last = uniform_indices(len(pictures), FRAMES), len(pictures) - 1
    near = [i for t in chosen for i in (max(t - 1, 0), t, min(t + 1, last))]
    size, covering = (recorded.width, recorded.height), [recorded.rectangles[t] for t in chosen]
    film = _Film(plan.clip_id, size, [pictures[i] for i in near], [recorded.rectangles[i] for i in near])
    written = film.written(("blur", "grey"))
    people = [_kept(*of, size) for of in zip(written["blur"], written["grey"], strict=True)]
    covered = {
        mask: [
            masks.cover_planar(pictures[t].planar(), rectangles, mask).rgb(*size)
            for t, rectangles in zip(chosen, covering, strict=True)
        ]
        for mask in MASKS
    }
    before = [pictures[t].rgb(*size) for t in chosen]
    blur, grey = (np.stack([picture.rgb(*size) for picture, _ in written[name]]) for name in ("blur", "grey"))
    variants: tuple[Sequence[UInt8[np.ndarray, "H W 3"]], ...] = (
        before,
        covered["solid"],
        list(blur),
        list(grey),
        list(filled(blur)),
        list(map(in_even_greys, grey, people)),
        list(map(silhouette, grey, people)),
        covered["mosaic"],
    )
    shown = dict(zip(PICTURES, variants, strict=True))
    under = {RAW: before, **covered, MEANS: before}
    faces = [max(rectangles, key=_area) for rectangles in covering]
    parts = [(truth.hand_pixels(t), truth.person_pixels(t)) for t in chosen]
    visible = [~masks.region(rectangles, *size) for rectangles in covering]
    shares: dict[str, tuple[float, float, float] | None] = {"": _shares(parts, people, visible)}
    for name in cameras.get(index, ()):
        shares[name] = _filmed_again(CAMERAS[name], film, near, parts)
    frames = [
        [cv2.resize(image, (side, side), interpolation=cv2.INTER_AREA) for image in shown[name]] for name in PICTURES
    ]
    return Views(
        plan,
        np.asarray(frames, np.uint8),
        {
            THUMBNAILS: np.stack([_colours(shown[name], THUMBNAIL) for name in PICTURES]),
            COLOURS: np.stack([clothes_colours(shown[name], people, faces) for name in PICTURES]),
            LINES: np.stack([clothes_lines(shown[name], people, faces) for name in PICTURES]),
        },
        np.stack([_colours(list(_cut(under[name], faces)), (CELLS, CELLS)).mean(axis=0) for name in UNDER_MASKS]),
        shares,
    )


def _area(rectangle: Rectangle) -> int:
    x0, y0, x1, y1 = rectangle
    return (x1 - x0) * (y1 - y0)


def _kept(
    blur: tuple[Planar, tuple[Rectangle, ...]], grey: tuple[Planar, tuple[Rectangle, ...]], size: tuple[int, int]
) -> Bool[np.ndarray, "H W"]:
    """The pixels that are the same before both backdrops, and that nothing covers."""
    ours, theirs = (layers(picture.planes)[0] for picture, _ in (blur, grey))
    return (ours == theirs) & ~masks.region(grey[1], *size)


def _filmed_again(
    camera: Camera,
    film: _Film,
    near: Sequence[int],
    parts: Sequence[tuple[Bool[np.ndarray, "H W"], Bool[np.ndarray, "H W"]]],
) -> tuple[float, float, float] | None:
    """The shares that are kept, had another camera filmed it; `near` are the numbers of the film's frames."""
    taken = [
        _Taken(k, picture.time_s, camera.picture(picture.rgb(*film.size), t))
        for k, (t, picture) in enumerate(zip(near, film.pictures, strict=True))
    ]
    rectangles = [camera.rectangles(of, t, *film.size) for t, of in zip(near, film.rectangles, strict=True)]
    again = dataclasses.replace(film, pictures=taken, rectangles=rectangles)
    try:
        written = again.written(("blur", "grey"), is_searched=False)
    except Refused:
        return None
    people = [_kept(*of, film.size) for of in zip(written["blur"], written["grey"], strict=True)]
    moved = [
        (camera.pixels(hands, t), camera.pixels(person, t))
        for t, (hands, person) in zip(near[1::3], parts, strict=True)
    ]
    return _shares(moved, people, [~masks.region(of, *film.size) for of in rectangles[1::3]])


def _shares(
    parts: Sequence[tuple[Bool[np.ndarray, "H W"], Bool[np.ndarray, "H W"]]],
    people: Sequence[Bool[np.ndarray, "H W"]],
    visible: Sequence[Bool[np.ndarray, "H W"]],
) -> tuple[float, float, float]:
    """What stays of hands, person and background, of what no mask covers; mean over frames."""
    found = []
    for (hands, person), stays, seen in zip(parts, people, visible, strict=True):
        of = (hands & seen, person & seen, ~person & seen)
        found.append([float((part & stays).sum() / max(part.sum(), 1)) for part in of])
    hand, body, around = np.mean(found, axis=0).tolist()
    return hand, body, around


def _cut(
    images: Sequence[UInt8[np.ndarray, "H W 3"]], faces: Sequence[Rectangle]
) -> Iterator[UInt8[np.ndarray, "h w 3"]]:
    """What is seen in a rectangle of each picture."""
    for image, (x0, y0, x1, y1) in zip(images, faces, strict=True):
        yield np.ascontiguousarray(image[y0:y1, x0:x1])


def _colours(images: Sequence[UInt8[np.ndarray, "_ _ 3"]], size: tuple[int, int]) -> Float[np.ndarray, "F D"]:
    """The colours of a thumbnail of each picture."""
    small = [cv2.resize(image, size, interpolation=cv2.INTER_AREA).astype(np.float64) for image in images]
    return np.reshape(small, (len(small), -1))
