"""A model's answers to every clip of a split, once per modality set, through one compiled function."""

import dataclasses
import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import jax
import numpy as np

from deemo_jax import cli
from deemo_jax.data.pipeline import Pipeline, make_pipeline
from deemo_jax.data.prompts import build_example, parse_emotion, parse_task
from deemo_jax.data.source import Record
from deemo_jax.data.templates import Template, parse_template
from deemo_jax.data.tokenizer import Tokenizer, make_tokenizer
from deemo_jax.errors import UserError
from deemo_jax.evaluation.predictions import Prediction, parse_reasoning, set_name
from deemo_jax.models.decoding import generate
from deemo_jax.models.deemo_llama import DeemoLlama
from deemo_jax.schema import Modality

LENGTH_STEP = 16
_generate = jax.jit(generate, static_argnums=0, static_argnames=("max_new_tokens", "eos_id", "pad_id"))


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

    Every set has batches of the same shapes (what a set withholds is zeros and absent from the prompt), so that all
    sets share one compilation. A record that cannot be read gets an empty answer, which counts as wrong; one whose
    label cannot be read either is left out and noted.

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
    tokenizer, template = make_tokenizer(config["tokenizer"]), parse_template(config["prompt"])
    limits = {"max_new_tokens": max_new_tokens, "eos_id": tokenizer.eos_id, "pad_id": tokenizer.pad_id}
    sets, notes = allowed_sets(sets, config)
    data = {**config["data"], "batch_size": batch_size, "test_split": split or config["data"]["test_split"]}

    def pipeline_of(chosen: frozenset[Modality], length: int) -> Pipeline:
        return make_pipeline(
            {**config, "data": {**data, "max_length": length}},
            audio_tokens=model.config.audio_tokens,
            video_tokens=model.config.video_tokens,
            train=False,
            tokenizer=tokenizer,
            modalities=chosen,
        )

    whole = pipeline_of(sets[0], data["max_length"])
    count = min(len(whole), limit or len(whole))
    if not count:
        raise UserError(f"split {data['test_split']!r} is empty; choose another --split or build with other fractions")
    records, lost = _records(whole, count)
    if not records:
        raise UserError(
            f"split {data['test_split']!r}: none of its {count} records can be read; build the dataset again"
        )
    notes += _data_notes(records, lost)
    length = min(data["max_length"], _longest_prompt(records.values(), sets, config, model, tokenizer))
    predictions: list[Prediction] = []
    for chosen in sets:
        pipeline, name, steps = pipeline_of(chosen, length), set_name(chosen), -(-count // batch_size)
        batches = itertools.islice(pipeline.iterate(), steps)
        for batch in cli.progress(batches, f"answers ({name})", total=steps):
            for index, answer in _answers(batch, _generate(model, params, batch, **limits), tokenizer, template):
                if index in records:
                    predictions.append(_prediction(records[index], name, answer))
        if unreadable := len(pipeline.counts.unreadable):
            notes.append(
                f"{unreadable} records could not be read ({name}); their answers are empty and count as wrong."
            )
    return Answers(predictions, tuple(notes))


def _longest_prompt(
    records: Iterable[Record],
    sets: Sequence[frozenset[Modality]],
    config: Mapping[str, Any],
    model: DeemoLlama,
    tokenizer: Tokenizer,
) -> int:
    """Tokens that no prompt exceeds, rounded up: a run's `max_length` has room for answers, which would be computed."""
    task, template = parse_task(config["prompt"]["task"]), parse_template(config["prompt"])

    def length(record: Record, chosen: frozenset[Modality]) -> int:
        example = build_example(
            record.clip,
            chosen,
            task,
            tokenizer,
            template=template,
            audio=model.config.audio_tokens,
            video=model.config.video_tokens,
            max_length=1 << 30,
            with_answer=False,
        )
        return len(example.slots)

    longest = max((length(record, chosen) for record in records for chosen in sets), default=1)
    return -(-longest // LENGTH_STEP) * LENGTH_STEP


def _answers(batch: Any, tokens: jax.Array, tokenizer: Tokenizer, template: Template) -> Iterator[tuple[int, str]]:
    readable = np.asarray(batch.record_valid)
    for row, index in enumerate(np.asarray(batch.index)):
        # An unreadable record has no prompt; whatever the model said to nothing is no answer.
        said = tokenizer.decode(np.asarray(tokens[row]).tolist()) if readable[row] else ""
        yield int(index), template.ended(said)


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
