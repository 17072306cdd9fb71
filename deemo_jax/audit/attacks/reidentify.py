"""The attack on faces: how often a face embedder still ranks the right person first, at the places of true faces.

Axes: E embedding, P persons, N probes, R bootstrap replicates.
"""

import dataclasses
import functools
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence

import numpy as np
from jaxtyping import Float, UInt8

from deemo_jax.audit.attacks.embedders import FaceEmbedder, face_embedder
from deemo_jax.audit.attacks.vectors import one_vector
from deemo_jax.audit.audited_clips import AuditedClip, source_frames
from deemo_jax.audit.folder_check import compared, lacking
from deemo_jax.audit.report_parts import Section, not_measured
from deemo_jax.audit.truth_fields import read_boxes
from deemo_jax.core import parallel
from deemo_jax.core.progress import with_progress
from deemo_jax.core.stats import Interval, over_persons
from deemo_jax.core.tables import Table
from deemo_jax.media.video import read_frames, uniform_indices

# Faces of a clip that are embedded, at most, and the shorter side of one, pixels, at least.
CROPS = 4
SMALLEST_CROP = 8
# Bootstrap samples over persons, and the seed of their draws.
SAMPLES, SEED = 2000, 20250
TITLE = "Face re-identification"
_without = functools.partial(not_measured, "reidentification", TITLE, rank1=None)
# Attack -> the pictures by which the attacker knows persons, and the pictures whose person is looked for.
ATTACKS: Mapping[str, tuple[str, str]] = {
    "nobody is hidden (ceiling)": ("raw", "raw"),
    "ignorant: enrolled raw, shown de-identified": ("raw", "written"),
    "informed: enrolled and shown de-identified": ("written", "written"),
}


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class Embedded:
    """The faces of one clip, embedded.

    Attributes:
        person: pseudonym of who is seen.
        raw: mean of the vectors in the raw file, of length 1; empty where no face could be cropped.
        written: likewise in the de-identified file.
    """

    person: str
    raw: Float[np.ndarray, " E"]
    written: Float[np.ndarray, " E"]


def reidentification_section(
    clips: Sequence[AuditedClip], embedder: str | FaceEmbedder | None, workers: int = 1
) -> Section:
    """The rank-1 rates of the attacks.

    Args:
        clips: with sources and a truth with "person_id" and "faces"; others are left out.
        embedder: "grey", the path of an ONNX file (`embedders.OnnxEmbedder`), or a `FaceEmbedder`; with None the
            section is not measured.
        workers: processes; an embedder that is an object works in this process, since it may not be picklable.

    Raises:
        UserError: the embedder cannot be loaded, or gives no vectors.
    """
    if embedder is None:
        return _without("not measured: needs --face_embedder FILE.onnx")
    if (why := lacking(clips)) is not None:
        return _without(why)
    known = [clip for clip in compared(clips) if clip.person]
    embed: Callable[[AuditedClip], Embedded] = functools.partial(embed_clip, embedder)
    processes = workers if isinstance(embedder, str) else 1
    work: Iterator[Embedded] = with_progress(parallel.each(embed, known, processes), "faces compared", len(known))
    gallery, probes = halves([of for of in work if of.raw.size])
    persons = sorted({of.person for of in gallery})
    if len(persons) < 2:
        return _without("not measured: needs two persons with two clips each")
    rates = {name: rank1(gallery, probes, enrolled, shown) for name, (enrolled, shown) in ATTACKS.items()}
    chance = 1 / len(persons)
    kind, what = "onnx", "the ONNX file that was given"
    if not isinstance(embedder, str):
        kind, what = "given", f"an object that was given ({type(embedder).__name__})"
    elif embedder == "grey":
        kind, what = "grey", "small grey pixels, a weak embedder"
    rows = tuple((name, f"{rate}") for name, rate in rates.items())
    return Section(
        name="reidentification",
        title=TITLE,
        tables=(
            Table(
                f"Rank-1 among {len(persons)} persons, % [95 % interval, bootstrap over persons]; {len(probes)} clips"
                f" shown, {len(gallery)} others enrolled",
                ("attack", "rank-1"),
                (*rows, ("(chance)", f"{100 * chance:.1f}")),
            ),
        ),
        notes=(
            f"Embedder: {what}; up to {CROPS} crops a clip, at the true face boxes; a tie counts as a guess.",
            "A better embedder can only find more: this bounds nothing from above. On the synthetic corpus all faces"
            " are warps of one portrait, so even raw rates there say nothing about people.",
            "Re-identification of people by body, clothes, place or gait: not measured.",
        ),
        numbers={
            "embedder": kind,
            "persons": len(persons),
            "probes": len(probes),
            "chance": chance,
            "rank1": {name: dataclasses.asdict(rate) for name, rate in rates.items()},
        },
    )


