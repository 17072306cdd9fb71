"""What is left of a clip without its background: `python -m benchmarks.privacy.background --workers 2`.

On clips of the sample corpus, whose persons, recordings and outlines are known (`make train` leaves them):

1. who is seen, by thumbnails of the whole picture, among persons of other recordings; and which raw film a clip is of;
2. who is seen by their clothes, and by an attacker who learns these persons;
3. the same by the colours under the masks, for each mask, beside the mean colours that mosaics of earlier versions had;
4. the share of hands and bodies that is kept, and of the background that stays, also had another camera filmed;
5. how well probes on the sample's frozen tower still find body language and emotion in the frames.

Axes: V variants of the pictures, F frames, D numbers of a vector.
"""

import collections
import dataclasses
import functools
import sys
import textwrap
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Float

from benchmarks.privacy import background_views
from benchmarks.privacy.background_views import COLOURS, LINES, PICTURES, THUMBNAIL, THUMBNAILS, UNDER_MASKS, Views
from benchmarks.privacy.filmed import CAMERAS
from configs import sample
from deemo_jax.audit.attacks.reidentify import Attack, Embedded, scores_of
from deemo_jax.audit.attacks.verification import rank1
from deemo_jax.audit.utility.frozen_encoders import load_towers
from deemo_jax.audit.utility.linear_probe import ProbeAnswers, probe
from deemo_jax.core import cli, files, parallel
from deemo_jax.core.progress import with_progress
from deemo_jax.core.tables import Table
from deemo_jax.sample.corpus_settings import CorpusSettings

# By raw pictures, by pictures treated the same way, and by these once a discriminant of these persons is learnt.
RAW, TREATED, LEARNT = Attack("raw", "written"), Attack("written", "written"), Attack("written", "written", learns=True)
# Vectors of one clip, of each variant.
Vectors = Callable[[Views], Float[np.ndarray, "V _ D"]]


def main(arguments: list[str] | None = None) -> int:
    parser = cli.Parser("python -m benchmarks.privacy.background", description=__doc__)
    parser.add_argument("--raw", type=Path, default=Path("runs/sample_data/raw"), help="the corpus (%(default)s)")
    parser.add_argument("--deid", type=Path, default=Path("runs/sample_data/deid"), help="its clips (%(default)s)")
    parser.add_argument("--clips", type=int, default=240, help="drawn at random (default %(default)s)")
    parser.add_argument("--filmed", type=int, default=40, help="of these, by other cameras too (default %(default)s)")
    parser.add_argument("--workers", type=int, default=1, help="processes (default %(default)s)")
    flags = parser.parse_args(arguments)
    stamp = files.read_json(flags.raw / "settings.json")
    settings = CorpusSettings(stamp["seed"], stamp["width"], stamp["height"], stamp["frame_rate"])
    there = sorted(int(path.stem.removesuffix(".masks").rpartition("_")[2]) for path in flags.deid.glob("*.masks.json"))
    drawn = np.random.default_rng(0).permutation(there)[: flags.clips].tolist()
    towers = load_towers(sample.MODEL, Path(sample.__file__).parents[1] / sample.get_config().init)
    cameras = dict.fromkeys(drawn[: flags.filmed], tuple(CAMERAS))
    look = functools.partial(background_views.look_at, flags.raw, flags.deid, settings, towers.side, cameras)
    vectors, clips = list[Float[np.ndarray, "V D"]](), list[Views]()
    for clip in with_progress(parallel.each(look, sorted(drawn), flags.workers), "clips", len(drawn)):
        vectors.append(np.asarray(towers.see(clip.frames)))
        clips.append(dataclasses.replace(clip, frames=clip.frames[:0]))
    persons = len({clip.plan.identity.person_id for clip in clips})
    known, shown = sides(clips)
    say(
        f"{len(clips)} clips of the sample, {persons} persons, before encoding. Rank-1 in % [95 % interval over"
        f" persons]: {len(shown)} clips are shown to an attacker who has {len(known)} of other recordings of everybody,"
        " raw or treated the same way."
    )
    for table in (by_thumbnails(clips), by_clothes(clips), by_masks(clips), kept(clips), by_camera(clips)):
        show(table)
    show(probed(clips, np.stack(vectors, axis=1)))
    return 0


def say(text: str) -> None:
    """A paragraph of a page, followed by an empty line."""
    print(f"{textwrap.fill(text, 120, break_on_hyphens=False)}\n", flush=True)


def show(table: Table) -> None:
    say(f"{table.caption}:")
    print(f"{table.markdown()}\n", flush=True)


def sides(clips: Sequence[Views]) -> tuple[list[Views], list[Views]]:
    """The clips that the attacker has, of every person's even recordings, and those that are shown, of the odd ones."""
    known = [clip for clip in clips if int(clip.plan.video_id[-2:]) % 2 == 0]
    persons = {clip.plan.identity.person_id for clip in known}
    others = [clip for clip in clips if int(clip.plan.video_id[-2:]) % 2]
    return known, [clip for clip in others if clip.plan.identity.person_id in persons]


def found(clips: Sequence[Views], variant: int, vectors: Vectors, attack: Attack) -> str:
    """How often the person is, by other recordings."""
    known, shown = (
        [_embedded(clip, clip.plan.identity.person_id, variant, vectors) for clip in side] for side in sides(clips)
    )
    return str(rank1(*scores_of(known, shown, attack)))


def _embedded(clip: Views, named: str, variant: int, vectors: Vectors) -> Embedded:
    every = vectors(clip)
    return Embedded(named, every[0], every[variant])


def _thumbnails(clip: Views) -> Float[np.ndarray, "V 1 D"]:
    """The mean over frames, less the mean of its colours."""
    mean = clip.seen[THUMBNAILS].mean(axis=1, keepdims=True)
    return mean - mean.mean(axis=-1, keepdims=True)


