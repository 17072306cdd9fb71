"""Invented speakers: a voice, a warped portrait, clothes, a build and the set they sit on.

Two families with nothing in common: `sample` speaks in the corpus, `towers` in the pre-training of the sample
towers. They share no voice variant, and their looks are drawn from different seeds.
"""

import dataclasses
from typing import Literal

import numpy as np

from deemo_jax.sample.seeds import generator

Family = Literal["sample", "towers"]
Color = tuple[int, int, int]
SPEAKERS = 30  # of one seed in one family, each with a voice of its own


@dataclasses.dataclass(frozen=True, slots=True)
class Voice:
    """A speaker's voice.

    Attributes:
        variant: name of a voice variant of eSpeak NG.
        natural_hz: that variant's own pitch on a monotone, a measured constant.
        pitch_hz: this speaker's pitch on a monotone.
        tract: scale of all formants (above 1: a shorter vocal tract).
    """

    variant: str
    natural_hz: float
    pitch_hz: float
    tract: float


@dataclasses.dataclass(frozen=True, slots=True)
class Face:
    """How the one portrait is warped and tinted.

    Attributes:
        aspect: width over the portrait's width, at equal height.
        shear: horizontal shift of the crown per unit of height.
        keystone: how much narrower the jaw is than the crown (signed share).
        mirror: left and right exchanged.
        skin: gain per channel (RGB) and gamma of the skin.
        hair: colour of the hair's mid-tones.
    """

    aspect: float
    shear: float
    keystone: float
    mirror: bool
    skin: tuple[float, float, float, float]
    hair: Color


@dataclasses.dataclass(frozen=True, slots=True)
class Outfit:
    """Clothes: `style` is suit, jumper or tracksuit."""

    style: str
    main: Color
    shirt: Color
    accent: Color


@dataclasses.dataclass(frozen=True, slots=True)
class Set:
    """The press-conference room."""

    wall: Color
    blocks: tuple[Color, Color]
    desk: Color
    layout: int
    microphone: int  # -1 left of the speaker, +1 right


@dataclasses.dataclass(frozen=True, slots=True)
class Identity:
    """One invented speaker. `head`, `shoulders` and `limbs` scale the body (1 is average)."""

    person_id: str
    name: str
    voice: Voice
    face: Face
    outfit: Outfit
    set: Set
    head: float
    shoulders: float
    limbs: float


# eSpeak voice variants and their pitch on a monotone (Hz at pitch parameter 50, measured). Left out: whispers, robots,
# those with another tempo, and those that eSpeak does not repeat exactly.
_HIGH: dict[Family, dict[str, int]] = {
    "sample": {"f1": 160, "f2": 170, "linda": 214, "steph": 174, "steph3": 174, "shelby": 143},
    "towers": {"f3": 179, "f5": 184, "belinda": 214, "steph2": 174, "grandma": 166},
}
_LOW: dict[Family, dict[str, int]] = {
    "sample": {
        "Denis": 88, "Diogo": 92, "Gene2": 106, "Hugo": 90, "Mario": 90, "adam": 89, "boris": 89, "ed": 107,
        "gustave": 92, "iven": 86, "iven3": 86, "john": 90, "m2": 92, "m6": 90, "m7": 90, "michel": 92,
        "pablo": 96, "travis": 88,
    },
    "towers": {
        "Alex": 101, "Gene": 85, "Henrique": 90, "Michael": 90, "Nguyen": 124, "benjamin": 89, "edward2": 89,
        "grandpa": 94, "iven2": 86, "iven4": 86, "kaukovalta": 85, "m1": 83, "m3": 91, "m5": 89, "max": 89,
        "miguel": 95, "norbert": 90, "sandro": 87, "victor": 85, "rob": 80,
    },
}  # fmt: skip
# Speakers with a high voice; where these are more than the variants, variants serve twice with another vocal tract.
_HIGH_SPEAKERS: dict[Family, int] = {"sample": 12, "towers": 10}

