"""Asks a model about the clips of a split, once for each modality set."""

import dataclasses
import itertools
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from deemo_jax.core.errors import UserError
from deemo_jax.core.progress import with_progress
from deemo_jax.core.recipe import Recipe
from deemo_jax.core.schema import Labels, Modality, set_name
from deemo_jax.data.clip_source import ClipSource, Record
from deemo_jax.data.features.encoded_clips import with_features
from deemo_jax.data.pipeline import Pipeline, make_pipeline, make_spec
from deemo_jax.data.prompt_config import parse_template
from deemo_jax.data.prompt_lengths import refuse_long
from deemo_jax.data.prompts import parse_emotion
from deemo_jax.data.tokenizer import make_tokenizer
from deemo_jax.evaluation.answer_log import AnswerLog, LoggedAnswer
from deemo_jax.evaluation.predictions import Prediction
from deemo_jax.generation.answer_text import parse_reasoning
from deemo_jax.generation.answers import Decoding, answer
from deemo_jax.generation.label_odds import statements
from deemo_jax.media.imagebind_mel import MEL_BINS, MEL_FRAMES
from deemo_jax.models.deemo_llama import DeemoLlama

# A spectrogram that takes no memory.
SILENCE = np.broadcast_to(np.float32(0), (1, MEL_BINS, MEL_FRAMES))


@dataclasses.dataclass(frozen=True, slots=True)
class SplitAnswers:
    """A model's answers to a split.

    Attributes:
        predictions: of every readable record and modality set.
        notes: sentences about the data for a reader of the scores.
    """

    predictions: list[Prediction]
    notes: tuple[str, ...]


def answer_split(
    recipe: Recipe,
    model: DeemoLlama,
    params: Any,
    sets: Sequence[frozenset[Modality]],
    *,
    batch_size: int,
    max_new_tokens: int,
    split: str = "",
    limit: int = 0,
    log: AnswerLog | None = None,
) -> SplitAnswers:
    """Greedy answers of a model, and the likelihoods of the statements of all labels.

    Batches of all sets have the same few shapes, since what a set withholds is zeros and absent from the prompt: the
    sets share what is compiled. A record that cannot be read gets an empty answer, which counts as wrong; one whose
    label cannot be read either is left out and noted.

    Args:
        recipe: of the run.
        model: of the run.
        params: of the model.
        sets: modality sets, one pass over the split each.
        batch_size: clips at once.
        max_new_tokens: tokens of an answer, at most.
        split: of the dataset; empty for the recipe's test split.
        limit: clips, at most; 0 for all.
        log: keeps answers as they come; what it holds already is not asked again.

    Raises:
        UserError: there is no such data, or the split is empty or cannot be read.
    """
    split = split or recipe.data.test_split
    asker = SplitAsker(
        recipe, model, params, max_new_tokens, split=split, batch_size=batch_size, sets=sets, limit=limit
    )
    whole = asker.pipeline(sets[0])
    count = min(len(whole), limit or len(whole))
    if not count:
        raise UserError(f"split {split!r} is empty; choose another --split or build with other fractions")
    records, lost = read_records(whole, count)
    if not records:
        raise UserError(f"split {split!r}: none of its {count} records can be read; build the dataset again")
    asker.check_prompts(records, sets)
    notes = _data_notes(records, lost)
    log = log or AnswerLog()
    predictions: list[Prediction] = []
    for chosen in sets:
        name = set_name(chosen)
        answered = asker.ask(chosen, count, log)
        predictions += [_prediction(record, answered[index], asker.labels) for index, record in records.items()]
        if unreadable := sum(found.log_likelihoods is None for found in answered.values()):
            notes.append(
                f"{unreadable} records could not be read ({name}); their answers are empty and count as wrong."
            )
    return SplitAnswers(predictions, tuple(notes))