def _under(clip: Views) -> Float[np.ndarray, "V 1 D"]:
    return (clip.under - clip.under.mean(axis=-1, keepdims=True))[:, None]


def _everything(clip: Views) -> Float[np.ndarray, "V F D"]:
    return np.concatenate([clip.seen[THUMBNAILS] / 255, clip.seen[COLOURS], clip.seen[LINES]], axis=-1)


def _of_films(clips: Sequence[Views], variant: int, vectors: Vectors) -> str:
    """How often the raw film of a clip is found."""
    films = [_embedded(clip, clip.plan.clip_id, variant, vectors) for clip in clips]
    return str(rank1(*scores_of(films, films, RAW)))


def _linked(caption: str, names: Sequence[str], clips: Sequence[Views], vectors: Vectors) -> Table:
    """Rank-1 of the person by other recordings, and of the raw film, of every variant."""
    rows = tuple(
        (name, found(clips, v, vectors, RAW), found(clips, v, vectors, TREATED), _of_films(clips, v, vectors))
        for v, name in enumerate(names)
    )
    chance = f"{100 / len({clip.plan.identity.person_id for clip in sides(clips)[0]}):.1f}"
    return Table(
        caption,
        ("pictures", "person, by raw pictures", "by pictures treated the same way", f"raw film among {len(clips)}"),
        (*rows, ("(chance)", chance, chance, f"{100 / len(clips):.1f}")),
    )


def by_thumbnails(clips: Sequence[Views]) -> Table:
    """Who and which film it is, by thumbnails of the whole picture."""
    return _linked(f"Thumbnails of {THUMBNAIL[0]}x{THUMBNAIL[1]} colours", PICTURES, clips, _thumbnails)


def by_masks(clips: Sequence[Views]) -> Table:
    """Who and which film it is, by what is seen under the mask."""
    cells = background_views.CELLS
    return _linked(f"The same by {cells}x{cells} colours under the mask alone", UNDER_MASKS, clips, _under)


def by_clothes(clips: Sequence[Views]) -> Table:
    """Who it is, by what clothes show, and by an attacker who has learnt from all of it."""
    attacks: Mapping[str, tuple[Vectors, Attack]] = {
        "colours, by raw pictures": (lambda clip: clip.seen[COLOURS], RAW),
        "colours": (lambda clip: clip.seen[COLOURS], TREATED),
        "lines": (lambda clip: clip.seen[LINES], TREATED),
        "both and thumbnails, learnt": (_everything, LEARNT),
    }
    rows = ((name, *(found(clips, v, *attack) for attack in attacks.values())) for v, name in enumerate(PICTURES))
    return Table(
        "By clothes: colours (histogram of hue, saturation and value) and lines (histograms of gradients) of what is"
        " seen of people below the mask, by pictures treated the same way; and a linear discriminant of these persons"
        " that has learnt from both and from thumbnails of single frames",
        ("pictures", *attacks),
        tuple(rows),
    )


def kept(clips: Sequence[Views]) -> Table:
    """Shares of hands, body and background that stay, by gesture."""
    by: dict[str, list[tuple[float, float, float] | None]] = collections.defaultdict(list)
    for clip in clips:
        by[clip.plan.motion.gesture or "at rest"].append(clip.shares[""])
    by = dict(sorted(by.items())) | {"all": [clip.shares[""] for clip in clips]}
    return _shares("Of the pixels beside the masks, the mean share that grey and blur keep, %", "gesture", by)


def by_camera(clips: Sequence[Views]) -> Table:
    """The same, had another camera filmed."""
    of = {name: [clip.shares[name] for clip in clips if name in clip.shares] for name in CAMERAS}
    return _shares(
        "The same before fists that look like faces are covered, of some of these films, as they are and as another"
        " camera would have taken them, with the masks where the faces are",
        "film",
        of,
    )


def _shares(caption: str, what: str, by: Mapping[str, Sequence[tuple[float, float, float] | None]]) -> Table:
    rows = []
    for name, of in by.items():
        there = [shares for shares in of if shares is not None]
        means = [f"{100 * share:.1f}" for share in np.mean(there, axis=0)] if there else [""] * 3
        rows.append((name, *means, str(len(of)), str(len(of) - len(there))))
    return Table(caption, (what, "hands", "person", "background that stays", "clips", "of them refused"), tuple(rows))


def probed(clips: Sequence[Views], vectors: Float[np.ndarray, "V n D"]) -> Table:
    """How well probes find body language and emotion in every variant, beside the pictures with their background."""
    persons = [clip.plan.identity.person_id for clip in clips]
    wanted = {"body": [str(clip.plan.cues.body) for clip in clips], "emotion": [clip.plan.emotion for clip in clips]}
    answers: Mapping[str, Mapping[str, ProbeAnswers]] = {
        name: {target: probe(rows, labels, persons) for target, labels in wanted.items()}
        for name, rows in zip(PICTURES, vectors, strict=True)
    }

    def cells(name: str) -> tuple[str, ...]:
        less = ("" if name == "keep" else f"{answers[name][t].less(answers['keep'][t]):+}" for t in wanted)
        return tuple(cell for t, gap in zip(wanted, less, strict=True) for cell in (f"{answers[name][t].score}", gap))

    return Table(
        "Balanced accuracy of a plain probe on frames, by the sample's frozen tower, % [95 % interval over persons]",
        ("pictures", "body language", "less keep, points", "emotion", "less keep, points"),
        tuple((name, *cells(name)) for name in PICTURES),
    )


if __name__ == "__main__":
    sys.exit(cli.guarded(main))
