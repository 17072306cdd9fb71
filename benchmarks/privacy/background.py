"""What is left of a clip without its background: `python -m benchmarks.privacy.background --workers 2`.

On clips of the sample corpus, whose persons, recordings and outlines are known (`make train` leaves them):

1. who is seen, by thumbnails of the whole picture, among persons of other recordings; and which raw film a clip is of;
2. the same by the colours under the masks, for each mask, beside the mean colours that mosaics of earlier versions had;
3. the share of hands and bodies that is kept, and of the background that stays;
4. how well probes on the sample's frozen tower still find body language and emotion in the frames;
5. how many frames a second are written.

Axes: V variants of the pictures, F frames, D numbers of a thumbnail.
"""

import collections
import dataclasses
import functools
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import cv2
import numpy as np
from jaxtyping import Bool, Float, Float32, UInt8

from benchmarks.deface import cost_of
from benchmarks.films import SIZE, write_film
from benchmarks.ratios import clock_and_processor
from configs import sample
from deemo_jax.audit.attacks.reidentify import Attack, Embedded, scores_of
from deemo_jax.audit.attacks.verification import rank1
from deemo_jax.audit.utility.frozen_encoders import load_towers
from deemo_jax.audit.utility.linear_probe import ProbeAnswers, probe
from deemo_jax.core import cli, files, parallel
from deemo_jax.core.progress import with_progress
from deemo_jax.core.tables import Table
from deemo_jax.deid.keys import VoiceKey
from deemo_jax.deid.manifest import Rectangle, load_masks
from deemo_jax.deid.settings import BACKGROUNDS, MASKS, Settings
from deemo_jax.deid.video import masks
from deemo_jax.deid.video.background.people_only import PeopleOnly
from deemo_jax.deid.video.background.person_network import SIDE, person_probability
from deemo_jax.deid.video.detection.face_finder import FaceFinder
from deemo_jax.deid.video.kept_frames import KeptFrames
from deemo_jax.media.picture import Picture, Planar, layers
from deemo_jax.media.video import read_pictures, uniform_indices
from deemo_jax.sample import corpus_clip
from deemo_jax.sample.corpus_settings import CorpusSettings

KEY = VoiceKey(b"what is seen around people")
FRAMES = 8
# Width and height of a thumbnail, and cells to a side of the colours under a mask.
THUMBNAIL, CELLS = (16, 12), 5
RAW, MEANS = "raw", "5 by 5 mean colours, as earlier mosaics"
# Variants of the whole picture; the last has the background, too.
PICTURES = (RAW, *BACKGROUNDS, "mosaic")
UNDER_MASKS = (RAW, *MASKS, MEANS)
# Whose pictures the attacker has -> what is compared with what.
ATTACKERS = {
    "raw pictures": Attack("raw", "written"),
    "pictures treated the same way": Attack("written", "written"),
}


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class Looked:
    """One clip in all variants.

    Attributes:
        plan: of the clip, with its truth.
        frames: RGB, as the tower sees them.
        thumbnails: colours of the whole picture, mean over frames, by `PICTURES`.
        colours: under the largest rectangle, mean over frames, by `UNDER_MASKS`.
        shares: of the pixels beside the masks, what is kept of hands, of the body, and of the background.
    """

    plan: corpus_clip.ClipPlan
    frames: UInt8[np.ndarray, "V F side side 3"]
    thumbnails: Float[np.ndarray, "V D"]
    colours: Float[np.ndarray, "V D"]
    shares: tuple[float, float, float]


