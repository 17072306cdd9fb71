"""What all rooms share: modalities, labels, and what is known of a clip. Times are float seconds."""

import dataclasses
import difflib
import enum
import math
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TypeVar

from deemo_jax.core.errors import UserError


class Modality(enum.StrEnum):
    """What a model may be given of a clip, in the order of the prompt (Eq. 1 of the DEEMO paper)."""

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
            raise UserError(f"modalities {text[:80]!r}: choose from {', '.join(cls)} (comma-separated), or 'all'")
        return frozenset(cls(name) for name in names)


def set_name(modalities: Iterable[Modality]) -> str:
    """{VIDEO, AUDIO} -> 'audio,video'; every modality -> 'all'."""
    chosen = set(modalities)
    return "all" if chosen == set(Modality) else ",".join(m for m in Modality if m in chosen)


@dataclasses.dataclass(frozen=True, slots=True)
class Labels:
    """The emotions that a dataset tells apart; their order is the label index on disk.

    Attributes:
        names: 2 to 100, of letters, digits, spaces and hyphens, so that each can be read out of a sentence.

    Raises:
        UserError: too few or too many, one twice (in any case), or one of another form.
    """

    names: tuple[str, ...]

    def __post_init__(self) -> None:
        for name in self.names:
            if why := _no_label(name):
                raise UserError(f"label {name[:MAX_LABEL]!r} {why}")
        lower = [name.lower() for name in self.names]
        twice = sorted({name for name in lower if lower.count(name) > 1})
        if twice:
            raise UserError(f"label {twice[0]!r} comes twice in {', '.join(self.names)}; name each once")
        if not 2 <= len(self.names) <= MAX_LABELS:
            raise UserError(f"{len(self.names)} labels; name 2 to {MAX_LABELS}, such as neutral,angry,happy")

    @classmethod
    def parse(cls, text: str) -> "Labels":
        """'neutral, angry,happy' -> these three, in that order.

        Raises:
            UserError: as the class.
        """
        return cls(tuple(name.strip() for name in text.split(",") if name.strip()))

    def index(self, name: str) -> int:
        """The place of a label, from 0."""
        return self.names.index(name)

    def __iter__(self) -> Iterator[str]:
        return iter(self.names)

    def __len__(self) -> int:
        return len(self.names)

    def __str__(self) -> str:
        """In plain English: 'negative or positive', 'neutral, angry or happy'."""
        return f"{', '.join(self.names[:-1])} or {self.names[-1]}"


# Labels of a dataset, and characters of a label, at most.
MAX_LABELS = 100
MAX_LABEL = 40
# Words that deny what follows them, as in "not happy"; no label may begin with one.
DENIALS = frozenset({"not", "never", "no", "neither", "nor", "hardly", "rather", "instead", "than"})
UNPARSED = "unparsed"
"""The name of answers that state no emotion, in scores; no label may be called so."""


def _no_label(name: str) -> str:
    """Why a text is no label; empty where it is one."""
    if not re.fullmatch(r"[^\W_]+(?:[ -][^\W_]+)*", name) or len(name) > MAX_LABEL:
        return f"is not of letters, digits, single spaces and hyphens, at most {MAX_LABEL}"
    if name.lower() == UNPARSED:
        return "is how scores call an answer that states none; choose another word"
    return "begins with a word of denial; name what is felt" if name.lower().split()[0] in DENIALS else ""


DEEMO_LABELS = Labels(("negative", "positive"))
"""The labels of DEEMO-MER (paper, section 3.3), and of every dataset that names no others."""


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


# Of provenance: a modality that is not there, and a transcript from which names were not removed.
ABSENT = "none"
RAW_TRANSCRIPT = "not de-identified"


@dataclasses.dataclass(frozen=True, slots=True)
class Provenance:
    """How each modality of a record was de-identified, a line each, and by which software.

    Attributes:
        video: e.g. "deemo_jax solid, CenterFace 0.2" or "external: <who, how>".
        audio: e.g. "deemo_jax mcadams, key 3f9a01bc", with the id of the voice key, never its value.
        transcript: "not de-identified" for raw words; else e.g. "deemo_jax rules 4, 3 replaced".
        source: "deid" (a manifest of this project) or "external" (an attestation).
        settings: canonical JSON of the settings; empty for external data.
        software: versions of the packages that changed pixels and samples.
    """

    video: str
    audio: str
    transcript: str
    source: str
    settings: str = ""
    software: str = ""


@dataclasses.dataclass(frozen=True, slots=True)
class Turn:
    """A question about a clip, and its answer."""

    question: str
    answer: str


@dataclasses.dataclass(frozen=True, slots=True)
class Conversation:
    """What is asked about a clip, and answered.

    Attributes:
        turns: in order, at least one.
        picture_at: characters of the first question in front of the place that it has for the picture; -1 where it has
            none.
    """

    turns: tuple[Turn, ...]
    picture_at: int = -1


