"""How much text in pictures is found and covered: `python -m benchmarks.privacy.screen_text --workers 2`.

One caption is planted in each film; it counts as covered where in every frame 99 % of its ink is, or where the film is
refused. One thing is changed at a time: motion, contrast, size, script, typeface, how it is turned and shown. With
`--clips RAW` (a sample corpus) it tells what is covered in clips in which nobody wrote anything, and the time it takes.
"""

import argparse
import dataclasses
import functools
import json
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.privacy.planted_captions import SIZE, TEXTS, Caption, caption_film
from deemo_jax.core import cli, parallel, stats
from deemo_jax.core.errors import UserError
from deemo_jax.core.packaged_files import find
from deemo_jax.core.progress import with_progress
from deemo_jax.core.tables import Table
from deemo_jax.deid.clip import deidentify_clip
from deemo_jax.deid.keys import VoiceKey
from deemo_jax.deid.manifest import Rectangles
from deemo_jax.deid.settings import Settings
from deemo_jax.deid.video import masks
from deemo_jax.deid.video.kept_frames import KeptFrames
from deemo_jax.deid.video.refusal_messages import Refused
from deemo_jax.deid.video.screen_text.text_covering import cover_text
from deemo_jax.media.cached_video import CachedVideo
from deemo_jax.media.video import video_info

COVERED = 0.99
PLACE = "matplotlib/mpl-data/fonts/ttf/"
SIZES, CONTRASTS, TURNS = (0.02, 0.06, 0.1, 0.2), (0.5, 0.25, 0.12), (5, 15, 90)
FONTS = ("DejaVuSerif.ttf", "DejaVuSansMono.ttf", "STIXGeneral.ttf", "cmss10.ttf")
MOTIONS = {
    "rests": "4 %, full contrast, Latin, DejaVuSans, rests",
    "ticker": "ticker, 0.2 widths a second",
    "fast ticker": "ticker, 0.6 widths a second",
    "flash": "is shown for 0.3 s",
    "sways": "sways by its height, twice a second",
}
# Films of the first kind have numbers from here, those of the next kinds so many further: detectors were adjusted by
# films of lower numbers.
FIRST_FILM, FILMS_OF_A_KIND = 100_000, 1000


def main() -> int:
    """Prints the tables."""
    flags = cli.Parser("python -m benchmarks.privacy.screen_text", description=__doc__)
    flags.add_argument("--films", type=int, default=10, help="films of each kind (%(default)s)")
    flags.add_argument("--cjk", type=Path, metavar="FONT", help="typeface with Chinese signs, for that row")
    flags.add_argument(
        "--clips", type=Path, metavar="RAW", help="sample corpus (truth.jsonl, clips/), for false covers"
    )
    flags.add_argument("--most", type=int, default=40, metavar="N", help="clips of it (%(default)s)")
    flags.add_argument("--workers", type=int, default=1, help="processes (%(default)s)")
    asked = flags.parse_args()
    if asked.cjk and not asked.cjk.is_file():
        raise UserError(f"{asked.cjk}: no such typeface; put one with Chinese signs there, or leave --cjk out")
    print(captions(asked).text(), flush=True)
    if asked.clips:
        print(f"\n{false_covers(asked.clips, asked.most, asked.workers).text()}", flush=True)
        print(f"\n{cost(asked.clips, min(asked.most, 10)).text()}")
    return 0


def captions(asked: argparse.Namespace) -> Table:
    """How many captions of each kind are covered in every frame, with exact 95 % intervals."""
    usual = Caption(font=font("DejaVuSans.ttf"))
    vary = functools.partial(dataclasses.replace, usual)
    kinds = {words: vary(motion=name) for name, words in MOTIONS.items()}
    kinds |= {f"contrast {share:.0%}": vary(contrast=share) for share in CONTRASTS}
    kinds |= {f"size {size:.0%} of the height": vary(size=size) for size in SIZES}
    scripts = {script: usual.font for script in TEXTS if script not in ("Latin", "Chinese")}
    scripts |= {"Chinese": str(asked.cjk)} if asked.cjk else {}
    kinds |= {script: vary(script=script, font=file) for script, file in scripts.items()}
    kinds |= {name.removesuffix(".ttf"): vary(font=font(name)) for name in FONTS}
    kinds |= {f"turned by {angle} degrees": vary(turned=float(angle)) for angle in TURNS}
    kinds |= {"seen from the side, blurred": vary(photographed=True), "black on a light bar": vary(bar=True)}
    films = [
        (kind, caption, FIRST_FILM + FILMS_OF_A_KIND * place + number)
        for place, (kind, caption) in enumerate(kinds.items())
        for number in range(asked.films)
    ]
    ends: dict[str, list[bool | None]] = {kind: [] for kind in kinds}
    answers = with_progress(parallel.each(is_covered, films, asked.workers), "captions", len(films))
    for (kind, _, _), answer in zip(films, answers, strict=True):
        ends[kind].append(answer)
    ends["all of these"] = [answer for of in ends.values() for answer in of]
    rows = tuple(
        (kind, told(sum(answer is not False for answer in of), len(of)), str(of.count(None)))
        for kind, of in ends.items()
    )
    return Table("Captions covered in every frame", ("caption", "covered [95 %]", "of them refused"), rows, (2,))


