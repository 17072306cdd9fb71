"""Films of the sample's speakers with one caption, whose ink is known in every frame.

Axes: H height, W width.
"""

import dataclasses
from fractions import Fraction
from pathlib import Path

import numpy as np
from jaxtyping import Bool, UInt8
from PIL import Image, ImageDraw, ImageFont

from deemo_jax.sample import corpus_clip as ordinary
from deemo_jax.sample.corpus_settings import CorpusSettings
from deemo_jax.sample.render import scene
from deemo_jax.sample.render.phone_file import write_mp4

# Width and height, pixels, frames a second, and seconds of the films.
SIZE, FRAME_RATE, SECONDS = (640, 360), 15, 1.2
# Sheer white and black are 255 levels apart; a pixel is ink where the caption changes it by this share of its contrast.
INK = 0.25
TEXTS = {
    "Latin": (
        "Serena Johansson",
        "KOWALSKI 27",
        "Head coach, Rovers",
        "Jo Li",
        "Player of the match",
        "Pogba, goalkeeper",
    ),
    "Cyrillic": ("Иван Петров", "СМИРНОВА 14", "Главный тренер", "Ольга Юн", "Лучший игрок", "Вратарь"),
    "Greek": ("Γιώργος Ψαράς", "ΠΑΠΑΔΟΠΟΥΛΟΣ 9", "Προπονητής", "Ζωή Ξένου", "Παίκτης", "Τερματοφύλακας"),
    "Arabic": ("محمد صلاح", "المدرب", "حارس المرمى", "علي حسن", "لاعب المباراة", "فاطمة"),
    "Chinese": ("王小明", "主教练", "李娜 冠军", "张伟 守门员", "北京国安", "最佳球员"),
}
MOTIONS = {
    "rests": "at one place",
    "ticker": "moves left by 0.2 widths a second",
    "fast ticker": "moves left by 0.6 widths a second",
    "flash": "is shown for 0.3 s",
    "sways": "moves to and fro by its height twice a second, as on a shirt",
}


@dataclasses.dataclass(frozen=True, slots=True)
class Caption:
    """How a caption looks.

    Attributes:
        size: height of its typeface's em, as a share of the picture's height.
        font: file of the typeface.
        script: key of `TEXTS`.
        contrast: how far its grey is from the mean around it, as a share of the way to white or black.
        motion: key of `MOTIONS`.
    """

    size: float = 0.04
    font: str = "DejaVuSans.ttf"
    script: str = "Latin"
    contrast: float = 1.0
    motion: str = "rests"


def caption_film(path: Path, caption: Caption, number: int) -> list[Bool[np.ndarray, "H W"]]:
    """Writes a film with a caption; the words, the place and the speaker are drawn from `number`.

    Returns:
        The ink of the caption in every frame.
    """
    draws = np.random.default_rng(number)
    (width, height), count = SIZE, round(SECONDS * FRAME_RATE)
    words = TEXTS[caption.script][number % len(TEXTS[caption.script])]
    font = ImageFont.truetype(caption.font, max(6, round(caption.size * height)))
    x0, y0, x1, y1 = font.getbbox(words)
    while x1 - x0 > width - 12:
        words = words[:-1]
        x0, y0, x1, y1 = font.getbbox(words)
    across, down = x1 - x0, y1 - y0
    left = draws.uniform(6, max(7, width - across - 6))
    top = draws.uniform(0.6 * height, max(0.6 * height + 1, height - down - 6))  # a lower third
    top, phase = min(top, height - down - 4), draws.uniform()
    inks, pictures = list[Bool[np.ndarray, "H W"]](), list[UInt8[np.ndarray, "H W 3"]]()
    plan = ordinary.plan(CorpusSettings(11, *SIZE, FRAME_RATE), number)
    poses = [plan.motion.pose(plan.duration_s / 4 + t / FRAME_RATE) for t in range(count)]
    speaker = scene.Film(plan.identity, plan.camera, poses)
    shade = None
    for t in range(count):
        picture = speaker.frame(t)
        x, y, shown = _place(caption.motion, t / FRAME_RATE, left, top, across, down, phase)
        layer = Image.new("L", SIZE)
        if shown:
            ImageDraw.Draw(layer).text((x - x0, y - y0), words, font=font, fill=255)
        if shade is None:
            around = float(picture[int(top) : int(top + down) + 1, int(left) : int(left + across) + 1].mean())
            shade = around + caption.contrast * ((255 if around < 128 else 0) - around)
        ink = np.asarray(layer, np.float32) / 255
        pictures.append(np.round(picture * (1 - ink[..., None]) + shade * ink[..., None]).astype(np.uint8))
        inks.append(ink > INK)
    write_mp4(path, iter(pictures), Fraction(FRAME_RATE), np.zeros(16_000, np.float32), 16_000, plan.metadata)
    return inks


def _place(
    motion: str, time_s: float, left: float, top: float, across: float, down: float, phase: float
) -> tuple[float, float, bool]:
    """Where the caption is, and whether it is shown; a sway begins anywhere in its period."""
    width = SIZE[0]
    if motion == "ticker":
        return width * (0.9 - 0.2 * time_s) - 0.3 * across, top, True
    if motion == "fast ticker":
        return width * (1.0 - 0.6 * time_s), top, True
    if motion == "sways":
        return left, top + down * 0.5 * np.sin(2 * np.pi * (2 * time_s + phase)), True
    return left, top, motion == "rests" or 0.55 <= time_s < 0.85
