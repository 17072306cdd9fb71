"""One row per clip and modality set: what a system answered, what was read from it, and what is true.

A file of such rows is all that scoring needs, so any system can be scored, whatever it was written in.
"""

import dataclasses
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Int

from deemo_jax.core.errors import UserError
from deemo_jax.core.files import read_jsonl
from deemo_jax.core.schema import DEEMO_LABELS, Labels, Modality, close_key, set_name
from deemo_jax.data.prompts import parse_emotion
from deemo_jax.evaluation.row_fields import MAX_LINE_BYTES, MAX_ROWS, clip_id_of, emotion_of, text_of
from deemo_jax.evaluation.truth import Truth
from deemo_jax.generation.answer_text import parse_reasoning


@dataclasses.dataclass(frozen=True, slots=True)
class Prediction:
    """One answer.

    Attributes:
        clip_id: which clip.
        modalities: what the system was given, as `schema.set_name` writes it.
        answer: the text as it came.
        emotion_predicted: None when the answer states no label, or several.
        emotion_true: the label.
        reasoning: the explanation.
        reference: the reference explanation; empty when there is none.
        log_likelihoods: of the statement of each label, natural logarithms; None when they are not known.
        temperature: what divides them, as learnt on other clips; None when it is not known.
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

    def to_json(self) -> dict[str, Any]:
        return dataclasses.asdict(self)


def indices(emotions: Sequence[str | None], labels: Labels = DEEMO_LABELS) -> Int[np.ndarray, " n"]:
    """Label indices for `recognition`; None, an answer that was not understood, comes behind the last one."""
    return np.array([len(labels) if e is None else labels.index(e) for e in emotions], np.int64)


def by_set(predictions: Iterable[Prediction]) -> dict[str, list[Prediction]]:
    """The predictions of each modality set, sets as first met, clips sorted by id, so that sets pair up by position.

    Raises:
        UserError: a clip twice in one set, sets that cover different clips, or a clip with two labels.
    """
    sets: dict[str, dict[str, Prediction]] = {}
    labels: dict[str, str] = {}
    for row in predictions:
        chosen = sets.setdefault(row.modalities, {})
        if row.clip_id in chosen:
            raise UserError(f"clip {row.clip_id} occurs twice for modalities {row.modalities!r}; keep one row")
        if (label := labels.setdefault(row.clip_id, row.emotion_true)) != row.emotion_true:
            raise UserError(f"clip {row.clip_id} is labelled both {label} and {row.emotion_true}; mend emotion_true")
        chosen[row.clip_id] = row
    for name, chosen in sets.items():
        if missing := labels.keys() - chosen.keys():
            raise UserError(
                f"modalities {name!r}: {len(missing)} of {len(labels)} clips lack a prediction, say {min(missing)}; "
                "give every clip a row, with emotion_predicted null where the system failed"
            )
    return {name: [chosen[clip] for clip in sorted(chosen)] for name, chosen in sets.items()}


def read_predictions(
    path: str | Path, truth: Truth | None = None, labels: Labels = DEEMO_LABELS
) -> Iterator[Prediction]:
    """Reads a system's outputs.

    Each line needs `clip_id`, and `emotion_predicted` (a label or null) or `answer`; `emotion_true` too unless `truth`
    has it. `modalities` ('all' when absent), `reasoning` and `reference` are optional, and so are `log_likelihoods`
    ({"negative": ..., "positive": ...}) and `temperature`, from which probabilities are scored.

    Args:
        path: a JSON-lines file.
        truth: what `--truth` names; it overrules the file.
        labels: that emotions are of.

    Raises:
        UserError: anything that is not so, with file and line.
    """
    count = 0
    first: dict[tuple[str, str], int] = {}
    for count, row in enumerate(read_jsonl(path, MAX_LINE_BYTES), 1):
        where = f"{path}: row {count}"
        if count > MAX_ROWS:
            raise UserError(f"{path}: more than {MAX_ROWS:,} rows; score it in parts")
        try:
            read = _prediction(row, truth, labels)
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
    """The same predictions held against other labels and references.

    Raises:
        UserError: a clip that the truth does not know.
    """
    return [
        dataclasses.replace(row, emotion_true=emotion, reference=reference)
        for row in rows
        for emotion, reference in [truth.of(row.clip_id)]
    ]


def _missing(row: Mapping[str, Any], labelled: bool, labels: Labels) -> list[str]:
    """What a row lacks, all of it, in words; with what it may have been called by a slip of the pen."""
    wanted = {"clip_id": "is missing"} if "clip_id" not in row else {}
    if labelled and row.get("emotion_true") is None:
        wanted["emotion_true"] = "is missing; add it, or name the annotations with --truth"
    if "emotion_predicted" not in row and "answer" not in row:
        wanted["emotion_predicted"] = f"({', '.join(labels)} or null) or answer is missing"
    unknown = row.keys() - {field.name for field in dataclasses.fields(Prediction)}
    said = []
    for key, lack in wanted.items():
        slip = close_key(key, unknown)
        said.append(f"{key} {lack}" + (f" (is {slip!r} meant to be it?)" if slip else ""))
    return said


def _prediction(row: Mapping[str, Any], truth: Truth | None, labels: Labels) -> Prediction:
    if missing := _missing(row, truth is None, labels):
        raise UserError("; ".join(missing))
    clip = clip_id_of(row)
    if truth is None:
        label, reference = emotion_of(row, "emotion_true", labels), text_of(row, "reference", "")
    else:
        label, reference = truth.of(clip)
    if label is None:
        raise UserError("emotion_true is missing; add it, or name the annotations with --truth")
    answer = text_of(row, "answer", "")
    return Prediction(
        clip_id=clip,
        modalities=set_name(Modality.parse_set(text_of(row, "modalities", "all"))),
        answer=answer,
        emotion_predicted=emotion_of(row, "emotion_predicted", labels)
        if "emotion_predicted" in row
        else parse_emotion(answer, labels),
        emotion_true=label,
        reasoning=text_of(row, "reasoning", parse_reasoning(answer, labels)),
        reference=reference,
        log_likelihoods=_odds(row, labels),
        temperature=_temperature(row),
    )


def _odds(row: Mapping[str, Any], labels: Labels) -> dict[str, float] | None:
    value = row.get("log_likelihoods")
    if value is None:
        return None
    if not isinstance(value, dict) or set(value) != set(labels) or not all(map(_is_finite, value.values())):
        raise UserError(f"log_likelihoods must have a finite number for {' and '.join(labels)} each")
    return {emotion: float(value[emotion]) for emotion in labels}


def _temperature(row: Mapping[str, Any]) -> float | None:
    value = row.get("temperature")
    if value is not None and not (_is_finite(value) and value > 0):
        raise UserError(f"temperature is {str(value)[:40]!r}; it must be above 0")
    return None if value is None else float(value)


def _is_finite(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= sys.float_info.max
