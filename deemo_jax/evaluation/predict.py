"""A model's answers to every clip of a split, once per modality set, through one function."""

import dataclasses
import itertools
from collections.abc import Mapping, Sequence
from typing import Any

from deemo_jax import cli
from deemo_jax.data.pipeline import Pipeline, make_pipeline
from deemo_jax.data.prompts import parse_emotion
from deemo_jax.data.source import Record
from deemo_jax.data.templates import parse_template
from deemo_jax.data.tokenizer import make_tokenizer
from deemo_jax.errors import UserError
from deemo_jax.evaluation.predictions import Prediction, set_name
from deemo_jax.generation.answers import Decoding, answer
from deemo_jax.generation.text import parse_reasoning
from deemo_jax.models.deemo_llama import DeemoLlama
from deemo_jax.schema import Modality


@dataclasses.dataclass(frozen=True, slots=True)
class Answers:
    """What a model said, and what a reader of its scores must know of the data, a line each."""

    predictions: list[Prediction]
    notes: tuple[str, ...]


def allowed_sets(
    sets: Sequence[frozenset[Modality]], config: Mapping[str, Any]
) -> tuple[list[frozenset[Modality]], list[str]]:
    """What is left of the sets in a recipe that shows less (`config.data.modalities`), and a note on what is not.

    Raises:
        UserError: nothing is left.
    """
    allowed = Modality.parse_set(config["data"].get("modalities", "all"))
    kept = list(dict.fromkeys(chosen & allowed for chosen in sets if chosen & allowed))
    asked = ";".join(map(set_name, sets))
    if not kept:
        raise UserError(f"modalities {asked!r}: the run was trained on {set_name(allowed)} only; choose among these")
    changed = kept != list(sets)
    return kept, [f"The run was trained on {set_name(allowed)} only; {asked} was narrowed to it."] if changed else []


def predict(
    config: Mapping[str, Any],
    model: DeemoLlama,
    params: Any,
    sets: Sequence[frozenset[Modality]],
    *,
    batch_size: int,
    max_new_tokens: int,
    split: str = "",
    limit: int = 0,
) -> Answers:
    """Greedy answers.

    Every set has batches of the same few shapes (what a set withholds is zeros and absent from the prompt), so that
    all sets share their compilations. A record that cannot be read gets an empty answer, which counts as wrong; one
    whose label cannot be read either is left out and noted.

    Args:
        config: the run's config.
        model: its model.
        params: its parameters.
        sets: what the model is shown, one pass each.
        batch_size: clips at once.
        max_new_tokens: an answer's longest length.
        split: default: the config's test split.
        limit: only so many clips; 0 is all.

    Raises:
        UserError: no such data, or a split that is empty or cannot be read.
    """
    tokenizer = make_tokenizer(config["tokenizer"])
    decoding = Decoding(max_new_tokens=max_new_tokens, stops=parse_template(config["prompt"]).stops)
    sets, notes = allowed_sets(sets, config)
    data = {**config["data"], "batch_size": batch_size, "test_split": split or config["data"]["test_split"]}

    def pipeline_of(chosen: frozenset[Modality]) -> Pipeline:
        return make_pipeline(
            {**config, "data": data},
            audio_tokens=model.config.audio_tokens,
            video_tokens=model.config.video_tokens,
            train=False,
            tokenizer=tokenizer,
            modalities=chosen,
        )

    whole = pipeline_of(sets[0])
    count = min(len(whole), limit or len(whole))
    if not count:
        raise UserError(f"split {data['test_split']!r} is empty; choose another --split or build with other fractions")
    records, lost = _records(whole, count)
    if not records:
        raise UserError(
            f"split {data['test_split']!r}: none of its {count} records can be read; build the dataset again"
        )
    notes += _data_notes(records, lost)
    predictions: list[Prediction] = []
    for chosen in sets:
        pipeline, name, steps = pipeline_of(chosen), set_name(chosen), -(-count // batch_size)
        batches = itertools.islice(pipeline.iterate(), steps)
        for batch in cli.progress(batches, f"answers ({name})", total=steps):
            texts = answer(model, params, batch, tokenizer, decoding).texts
            for index, readable, text in zip(batch.index.tolist(), batch.record_valid, texts, strict=True):
                # An unreadable record has no prompt; whatever the model said to nothing is no answer.
                if index in records:
                    predictions.append(_prediction(records[index], name, text if readable else ""))
        if unreadable := len(pipeline.counts.unreadable):
            notes.append(
                f"{unreadable} records could not be read ({name}); their answers are empty and count as wrong."
            )
    return Answers(predictions, tuple(notes))


def _prediction(record: Record, modalities: str, answer: str) -> Prediction:
    return Prediction(
        clip_id=record.clip.clip_id,
        modalities=modalities,
        answer=answer,
        emotion_predicted=parse_emotion(answer),
        emotion_true=record.clip.emotion,
        reasoning=parse_reasoning(answer),
        reference=record.clip.reasoning,
    )


def _records(pipeline: Pipeline, count: int) -> tuple[dict[int, Record], int]:
    """The first `count` records without their pixels and samples, and how many have no readable label."""
    records = {}
    for index in range(count):
        try:
            record = pipeline.record(index)
        except UserError:
            continue
        records[index] = dataclasses.replace(record, jpegs=(), mel=record.mel[:0].copy())
    return records, count - len(records)


def _data_notes(records: Mapping[int, Record], lost: int) -> list[str]:
    external = sum(record.provenance.source == "external" for record in records.values())
    notes = []
    if lost:
        notes.append(f"{lost} records could not be read at all, not even their labels; they are in no score.")
    if external:
        notes.append(f"{external} of {len(records)} clips were de-identified elsewhere: attested, not checked here.")
    return notes
