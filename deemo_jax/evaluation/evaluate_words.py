"""Scores a file of predicted emotion words by emotion wheels; no model is needed."""

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Bool, Int

from deemo_jax.core.errors import UserError
from deemo_jax.core.files import atomic, open_output, sha256, write_json
from deemo_jax.core.tables import Table
from deemo_jax.evaluation import output_folder
from deemo_jax.evaluation.predictions import indices
from deemo_jax.evaluation.reading.synonyms import read_synonyms
from deemo_jax.evaluation.reading.wheel import Wheel, plain, read_wheel
from deemo_jax.evaluation.report import certainty
from deemo_jax.evaluation.row_fields import person_indices
from deemo_jax.evaluation.scores import metrics
from deemo_jax.evaluation.scores.word_scores import WheelScores, wheel_scores
from deemo_jax.evaluation.word_rows import WordRow, read_word_rows

PAGE_NAME, JSON_NAME = output_folder.WORDS


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class WordsRequest:
    """What a person asks for; see `python -m deemo_jax.evaluate --help`.

    Attributes:
        predictions: JSON lines with lists of words.
        wheels: files of wheels.
        synonyms: a file that leads other words to words of the wheels; None for none.
        out: folder of the scores; None to write none.
        overwrite: replaces scores that are there.
    """

    predictions: Path
    wheels: tuple[Path, ...]
    synonyms: Path | None = None
    out: Path | None = None
    overwrite: bool = False


@dataclasses.dataclass(frozen=True, slots=True)
class ListScores:
    """Scores of one modality set by one wheel.

    Attributes:
        scores: by groups; None where no true word has one.
        unknown_predicted, unknown_true: share of words that neither wheel nor synonyms have, 0 to 1; each word counts
            once a clip.
        length_predicted, length_true: mean words of a clip.
        sentiment: recognition of the sentiment that most of a clip's words have, of clips whose true words have one; a
            tie, or no such word, is unparsed. None where the wheel has no sentiments, or no clip has one.
    """

    scores: WheelScores | None
    unknown_predicted: float
    unknown_true: float
    length_predicted: float
    length_true: float
    sentiment: metrics.Recognition | None

    def to_json(self) -> dict[str, Any]:
        """The scores as open_vocabulary.json has them."""
        fields = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        return fields | {
            "scores": self.scores.to_json() if self.scores else None,
            "sentiment": self.sentiment.to_json() if self.sentiment else None,
        }


# Modality set -> wheel -> scores.
AllScores = dict[str, dict[str, ListScores]]


def evaluate_words(request: WordsRequest) -> str:
    """Scores the predictions, writes the scores where a folder is named, and returns the tables as text.

    Raises:
        UserError: a file is missing or malformed, or scores are there already.
    """
    if request.out and (request.out / JSON_NAME).exists() and not request.overwrite:
        raise UserError(f"{request.out / JSON_NAME}: is there; --overwrite replaces it")
    wheels = {path.stem: read_wheel(path) for path in request.wheels}
    if len(wheels) < len(request.wheels):
        raise UserError("two files of --wheel have one name; rename one")
    known = set().union(*(wheel.groups for wheel in wheels.values()))
    table = (
        read_synonyms(request.synonyms, lambda name: plain(name) in known, "the wheels' words")
        if request.synonyms
        else {}
    )
    synonyms = {plain(text): plain(name) for name, texts in table.items() for text in texts}
    rows = read_word_rows(request.predictions)
    found = {
        name: {stem: list_scores(of_set, wheel, synonyms) for stem, wheel in wheels.items()}
        for name, of_set in rows.items()
    }
    tables = _tables(found)
    first = next(iter(rows.values()))
    who = person_indices([row.person_id for row in first])
    persons = None if who is None else int(who.max()) + 1
    notes = certainty(len(first), persons, tested=False, intervals="Intervals")
    if request.out:
        open_output(request.out)
        with atomic(request.out / PAGE_NAME) as temporary:
            parts = [f"## {table.caption}\n\n{table.markdown()}\n" for table in tables]
            said = "".join(f"- {note}\n" for note in notes)
            temporary.write_text("\n".join(["# Open-vocabulary scores\n", *parts, said]), encoding="utf-8")
        files = (request.predictions, *request.wheels, *((request.synonyms,) if request.synonyms else ()))
        write_json(
            request.out / JSON_NAME,
            {
                "files": {path.name: sha256(path) for path in files},
                "persons": persons,
                "f": {name: _mean_f(of_set) for name, of_set in found.items()},
                "sets": {
                    name: {stem: scores.to_json() for stem, scores in of_set.items()} for name, of_set in found.items()
                },
            },
        )
    return "\n\n".join([*(f"{table.caption}\n{table.text()}" for table in tables), *notes])


