"""Persons with all that they said and what is true of them, split into folds for an attacker who learns.

Axes: P persons, n texts.
"""

import dataclasses
import itertools
from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np
from jaxtyping import Bool, Int
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from sklearn.model_selection import GroupKFold

from deemo_jax.audit.attacks.words.spoken_texts import MAX_VALUES, SpokenText
from deemo_jax.core.errors import UserError

FOLDS, SEED = 5, 20250
LEAST_PERSONS = 2 * FOLDS
# Of a person about whom a fact is not known.
UNKNOWN = -1


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class Attribute:
    """A fact about persons.

    Attributes:
        name: of the fact.
        values: all that occur, sorted.
        truth: of each person, the number of the value; `UNKNOWN` where it is not known.
    """

    name: str
    values: tuple[str, ...]
    truth: Int[np.ndarray, " P"]

    @property
    def known(self) -> Bool[np.ndarray, " P"]:
        """Of whom the fact is known."""
        return self.truth != UNKNOWN

    @property
    def majority(self) -> int:
        """The value that most persons have: the best guess of somebody who hears nothing."""
        return int(np.bincount(self.truth[self.known], minlength=len(self.values)).argmax())


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class Speakers:
    """The persons of a set of texts.

    Attributes:
        persons: of each text, the number of who said it, 0..P-1.
        attributes: facts with at least two values.
        left_out: facts with one value only, which nobody needs to guess.
        folds: of each person; no person and no group of texts is in two folds.
    """

    persons: Int[np.ndarray, " n"]
    attributes: tuple[Attribute, ...]
    left_out: tuple[str, ...]
    folds: Int[np.ndarray, " P"]

    @property
    def count(self) -> int:
        """P, the number of persons."""
        return len(self.folds)

    def join(self, texts: Sequence[str]) -> list[str]:
        """All texts of each person as one."""
        parts: list[list[str]] = [[] for _ in range(self.count)]
        for person, text in zip(self.persons, texts, strict=True):
            parts[person].append(text)
        return ["\n".join(part) for part in parts]


def speakers_of(said: Sequence[SpokenText]) -> Speakers:
    """Groups texts by persons, and splits the persons into folds.

    Raises:
        UserError: too few persons, no fact to guess, a fact with two values for one person, or persons who are joined
            by groups into fewer parts than there are folds.
    """
    names = sorted({text.person for text in said})
    number = {name: at for at, name in enumerate(names)}
    if len(names) < LEAST_PERSONS:
        raise UserError(f"{len(names)} persons (person_id) have texts; {LEAST_PERSONS} are needed")
    known: dict[str, dict[int, str]] = {}
    for text in said:
        for name, value in text.attributes.items():
            if known.setdefault(name, {}).setdefault(number[text.person], value) != value:
                raise UserError(f"a person has two values of {name!r} in different rows; give one to each person")
    facts = [_attribute(name, known[name], len(names)) for name in sorted(known)]
    usable = tuple(fact for fact in facts if len(fact.values) > 1)
    if not usable:
        raise UserError('no attribute has two values; give "attributes" with what is to be guessed of each person')
    persons = np.array([number[text.person] for text in said])
    return Speakers(
        persons=persons,
        attributes=usable,
        left_out=tuple(fact.name for fact in facts if len(fact.values) == 1),
        folds=_folds(persons, [text.group for text in said], len(names)),
    )


def _attribute(name: str, of_person: Mapping[int, str], persons: int) -> Attribute:
    values = tuple(sorted(Counter(of_person.values())))
    if len(values) > MAX_VALUES:
        raise UserError(f"{name!r} has {len(values)} values; give at most {MAX_VALUES}, such as bands of age")
    truth = np.full(persons, UNKNOWN)
    for person, value in of_person.items():
        truth[person] = values.index(value)
    return Attribute(name, values, truth)


def _folds(persons: Int[np.ndarray, " n"], groups: Sequence[str], count: int) -> Int[np.ndarray, " P"]:
    """A fold for each person; persons who share a group, directly or through others, are in one."""
    number = {name: count + at for at, name in enumerate(sorted({group for group in groups if group}))}
    pairs = [(person, number[group]) for person, group in zip(persons, groups, strict=True) if group]
    size = count + len(number)
    rows, columns = zip(*pairs, strict=True) if pairs else ((), ())
    graph = coo_array((np.ones(len(pairs)), (np.array(rows, int), np.array(columns, int))), shape=(size, size))
    part = connected_components(graph, directed=False)[1][:count]
    if len(np.unique(part)) < FOLDS:
        raise UserError(
            f"groups join the persons into {len(np.unique(part))} parts; at least {FOLDS} parts that share neither"
            " persons nor groups are needed: give fewer persons one group, or leave groups out"
        )
    folds = np.zeros(count, int)
    split = GroupKFold(FOLDS, shuffle=True, random_state=SEED).split(np.zeros((count, 1)), groups=part)
    for fold, (_, inside) in zip(itertools.count(), split, strict=False):
        folds[inside] = fold
    return folds
