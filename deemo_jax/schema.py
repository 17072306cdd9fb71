"""The words every room speaks. Times are float seconds, everywhere."""

import dataclasses
import enum
from collections.abc import Mapping, Sequence

from deemo_jax.errors import UserError


class Modality(enum.StrEnum):
    """What a model may be given of a clip, in the order of Eq. 1."""

    AUDIO = "audio"
    VIDEO = "video"
    TRANSCRIPT = "transcript"
    NFBL = "nfbl"

    @classmethod
    def parse_set(cls, text: str) -> "frozenset[Modality]":
        """'video,audio' -> {VIDEO, AUDIO}; 'all' is every modality.

        Raises:
            UserError: a name that is no modality, or no name at all.
        """
        if text.strip() == "all":
            return frozenset(cls)
        names = [name.strip() for name in text.split(",") if name.strip()]
        unknown = [name for name in names if name not in set(cls)]
        if unknown or not names:
            raise UserError(f"modalities {text!r}: choose from {', '.join(cls)} (comma-separated), or 'all'")
        return frozenset(cls(name) for name in names)


class Emotion(enum.StrEnum):
    """DEEMO-MER's two classes (paper, section 3.3). The order is the label index on disk."""

    NEGATIVE = "negative"
    POSITIVE = "positive"


@dataclasses.dataclass(frozen=True, slots=True)
class NFBLSegment:
    """One stretch of non-facial body language: [start_s, end_s) within the clip."""

    start_s: float
    end_s: float
    label: str

    def __post_init__(self) -> None:
        if not (0 <= self.start_s <= self.end_s) or not self.label:
            raise UserError(
                f"NFBL segment {self.label!r} [{self.start_s}, {self.end_s}]: needs a label, 0 <= start <= end"
            )


@dataclasses.dataclass(frozen=True, slots=True)
class Provenance:
    """How each modality of a record lost its identity: one readable line each, and the software that did it.

    Attributes:
        video: e.g. "deemo_jax solid, CenterFace 0.2" or "external: <who, how>".
        audio: e.g. "deemo_jax mcadams, key 3f9a01bc" - the id of the voice key, never its value.
        transcript: "not de-identified" for raw words; else e.g. "deemo_jax rules 2, 3 replaced".
        source: "deid" (a manifest of this project) or "external" (an attestation).
        settings: canonical JSON of the settings, empty for external data.
        software: package versions that touched the pixels and samples.
    """

    video: str
    audio: str
    transcript: str
    source: str
    settings: str = ""
    software: str = ""


@dataclasses.dataclass(frozen=True, slots=True)
class Clip:
    """What is known of one clip beside its pixels and samples.

    Attributes:
        clip_id: a pseudonym, unique in a dataset.
        video_id: the recording that the clip was cut from, a pseudonym.
        person_id: a pseudonym; empty when unknown.
        start_s: where the clip starts in its recording.
        end_s: where it ends.
        transcript: what is said.
        nfbl: non-facial body language, times relative to the clip.
        emotion: the label.
        reasoning: the reference explanation.
        text_deid: how names were taken out of transcript and reasoning, in one line; empty for raw words.
    """

    clip_id: str
    video_id: str
    person_id: str
    start_s: float
    end_s: float
    transcript: str
    nfbl: tuple[NFBLSegment, ...]
    emotion: Emotion
    reasoning: str
    text_deid: str = ""

    @classmethod
    def from_json(cls, row: Mapping[str, object], where: str) -> "Clip":
        """Reads one annotation row; extra keys are left alone.

        Args:
            row: a decoded JSON object.
            where: file and line, for the message.

        Raises:
            UserError: a key is missing or has the wrong type.
        """
        try:
            segments = row.get("nfbl", [])
            if not isinstance(segments, Sequence) or isinstance(segments, str):
                raise TypeError("nfbl is not a list")
            return cls(
                clip_id=_text(row, "clip_id"),
                video_id=_text(row, "video_id"),
                person_id=_text(row, "person_id") if row.get("person_id") else "",
                start_s=_number(row, "start_s"),
                end_s=_number(row, "end_s"),
                transcript=_text(row, "transcript", empty=True),
                nfbl=tuple(
                    NFBLSegment(_number(s, "start_s"), _number(s, "end_s"), _text(s, "label")) for s in segments
                ),
                emotion=Emotion(_text(row, "emotion")),
                reasoning=_text(row, "reasoning", empty=True),
            )
        except KeyError as error:
            raise UserError(f"{where}: the key {error} is missing") from error
        except (TypeError, ValueError) as error:
            raise UserError(f"{where}: {error}") from error


def _text(row: Mapping[str, object], key: str, empty: bool = False) -> str:
    value = row[key]
    if not isinstance(value, str) or not (value or empty) or len(value) > 100_000:
        raise TypeError(f"{key} must be {'a' if empty else 'a non-empty'} string of at most 100,000 characters")
    return value


def _number(row: Mapping[str, object], key: str) -> float:
    value = row[key]
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) < 1e9:
        raise TypeError(f"{key} must be a finite number of seconds")
    return float(value)
