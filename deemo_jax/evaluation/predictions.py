"""Predictions: a row for each clip and modality set, with the answer, what was read from it, and the truth.

Scoring needs nothing but a file of such rows, so that any system can be scored.
"""

import dataclasses
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
from jaxtyping import Int

from deemo_jax.core.errors import UserError
from deemo_jax.core.files import read_jsonl
from deemo_jax.core.schema import DEEMO_LABELS, RAW_TRANSCRIPT, Labels, Modality, close_key, set_name
from deemo_jax.evaluation.reading.free_answer import read_emotion
from deemo_jax.evaluation.reading.synonyms import Synonyms
from deemo_jax.evaluation.row_fields import (
    MAX_LINE_BYTES,
    MAX_ROWS,
    clip_id_of,
    emotion_of,
    person_indices,
    person_of,
    provenance_of,
    text_of,
)
from deemo_jax.evaluation.truth import Truth
from deemo_jax.generation.answer_text import parse_reasoning

# How a label is got from a prediction: see `label_of`.
Protocol = Literal["answer", "likelihood"]
PROTOCOLS: tuple[Protocol, ...] = get_args(Protocol)
# Nats of a log-likelihood, and a temperature or its inverse, at most: beyond, differences overflow.
MAX_ODDS, MAX_TEMPERATURE = 1e9, 1e6


@dataclasses.dataclass(frozen=True, slots=True)
class Prediction:
    """A system's answer to one clip, and the truth.

    Attributes:
        clip_id: of the clip.
        modalities: what the system was given, as `schema.set_name` writes it.
        answer: the whole text.
        emotion_predicted: the label that it states; None where it states none, or several.
        emotion_true: the true label.
        reasoning: the explanation in the answer.
        reference: the reference explanation; empty where there is none.
        log_likelihoods: label -> natural logarithm of the likelihood of its statement; None where it is not known.
        temperature: learnt on other clips; the differences of log-likelihoods are divided by it. None where none was
            learnt.
        person_id: a pseudonym of who is seen; None where it is unknown.
        transcript_provenance: how names were taken out of the clip's texts, as `Provenance.transcript` has it; None
            where it is unknown.
    """

    clip_id: str
    modalities: str
    answer: str
    emotion_predicted: str | None
    emotion_true: str
    reasoning: str
    reference: str = ""
    log_likelihoods: Mapping[str, float] | None = None
    temperature: float | None = None
    person_id: str | None = None
    transcript_provenance: str | None = None

    @property
    def raw_text(self) -> bool:
        """Whether names may stand in the texts: they were not taken out, or nothing is known of it."""
        return self.transcript_provenance in (None, RAW_TRANSCRIPT)

    def to_json(self) -> dict[str, Any]:
        """The row as predictions.jsonl has it."""
        return dataclasses.asdict(self)


def label_of(row: Prediction, protocol: Protocol) -> str | None:
    """The label of a prediction: what its answer states, or the label whose statement is likeliest.

    Returns:
        None where the answer states no label, or several; or where likelihoods are unknown, or two are the greatest.
    """
    if protocol == "answer":
        return row.emotion_predicted
    odds = row.log_likelihoods or {}
    best = [label for label, value in odds.items() if value == max(odds.values())]
    return best[0] if len(best) == 1 else None


def indices(emotions: Sequence[str | None], labels: Labels = DEEMO_LABELS) -> Int[np.ndarray, " n"]:
    """Label indices, 0 to C - 1, for `recognition`; None, an answer that states no label, becomes C."""
    return np.array([len(labels) if e is None else labels.index(e) for e in emotions], np.int64)


def persons(rows: Sequence[Prediction]) -> Int[np.ndarray, " n"] | None:
    """Of each row, the index of its person, 0 to P - 1; None where the person of any row is unknown."""
    return person_indices([row.person_id for row in rows])


def by_set(predictions: Iterable[Prediction]) -> dict[str, list[Prediction]]:
    """The predictions of each modality set, sorted by clip id, so that the same places of two sets are the same clip.

    Raises:
        UserError: a clip twice in one set, sets that cover different clips, or a clip with two labels or persons.
    """
    sets: dict[str, dict[str, Prediction]] = {}
    labels: dict[str, str] = {}
    seen: dict[str, str | None] = {}
    for row in predictions:
        chosen = sets.setdefault(row.modalities, {})
        if row.clip_id in chosen:
            raise UserError(f"clip {row.clip_id} occurs twice for modalities {row.modalities!r}; keep one row")
        if (label := labels.setdefault(row.clip_id, row.emotion_true)) != row.emotion_true:
            raise UserError(f"clip {row.clip_id} is labelled both {label} and {row.emotion_true}; mend emotion_true")
        if (person := seen.setdefault(row.clip_id, row.person_id)) != row.person_id:
            raise UserError(f"clip {row.clip_id} is of both person {person} and {row.person_id}; mend person_id")
        chosen[row.clip_id] = row
    for name, chosen in sets.items():
        if missing := labels.keys() - chosen.keys():
            raise UserError(
                f"modalities {name!r}: {len(missing)} of {len(labels)} clips lack a prediction, say {min(missing)}; "
                "give every clip a row, with emotion_predicted null where the system failed"
            )
    return {name: [chosen[clip] for clip in sorted(chosen)] for name, chosen in sets.items()}


