"""Describes clips with a trained run: `deemo_jax.load(workdir).describe(clip)`."""

import dataclasses
import functools
import itertools
import secrets
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from deemo_jax.core import processes
from deemo_jax.core.errors import UserError
from deemo_jax.core.recipe import Recipe
from deemo_jax.core.schema import DEEMO_LABELS, Clip, Labels, Modality, set_name
from deemo_jax.data.batch_rows import Row, make_row, shown
from deemo_jax.data.clip_source import Record
from deemo_jax.data.pipeline import make_spec, stack
from deemo_jax.data.prompts import Task, parse_emotion
from deemo_jax.data.run_data import trained_labels
from deemo_jax.deid.clip import Refused
from deemo_jax.deid.keys import VoiceKey
from deemo_jax.deid.settings import Settings
from deemo_jax.generation import calibration
from deemo_jax.generation.answer_text import parse_reasoning
from deemo_jax.generation.answers import Decoding, answer, check_context
from deemo_jax.generation.calibration import Calibration
from deemo_jax.generation.clip_reader import Question, read_clip
from deemo_jax.generation.description import Description, Failure
from deemo_jax.generation.known_clips import KnownClips
from deemo_jax.generation.label_odds import statements
from deemo_jax.generation.load import checkpoint_identity, chosen_step, load_run
from deemo_jax.models.deemo_llama import DeemoLlama


@dataclasses.dataclass(frozen=True, slots=True)
class _Prepared:
    question: Question
    clip: Clip
    row: Row
    modalities: tuple[Modality, ...]
    notes: tuple[str, ...]


_Read = tuple[Record, tuple[str, ...]]


