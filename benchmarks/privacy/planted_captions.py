"""Films of the sample's speakers with one caption, whose ink is known in every frame.

Axes: H height, W width, h and w those of the caption alone.
"""

import dataclasses
import math
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
from jaxtyping import Bool, Float32, Float64, UInt8
from PIL import Image, ImageDraw, ImageFont

from deemo_jax.sample import corpus_clip as ordinary
from deemo_jax.sample.corpus_settings import CorpusSettings
from deemo_jax.sample.render import scene
from deemo_jax.sample.render.phone_file import write_mp4

# Width and height, pixels, frames a second, and seconds of the films.
SIZE, FRAME_RATE, SECONDS = (640, 360), 15, 1.2
# A pixel is ink where the caption changes it by this share of its contrast.
INK = 0.25
# Pixels between a caption and the edge of the picture, or of its bar.
GAP = 6
# What is photographed is seen from the side, so that its scale falls from end to end by about this share of that in the
# middle, and is blurred by this share of its em, standard deviation.
ASLANT, BLUR = 0.35, 0.08
# Grey of a bar under a caption.
BAR = 225
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
        turned: clockwise, degrees.
        photographed: whether it is seen from the side and blurred.
        bar: whether it is black on a bar of light grey.
    """

    size: float = 0.04
    font: str = "DejaVuSans.ttf"
    script: str = "Latin"
    contrast: float = 1.0
    motion: str = "rests"
    turned: float = 0.0
    photographed: bool = False
    bar: bool = False


def caption_film(path: Path, caption: Caption, number: int) -> list[Bool[np.ndarray, "H W"]]:
    """Writes a film with a caption; the words, the place and the speaker are drawn from `number`.

    Returns:
        The ink of the caption in every frame.
    """
    draws = np.random.default_rng(number)
    (width, height), count = SIZE, round(SECONDS * FRAME_RATE)
    letters = _letters(caption, TEXTS[caption.script][number % len(TEXTS[caption.script])])
    angle = math.radians(caption.turned)
    down, across = (side - 2 * GAP for side in letters.shape)
    wide = abs(across * math.cos(angle)) + abs(down * math.sin(angle))
    high = abs(across * math.sin(angle)) + abs(down * math.cos(angle))
    x = draws.uniform(wide / 2 + GAP, max(wide / 2 + GAP + 1, width - wide / 2 - GAP))
    lowest = height - high / 2 - GAP
    y = min(lowest, draws.uniform(0.6 * height + high / 2, max(0.6 * height + high / 2 + 1, lowest)))  # a lower third
    slant, phase = ASLANT * draws.choice([-1, 1]) * caption.photographed, draws.uniform()
    inks, pictures = list[Bool[np.ndarray, "H W"]](), list[UInt8[np.ndarray, "H W 3"]]()
    plan = ordinary.plan(CorpusSettings(11, *SIZE, FRAME_RATE), number)
    poses = [plan.motion.pose(plan.duration_s / 4 + t / FRAME_RATE) for t in range(count)]
    speaker = scene.Film(plan.identity, plan.camera, poses)
    shade = None
    for t in range(count):
        picture = speaker.frame(t).astype(np.float32)
        middle, shown = _place(caption.motion, t / FRAME_RATE, phase, (x, y), across, down)
        matrix = _matrix(letters.shape, middle, angle, slant)
        if caption.bar:
            on_bar = cv2.warpPerspective(np.ones_like(letters), matrix, SIZE)[..., None]
            picture = picture * (1 - on_bar) + BAR * on_bar
        ink = cv2.warpPerspective(letters, matrix, SIZE) * shown
        if caption.photographed:
            ink = cv2.GaussianBlur(ink, (0, 0), BLUR * caption.size * height)
        if shade is None:
            top, left = max(0, int(y - high / 2)), max(0, int(x - wide / 2))
            around = float(picture[top : int(y + high / 2) + 1, left : int(x + wide / 2) + 1].mean())
            shade = around + caption.contrast * ((255 if around < 128 else 0) - around)
        pictures.append(np.round(picture * (1 - ink[..., None]) + shade * ink[..., None]).astype(np.uint8))
        inks.append(ink > INK)
    write_mp4(path, iter(pictures), Fraction(FRAME_RATE), np.zeros(16_000, np.float32), 16_000, plan.metadata)
    return inks


def _letters(caption: Caption, words: str) -> Float32[np.ndarray, "h w"]:
    """The ink of a caption alone, 0 to 1, with a gap around; words that are too long for the picture are cut."""
    font = ImageFont.truetype(caption.font, max(6, round(caption.size * SIZE[1])))
    longest = SIZE[0] if abs(caption.turned) < 45 else SIZE[1]
    x0, y0, x1, y1 = font.getbbox(words)
    while x1 - x0 > longest - 2 * GAP:
        words = words[:-1]
        x0, y0, x1, y1 = font.getbbox(words)
    layer = Image.new("L", (math.ceil(x1 - x0) + 2 * GAP, math.ceil(y1 - y0) + 2 * GAP))
    ImageDraw.Draw(layer).text((GAP - x0, GAP - y0), words, font=font, fill=255)
    return np.asarray(layer, np.float32) / 255


def _matrix(
    shape: tuple[int, ...], middle: tuple[float, float], angle: float, slant: float
) -> Float64[np.ndarray, "3 3"]:
    """Takes pixels of a caption alone into the picture, turned around its middle and seen from the side."""
    high, wide = shape
    to_middle = np.array([[1, 0, -wide / 2], [0, 1, -high / 2], [0, 0, 1]], np.float64)
    cos, sin = math.cos(angle), math.sin(angle)
    turn = np.array([[cos, -sin, 0], [sin, cos, 0], [slant / wide, 0, 1]], np.float64)
    to_place = np.array([[1, 0, middle[0]], [0, 1, middle[1]], [0, 0, 1]], np.float64)
    return to_place @ turn @ to_middle


def _place(
    motion: str, time_s: float, phase: float, rest: tuple[float, float], across: float, down: float
) -> tuple[tuple[float, float], bool]:
    """Where the middle of the caption is, and whether it is shown; a sway begins at `phase` of its period."""
    width, (x, y) = SIZE[0], rest
    if motion == "ticker":
        return (width * (0.9 - 0.2 * time_s) + 0.2 * across, y), True
    if motion == "fast ticker":
        return (width * (1.0 - 0.6 * time_s) + 0.5 * across, y), True
    if motion == "sways":
        return (x, y + down * 0.5 * math.sin(2 * math.pi * (2 * time_s + phase))), True
    return rest, motion == "rests" or 0.55 <= time_s < 0.85