def embed_clip(embedder: str | FaceEmbedder, clip: AuditedClip) -> Embedded:
    """Embeds the true faces of up to `CROPS` frames, in the raw file and at the same places of the de-identified one.

    Args:
        embedder: as for `reidentification_section`.
        clip: with a source and a truth.
    """
    assert clip.truth is not None and clip.source is not None
    boxes, of_source = read_boxes(clip.truth, clip.clip_id), source_frames(clip.masks())
    chosen = uniform_indices(len(of_source), CROPS)
    # Frame of the clip -> its first true box, that of the person whom the clip is about.
    wanted = {i: boxes[of_source[i]][0] for i in chosen if of_source[i] < len(boxes) and boxes[of_source[i]]}
    look = face_embedder(embedder)
    means = []
    in_source = {of_source[i]: box for i, box in wanted.items()}
    for path, span, regions in ((clip.source, clip.source_span, in_source), (clip.output, (), wanted)):
        vectors = []
        for frame in read_frames(path, *span):
            if frame.index in regions:
                crop = _crop(frame.image, regions[frame.index])
                if min(crop.shape[:2]) >= SMALLEST_CROP:
                    vectors.append(_unit(one_vector(look.embed(crop), look)))
            if frame.index >= max(regions, default=0):
                break
        means.append(_unit(np.mean(vectors, axis=0)) if vectors else np.zeros(0))
    return Embedded(clip.person, *(means if all(m.size for m in means) else (np.zeros(0), np.zeros(0))))


def halves(clips: Sequence[Embedded]) -> tuple[list[Embedded], list[Embedded]]:
    """Splits clips into those by which persons are known and those whose person is looked for, in turn.

    Persons with a single clip are left out.
    """
    of: dict[str, list[Embedded]] = defaultdict(list)
    for clip in clips:
        of[clip.person].append(clip)
    several = [group for group in of.values() if len(group) > 1]
    return [c for group in several for c in group[::2]], [c for group in several for c in group[1::2]]


def rank1(gallery: Sequence[Embedded], probes: Sequence[Embedded], enrolled: str, shown: str) -> Interval:
    """The share of probes that are closest (by cosine) to the mean of their own person.

    Args:
        gallery: clips by which persons are known.
        probes: clips whose person is looked for.
        enrolled: the pictures of `gallery` that are used, "raw" or "written".
        shown: the pictures of `probes` that are used.

    Returns:
        The share with its interval over persons; of several persons that tie, each counts in part.
    """
    persons = sorted({of.person for of in gallery})
    means = np.stack(
        [_unit(np.mean([getattr(c, enrolled) for c in gallery if c.person == person], axis=0)) for person in persons]
    )
    index = np.array([persons.index(probe.person) for probe in probes])
    scores = np.stack([getattr(probe, shown) for probe in probes]) @ means.T
    best = scores >= scores.max(axis=1, keepdims=True) - 1e-9
    hits = best[np.arange(len(probes)), index] / best.sum(axis=1)
    sums, looks = np.bincount(index, hits, minlength=len(persons)), np.bincount(index, minlength=len(persons))
    return over_persons(lambda often: (often @ sums) / np.maximum(often @ looks, 1), len(persons), SAMPLES, SEED)


def _crop(image: UInt8[np.ndarray, "H W 3"], box: Sequence[float]) -> UInt8[np.ndarray, "h w 3"]:
    height, width = image.shape[:2]
    x0, x1 = (int(np.clip(round(x), 0, width)) for x in (box[0], box[2]))
    y0, y1 = (int(np.clip(round(y), 0, height)) for y in (box[1], box[3]))
    return np.ascontiguousarray(image[y0:y1, x0:x1])


def _unit(vector: Float[np.ndarray, " E"]) -> Float[np.ndarray, " E"]:
    length = float(np.linalg.norm(vector))
    return vector / length if length > 0 else vector
