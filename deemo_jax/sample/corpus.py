"""The corpus as a folder: clips/<clip_id>.mp4, truth.jsonl, README.md, and the settings that it was made from."""

import functools
import itertools
from pathlib import Path
from typing import Any

from deemo_jax.core import parallel
from deemo_jax.core.errors import UserError
from deemo_jax.core.files import atomic, read_json, write_json, write_jsonl
from deemo_jax.core.progress import with_progress
from deemo_jax.core.versions import version
from deemo_jax.data.corpus_statement import KEY, CorpusStatement
from deemo_jax.sample import bayes
from deemo_jax.sample.corpus_settings import CLIP_ID, CorpusSettings, clip_id, recordings
from deemo_jax.sample.cues import Tone
from deemo_jax.sample.identity import SPEAKERS
from deemo_jax.sample.script import CUE_WORDS

KIND = "synthetic"
RECIPE = 1  # raised when the same seed gives other clips than before
# Packages whose versions may change pixels or samples.
_SOFTWARE = ("av", "espeakng-loader", "numpy", "opencv-python", "scikit-image", "scipy")

_CARD = """# A synthetic corpus

{clips} clips of {persons} invented speakers, made by `python -m deemo_jax.sample clips --seed {seed}
--clips {clips} --width {width} --height {height} --fps {frame_rate}`. Nobody in it exists.

- **Faces**: every face is a warp of one public-domain portrait (scikit-image's `astronaut`, NASA). The corpus measures
  whether faces are detected and covered, not whether they are recognised.
- **Voices**: eSpeak NG, one voice for each speaker. Sentences are scripted.
- **Emotion**: a coin (positive with probability 0.6) that words, voice and body know of, independently and imperfectly.
  No person felt anything.
- **Metadata**: names, places, numbers in the files are invented and planted, to be removed by de-identification.
- **Truth**: `truth.jsonl`, one clip a line: the annotation, face boxes, palms, word times, cues, planted strings. Every
  line states the corpus, too: its kind, the words for its cues, and the best accuracy that can be reached.

{bayes}
"""


def make(out: Path, clips: int, settings: CorpusSettings, workers: int = 1) -> tuple[int, int]:
    """Writes a corpus, or what is missing of it.

    Returns:
        How many clips were rendered, and how many were there already.

    Raises:
        UserError: impossible settings; `out` holds a corpus of other settings, or cannot be written.
    """
    _check(clips, settings, workers)
    _claim(out, settings)
    stated = statement().to_json()
    names = [clip_id(settings.seed, index) for index in range(clips)]
    for name in {path.stem for path in (out / "clips").glob("*.mp4")}.difference(names):
        if CLIP_ID.fullmatch(name):
            (out / "clips" / f"{name}.mp4").unlink()
    # Clips of one recording are made one after the other, by one process: they share a scene.
    job = functools.partial(_make_clips, out, settings)
    made = itertools.chain.from_iterable(parallel.each(job, recordings(clips), workers))
    rows, rendered = {}, 0
    for row, fresh in with_progress(made, "synthetic clips", total=clips):
        rows[row["clip_id"]] = row | {KEY: stated}
        rendered += fresh
    card = _CARD.format(
        clips=clips,
        persons=min(clips, SPEAKERS),
        seed=settings.seed,
        width=settings.width,
        height=settings.height,
        frame_rate=settings.frame_rate,
        bayes=bayes.table(),
    )
    with atomic(out / "README.md") as temporary:
        temporary.write_text(card, encoding="utf-8")
    write_jsonl(out / "truth.jsonl", [rows[name] for name in names])
    return rendered, clips - rendered


def statement() -> CorpusStatement:
    """What the truth file states of the corpus: its cues, the words for them, and what can be reached."""
    cues = {cue: {str(tone): words[tone] for tone in Tone} for cue, words in CUE_WORDS.items()}
    return CorpusStatement(KIND, cues, **bayes.optima())


def _make_clips(out: Path, settings: CorpusSettings, indices: list[int]) -> list[tuple[dict[str, Any], bool]]:
    """Renders what is missing of some clips; the truth of each, and whether it was rendered."""
    # Imported where clips are made only: it takes a second or two.
    from deemo_jax.sample.corpus_clip import plan, render, truth

    made = []
    for clip in (plan(settings, index) for index in indices):
        row = truth(clip)
        path = out / row["file"]
        missing = not path.exists()
        if missing:
            render(clip, path)
        made.append((row, missing))
    return made


def _check(clips: int, settings: CorpusSettings, workers: int) -> None:
    if clips < 1 or workers < 1:
        raise UserError(f"--clips {clips} --workers {workers}: both must be at least 1")
    if settings.seed < 0:
        raise UserError(f"--seed {settings.seed}: must not be negative")
    if (
        settings.width % 2
        or settings.height % 2
        or not (settings.height <= settings.width <= 4096)
        or settings.height < 120
    ):
        raise UserError(f"--width {settings.width} --height {settings.height}: even, at least 120 high, not upright")
    if not 1 <= settings.frame_rate <= 60:
        raise UserError(f"--fps {settings.frame_rate}: must be 1 to 60")


def _claim(out: Path, settings: CorpusSettings) -> None:
    """Stamps the folder with what it is made from; refuses one with another stamp."""
    software = {name: version(name, absent="absent") for name in _SOFTWARE}
    stamp = {"recipe": RECIPE, "seed": settings.seed, "width": settings.width, "height": settings.height,
             "frame_rate": settings.frame_rate, "software": software}  # fmt: skip
    path = out / "settings.json"
    if path.exists():
        found = read_json(path)
        if found != stamp:
            keys = [key for key in stamp if not isinstance(found, dict) or found.get(key) != stamp[key]]
            raise UserError(f"{out}: holds a corpus with other {', '.join(keys)}; delete it or choose another --out")
        return
    if (out / "clips").exists() and any((out / "clips").iterdir()):
        raise UserError(f"{out}: has clips, but no settings.json that says where they are from; choose another --out")
    write_json(path, stamp)