def main(arguments: list[str] | None = None) -> int:
    parser = cli.Parser("python -m benchmarks.privacy.background", description=__doc__)
    parser.add_argument("--raw", type=Path, default=Path("runs/sample_data/raw"), help="the corpus (%(default)s)")
    parser.add_argument("--deid", type=Path, default=Path("runs/sample_data/deid"), help="its clips (%(default)s)")
    parser.add_argument("--clips", type=int, default=240, help="drawn at random (default %(default)s)")
    parser.add_argument("--repeats", type=int, default=3, help="of the timed commands (default %(default)s)")
    parser.add_argument("--workers", type=int, default=1, help="processes (default %(default)s)")
    flags = parser.parse_args(arguments)
    stamp = files.read_json(flags.raw / "settings.json")
    settings = CorpusSettings(stamp["seed"], stamp["width"], stamp["height"], stamp["frame_rate"])
    there = sorted(int(path.stem.removesuffix(".masks").rpartition("_")[2]) for path in flags.deid.glob("*.masks.json"))
    drawn = sorted(np.random.default_rng(0).permutation(there)[: flags.clips].tolist())
    towers = load_towers(sample.MODEL, Path(sample.__file__).parents[1] / sample.get_config().init)
    look = functools.partial(look_at, flags.raw, flags.deid, settings, towers.side)
    vectors, clips = list[Float[np.ndarray, "V D"]](), list[Looked]()
    for clip in with_progress(parallel.each(look, drawn, flags.workers), "clips", len(drawn)):
        vectors.append(np.asarray(towers.see(clip.frames)))
        clips.append(dataclasses.replace(clip, frames=clip.frames[:0]))
    persons = len({clip.plan.identity.person_id for clip in clips})
    n = f"{len(clips)} clips of {persons} persons"
    show(linked(f"Thumbnails of {THUMBNAIL[0]}x{THUMBNAIL[1]} colours", PICTURES, clips, [c.thumbnails for c in clips]))
    show(linked(f"Colours under the mask, {CELLS}x{CELLS}", UNDER_MASKS, clips, [c.colours for c in clips]))
    show(kept(clips))
    show(probed(clips, np.stack(vectors, axis=1), n))
    speed(flags.repeats)
    return 0


def show(table: Table) -> None:
    print(f"{table.caption}\n\n{table.markdown()}\n", flush=True)


class _Film(list[Picture]):
    """Some pictures of a film, as `KeptFrames` reads one."""

    path, threads, stage = Path("film"), 1, ""


def look_at(raw: Path, deid: Path, settings: CorpusSettings, side: int, index: int) -> Looked:
    """One clip in all variants, under the rectangles of its own masks.

    Args:
        raw, deid: folders of the corpus and of its clips, named by --clip_ids stem.
        settings: of the corpus.
        side: of the tower's frames, pixels.
        index: of the clip.
    """
    plan = corpus_clip.plan(settings, index)
    recorded, film = load_masks(deid / f"{plan.clip_id}.masks.json"), corpus_clip.film(plan)
    pictures = list(read_pictures(raw / "clips" / f"{plan.clip_id}.mp4"))
    chosen, last = uniform_indices(len(pictures), FRAMES), len(pictures) - 1
    covering = [recorded.rectangles[t] for t in chosen]
    size = (recorded.width, recorded.height)
    # Each chosen frame between its neighbours, which have a say in where the person is.
    near = [i for t in chosen for i in (max(t - 1, 0), t, min(t + 1, last))]
    beside = [pictures[i] for i in near], [recorded.rectangles[i] for i in near]
    seen = [person_probability(picture.rgb(SIDE, SIDE)) for picture in beside[0]]  # once for both
    behind = {name: _written(*beside, seen, plan.clip_id, name)[1::3] for name in ("blur", "grey")}
    covered = {
        mask: [
            masks.cover_planar(pictures[t].planar(), rectangles, mask).rgb(*size)
            for t, rectangles in zip(chosen, covering, strict=True)
        ]
        for mask in MASKS
    }
    before = [pictures[t].rgb(*size) for t in chosen]
    shown = {RAW: before, "keep": covered["solid"], "mosaic": covered["mosaic"]}
    shown |= {name: [picture.rgb(*size) for picture, _ in of] for name, of in behind.items()}
    under = {RAW: before, **covered, MEANS: before}
    shares = []
    for k, t in enumerate(chosen):
        lit = [layers(of[k][0].planes)[0] for of in behind.values()]
        stays = (lit[0] == lit[1]) & ~masks.region(behind["grey"][k][1], *size)
        visible = ~masks.region(covering[k], *size)
        shares.append(_shares(film.hand_pixels(t), film.person_pixels(t), stays, visible))
    frames = [
        [cv2.resize(image, (side, side), interpolation=cv2.INTER_AREA) for image in shown[name]] for name in PICTURES
    ]
    return Looked(
        plan,
        np.asarray(frames, np.uint8),
        np.stack([_colours(shown[name], THUMBNAIL) for name in PICTURES]),
        np.stack([_colours(list(_cut(under[name], covering)), (CELLS, CELLS)) for name in UNDER_MASKS]),
        tuple(np.mean(shares, axis=0).tolist()),
    )


