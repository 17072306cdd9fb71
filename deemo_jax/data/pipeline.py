"""Batches as a function of the step number only, so that a run resumes exactly, on any number of hosts.

source -> shuffle by (seed, epoch) -> repeat -> map with a generator seeded by (seed, index) -> batch of fixed shapes.
Of several datasets the order is that of `deemo_jax.data.mixture`. No record is left out and none share a row: an
unreadable record becomes a masked row. A file that is missing or changed, or too many unreadable records, end the pass.
"""

import dataclasses
import math
import os
import threading
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import grain
import numpy as np

from deemo_jax.core.errors import UserError
from deemo_jax.core.recipe import MaskedLimits, Recipe
from deemo_jax.core.schema import Modality
from deemo_jax.data.batch_rows import Blank, Row, RowSpec, blank_row, make_row
from deemo_jax.data.clip_source import ClipSource, Record
from deemo_jax.data.features.encoded_clips import EncodedClips
from deemo_jax.data.file_watch import FileWatch
from deemo_jax.data.frame_views import FrameViews
from deemo_jax.data.masked_records import MaskedCount, check_split
from deemo_jax.data.mixture import MixedClips, open_training, order_of
from deemo_jax.data.prompt_config import check_talks, parse_conversation
from deemo_jax.data.prompts import Task, parse_prompt
from deemo_jax.data.record_features import RecordKind
from deemo_jax.data.tokenizer import Tokenizer, make_tokenizer
from deemo_jax.models.batch import Batch
from deemo_jax.models.media_tokens import MediaTokens

# `Batch.index` of rows that fill up the last batch of an evaluation.
PADDING = -1


@dataclasses.dataclass
class Counts:
    """Records with a difficulty so far, by index; reading a record again changes nothing.

    Attributes:
        unreadable: index -> what was wrong with the record.
        cut: indices of records whose transcript or conversation was shortened to fit.
    """

    unreadable: dict[int, str] = dataclasses.field(default_factory=dict)
    cut: set[int] = dataclasses.field(default_factory=set)


