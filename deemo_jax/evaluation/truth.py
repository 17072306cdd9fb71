"""The file that `evaluate --truth` names: labels, reference explanations, and what it states of its corpus."""

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from deemo_jax.core.errors import UserError
from deemo_jax.core.files import read_jsonl
from deemo_jax.core.schema import DEEMO_LABELS, RAW_TRANSCRIPT, Labels
from deemo_jax.data.corpus_statement import CorpusStatement, stated_corpus
from deemo_jax.deid.text.transcripts import text_deid
from deemo_jax.evaluation.row_fields import MAX_LINE_BYTES, MAX_ROWS, clip_id_of, emotion_of, person_of, text_of


@dataclasses.dataclass(frozen=True, slots=True)
class Truth:
    """What is true of the clips of a corpus.

    Attributes:
        rows: clip id -> annotation row, with a valid emotion and, where the corpus states cues, their states.
        corpus: what the file states of its corpus; None where it states nothing.
    """

    rows: Mapping[str, Mapping[str, Any]]
    corpus: CorpusStatement | None = None

    def of(self, clip_id: str) -> tuple[str, str]:
        """The label and the reference explanation of a clip; the latter is "" where there is none.

        Raises:
            UserError: the file lacks the clip, or its explanation is no text.
        """
        row = self._row(clip_id)
        return row["emotion"], text_of(row, "reasoning", "")

    def person(self, clip_id: str) -> str | None:
        """The pseudonym of the person in a clip; None where the file states none.

        Raises:
            UserError: the file lacks the clip, or its person is no text.
        """
        return person_of(self._row(clip_id))

    def provenance(self, clip_id: str, known: str | None) -> str | None:
        """How names were taken out of a clip's texts, where the reference explanation is that of this file.

        Args:
            clip_id: of the clip.
            known: the same of its other texts, as `Provenance.transcript` has it; None where it is unknown.

        Returns:
            What is known; `RAW_TRANSCRIPT` where the file has an explanation without a stamp of redaction, or with one
            that does not fit its texts.

        Raises:
            UserError: the file lacks the clip.
        """
        row = self._row(clip_id)
        if known is None or not row.get("reasoning"):
            return known
        try:
            return known if text_deid(row, clip_id) else RAW_TRANSCRIPT
        except (UserError, KeyError, TypeError):  # no stamp, or one over texts that are not there
            return RAW_TRANSCRIPT

    def cues(self, clip_id: str) -> dict[str, str]:
        """Cue -> its state in a clip; empty where the file states no cues.

        Raises:
            UserError: the file lacks the clip.
        """
        return self.corpus.states_of(self._row(clip_id)) if self.corpus else {}

    def _row(self, clip_id: str) -> Mapping[str, Any]:
        if clip_id not in self.rows:
            raise UserError(f"clip {clip_id} is not in the truth; check that both are of one data set")
        return self.rows[clip_id]


def read_truth(path: str | Path, labels: Labels = DEEMO_LABELS) -> Truth:
    """Reads annotation rows (docs/formats.md) as a truth.

    Args:
        path: of a JSON-lines file.
        labels: the labels that emotions may be.

    Raises:
        UserError: a row lacks a valid `clip_id` or `emotion`, a clip occurs twice, or the statement about the corpus
            is malformed.
    """
    rows: dict[str, dict[str, Any]] = {}
    places: dict[str, str] = {}
    for number, row in enumerate(read_jsonl(path, MAX_LINE_BYTES), 1):
        where = f"{path}: row {number}"
        try:
            clip = clip_id_of(row)
            if emotion_of(row, "emotion", labels) is None:
                raise UserError("emotion is missing")
        except UserError as error:
            raise UserError(f"{where}: {error}") from error
        if clip in rows or number > MAX_ROWS:
            raise UserError(f"{where}: clip {clip} occurs twice, or more than {MAX_ROWS:,} rows")
        rows[clip], places[clip] = row, where
    if not rows:
        raise UserError(f"{path}: no rows; write one JSON object a line")
    corpus = stated_corpus((places[clip], row) for clip, row in rows.items())
    for clip, row in rows.items():
        try:
            _ = corpus.states_of(row) if corpus else {}
        except UserError as error:
            raise UserError(f"{places[clip]}: {error}") from error
    return Truth(rows, corpus)