def list_scores(rows: Sequence[WordRow], wheel: Wheel, synonyms: Mapping[str, str]) -> ListScores:
    """Scores lists by one wheel.

    A word that is itself in the wheel is looked up there, any other by its synonym; what is in neither has no group.

    Args:
        rows: of one modality set.
        wheel: gives words their groups.
        synonyms: word -> word of a wheel.
    """
    predicted = _looked_up([row.predicted for row in rows], wheel, synonyms)
    true = _looked_up([row.true for row in rows], wheel, synonyms)
    persons = person_indices([row.person_id for row in rows])
    return ListScores(
        scores=wheel_scores(predicted.groups, true.groups, persons),
        unknown_predicted=predicted.unknown,
        unknown_true=true.unknown,
        length_predicted=predicted.length,
        length_true=true.length,
        sentiment=_sentiment(predicted.sentiments, true.sentiments, persons),
    )


@dataclasses.dataclass(frozen=True, slots=True)
class _Lists:
    """The lists of all clips, looked up; `unknown` and `length` as in `ListScores`."""

    groups: Bool[np.ndarray, "n G"]
    unknown: float
    length: float
    sentiments: list[str | None]


def _looked_up(lists: Sequence[Sequence[str]], wheel: Wheel, synonyms: Mapping[str, str]) -> _Lists:
    columns = {group: k for k, group in enumerate(sorted(set(wheel.groups.values())))}
    table = np.zeros((len(lists), len(columns)), np.bool_)
    unknown = total = 0
    sentiments = []
    for clip, of_clip in enumerate(lists):
        words = {plain(word) for word in of_clip} - {""}
        found = [wheel.groups.get(word) or wheel.groups.get(synonyms.get(word, "")) for word in sorted(words)]
        known = [group for group in found if group is not None]
        table[clip, [columns[group] for group in known]] = True
        unknown, total = unknown + len(found) - len(known), total + len(found)
        sentiments.append(_sentiment_of(known, wheel))
    return _Lists(table, unknown / total if total else 0.0, total / len(lists), sentiments)


def _sentiment_of(groups: Sequence[str], wheel: Wheel) -> str | None:
    """The sentiment that most words of a clip have; None for a tie."""
    sides = [wheel.sentiment[group] for group in groups if group in wheel.sentiment]
    balance = sides.count("positive") - sides.count("negative")
    return None if balance == 0 else "positive" if balance > 0 else "negative"


def _sentiment(
    predicted: Sequence[str | None], true: Sequence[str | None], persons: Int[np.ndarray, " n"] | None
) -> metrics.Recognition | None:
    known = [clip for clip, side in enumerate(true) if side is not None]
    if not known:
        return None
    of_known = None if persons is None else np.unique(persons[known], return_inverse=True)[1]
    said, right = (indices([sides[clip] for clip in known]) for sides in (predicted, true))
    return metrics.recognition(right, said, persons=of_known)


def _mean_f(of_set: Mapping[str, ListScores]) -> float | None:
    values = [found.scores.f.value for found in of_set.values() if found.scores]
    return float(np.mean(values)) if values else None


def _tables(found: AllScores) -> list[Table]:
    rows: list[tuple[str, ...]] = []
    sentiment: list[tuple[str, ...]] = []
    for name, of_set in found.items():
        for stem, one in of_set.items():
            lists = _percent(one.unknown_predicted), _percent(one.unknown_true)
            lengths = (f"{one.length_predicted:.1f}", f"{one.length_true:.1f}")
            s = one.scores
            if s is None:
                rows.append((name, stem, *["-"] * 6, *lists, *lengths, "0"))
            else:
                shuffled = _percent(s.f_shuffled), _percent(s.precision), _percent(s.recall)
                hits = _percent(s.hit_rate), _percent(s.hit_rate_shuffled)
                rows.append((name, stem, str(s.f), *shuffled, *hits, *lists, *lengths, str(s.n)))
            if (r := one.sentiment) is not None:
                sentiment.append((name, stem, str(r.accuracy), str(r.f1_weighted), str(r.unparsed), str(r.n)))
        if len(of_set) > 1 and (mean := _mean_f(of_set)) is not None:
            rows.append((name, "(mean)", _percent(mean), *[""] * 10))
    header: tuple[str, ...] = (
        "modalities",
        "wheel",
        "F",
        "F shuffled",
        "precision",
        "recall",
        "hit rate",
        "hits shuffled",
    )
    header += ("unknown", "unknown true", "words", "true words", "clips")
    tables = [Table("Emotion words by wheel, % [95 % interval]; words per clip", header, tuple(rows))]
    if sentiment:
        header = ("modalities", "wheel", "weighted accuracy", "weighted F1", "unparsed", "clips")
        tables.append(Table("Sentiment of the words, % [95 % interval]", header, tuple(sentiment)))
    return tables


def _percent(value: float) -> str:
    return f"{100 * value:.1f}"