class Pipeline:
    """The batches of one split on one process.

    Attributes:
        counts: unreadable records and cut transcripts so far.
        steps: number of batches in one pass over the split.
    """

    def __init__(
        self,
        source: Any,
        spec: RowSpec,
        *,
        batch_size: int,
        train: bool,
        seed: int = 0,
        process_index: int = 0,
        process_count: int = 1,
        threads: int = 2,
        limits: MaskedLimits | None = None,
        split: str = "",
        order: Any = None,
    ) -> None:
        """Sets the pipeline up; nothing is read yet.

        Args:
            source: any sequence of `Record`. Where it has `files`, a `FileWatch`, these are checked every few seconds,
                and when a record cannot be read.
            spec: how a record becomes a row.
            batch_size: rows of a batch, of all processes.
            train: shuffled and endless; else one pass in order.
            seed: of the order and of modality dropout.
            process_index, process_count: see `make_pipeline`.
            threads: that read ahead.
            limits: shares of records that may be unreadable.
            split: name of the split, for messages.
            order: in training, any sequence of a record's index for each row from step 0 on; None shuffles each epoch.

        Raises:
            UserError: the batch does not divide over the processes, or the training split is empty.
        """
        if batch_size < 1 or batch_size % process_count:
            raise UserError(
                f"config.data.batch_size: {batch_size} does not divide over {process_count} processes; "
                f"choose a multiple of {process_count}"
            )
        if train and not len(source):
            raise UserError("the training split is empty; build the dataset with more clips or other fractions")
        self.counts = Counts()
        self._lock = threading.Lock()
        self._source, self._spec, self._threads = source, spec, threads
        self._files: FileWatch | None = getattr(source, "files", None)
        self._limits, self._split = limits or MaskedLimits(), split
        self._batch, self._local, self._process = batch_size, batch_size // process_count, process_index
        self.steps = -(-len(source) // batch_size)
        indices = grain.MapDataset.source(range(len(source) if train else self.steps * batch_size)).seed(seed)
        if train:
            endless = order is not None
            indices = grain.MapDataset.source(order).seed(seed) if endless else indices.shuffle().repeat()
        self._rows = indices.random_map(self._row)
        self._train = train

    def batch_at(self, step: int) -> Batch:
        """This process' rows of the batch of `step`, counted from 0; the same on every call.

        Raises:
            IndexError: there is no such step.
            UserError: a file of the split is missing or was replaced; a prompt does not fit; or, in an evaluation, too
                many records cannot be read.
        """
        if step < 0 or (not self._train and step >= self.steps):
            raise IndexError(f"step {step}: this pass has {self.steps}")
        if self._files:
            self._files.glance()
        return stack([self._rows[position] for position in self._positions(step)])

    def iterate(self, start_step: int = 0) -> Iterator[Batch]:
        """The batches from `start_step` on, read ahead in threads; in training they never end.

        Raises:
            IndexError: `start_step` is negative.
        """
        if start_step < 0:
            raise IndexError(f"step {start_step}: steps are counted from 0")
        batches = grain.MapDataset.source(_Steps(self, start_step))
        options = grain.ReadOptions(num_threads=self._threads, prefetch_buffer_size=2 * self._threads)
        return iter(batches.to_iter_dataset(options))

    def record(self, index: int) -> Record:
        """The record of a row, by its `Batch.index`.

        Raises:
            UserError: it cannot be read.
        """
        try:
            return self._source[int(index)]
        except Exception as error:
            raise UserError(f"record {index}: cannot be read ({type(error).__name__}: {error})") from error

    def masked_count(self) -> MaskedCount:
        """A counter for the masked rows of a training run with this pipeline."""
        return MaskedCount(self._limits, self._batch, len(self._source), self._split, self.counts.unreadable)

    def __len__(self) -> int:
        """Number of records in the split."""
        return len(self._source)

    def _positions(self, step: int) -> range:
        """This process' rows of a batch. Each process has consecutive rows, so a batch is the same for any number of
        processes.
        """
        first = step * self._batch + self._process * self._local
        return range(first, first + self._local)

    def _row(self, index: int, rng: np.random.Generator) -> Row:
        if index >= len(self._source):
            return blank_row(self._spec, PADDING)
        try:
            row, cut = make_row(self._source[index], self._spec, rng, index)
        except UserError:
            raise
        except Exception as error:  # readers raise exceptions of many types on damaged bytes
            if self._files:
                self._files.check()
            with self._lock:
                self.counts.unreadable[index] = f"{type(error).__name__}: {error}"
                if not self._train:  # in training, `masked_count` counts the records of all processes
                    check_split(self._limits, self.counts.unreadable, len(self._source), self._split)
            return blank_row(self._spec, index)
        if cut:
            with self._lock:
                self.counts.cut.add(index)
        return row


class _Steps:
    """`Pipeline.batch_at` as a sequence, which grain reads ahead."""

    def __init__(self, pipeline: Pipeline, start: int) -> None:
        self._pipeline, self._start = pipeline, start
        self._length = (1 << 60) if pipeline._train else max(pipeline.steps - start, 0)

    def __len__(self) -> int:
        return self._length

    def __getitem__(self, step: int) -> Batch:
        return self._pipeline.batch_at(self._start + step)


def make_pipeline(
    recipe: Recipe,
    tokens: MediaTokens,
    *,
    train: bool,
    split: str = "",
    tokenizer: Tokenizer | None = None,
    modalities: frozenset[Modality] | None = None,
    source: ClipSource | EncodedClips | MixedClips | None = None,
    process_index: int = 0,
    process_count: int = 1,
) -> Pipeline:
    """The pipeline of a recipe.

    Args:
        recipe: of the run.
        tokens: of its model's branches.
        train: shuffled and endless, with answers and modality dropout; else one pass in order, prompts without answers,
            the last batch filled up with masked rows of index -1.
        split: of the dataset; empty for the training split, or the test split. With one that is named, prompts have
            answers.
        tokenizer: None makes it from the recipe.
        modalities: that may be shown; None for `config.data.modalities`.
        source: the opened split; None opens it.
        process_index: number of this process, from 0.
        process_count: processes over which the rows of a batch are divided.

    Raises:
        UserError: the dataset is missing or has other features, or a config value makes no sense.
    """
    data = recipe.data
    spec = make_spec(recipe, tokens, train=train, tokenizer=tokenizer, modalities=modalities)
    spec = dataclasses.replace(spec, with_answer=train or bool(split))
    split = split or (data.train_split if train else data.test_split)
    if source is None:
        training = train and split == data.train_split
        source = open_training(data) if training else ClipSource(data.data_dir, data.dataset, split)
    _check_kinds(source, spec, train)
    encoded = source.outputs if isinstance(source, EncodedClips) else {}
    _check_memory(spec.inputs | encoded, data.batch_size // process_count)
    return Pipeline(
        source,
        dataclasses.replace(spec, labels=source.labels, encoded=encoded),
        limits=data.masked,
        split=split,
        batch_size=data.batch_size,
        train=train,
        seed=recipe.seed,
        process_index=process_index,
        process_count=process_count,
        threads=max(1, data.workers),
        order=order_of(data, source, recipe.seed) if train and isinstance(source, MixedClips) else None,
    )


def _check_kinds(source: Any, spec: RowSpec, train: bool) -> None:
    """Checks that prompts can be made of all records.

    Raises:
        UserError: they name no emotion and the task asks for it, or the template has no form of conversations.
    """
    kinds = source.kinds if isinstance(source, MixedClips) else {getattr(source, "kind", RecordKind.CLIPS)}
    unlabelled = RecordKind.CAPTIONS in kinds or (not train and RecordKind.INSTRUCTIONS in kinds)
    if spec.task is not Task.REASONING and unlabelled:
        raise UserError(
            f"config.prompt.task: {spec.task}, but the dataset has {' and '.join(sorted(kinds))}, which name no"
            f" emotion; choose {Task.REASONING}"
        )
    if RecordKind.INSTRUCTIONS in kinds:
        check_talks(spec.talk)


def _check_memory(inputs: Mapping[Modality, Blank], rows: int) -> None:
    """Checks that a batch of this process fits into the memory of its machine, as rows and put together.

    Raises:
        UserError: it does not.
    """
    wanted = 2 * rows * sum(math.prod(shape) * dtype.itemsize for shape, dtype in inputs.values())
    if wanted > (has := os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")):
        raise UserError(
            f"config.data.batch_size: {rows} examples a process take {wanted / 1e9:.1f} GB while a batch is made, and"
            f" this machine has {has / 1e9:.1f}; choose fewer"
        )


def make_spec(
    recipe: Recipe,
    tokens: MediaTokens,
    *,
    train: bool,
    tokenizer: Tokenizer | None = None,
    modalities: frozenset[Modality] | None = None,
) -> RowSpec:
    """How a recipe turns a record into a row, with DEEMO's labels. Arguments as for `make_pipeline`.

    Raises:
        UserError: a value of the recipe makes no sense.
    """
    data, (task, template) = recipe.data, parse_prompt(recipe.prompt)
    if data.max_answer and template.joined:
        raise UserError(
            f"config.data.max_answer: the template {template.name} tokenizes prompt and answer as one, in which no "
            "answer is cut; set it to 0 or choose another template"
        )
    return RowSpec(
        tokenizer=tokenizer or make_tokenizer(recipe.tokenizer),
        task=task,
        template=template,
        tokens=tokens,
        max_length=data.max_length,
        frames=data.frames,
        clips=data.clips,
        modalities=data.shown if modalities is None else modalities,
        dropout=_dropout(data.modality_dropout) if train else {},
        with_answer=train,
        max_answer=data.max_answer,
        conversation=parse_conversation(recipe.prompt),
        views=FrameViews(data.frame_sampling, data.frame_crop) if train else FrameViews(),
    )


def stack(rows: Sequence[Row]) -> Batch:
    """Rows as a batch; fields that rows lack are None."""
    fields = {field.name: None for field in dataclasses.fields(Batch)}
    return Batch(**(fields | {key: np.stack([row[key] for row in rows]) for key in rows[0]}))


def _dropout(config: Mapping[str, float]) -> dict[Modality, float]:
    """Reads `config.data.modality_dropout`.

    Raises:
        UserError: an unknown modality, or a number that is no probability.
    """
    probabilities = dict(config)
    for name, value in probabilities.items():
        if name not in set(Modality) or not 0.0 <= float(value) <= 1.0:
            raise UserError(
                f"config.data.modality_dropout.{name}: {value}; name one of {', '.join(Modality)} and a probability"
            )
    return {Modality(name): float(value) for name, value in probabilities.items()}
