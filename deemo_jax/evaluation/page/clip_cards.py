"""One clip as the page shows it: frames, words, body language, the truth, and what each system answered."""

import base64
import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from deemo_jax.core.html_page import shown
from deemo_jax.core.schema import RAW_TRANSCRIPT, Labels, NFBLSegment
from deemo_jax.evaluation.page.clip_material import Material
from deemo_jax.evaluation.predictions import Prediction
from deemo_jax.generation.label_odds import probabilities

# Kinds of body language that a timeline shows, and stretches of one kind, at most.
MAX_KINDS, MAX_STRETCHES = 8, 40


@dataclasses.dataclass(frozen=True, slots=True)
class Stretch:
    """A stretch of body language on a timeline: where it starts and how long it is, percent of the clip; in words."""

    start: float
    width: float
    said: str


@dataclasses.dataclass(frozen=True, slots=True)
class Answer:
    """What a system answered.

    Attributes:
        label: that it states; None where it states none.
        right: whether that is the true one.
        text: the explanation, or the whole answer where none was found in it.
        hidden: whether the text is kept back, since names may stand in it.
        probability: of the label that is likeliest, 0 to 1, and that label; None where likelihoods are unknown.
    """

    label: str | None
    right: bool
    text: str
    hidden: bool
    probability: tuple[float, str] | None


@dataclasses.dataclass(frozen=True, slots=True)
class Card:
    """A clip.

    Attributes:
        clip_id: a pseudonym.
        truth: the true label.
        reference: the reference explanation; empty where there is none.
        transcript: what is said; empty where it is unknown.
        lasts_s: length, seconds; 0 where it is unknown.
        timeline: kind of body language -> its stretches.
        more_kinds: kinds that the timeline leaves out.
        picture: frames as a data URI; empty where none may be shown.
        why_no_frames: a few words.
        answers: one a system, in their order.
    """

    clip_id: str
    truth: str
    reference: str
    transcript: str
    lasts_s: float
    timeline: Mapping[str, Sequence[Stretch]]
    more_kinds: int
    picture: str
    why_no_frames: str
    answers: tuple[Answer, ...]

    def to_json(self, labels: Labels) -> dict[str, Any]:
        """What filters need of it; labels by their index."""
        said = [None if answer.label is None else labels.index(answer.label) for answer in self.answers]
        return {"id": shown(self.clip_id), "truth": labels.index(self.truth), "said": said}


def may_be_shown(material: Material, rows: Iterable[Prediction]) -> bool:
    """Whether a clip may be shown: the dataset, or a row, says that names were taken out, and none denies it.

    Args:
        material: of the clip.
        rows: of each system, its answer.
    """
    said = (material.transcript_provenance, *(row.transcript_provenance for row in rows))
    return RAW_TRANSCRIPT not in said and any(said)


def is_readable(row: Prediction, material: Material, *, of_run: bool) -> bool:
    """Whether a row's answer may be shown of a clip that may be.

    A run has read what its dataset holds. What another system has read or heard, only its rows can say.

    Args:
        row: a system's answer.
        material: of the clip.
        of_run: whether the system is a run of this project.
    """
    return bool(row.transcript_provenance or (of_run and material.transcript_provenance))


def card(rows: Sequence[Prediction], material: Material, readable: Sequence[bool], reference: str) -> Card:
    """The card of a clip.

    Args:
        rows: of each system, its answer.
        material: what may be shown of the clip.
        readable: of each row, whether its answer is shown.
        reference: the reference explanation, which may be shown; empty for none.
    """
    first = rows[0]
    kinds = list(dict.fromkeys(segment.label for segment in material.nfbl))
    return Card(
        clip_id=first.clip_id,
        truth=first.emotion_true,
        reference=shown(reference),
        transcript=shown(material.transcript),
        lasts_s=material.lasts_s,
        timeline={shown(kind, 80): _stretches(kind, material) for kind in kinds[:MAX_KINDS]},
        more_kinds=max(len(kinds) - MAX_KINDS, 0),
        picture=f"data:image/jpeg;base64,{base64.b64encode(material.picture).decode()}" if material.picture else "",
        why_no_frames=material.why_no_frames,
        answers=tuple(map(_answer, rows, readable)),
    )


def _answer(row: Prediction, readable: bool) -> Answer:
    sure = None
    if row.log_likelihoods is not None:
        odds = probabilities(row.log_likelihoods, row.temperature or 1.0)
        likeliest = max(odds, key=odds.__getitem__)
        sure = odds[likeliest], likeliest
    return Answer(
        label=row.emotion_predicted,
        right=row.emotion_predicted == row.emotion_true,
        text=shown(row.reasoning or row.answer) if readable else "",
        hidden=not readable,
        probability=sure,
    )


def _stretches(kind: str, material: Material) -> list[Stretch]:
    whole = material.lasts_s or 1.0

    def stretch(segment: NFBLSegment) -> Stretch:
        start, end = (100 * min(at / whole, 1) for at in (segment.start_s, segment.end_s))
        # A stretch of no length is a hair wide, so that it is seen.
        return Stretch(round(start, 2), round(max(end - start, 0.6), 2), f"{segment.start_s:.1f}–{segment.end_s:.1f} s")

    return [stretch(segment) for segment in material.nfbl if segment.label == kind][:MAX_STRETCHES]