def read_predictions(
    path: str | Path,
    truth: Truth | None = None,
    labels: Labels = DEEMO_LABELS,
    synonyms: Synonyms | None = None,
    protocol: Protocol = "answer",
) -> Iterator[Prediction]:
    """Reads a system's outputs.

    Each line needs `clip_id`, and what the protocol reads: `emotion_predicted` (a label or null) or `answer`; or
    `log_likelihoods` ({"negative": ..., "positive": ...}, or null). `emotion_true` is needed too unless `truth` has it.
    `modalities` ('all' when absent), `reasoning` and `reference` are optional, and so are `temperature`, which divides
    log-likelihoods where probabilities are scored, `person_id`, by which intervals are made, and
    `transcript_provenance`, by which texts are kept from leaving.

    Args:
        path: a JSON-lines file.
        truth: of the file that --truth names; its labels, references and known persons are used in place of the rows'.
        labels: the labels that emotions may be.
        synonyms: other words for labels, by which emotions are read out of answers.
        protocol: by which rows will be scored.

    Raises:
        UserError: a row is malformed or lacks a key, a clip occurs twice in a set, or there are too many rows or none;
            the message names file and row.
    """
    count = 0
    first: dict[tuple[str, str], int] = {}
    for count, row in enumerate(read_jsonl(path, MAX_LINE_BYTES), 1):
        where = f"{path}: row {count}"
        if count > MAX_ROWS:
            raise UserError(f"{path}: more than {MAX_ROWS:,} rows; score it in parts")
        try:
            read = _prediction(row, truth, labels, synonyms, protocol)
        except UserError as error:
            raise UserError(f"{where}: {error}") from error
        if (earlier := first.setdefault((read.clip_id, read.modalities), count)) != count:
            raise UserError(
                f"{where}: clip {read.clip_id} occurs twice for modalities {read.modalities!r}, first in row {earlier};"
                " keep one row"
            )
        yield read
    if not count:
        raise UserError(f"{path}: no rows; write one JSON object a line")


def with_truth(rows: Iterable[Prediction], truth: Truth) -> list[Prediction]:
    """Predictions with the labels, references and known persons of a truth in place of their own.

    Raises:
        UserError: the truth lacks a clip.
    """
    return [
        dataclasses.replace(
            row,
            emotion_true=emotion,
            reference=reference,
            person_id=truth.person(row.clip_id) or row.person_id,
            transcript_provenance=truth.provenance(row.clip_id, row.transcript_provenance),
        )
        for row in rows
        for emotion, reference in [truth.of(row.clip_id)]
    ]


def _missing(row: Mapping[str, Any], labelled: bool, labels: Labels, protocol: Protocol) -> list[str]:
    """All keys that a row lacks, in words, each with a key that may be a misspelling of it."""
    wanted = {"clip_id": "is missing"} if "clip_id" not in row else {}
    if labelled and row.get("emotion_true") is None:
        wanted["emotion_true"] = "is missing; add it, or name the annotations with --truth"
    if protocol == "likelihood" and "log_likelihoods" not in row:
        wanted["log_likelihoods"] = "is missing; give a number for each label, or null where the system gave none"
    elif protocol == "answer" and "emotion_predicted" not in row and "answer" not in row:
        wanted["emotion_predicted"] = f"({', '.join(labels)} or null) or answer is missing"
        if "log_likelihoods" in row:
            wanted["emotion_predicted"] += "; --read likelihood scores log_likelihoods"
    unknown = row.keys() - {field.name for field in dataclasses.fields(Prediction)}
    said = []
    for key, lack in wanted.items():
        slip = close_key(key, unknown)
        said.append(f"{key} {lack}" + (f" (is {slip!r} meant to be it?)" if slip else ""))
    return said


def _prediction(
    row: Mapping[str, Any], truth: Truth | None, labels: Labels, synonyms: Synonyms | None, protocol: Protocol
) -> Prediction:
    if missing := _missing(row, truth is None, labels, protocol):
        raise UserError("; ".join(missing))
    clip = clip_id_of(row)
    if truth is None:
        label, reference = emotion_of(row, "emotion_true", labels), text_of(row, "reference", "")
    else:
        label, reference = truth.of(clip)
    if label is None:
        raise UserError("emotion_true is missing; add it, or name the annotations with --truth")
    answer, provenance = text_of(row, "answer", ""), provenance_of(row)
    return Prediction(
        clip_id=clip,
        modalities=set_name(Modality.parse_set(text_of(row, "modalities", "all"))),
        answer=answer,
        emotion_predicted=emotion_of(row, "emotion_predicted", labels)
        if "emotion_predicted" in row
        else read_emotion(answer, labels, synonyms),
        emotion_true=label,
        reasoning=text_of(row, "reasoning", parse_reasoning(answer, labels)),
        reference=reference,
        log_likelihoods=_odds(row, labels),
        temperature=_temperature(row),
        person_id=(truth.person(clip) if truth else None) or person_of(row),
        transcript_provenance=truth.provenance(clip, provenance) if truth else provenance,
    )


def _odds(row: Mapping[str, Any], labels: Labels) -> dict[str, float] | None:
    value = row.get("log_likelihoods")
    if value is None:
        return None
    if not isinstance(value, dict) or set(value) != set(labels) or not all(map(_is_log_likelihood, value.values())):
        raise UserError(
            f"log_likelihoods must have a finite number for {' and '.join(labels)} each, at most {MAX_ODDS:g} from 0"
        )
    return {emotion: float(value[emotion]) for emotion in labels}


def _temperature(row: Mapping[str, Any]) -> float | None:
    value = row.get("temperature")
    if value is not None and not (_is_number(value) and 1 / MAX_TEMPERATURE <= value <= MAX_TEMPERATURE):
        raise UserError(
            f"temperature is {str(value)[:40]!r}; give a number from {1 / MAX_TEMPERATURE:g} to {MAX_TEMPERATURE:g}"
        )
    return None if value is None else float(value)


def _is_log_likelihood(value: Any) -> bool:
    return _is_number(value) and abs(value) <= MAX_ODDS


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