class SplitAsker:
    """Asks a model about the records of a split, one modality set after the other.

    Args:
        recipe: of the run.
        model: of the run.
        params: of the model.
        max_new_tokens: tokens of an answer, at most.
        split: of the dataset.
        batch_size: clips at once.
        sets: modality sets that will be asked about.
        limit: so many clips of the split, at most; 0 is all.

    Attributes:
        labels: of the dataset.

    Raises:
        UserError: no such dataset.
    """

    def __init__(
        self,
        recipe: Recipe,
        model: DeemoLlama,
        params: Any,
        max_new_tokens: int,
        *,
        split: str,
        batch_size: int,
        sets: Sequence[frozenset[Modality]],
        limit: int,
    ) -> None:
        template, data = parse_template(recipe.prompt), recipe.data
        self._recipe = dataclasses.replace(
            recipe, data=dataclasses.replace(data, test_split=split, batch_size=batch_size)
        )
        self._model, self._params = model, params
        source = ClipSource(data.data_dir, data.dataset, split)
        shown = frozenset[Modality]().union(*sets)
        self._source = with_features(source, recipe, model, params, split, shown)
        self._tokenizer = make_tokenizer(recipe.tokenizer)
        self._decoding = Decoding(max_new_tokens=max_new_tokens, stops=template.stops)
        self.labels = source.labels
        self._statements = statements(template, self._tokenizer, self.labels)

    def pipeline(self, chosen: frozenset[Modality]) -> Pipeline:
        """The split, with what is not in the set withheld.

        Raises:
            UserError: no such data or split.
        """
        tokens = self._model.config.tokens
        return make_pipeline(
            self._recipe, tokens, train=False, tokenizer=self._tokenizer, modalities=chosen, source=self._source
        )

    def check_prompts(self, records: Mapping[int, Record], sets: Sequence[frozenset[Modality]]) -> None:
        """Checks that the prompts of all records fit, under every modality set.

        Raises:
            UserError: some do not fit; it names them.
        """
        for chosen in sets:
            spec = make_spec(
                self._recipe, self._model.config.tokens, train=False, tokenizer=self._tokenizer, modalities=chosen
            )
            refuse_long(records, dataclasses.replace(spec, labels=self.labels), self._recipe.data.test_split)

    def ask(
        self, chosen: frozenset[Modality], count: int, log: AnswerLog, doing: str = "answers"
    ) -> dict[int, LoggedAnswer]:
        """The answers to the first `count` records; batches whose answers are in the log are not asked again.

        Args:
            chosen: the modality set.
            count: of records.
            log: is read, and gets the new answers.
            doing: what the progress calls this.

        Returns:
            Index of the record -> answer.
        """
        name, pipeline, size = set_name(chosen), self.pipeline(chosen), self._recipe.data.batch_size
        known = log.of(name)
        first = next((index for index in range(count) if index not in known), count) // size
        steps = -(-count // size) - first
        batches = itertools.islice(pipeline.iterate(first), steps) if steps else ()
        for batch in with_progress(batches, f"{doing} ({name})", total=steps) if steps else ():
            said = answer(self._model, self._params, batch, self._tokenizer, self._decoding, self._statements)
            # The prompt of an unreadable record is empty, so the answer to it is dropped.
            log.add(
                LoggedAnswer(name, index, text if readable else "", tuple(odds) if readable else None)
                for index, readable, text, odds in zip(
                    batch.index.tolist(), batch.record_valid, said.texts, said.log_likelihoods.tolist(), strict=True
                )
                if 0 <= index < count
            )
        found = log.of(name)
        return {index: found[index] for index in range(count)}


def _prediction(record: Record, said: LoggedAnswer, labels: Labels) -> Prediction:
    odds = said.log_likelihoods
    known = odds is not None and all(map(math.isfinite, odds))  # weights that overflow give infinity or NaN
    return Prediction(
        clip_id=record.clip.clip_id,
        modalities=said.modalities,
        answer=said.answer,
        emotion_predicted=parse_emotion(said.answer, labels),
        emotion_true=record.clip.emotion,
        reasoning=parse_reasoning(said.answer, labels),
        reference=record.clip.reasoning,
        log_likelihoods=dict(zip(labels, odds, strict=True)) if known and odds else None,
        person_id=record.clip.person_id or None,
        transcript_provenance=record.provenance.transcript,
    )


def read_records(pipeline: Pipeline, count: int) -> tuple[dict[int, Record], int]:
    """The first `count` records of a split; in place of pixels and samples they have a trace of what media there is.

    Returns:
        Index -> record; and how many records cannot be read at all, and are absent.
    """
    records = {}
    for index in range(count):
        try:
            record = pipeline.record(index)
        except UserError:
            continue
        jpegs, mel = (b"",) * (Modality.VIDEO in record.media), SILENCE[: Modality.AUDIO in record.media]
        records[index] = Record(record.clip, record.provenance, jpegs, mel)
    return records, count - len(records)


def _data_notes(records: Mapping[int, Record], lost: int) -> list[str]:
    external = sum(record.provenance.source == "external" for record in records.values())
    notes = []
    if lost:
        notes.append(f"{lost} records could not be read at all, not even their labels; they are in no score.")
    if external:
        notes.append(f"{external} of {len(records)} clips were de-identified elsewhere: attested, not checked here.")
    return notes