_FIRST = (
    "Alva", "Bryn", "Casey", "Devon", "Ellis", "Finley", "Greer", "Harper", "Indra", "Jules",
    "Kerry", "Lane", "Marlow", "Noor", "Oakley", "Perry", "Quinn", "Robin", "Sasha", "Teddy",
)  # fmt: skip
_LAST = (
    "Ashgrove", "Birchall", "Calloway", "Dunmore", "Eastwick", "Fairburn", "Glasswell", "Hartigan",
    "Ivorson", "Juniper", "Kestrel", "Lindqvist", "Merriman", "Northcott", "Ormsby", "Pellworth",
)  # fmt: skip
_SKIN = (
    (1.02, 1.00, 0.98, 0.95), (1.00, 0.97, 0.94, 1.05), (0.97, 0.92, 0.87, 1.15), (0.93, 0.86, 0.78, 1.28),
    (0.88, 0.79, 0.70, 1.42), (0.82, 0.71, 0.61, 1.55),
)  # fmt: skip
_HAIR: tuple[Color, ...] = (
    (44, 36, 32), (70, 50, 38), (104, 72, 46), (134, 98, 58), (170, 134, 84), (122, 62, 38), (128, 124, 120),
)  # fmt: skip
_OUTFITS: tuple[tuple[str, Color, Color, Color], ...] = (
    ("suit", (38, 44, 62), (226, 230, 236), (132, 40, 52)),
    ("suit", (58, 60, 66), (214, 222, 232), (48, 78, 122)),
    ("suit", (34, 52, 58), (232, 228, 218), (172, 122, 52)),
    ("suit", (84, 72, 62), (230, 224, 214), (52, 74, 64)),
    ("suit", (50, 40, 58), (222, 218, 228), (92, 66, 120)),
    ("jumper", (120, 52, 56), (226, 222, 216), (90, 38, 44)),
    ("jumper", (52, 84, 98), (220, 226, 228), (38, 62, 74)),
    ("jumper", (92, 104, 78), (226, 224, 212), (70, 80, 58)),
    ("jumper", (168, 148, 116), (238, 234, 226), (134, 116, 88)),
    ("tracksuit", (30, 46, 84), (236, 238, 240), (210, 164, 58)),
    ("tracksuit", (126, 34, 42), (240, 236, 234), (232, 228, 222)),
    ("tracksuit", (28, 74, 66), (236, 240, 238), (222, 214, 190)),
    ("tracksuit", (44, 46, 50), (232, 232, 234), (206, 92, 48)),
)
_SETS: tuple[tuple[Color, Color, Color, Color], ...] = (
    ((34, 52, 86), (222, 228, 238), (96, 148, 196), (92, 78, 68)),
    ((220, 224, 228), (44, 70, 112), (160, 60, 64), (74, 66, 62)),
    ((64, 30, 40), (232, 220, 210), (206, 186, 140), (58, 50, 50)),
    ((30, 68, 64), (214, 230, 222), (124, 178, 148), (104, 88, 72)),
    ((226, 220, 208), (70, 74, 100), (62, 108, 104), (120, 100, 80)),
    ((48, 44, 64), (216, 212, 228), (142, 120, 184), (66, 60, 66)),
    ((190, 204, 214), (38, 84, 116), (226, 150, 70), (86, 84, 86)),
    ((52, 56, 60), (220, 222, 222), (206, 176, 74), (98, 92, 86)),
)


def make_identity(seed: int, index: int, family: Family = "sample") -> Identity:
    """The `index`-th speaker of a seed. Indices from 0; voices repeat, with another tract, after `SPEAKERS`."""
    rng = generator("identity", family, seed, index)
    first, last = _pick(rng, _FIRST), _pick(rng, _LAST)
    style, main, shirt, accent = _pick(rng, _OUTFITS)
    wall, block, second, desk = _pick(rng, _SETS)
    return Identity(
        person_id=f"s{seed}_{'p' if family == 'sample' else 't'}{index:02d}",
        name=f"{first} {last}",
        voice=_voice(seed, index, family, rng),
        face=Face(
            aspect=round(float(rng.uniform(0.90, 1.08)), 4),
            shear=round(float(rng.uniform(-0.05, 0.05)), 4),
            keystone=round(float(rng.uniform(-0.05, 0.05)), 4),
            mirror=bool(rng.random() < 0.5),
            skin=_jitter(rng, _pick(rng, _SKIN), 0.025),
            hair=_shade(rng, _pick(rng, _HAIR)),
        ),
        outfit=Outfit(style, _shade(rng, main), shirt, accent),
        set=Set(_shade(rng, wall), (block, second), desk, int(rng.integers(1 << 30)), -1 if rng.random() < 0.5 else 1),
        head=round(float(rng.uniform(0.96, 1.06)), 4),
        shoulders=round(float(rng.uniform(0.93, 1.08)), 4),
        limbs=round(float(rng.uniform(0.92, 1.10)), 4),
    )


def _voice(seed: int, index: int, family: Family, rng: np.random.Generator) -> Voice:
    """Deals the variants of a family in an order of the seed; bases lie within four semitones of each other."""
    order = generator("voices", family, seed)
    high = [list(_HIGH[family])[i % len(_HIGH[family])] for i in range(_HIGH_SPEAKERS[family])]
    low = list(_LOW[family])
    dealt = [("high", name, i // len(_HIGH[family])) for i, name in enumerate(high)] + [
        ("low", name, 0) for name in low
    ]
    kind, variant, turn = dealt[int(order.permutation(SPEAKERS)[index % SPEAKERS])]
    if kind == "high":
        tract, pitch, natural = 0.93 + 0.06 * turn, rng.uniform(128, 142), _HIGH[family][variant]
    else:
        tract, pitch, natural = 1.06, rng.uniform(114, 128), _LOW[family][variant]
    tract = tract + rng.uniform(-0.02, 0.02) + 0.015 * (index // SPEAKERS)
    return Voice(variant, float(natural), round(float(pitch), 2), round(float(tract), 4))


def _pick(rng: np.random.Generator, options: tuple) -> tuple:
    return options[int(rng.integers(len(options)))]


def _shade(rng: np.random.Generator, color: Color) -> Color:
    """The colour, a little lighter or darker and a little shifted."""
    gain = rng.uniform(0.9, 1.1) * rng.uniform(0.96, 1.04, 3)
    red, green, blue = (round(min(max(float(c * g), 0.0), 255.0)) for c, g in zip(color, gain, strict=True))
    return red, green, blue


def _jitter(rng: np.random.Generator, values: tuple[float, ...], amount: float) -> tuple[float, float, float, float]:
    gains = [round(value * (1 + float(rng.uniform(-amount, amount))), 4) for value in values]
    return gains[0], gains[1], gains[2], gains[3]
