"""How much text in pictures is found and covered: `python -m benchmarks.privacy.screen_text [--films 4] [--cjk FONT]`.

One caption is planted in each film; it counts as covered where in every frame 99 % of its ink is. One thing is changed
at a time: size, typeface, script, contrast, motion. With `--clips RAW` (a sample corpus) it prints what is covered in
clips in which nobody wrote anything, and the time that it takes.
"""

import argparse
import dataclasses
import json
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from benchmarks.privacy.planted_captions import SIZE, TEXTS, Caption, caption_film
from deemo_jax.core import cli, stats
from deemo_jax.core.packaged_files import find
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
SIZES, CONTRASTS = (0.02, 0.06, 0.1, 0.2), (0.5, 0.25, 0.12)
FONTS = ("DejaVuSerif.ttf", "DejaVuSansMono.ttf", "STIXGeneral.ttf", "cmss10.ttf")
MOTIONS = {
    "rests": "4 %, full contrast, Latin, DejaVuSans, rests",
    "ticker": "ticker, 0.2 widths a second",
    "fast ticker": "ticker, 0.6 widths a second",
    "flash": "is shown for 0.3 s",
    "sways": "sways by its height, twice a second",
}


def main() -> int:
    """Prints the tables."""
    flags = cli.Parser("python -m benchmarks.privacy.screen_text", description=__doc__)
    flags.add_argument("--films", type=int, default=4, help="films of each kind (%(default)s)")
    flags.add_argument("--cjk", type=Path, metavar="FONT", help="typeface with Chinese signs, for that row")
    flags.add_argument(
        "--clips", type=Path, metavar="RAW", help="sample corpus (truth.jsonl, clips/), for false covers"
    )
    flags.add_argument("--most", type=int, default=40, metavar="N", help="clips of it (%(default)s)")
    asked = flags.parse_args()
    print(Table("Captions covered in every frame, [95 % interval]", ("caption", "covered"), tuple(rows(asked))).text())
    if asked.clips:
        print(false_covers(asked.clips, asked.most).text())
        print(cost(asked.clips, min(asked.most, 10)).text())
    return 0


def rows(asked: argparse.Namespace) -> Iterator[tuple[str, str]]:
    """The conditions, and how many captions of each are covered."""
    usual = Caption(font=font("DejaVuSans.ttf"))
    kinds: list[tuple[str, Caption]] = []
    kinds += [(words, dataclasses.replace(usual, motion=name)) for name, words in MOTIONS.items()]
    kinds += [(f"contrast {share:.0%}", dataclasses.replace(usual, contrast=share)) for share in CONTRASTS]
    kinds += [(f"size {size:.0%} of the height", dataclasses.replace(usual, size=size)) for size in SIZES]
    scripts = {script: usual.font for script in TEXTS if script not in ("Latin", "Chinese")}
    scripts |= {"Chinese": str(asked.cjk)} if asked.cjk else {}
    kinds += [(script, dataclasses.replace(usual, script=script, font=file)) for script, file in scripts.items()]
    kinds += [(name.removesuffix(".ttf"), dataclasses.replace(usual, font=font(name))) for name in FONTS]
    everything = [0, 0]
    for place, (name, caption) in enumerate(kinds):
        hits = sum(is_covered(caption, 1000 * place + number) for number in range(asked.films))
        everything = [everything[0] + hits, everything[1] + asked.films]
        print(f"{name}: {hits} of {asked.films}", file=sys.stderr, flush=True)
        yield name, told(hits, asked.films)
    yield "all of these", told(*everything)


def told(hits: int, count: int) -> str:
    """A share with its exact 95 % interval."""
    low, high = stats.rate_interval(hits, count)
    return f"{hits} of {count} [{low:.0%}, {high:.0%}]"


def font(name: str) -> str:
    """The path of a typeface that comes with matplotlib."""
    return str(find(PLACE + name))


def is_covered(caption: Caption, number: int) -> bool:
    """Whether a planted caption is covered in every frame of its film, or the film refused."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "film.mp4"
        inks = caption_film(path, caption, number)
        covering = text_of(path, None)
    if covering is None:
        return True
    for ink, rectangles in zip(inks, covering, strict=True):
        if ink.any() and masks.region(rectangles, *SIZE)[ink].mean() < COVERED:
            return False
    return True


def text_of(path: Path, hidden: Rectangles | None) -> Rectangles | None:
    """The rectangles over text in every frame of a film; None where it is refused."""
    info, video = video_info(path), CachedVideo(path, 2)
    times = tuple(picture.time_s for picture in video)
    kept = KeptFrames(video, (info.width, info.height), times)
    try:
        return cover_text(kept, hidden or tuple(() for _ in times), Settings(text_in_picture="cover")).rectangles
    except Refused:
        return None


def false_covers(raw: Path, most: int) -> Table:
    """What is covered in clips of the sample, in which nothing is written; true faces count as covered before."""
    truth = [json.loads(line) for line in (raw / "truth.jsonl").read_text(encoding="utf-8").splitlines()]
    frames = covered = refused = 0
    areas, hands = list[float](), list[float]()
    for row in truth[:: max(1, len(truth) // most)][:most]:
        path = raw / row["file"]
        info = video_info(path)
        size = (info.width, info.height)
        faces = tuple(masks.enlarge(np.reshape(np.array(of, np.float64), (-1, 4)), 0.25, *size) for of in row["faces"])
        covering = text_of(path, faces)
        if covering is None:
            refused += 1
            continue
        for rectangles, of, palms in zip(covering, faces, row["hands"], strict=True):
            hidden = masks.region(rectangles, *size) & ~masks.region(of, *size)
            frames, covered = frames + 1, covered + bool(hidden.any())
            areas.append(float(hidden.mean()))
            for x, y in np.reshape(np.array(palms, np.float64), (-1, 2)):
                column, line = int(x * size[0]), int(y * size[1])
                if 0 <= column < size[0] and 0 <= line < size[1]:
                    hands.append(float(hidden[line, column]))
    cells = (
        ("frames with a cover", told(covered, frames)),
        ("share of the picture, mean", f"{np.mean(areas):.1%}"),
        ("palms whose middle is covered", told(int(np.sum(hands)), len(hands))),
        ("clips refused", told(refused, most)),
    )
    return Table(f"Covers in {most} clips of the sample, in which nobody wrote anything", ("what", "measured"), cells)


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
    return Table(f"Time, {len(clips)} clips of the sample, 2 threads", ("what", "median"), tuple(cells))


if __name__ == "__main__":
    sys.exit(cli.guarded(main))
