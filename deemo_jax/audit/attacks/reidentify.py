"""The attack on faces: how often a face embedder still ranks the right person first, at the places of true faces.

Axes: E embedding, C crops, P persons, M probes.
"""

import dataclasses
import functools
from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from pathlib import Path

import cv2
import numpy as np
from jaxtyping import Float, Int, UInt8

from deemo_jax.audit.attacks import recogniser
from deemo_jax.audit.attacks.discriminant import discriminant_scores
from deemo_jax.audit.attacks.embedders import FaceEmbedder, described, face_embedder
from deemo_jax.audit.attacks.vectors import one_vector
from deemo_jax.audit.attacks.verification import Measures, cosine_scores, measures
from deemo_jax.audit.audited_clips import AuditedClip, source_frames
from deemo_jax.audit.folder_check import compared, lacking
from deemo_jax.audit.report_parts import Section, not_measured
from deemo_jax.audit.truth_fields import read_boxes
from deemo_jax.core import parallel
from deemo_jax.core.progress import with_progress
from deemo_jax.core.tables import Table
from deemo_jax.deid.video.detection.centerface import FaceDetector
from deemo_jax.media.video import read_frames, uniform_indices

# Faces of a clip that are embedded, at most, and the shorter side of one, pixels, at least.
CROPS = 4
SMALLEST_CROP = 8
# Of fewer persons no numbers are given: a guess is right too often.
LEAST_PERSONS = 6
# Score (0 to 1) from which CenterFace shows the attacker where a face is, where the truth does not say.
SURE = 0.5
TITLE = "Face re-identification"
_without = functools.partial(not_measured, "reidentification", TITLE, attacks=None)
# Left, top, right, bottom; pixels.
Box = Sequence[float]


@dataclasses.dataclass(frozen=True, slots=True)
class Attack:
    """What an attacker knows and does.

    Attributes:
        enrolled: the pictures by which persons are known, "raw" or "written".
        shown: the pictures whose person is looked for.
        learns: whether a linear discriminant of these very persons is learnt; else vectors are compared by cosine.
    """

    enrolled: str
    shown: str
    learns: bool = False


ATTACKS: Mapping[str, Attack] = {
    "nobody is hidden (ceiling)": Attack("raw", "raw"),
    "ignorant: enrolled raw, shown de-identified": Attack("raw", "written"),
    "informed: enrolled and shown de-identified": Attack("written", "written"),
    "trained: the same, and learns these persons": Attack("written", "written", learns=True),
}


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class Embedded:
    """The faces of one clip, embedded.

    Attributes:
        person: pseudonym of who is seen.
        raw: the vectors in the raw file, each of length 1; none where no face could be cropped.
        written: likewise in the de-identified file.
    """

    person: str
    raw: Float[np.ndarray, "C E"]
    written: Float[np.ndarray, "C E"]


def reidentification_section(
    clips: Sequence[AuditedClip], embedder: str | FaceEmbedder | None, workers: int = 1
) -> Section:
    """What the attacks get.

    Args:
        clips: with sources and a truth with "person_id"; others are left out. Without "faces" in the truth CenterFace
            looks for the face in the raw file.
        embedder: as `face_embedder` takes it; where there is none, the section is not measured.
        workers: processes; an embedder that is an object works in this process, since it may not be picklable.

    Raises:
        UserError: the embedder cannot be loaded, or gives no vectors.
    """
    if face_embedder(embedder) is None:
        return _without(f"not measured: needs a face recogniser; {recogniser.HOW}")
    if (why := lacking(clips)) is not None:
        return _without(why)
    known = [clip for clip in compared(clips) if clip.person]
    embed: Callable[[AuditedClip], Embedded] = functools.partial(embed_clip, embedder)
    processes = workers if embedder is None or isinstance(embedder, str) else 1
    work: Iterator[Embedded] = with_progress(parallel.each(embed, known, processes), "faces compared", len(known))
    gallery, probes = halves([of for of in work if len(of.raw)])
    persons = len({of.person for of in gallery})
    if persons < LEAST_PERSONS:
        return _without(f"not measured: needs {LEAST_PERSONS} persons with two clips each, and here are {persons}")
    found = {name: attack_of(gallery, probes, attack) for name, attack in ATTACKS.items()}
    chance = 1 / persons
    rows = tuple((name, f"{of.rank1}", f"{of.eer}", f"{of.tpr}") for name, of in found.items())
    return Section(
        name="reidentification",
        title=TITLE,
        tables=(
            Table(
                f"{persons} persons, % [95 % interval, bootstrap over persons]; {len(probes)} clips shown,"
                f" {len(gallery)} others enrolled",
                ("attack", "rank-1", "equal error rate", "TPR at 1 % FPR"),
                (*rows, ("(chance)", f"{100 * chance:.1f}", "50.0", "1.0")),
            ),
        ),
        notes=(
            f"Embedder: {described(embedder)}; up to {CROPS} crops a clip, at the true face boxes, or where CenterFace"
            " finds a face in the raw file; a tie counts as a guess.",
            "A better embedder can only find more: this bounds nothing from above. On the synthetic corpus all faces"
            " are warps of one portrait, so even raw rates there say nothing about people.",
            "Re-identification of people by body, clothes, place or gait: not measured.",
        ),
        numbers={
            "embedder": described(embedder),
            "persons": persons,
            "probes": len(probes),
            "chance": chance,
            "attacks": {name: dataclasses.asdict(of) for name, of in found.items()},
        },
    )