def told(hits: int, count: int) -> str:
    """A share with its exact 95 % interval."""
    low, high = stats.rate_interval(hits, count)
    return f"{hits} of {count} [{low:.0%}, {high:.0%}]"


def font(name: str) -> str:
    """The path of a typeface that comes with matplotlib."""
    return str(find(PLACE + name))


def is_covered(film: tuple[str, Caption, int]) -> bool | None:
    """Whether a planted caption is covered in every frame of its film; None where the film is refused."""
    _, caption, number = film
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "film.mp4"
        inks = caption_film(path, caption, number)
        covering = text_of(path, None)
    if covering is None:
        return None
    shown = [(ink, rectangles) for ink, rectangles in zip(inks, covering, strict=True) if ink.any()]
    return all(masks.region(rectangles, *SIZE)[ink].mean() >= COVERED for ink, rectangles in shown)


def text_of(path: Path, hidden: Rectangles | None) -> Rectangles | None:
    """The rectangles over text in every frame of a film; None where it is refused."""
    info, video = video_info(path), CachedVideo(path, 2)
    times = tuple(picture.time_s for picture in video)
    kept = KeptFrames(video, (info.width, info.height), times)
    try:
        return cover_text(kept, hidden or tuple(() for _ in times), Settings(text_in_picture="cover")).rectangles
    except Refused:
        return None


@dataclasses.dataclass(frozen=True, slots=True)
class FalseCover:
    """What is covered beside the faces in a clip in which nothing is written.

    Attributes:
        areas: share of the picture, of each frame.
        palms: of each open or closed palm in the picture, whether its middle is covered.
    """

    areas: tuple[float, ...]
    palms: tuple[bool, ...]


def false_covers(raw: Path, most: int, workers: int) -> Table:
    """What is covered in clips of the sample, in which nothing is written; true faces count as covered before."""
    truth = [json.loads(line) for line in (raw / "truth.jsonl").read_text(encoding="utf-8").splitlines()]
    step = max(1, len(truth) // most)
    clips = truth[step // 2 :: step][:most]
    jobs = parallel.each(functools.partial(false_cover, raw), clips, workers)
    found = list(with_progress(jobs, "clips", len(clips)))
    areas = [area for clip in found if clip for area in clip.areas]
    palms = [palm for clip in found if clip for palm in clip.palms]
    cells = (
        ("frames with a cover", told(sum(area > 0 for area in areas), len(areas))),
        ("share of the picture, mean of clips", told_mean([float(np.mean(clip.areas)) for clip in found if clip])),
        ("palms whose middle is covered", told(sum(palms), len(palms))),
        ("clips refused", told(found.count(None), len(found))),
    )
    header = ("beside faces", f"{len(clips)} clips in which nobody wrote anything")
    return Table("Covers where nothing is written", header, cells)


def false_cover(raw: Path, row: Mapping[str, Any]) -> FalseCover | None:
    """What is covered in one clip; None where it is refused."""
    path = raw / row["file"]
    info = video_info(path)
    size = (info.width, info.height)
    faces = tuple(masks.enlarge(np.reshape(np.array(of, np.float64), (-1, 4)), 0.25, *size) for of in row["faces"])
    covering = text_of(path, faces)
    if covering is None:
        return None
    areas, palms = list[float](), list[bool]()
    for rectangles, of, hands in zip(covering, faces, row["hands"], strict=True):
        hidden = masks.region(rectangles, *size) & ~masks.region(of, *size)
        areas.append(float(hidden.mean()))
        for x, y in np.reshape(np.array(hands, np.float64), (-1, 2)):
            column, line = int(x * size[0]), int(y * size[1])
            if 0 <= column < size[0] and 0 <= line < size[1]:
                palms.append(bool(hidden[line, column]))
    return FalseCover(tuple(areas), tuple(palms))


def told_mean(values: list[float]) -> str:
    """The mean of clips, with its 95 % interval by their spread."""
    half = 1.96 * float(np.std(values, ddof=1)) / len(values) ** 0.5 if len(values) > 1 else float("nan")
    return f"{np.mean(values):.1%} [{np.mean(values) - half:.1%}, {np.mean(values) + half:.1%}]"


def cost(raw: Path, count: int) -> Table:
    """Frames a second of de-identification without and with, in turns on the same clips."""
    clips = sorted((raw / "clips").glob("*.mp4"))[:count]
    rates: dict[str, list[float]] = {"ignore": [], "cover": []}
    for path in clips:
        for choice, of in rates.items():
            with tempfile.TemporaryDirectory() as folder:
                start = time.perf_counter()
                settings = Settings(text_in_picture=choice, voice="mcadams", on_missing="mask_frame")  # type: ignore[arg-type]
                made = deidentify_clip(path, Path(folder), "clip", settings, VoiceKey(bytes(32)), threads=2)
                of.append(made.faces["frames"] / (time.perf_counter() - start))
    ratios = np.array(rates["cover"]) / np.array(rates["ignore"])
    cells = [(f"--text_in_picture {choice}", f"{np.median(of):.1f} frames a second") for choice, of in rates.items()]
    low, high = np.percentile(ratios, [25, 75])
    cells.append(("ratio, in pairs", f"{np.median(ratios):.2f} (quartiles {low:.2f}, {high:.2f})"))
    return Table("Time", ("time", f"median of {len(clips)} clips, 2 threads"), tuple(cells))


if __name__ == "__main__":
    sys.exit(cli.guarded(main))
