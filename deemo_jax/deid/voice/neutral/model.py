"""The phones of English: how a frame of each is heard, what follows what, and how each is spoken between two others.

A phone has three states, one after another; a state has up to four classes, which are the ways in which it sounds
beside other phones. Each phone has a codebook of Gaussians over cepstra and their differences (three streams), and a
class is a mixture of these: phones are heard by it. Spoken is the mean cepstrum of a tied state, which is a state of a
phone between others; rare neighbours share one. All of it is of pocketsphinx's English model (`make_model` tells how it
was reduced).
Axes: P phones, R states of a phone, S states of all phones, C classes, Q classes of the phone that has most, N tied
states, G Gaussians, T streams, D cepstra, V numbers of a Gaussian's form.
"""

import dataclasses
import functools
import os
from pathlib import Path

import numpy as np
from jaxtyping import Float, Int

PATH = Path(__file__).with_name("en_us.npz")
STATES, STREAMS = 3, 3
# Variances below this are taken for it: half precision rounds them.
LEAST_VARIANCE = 1e-2
# Phones without a tone, those half of it is noise, and what is no speech.
UNVOICED = frozenset(["CH", "F", "HH", "K", "P", "S", "SH", "T", "TH", "SIL", "+NSN+", "+SPN+"])
HALF_VOICED = frozenset(["V", "Z", "ZH", "DH", "JH", "B", "D", "G"])
SILENT = frozenset(("SIL", "+NSN+", "+SPN+"))
PAUSE = "SIL"
HALF = 0.6
# Natural logarithm of what each new phone costs beside its chance: without it, a path has more phones than were said,
# and which ones are too many tells who speaks.
PENALTY = 3.0
# The least chance of a step, so that no row of states is impossible.
LEAST_STEP = 1e-12


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class Model:
    """The phones, in the forms in which they are used; float32.

    Attributes:
        forms: a Gaussian's log-density is the product of its row with x^2, x and 1, for x of a stream.
        mixtures: what each Gaussian counts in each class of its phone; 0 where there is no class.
        places: which of the P x Q columns are classes.
        owner: the state of each class.
        share: log of how often a state sounds like this class.
        step: log of how often each state (row) comes after which each other (column), less `PENALTY` between phones.
        means: of the Gaussians over cepstra, the first stream.
        used: how much each of them counts in all classes of its phone.
        tied: mean cepstrum of each tied state.
        triphones: numbers of the tied states of a phone between a phone before and one after it.
        tone: how much of each phone is tone, from 0 to 1.
        silent: 1 for a phone that is a pause or a noise, else 0.
        pause: number of the phone that is a pause.
    """

    forms: Float[np.ndarray, "P T V G"]
    mixtures: Float[np.ndarray, "P T G Q"]
    places: Int[np.ndarray, " C"]
    owner: Int[np.ndarray, " C"]
    share: Float[np.ndarray, " C"]
    step: Float[np.ndarray, "S S"]
    means: Float[np.ndarray, "P G D"]
    used: Float[np.ndarray, "P G"]
    tied: Float[np.ndarray, "N D"]
    triphones: Int[np.ndarray, "P P P R"]
    tone: Float[np.ndarray, " P"]
    silent: Float[np.ndarray, " P"]
    pause: int


@functools.cache
def load_model(path: str | os.PathLike[str] = PATH) -> Model:
    """Reads what `make_model` wrote."""
    with np.load(path) as file:  # which refuses pickled objects
        data = {name: file[name] for name in file.files}
    phones = [str(phone) for phone in data["phones"]]
    means = data["means"].astype(np.float32)
    variances = np.maximum(data["variances"].astype(np.float32), LEAST_VARIANCE)
    owner, mixtures = data["owner"].astype(np.int64), data["mixtures"].astype(np.float32)
    phone_of = owner // STATES
    rank = np.arange(len(owner)) - np.searchsorted(phone_of, phone_of)  # of a class within its phone
    padded = np.zeros((len(phones), STREAMS, means.shape[2], rank.max() + 1), np.float32)
    padded[phone_of, :, :, rank] = mixtures
    return Model(
        forms=_forms(means, variances),
        mixtures=padded,
        places=phone_of * padded.shape[3] + rank,
        owner=owner,
        share=np.log(data["share"].astype(np.float32)),
        step=_steps(data["stay"].astype(np.float64), data["bigram"].astype(np.float64)),
        means=means[:, 0],
        used=padded[:, 0].sum(axis=2),
        tied=data["tied"].astype(np.float32),
        triphones=data["triphones"].astype(np.int64),
        tone=np.array([0.0 if p in UNVOICED else HALF if p in HALF_VOICED else 1.0 for p in phones], np.float32),
        silent=np.array([p in SILENT for p in phones], np.float32),
        pause=phones.index(PAUSE),
    )


def _forms(
    means: Float[np.ndarray, "P T G D"], variances: Float[np.ndarray, "P T G D"]
) -> Float[np.ndarray, "P T V G"]:
    constant = -0.5 * (means**2 / variances + np.log(2 * np.pi * variances)).sum(axis=-1, keepdims=True)
    rows = np.concatenate([-0.5 / variances, means / variances, constant], axis=-1)
    return np.ascontiguousarray(rows.swapaxes(2, 3))


def _steps(stay: Float[np.ndarray, "P R"], bigram: Float[np.ndarray, "P P"]) -> Float[np.ndarray, "S S"]:
    """`Model.step`, from the chance of staying in each state of a phone, and that of each phone after each."""
    chance = np.zeros((stay.size, stay.size))  # from each row to each column
    at = np.arange(stay.size)
    chance[at, at] = stay.ravel()
    inner = at[at % STATES < STATES - 1]
    chance[inner, inner + 1] = 1 - stay.ravel()[inner]
    chance[STATES - 1 :: STATES, ::STATES] += (1 - stay[:, -1:]) * bigram * np.exp(-PENALTY)
    return np.ascontiguousarray(np.log(chance.T + LEAST_STEP), np.float32)