def _written(
    pictures: Sequence[Picture],
    rectangles: Sequence[tuple[Rectangle, ...]],
    seen: Sequence[Float32[np.ndarray, "h w"]],
    clip_id: str,
    name: str,
) -> list[tuple[Planar, tuple[Rectangle, ...]]]:
    """The pictures as they are written, and what is covered in them; `seen` is what the network says of each."""
    answers = iter(seen)
    settings = Settings(background=name, on_missing="mask_frame")  # type: ignore[arg-type]
    kept = KeptFrames(_Film(pictures), pictures[0].size, tuple(p.time_s for p in pictures))  # type: ignore[arg-type]
    people = PeopleOnly(
        kept, tuple(rectangles), settings, KEY, clip_id, FaceFinder(settings), find=lambda _: next(answers)
    )
    return list(zip(list(people.pictures()), people.rectangles, strict=True))


def _shares(
    hands: Bool[np.ndarray, "H W"],
    person: Bool[np.ndarray, "H W"],
    stays: Bool[np.ndarray, "H W"],
    visible: Bool[np.ndarray, "H W"],
) -> tuple[float, float, float]:
    """What stays of hands, person and background, of what no mask covers."""
    of = (hands & visible, person & visible, ~person & visible)
    hand, body, around = (float((part & stays).sum() / max(part.sum(), 1)) for part in of)
    return hand, body, around


def _cut(
    images: Sequence[UInt8[np.ndarray, "H W 3"]], covering: Sequence[Sequence[Rectangle]]
) -> Iterator[UInt8[np.ndarray, "h w 3"]]:
    """What is seen in the largest rectangle of each picture."""
    for image, rectangles in zip(images, covering, strict=True):
        x0, y0, x1, y1 = max(rectangles, key=lambda r: (r[2] - r[0]) * (r[3] - r[1]))
        yield np.ascontiguousarray(image[y0:y1, x0:x1])


def _colours(images: Sequence[UInt8[np.ndarray, "_ _ 3"]], size: tuple[int, int]) -> Float[np.ndarray, " D"]:
    """The colours of a thumbnail, mean over pictures, less their mean."""
    small = [cv2.resize(image, size, interpolation=cv2.INTER_AREA).astype(np.float64) for image in images]
    found = np.mean(small, axis=0)
    return (found - found.mean()).reshape(-1)


