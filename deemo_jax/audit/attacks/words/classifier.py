"""An attacker who learns from other persons' words and guesses facts about those whom they have never heard.

Bags of words and of parts of words go into a logistic regression, one for each fact. Axes: P persons, of whom
n are learnt from and m are asked about, D coordinates.
"""

from collections.abc import Iterator, Sequence

import numpy as np
from jaxtyping import Float, Int
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_union
from threadpoolctl import threadpool_limits

from deemo_jax.audit.attacks.words.speakers import UNKNOWN, Attribute

# Strengths that are tried, as scikit-learn's C; CONSTANT is the most frequent value whatever is said.
CONSTANT = 0.0
STRENGTHS = (CONSTANT, 3.0, 100.0)
# Of words and of parts of words, at most.
FEATURES = 20_000
MOST_STEPS = 200


def learnt_guesses(
    documents: Sequence[str], attributes: Sequence[Attribute], folds: Int[np.ndarray, " P"]
) -> Iterator[tuple[str, Int[np.ndarray, " P"]]]:
    """Guesses each fact about each person, by what was learnt from the persons of the other folds.

    Args:
        documents: all that each person said.
        attributes: the facts, of these persons.
        folds: of these persons.

    Yields:
        Name of a fact, and the number of the value that is guessed of each person; one after the other.
    """
    # One thread: for matrices this small, more threads spend their time waiting for each other.
    with threadpool_limits(1):
        features = _features(documents)
        for fact in attributes:
            guesses = np.full(len(documents), UNKNOWN)
            for fold in np.unique(folds):
                asked, seen = folds == fold, (folds != fold) & fact.known
                if seen.any():
                    guesses[asked] = _guess(features[seen], fact.truth[seen], folds[seen], features[asked])
            yield fact.name, guesses


def _features(documents: Sequence[str]) -> Float[np.ndarray, "P P"]:
    """Of each person, coordinates whose inner products are those of their bags of words and of parts of words.

    A logistic regression with an L2 penalty gives the same answers with these few coordinates as with all words. Words
    are weighed by how many persons say them; the attacker has the texts of all, and knows facts about some.
    """
    words = TfidfVectorizer(ngram_range=(1, 2), token_pattern=r"\w+", sublinear_tf=True, max_features=FEATURES)
    parts = TfidfVectorizer(analyzer="char_wb", ngram_range=(3, 5), sublinear_tf=True, max_features=FEATURES)
    said = [bag for bag in (words, parts) if any(map(bag.build_analyzer(), documents))]
    if not said:  # by anybody: all persons are alike
        return np.zeros((len(documents), len(documents)))
    bags = make_union(*said).fit_transform(documents)
    values, vectors = np.linalg.eigh((bags @ bags.T).toarray())
    return vectors * np.sqrt(np.maximum(values, 0.0))


def _guess(
    features: Float[np.ndarray, "n D"],
    truth: Int[np.ndarray, " n"],
    folds: Int[np.ndarray, " n"],
    asked: Float[np.ndarray, "m D"],
) -> Int[np.ndarray, " m"]:
    """The answers for `asked` of the strength that answers best about each fold when the others are learnt.

    On a draw the weaker one is taken, so that an attacker who learns nothing stays with the most frequent value.
    """

    def right(strength: float) -> int:
        inside = [folds == fold for fold in np.unique(folds)]
        return sum(
            int((_answers(strength, features[~one], truth[~one], features[one]) == truth[one]).sum())
            for one in inside
            if not one.all()
        )

    return _answers(max(STRENGTHS, key=right), features, truth, asked)


def _answers(
    strength: float,
    features: Float[np.ndarray, "n D"],
    truth: Int[np.ndarray, " n"],
    asked: Float[np.ndarray, "m D"],
) -> Int[np.ndarray, " m"]:
    values, counts = np.unique(truth, return_counts=True)
    if strength == CONSTANT or len(values) == 1:
        return np.full(len(asked), values[counts.argmax()])
    return LogisticRegression(C=strength, max_iter=MOST_STEPS).fit(features, truth).predict(asked)