class Describer:
    """Tells the emotion of the person in a clip, its probability, and the reasoning.

    Args:
        recipe: of the run.
        model: of the run.
        params: all of its parameters, a nested dict.
        decoding: how tokens are chosen; the stops of the run's prompt template are added.
        settings: of the de-identification of raw clips.
        key: of the change of voices in raw clips; None for a random one that is not stored.
        calibration: of the checkpoint; None for none.
        labels: that the run was trained with.

    Raises:
        UserError: a value of the recipe makes no sense.
    """

    def __init__(
        self,
        recipe: Recipe,
        model: DeemoLlama,
        params: Any,
        *,
        decoding: Decoding | None = None,
        settings: Settings | None = None,
        key: VoiceKey | None = None,
        calibration: Calibration | None = None,
        labels: Labels = DEEMO_LABELS,
    ) -> None:
        self._calibration, self._known_clips = calibration or Calibration(), KnownClips(recipe.data)
        self._model, self._params = model, params
        self._settings = settings or Settings()
        self._key = key or VoiceKey(secrets.token_bytes(32))
        spec = make_spec(recipe, model.config.tokens, train=False)
        self._spec = dataclasses.replace(spec, labels=labels)
        decoding = decoding or Decoding()
        self._decoding = dataclasses.replace(decoding, stops=(*decoding.stops, *self._spec.template.stops))

    @classmethod
    def load(cls, workdir: str | Path, step: int | None = None, *, data_dir: str = "", **options: Any) -> "Describer":
        """Opens a run on one device; `options` as for the class.

        Args:
            workdir: of the run.
            step: of the checkpoint; None for the newest.
            data_dir: where the run's dataset lies, if not where its config says.
            **options: see the class.

        Raises:
            UserError: no run, no checkpoint, or they do not belong together.
        """
        step = chosen_step(workdir, step)
        weights = checkpoint_identity(workdir, step)
        known = calibration.load(calibration.path_of(Path(workdir), step), weights)
        told = {"calibration": known, "labels": trained_labels(workdir) or DEEMO_LABELS}
        return cls(*load_run(workdir, step, data_dir), **(told | options))

    def describe(self, clip: str | Path, *, transcript: str = "", nfbl: Sequence[str] = ()) -> Description:
        """Describes one clip, in this process.

        Args:
            clip: a raw film, which is de-identified first and of which no copy is kept; or a de-identified one beside
                its manifest.
            transcript: the words that are said; names are removed from those of a raw clip, those of a de-identified
                one are used as they are.
            nfbl: labels of non-facial body language, in order of time.

        Raises:
            Refused: a face may have been missed in a raw clip.
            UserError: the clip cannot be read, does not match its manifest, or has no modality that the run is shown.
        """
        question = Question(Path(clip), transcript, tuple(nfbl))
        prepared = self._prepare(question, *self._reader()(question))
        return next(self._described([prepared], 1))

    def describe_all(
        self, questions: Iterable[Question], batch_size: int = 8, workers: int = 0
    ) -> Iterator[Description | Failure]:
        """Describes many clips, in batches, in their order. A clip that cannot be described gives a `Failure`.

        Args:
            questions: the clips.
            batch_size: B; the last batch is filled up, so that no other shape is compiled.
            workers: processes that read clips; 0 reads them in this process, which a damaged file may end.

        Raises:
            UserError: `batch_size` is below 1.
        """
        if batch_size < 1:
            raise UserError(f"batch_size {batch_size}: at least 1 is needed")
        remaining = processes.settled(self._reader(), questions, workers)
        while group := list(itertools.islice(remaining, batch_size)):
            prepared = [self._prepared(question, found) for question, found in group]
            described = self._described([item for item in prepared if isinstance(item, _Prepared)], batch_size)
            for item in prepared:
                yield item if isinstance(item, Failure) else next(described)

    def _reader(self) -> Callable[[Question], _Read]:
        spec = self._spec
        return functools.partial(
            read_clip, frames=spec.frames, clips=spec.clips, settings=self._settings, key=self._key
        )

    def _prepared(self, question: Question, found: _Read | processes.Failure) -> _Prepared | Failure:
        if isinstance(found, processes.Failure):
            return _failed(question, found.reason, isinstance(found.error, Refused))
        try:
            return self._prepare(question, *found)
        except UserError as error:
            return _failed(question, str(error))

    def _prepare(self, question: Question, record: Record, notes: tuple[str, ...]) -> _Prepared:
        spec = self._spec
        rng = np.random.default_rng(0)  # for modality dropout, which `spec` leaves out
        modalities = shown(record, spec, rng)
        if not modalities:
            offered = ", ".join(modality for modality in Modality if modality in spec.modalities)
            raise UserError(f"{question.path}: has nothing that this run is shown ({offered}); give it what it lacks")
        row, cut = make_row(record, spec, rng, 0)
        check_context(self._model, int(row["valid"].sum()), self._decoding)
        ordered = tuple(modality for modality in Modality if modality in modalities)
        return _Prepared(question, record.clip, row, ordered, (*notes, *_words(question, record.clip, ordered, cut)))

    def _described(self, prepared: list[_Prepared], batch_size: int) -> Iterator[Description]:
        if not prepared:
            return
        filled = prepared + prepared[-1:] * (batch_size - len(prepared))
        spec = self._spec
        candidates = statements(spec.template, spec.tokenizer, spec.labels)
        answers = answer(
            self._model, self._params, stack([p.row for p in filled]), spec.tokenizer, self._decoding, candidates
        )
        for p, text, ended, scores in zip(
            prepared, answers.texts, answers.ended, answers.log_likelihoods.tolist(), strict=False
        ):
            found = Description(
                clip=str(p.question.path),
                log_likelihoods=dict(zip(spec.labels, scores, strict=True)),
                answer=text,
                reasoning=parse_reasoning(text, spec.labels),
                modalities=p.modalities,
                notes=p.notes,
                temperature=self._calibration.of(set_name(p.modalities)),
                warning=self._known_clips.warning(p.question.path, p.clip.clip_id),
            )
            yield dataclasses.replace(found, notes=(*p.notes, *self._remarks(found, ended)))

    def _remarks(self, found: Description, ended: bool) -> Iterator[str]:
        yield self._calibration.note(set_name(found.modalities))
        stated = parse_emotion(found.answer, self._spec.labels)
        if stated is not None and stated != found.emotion:
            yield f"the answer itself says {stated}"
        if not ended:
            yield f"the answer was cut at {self._decoding.max_new_tokens} tokens"
        if self._spec.task is not Task.RECOGNITION_REASONING:
            yield f"the run was trained for {self._spec.task} only"


def _failed(question: Question, reason: str, refused: bool = False) -> Failure:
    return Failure(str(question.path), reason.removeprefix(f"{question.path}: "), refused)


def _words(question: Question, clip: Clip, modalities: tuple[Modality, ...], cut: bool) -> Iterator[str]:
    """Notes on the texts that came with a clip, or did not."""
    if Modality.TRANSCRIPT in modalities:
        yield (
            f"names and the like were taken out of the transcript ({clip.text_deid}); rules overlook some"
            if clip.text_deid
            else "the transcript was used as given; words are not de-identified"
        )
    elif question.transcript.strip():
        yield "this run was trained without transcripts; the one given was not shown"
    else:
        yield f"no transcript was given; the answer rests on {', '.join(modalities)}"
    if cut:
        yield "the transcript was shortened to fit"
    if question.nfbl and Modality.NFBL not in modalities:
        yield "this run was trained without NFBL labels; those given were not shown"