def linked(what: str, names: Sequence[str], clips: Sequence[Looked], of: Sequence[Float[np.ndarray, "V D"]]) -> Table:
    """Rank-1 of the person by other recordings, and of the raw film, by vectors of every variant."""
    rows = []
    for v, name in enumerate(names):
        known, shown = list[Embedded](), list[Embedded]()
        for clip, vectors in zip(clips, of, strict=True):
            here = Embedded(clip.plan.identity.person_id, vectors[:1], vectors[v : v + 1])
            # A person's recordings in turn: the attacker has the even ones.
            (known if int(clip.plan.video_id[-2:]) % 2 == 0 else shown).append(here)
        shown = [here for here in shown if here.person in {of.person for of in known}]
        films = [
            Embedded(clip.plan.clip_id, vectors[:1], vectors[v : v + 1])
            for clip, vectors in zip(clips, of, strict=True)
        ]
        rates = [rank1(*scores_of(known, shown, attack)) for attack in ATTACKERS.values()]
        rows.append((name, *map(str, rates), str(rank1(*scores_of(films, films, Attack("raw", "written"))))))
    persons = len({of.person for of in known})
    return Table(
        f"{what}: rank-1 in % [95 % interval] of the person ({len(shown)} clips shown, {len(known)} of other recordings"
        " known), and of the raw film",
        ("pictures", *(f"person, by {name}" for name in ATTACKERS), "raw film"),
        (*rows, ("(chance)", *[f"{100 / persons:.1f}"] * 2, f"{100 / len(films):.1f}")),
    )


def kept(clips: Sequence[Looked]) -> Table:
    """Shares of hands, body and background that stay, by gesture."""
    by: dict[str, list[tuple[float, float, float]]] = collections.defaultdict(list)
    for clip in clips:
        by[clip.plan.motion.gesture or "at rest"].append(clip.shares)
    by = dict(sorted(by.items())) | {"all": [clip.shares for clip in clips]}
    return Table(
        "Of the pixels beside the masks, the mean share that is kept, %",
        ("gesture", "hands", "person", "background that stays", "clips"),
        tuple(
            (name, *(f"{100 * share:.1f}" for share in np.mean(of, axis=0)), str(len(of))) for name, of in by.items()
        ),
    )


def probed(clips: Sequence[Looked], vectors: Float[np.ndarray, "V n D"], n: str) -> Table:
    """How well probes find body language and emotion in every variant, beside the pictures with their background."""
    persons = [clip.plan.identity.person_id for clip in clips]
    wanted = {"body": [str(clip.plan.cues.body) for clip in clips], "emotion": [clip.plan.emotion for clip in clips]}
    found: Mapping[str, Mapping[str, ProbeAnswers]] = {
        name: {target: probe(rows, labels, persons) for target, labels in wanted.items()}
        for name, rows in zip(PICTURES, vectors, strict=True)
    }

    def cells(name: str) -> tuple[str, ...]:
        less = ("" if name == "keep" else f"{found[name][t].less(found['keep'][t]):+}" for t in wanted)
        return tuple(cell for t, gap in zip(wanted, less, strict=True) for cell in (f"{found[name][t].score}", gap))

    return Table(
        f"Balanced accuracy of a plain probe on frames, % [95 % interval over persons]; {n}",
        ("pictures", "body language", "less keep, points", "emotion", "less keep, points"),
        tuple((name, *cells(name)) for name in PICTURES),
    )


def speed(repeats: int) -> None:
    """Prints how fast whole commands with and without a background are, in turns."""
    with tempfile.TemporaryDirectory() as folder:
        film = Path(folder) / "film.mp4"
        frames = write_film(film, 16.0, size=SIZE)
        command = [sys.executable, "-m", "deemo_jax.deidentify", film, "--key_file", Path(folder) / "key"]
        costs = np.array(
            [
                [
                    cost_of([*command, "--background", name, "--out", Path(folder) / f"{name}{turn}"])
                    for name in BACKGROUNDS
                ]
                for turn in range(repeats)
            ]
        )
    for name, of in zip(BACKGROUNDS, np.moveaxis(costs, 1, 0), strict=True):
        rate = f"{frames / np.median(of[:, 0]):.1f} frames/s"
        told = f"whole command, {frames} frames of {SIZE[0]}x{SIZE[1]}, {name}: {rate}"
        print(
            told if name == "keep" else f"{told}; frames a second beside keep: {clock_and_processor(of, costs[:, 0])}"
        )


if __name__ == "__main__":
    sys.exit(cli.guarded(main))