@dataclasses.dataclass(frozen=True, slots=True)
class Clip:
    """What is known of one clip beside its pixels and samples.

    Attributes:
        clip_id: a pseudonym, unique in a dataset.
        video_id: the recording that the clip was cut from, a pseudonym.
        person_id: a pseudonym; empty when unknown.
        start_s: where the clip starts in its recording, seconds.
        end_s: where it ends there, seconds.
        transcript: what is said.
        nfbl: non-facial body language; its times count from the start of the clip.
        emotion: one of the dataset's labels.
        reasoning: the reference explanation.
        text_deid: how names were taken out of transcript and reasoning, in one line; empty for raw words.
        conversation: what is asked about the clip and answered, in place of the recipe's question; None for clips of
            emotions and captions.
    """

    clip_id: str
    video_id: str
    person_id: str
    start_s: float
    end_s: float
    transcript: str
    nfbl: tuple[NFBLSegment, ...]
    emotion: str
    reasoning: str
    text_deid: str = ""
    conversation: Conversation | None = None

    @classmethod
    def from_json(cls, row: Mapping[str, object], where: str, labels: Labels | None = DEEMO_LABELS) -> "Clip":
        """Reads one annotation row (docs/formats.md); other keys are ignored.

        Args:
            row: a decoded JSON object.
            where: file and row, for the message.
            labels: the dataset's; None takes any text that may be a label.

        Raises:
            UserError: keys are missing, or their values are of a wrong form; the message names all of them.
        """
        wrong: list[str] = []

        def read(key: str, form: Callable[[object], Value], default: Value, required: bool = True) -> Value:
            if row.get(key) is None and not required:
                return default
            if key not in row:
                wrong.append(f"{key} is missing{_meant(key, row)}")
                return default
            try:
                return form(row[key])
            except UserError as error:
                wrong.append(f"{key} {error}")
                return default

        start_s, end_s = read("start_s", seconds, 0.0), read("end_s", seconds, math.inf)
        if end_s < start_s:
            wrong.append(f"end_s, {end_s:g}, is before start_s, {start_s:g}")
        clip = cls(
            clip_id=read("clip_id", _id, ""),
            video_id=read("video_id", _name, ""),
            person_id=read("person_id", _text, "", required=False),
            start_s=start_s,
            end_s=end_s,
            transcript=read("transcript", _text, ""),
            nfbl=read("nfbl", lambda value: _segments(value, end_s - start_s), (), required=False),
            emotion=read("emotion", lambda value: _emotion(value, labels), ""),
            reasoning=read("reasoning", _text, ""),
        )
        if wrong:
            raise UserError(f"{where}: {'; '.join(wrong)}")
        return clip


Value = TypeVar("Value")
# Characters of a text, at most.
MAX_TEXT = 100_000
NFBL_FORM = '{"start_s": 0.5, "end_s": 1.2, "label": "folding arms"}'


def close_key(key: str, keys: Iterable[str]) -> str | None:
    """The one of `keys` that is most like `key`, which may be a misspelling of it; None where none is like it."""
    return next(iter(difflib.get_close_matches(key, list(keys), 1, CLOSE)), None)


# Least similarity (difflib's ratio, 0 to 1): it takes "emotoin" for "emotion", and not "end_s" for "start_s".
CLOSE = 0.75


def _meant(key: str, row: Mapping[str, object]) -> str:
    known = {field.name for field in dataclasses.fields(Clip)}
    found = close_key(key, row.keys() - known)
    return f" (is {found!r} meant to be it?)" if found else ""


def is_whole(text: str) -> bool:
    """Whether a text holds no lone surrogate, half of a character, which cannot be written as UTF-8."""
    return not any("\ud800" <= c <= "\udfff" for c in text)


def _text(value: object) -> str:
    if not isinstance(value, str) or len(value) > MAX_TEXT:
        raise UserError(f"must be a string of at most {MAX_TEXT:,} characters")
    if not is_whole(value):
        raise UserError("holds half a character (a lone surrogate), as a text that was cut does; write it anew")
    return value


def _name(value: object) -> str:
    if not _text(value):
        raise UserError("must not be empty")
    return _text(value)


def _id(value: object) -> str:
    """A text that is not empty. It may hold bytes that are not UTF-8: the name of a file may stand in its place."""
    _name("".join("?" if "\udc80" <= c <= "\udcff" else c for c in value) if isinstance(value, str) else value)
    return str(value)


def seconds(value: object) -> float:
    """A time of decoded JSON.

    Raises:
        UserError: it is no number, or none that is a time.
    """
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) < 1e9:
        raise UserError("must be a finite number of seconds")
    return float(value)


def _emotion(value: object, labels: Labels | None) -> str:
    if labels is None:
        if not isinstance(value, str) or _no_label(value):
            raise UserError(f"is {str(value)[:MAX_LABEL]!r}; write a label, such as {DEEMO_LABELS}")
        return value
    if not isinstance(value, str) or value not in labels.names:
        raise UserError(f"is {str(value)[:MAX_LABEL]!r}; choose {labels}; other labels are named with --labels")
    return value


def _segments(value: object, lasts_s: float) -> tuple[NFBLSegment, ...]:
    """The segments of a row: objects, or labels alone, which span a clip of `lasts_s` seconds."""
    form = f"must be a list of {NFBL_FORM}, times in seconds within the clip, or of labels, which span the clip"
    if not isinstance(value, list):
        raise UserError(form)
    segments = []
    for number, entry in enumerate(value, 1):
        if isinstance(entry, str):
            # Wrong times of the clip itself are reported elsewhere, and give a length of 0 here.
            entry = {"start_s": 0.0, "end_s": max(lasts_s, 0.0) if math.isfinite(lasts_s) else 0.0, "label": entry}
        if not isinstance(entry, Mapping) or not {"start_s", "end_s", "label"} <= entry.keys():
            raise UserError(f"{form}; entry {number} is {str(entry)[:60]!r}")
        try:
            segments.append(NFBLSegment(seconds(entry["start_s"]), seconds(entry["end_s"]), _text(entry["label"])))
        except UserError as error:
            raise UserError(f"entry {number}: {error}") from error
    return tuple(segments)