def embed_clip(embedder: str | FaceEmbedder | None, clip: AuditedClip) -> Embedded:
    """Embeds the faces of up to `CROPS` frames, in the raw file and at the same places of the de-identified one.

    Args:
        embedder: as `face_embedder` takes it; there is one.
        clip: with a source and a truth.
    """
    assert clip.source is not None
    look = face_embedder(embedder)
    assert look is not None
    of_source = source_frames(clip.masks())
    chosen = {of_source[i]: i for i in uniform_indices(len(of_source), CROPS)}
    pictures = _chosen(clip.source, clip.source_span, chosen)
    boxes = read_boxes(clip.truth, clip.clip_id)
    # Frame of the source -> the box of the person whom the clip is about, the first of the truth's.
    places = {t: boxes[t][0] for t in pictures if t < len(boxes) and boxes[t]} if boxes is not None else _seen(pictures)
    raw = _vectors(look, {t: pictures[t] for t in places}, places)
    there = {chosen[t]: box for t, box in places.items()}
    written = _vectors(look, _chosen(clip.output, (), there), there)
    nothing = np.zeros((0, 0))
    return Embedded(clip.person, *((raw, written) if len(raw) and len(written) else (nothing, nothing)))


def halves(clips: Sequence[Embedded]) -> tuple[list[Embedded], list[Embedded]]:
    """Splits clips into those by which persons are known and those whose person is looked for, in turn.

    Persons with a single clip are left out.
    """
    of: dict[str, list[Embedded]] = defaultdict(list)
    for clip in clips:
        of[clip.person].append(clip)
    several = [group for group in of.values() if len(group) > 1]
    return [c for group in several for c in group[::2]], [c for group in several for c in group[1::2]]


def attack_of(gallery: Sequence[Embedded], probes: Sequence[Embedded], attack: Attack) -> Measures:
    """What an attack gets; `scores_of` explains the arguments."""
    return measures(*scores_of(gallery, probes, attack))


def scores_of(
    gallery: Sequence[Embedded], probes: Sequence[Embedded], attack: Attack
) -> tuple[Float[np.ndarray, "M P"], Int[np.ndarray, " M"]]:
    """How alike each probe and each person are to an attacker, and who each probe is.

    Args:
        gallery: clips by which persons are known.
        probes: clips whose person, one of these, is looked for.
        attack: which pictures are used, and how.
    """
    persons = sorted({of.person for of in gallery})
    owners, sought = (np.array([persons.index(of.person) for of in clips]) for clips in (gallery, probes))
    known: list[Float[np.ndarray, "_ E"]] = [getattr(of, attack.enrolled) for of in gallery]
    shown: list[Float[np.ndarray, "_ E"]] = [getattr(of, attack.shown) for of in probes]
    if attack.learns:
        return discriminant_scores(known, owners, shown), sought
    means = [np.stack([rows.mean(axis=0) for rows in of]) for of in (known, shown)]
    return cosine_scores(means[0], owners, means[1]), sought


def _chosen(
    film: Path, span: tuple[float, float | None] | tuple[()], wanted: Collection[int]
) -> dict[int, UInt8[np.ndarray, "H W 3"]]:
    """The pictures of some frames of a film, by their numbers."""
    pictures = {}
    for frame in read_frames(film, *span):
        if frame.index in wanted:
            pictures[frame.index] = frame.image
        if frame.index >= max(wanted, default=0):
            break
    return pictures


def _seen(pictures: Mapping[int, UInt8[np.ndarray, "H W 3"]]) -> dict[int, Box]:
    """The face of each picture that CenterFace is surest of, where there is one."""
    found: dict[int, Box] = {}
    for t, image in pictures.items():
        height, width = image.shape[:2]
        faces = FaceDetector(width, height)(image, SURE)
        if len(faces):
            found[t] = [float(x) for x in faces[0, :4]]
    return found


def _vectors(
    look: FaceEmbedder, pictures: Mapping[int, UInt8[np.ndarray, "H W 3"]], places: Mapping[int, Box]
) -> Float[np.ndarray, "C E"]:
    """The vectors, of length 1, of the faces that are large enough."""
    crops = [_crop(image, places[t], getattr(look, "around", 0.0)) for t, image in pictures.items()]
    vectors = [_unit(one_vector(look.embed(crop), look)) for crop in crops if min(crop.shape[:2]) >= SMALLEST_CROP]
    return np.stack(vectors) if vectors else np.zeros((0, 0))


def _crop(image: UInt8[np.ndarray, "H W 3"], box: Box, around: float) -> UInt8[np.ndarray, "h w 3"]:
    """The box of a face and what is around it; beyond the picture its edge is repeated, unless nothing is asked for."""
    height, width = image.shape[:2]
    x0, x1 = (int(np.clip(round(x), 0, width)) for x in (box[0], box[2]))
    y0, y1 = (int(np.clip(round(y), 0, height)) for y in (box[1], box[3]))
    if around == 0 or x1 <= x0 or y1 <= y0:
        return np.ascontiguousarray(image[y0:y1, x0:x1])
    across, down = round(around * (x1 - x0)), round(around * (y1 - y0))
    wide = cv2.copyMakeBorder(image, down, down, across, across, cv2.BORDER_REPLICATE)
    return np.ascontiguousarray(wide[y0 : y1 + 2 * down, x0 : x1 + 2 * across])


def _unit(vector: Float[np.ndarray, " E"]) -> Float[np.ndarray, " E"]:
    length = float(np.linalg.norm(vector))
    return vector / length if length > 0 else vector
