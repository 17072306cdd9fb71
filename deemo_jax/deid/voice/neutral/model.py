"""The classes of speech: how a frame of each is heard, what follows what, and how each is spoken.

A phone of English has three states, one after another; a state has up to four classes, which are the ways in which it
sounds beside other phones. Each phone has a codebook of Gaussians over cepstra and their differences (three streams),
and a class is a mixture of these. All of it is of pocketsphinx's English model (`make_model` tells how it was reduced).
Axes: P phones, S states, C classes, Q classes of the phone that has most, G Gaussians, T streams, D cepstra.
"""

import dataclasses
import functools
import os
from pathlib import Path

import numpy as np
from jaxtyping import Float, Int

from deemo_jax.deid.voice.neutral.cepstra import CEPSTRA

PATH = Path(__file__).with_name("en_us.npz")
STATES, STREAMS = 3, 3
# Variances below this are taken for it: half precision rounds them.
LEAST_VARIANCE = 1e-2
# Phones without a tone, those half of it is noise, and what is no speech.
UNVOICED = frozenset(["CH", "F", "HH", "K", "P", "S", "SH", "T", "TH", "SIL", "+NSN+", "+SPN+"])
HALF_VOICED = frozenset(["V", "Z", "ZH", "DH", "JH", "B", "D", "G"])
SILENT = frozenset(("SIL", "+NSN+", "+SPN+"))
HALF = 0.6


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class Model:
    """The classes, in the forms in which they are used; float32.

    Attributes:
        forms: a Gaussian's log-density is the product of its row with x^2, x and 1, for x of a stream.
        mixtures: what each Gaussian counts in each class of its phone; 0 where there is no class.
        places: which of the P x Q columns are classes.
        owner: the state of each class.
        share: log of how often a state sounds like this class.
        step: how often each state comes after each.
        means: of the Gaussians over cepstra, the first stream.
        spoken: mean cepstrum of each class; how much of it is tone, from 0 to 1; and 1 for a pause or a noise.
    """

    forms: Float[np.ndarray, "P T V G"]
    mixtures: Float[np.ndarray, "P T G Q"]
    places: Int[np.ndarray, " C"]
    owner: Int[np.ndarray, " C"]
    share: Float[np.ndarray, " C"]
    step: Float[np.ndarray, "S S"]
    means: Float[np.ndarray, "P G D"]
    spoken: Float[np.ndarray, "C E"]


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
        step=_steps(data["stay"].astype(np.float32), data["bigram"].astype(np.float32)),
        means=means[:, 0],
        spoken=_spoken(phones, phone_of, mixtures[:, 0], means[:, 0]),
    )


def _forms(
    means: Float[np.ndarray, "P T G D"], variances: Float[np.ndarray, "P T G D"]
) -> Float[np.ndarray, "P T V G"]:
    constant = -0.5 * (means**2 / variances + np.log(2 * np.pi * variances)).sum(axis=-1, keepdims=True)
    rows = np.concatenate([-0.5 / variances, means / variances, constant], axis=-1)
    return np.ascontiguousarray(rows.swapaxes(2, 3))


def _steps(stay: Float[np.ndarray, "P R"], bigram: Float[np.ndarray, "P P"]) -> Float[np.ndarray, "S S"]:
    """From the chance of staying in each of the R states of a phone, and that of each phone after each."""
    step = np.zeros((stay.size, stay.size), np.float32)
    at = np.arange(stay.size)
    step[at, at] = stay.ravel()
    inner = at[at % STATES < STATES - 1]
    step[inner, inner + 1] = 1 - stay.ravel()[inner]
    step[STATES - 1 :: STATES, ::STATES] += (1 - stay[:, -1:]) * bigram
    return step


def _spoken(
    phones: list[str],
    phone_of: Int[np.ndarray, " C"],
    mixtures: Float[np.ndarray, "C G"],
    means: Float[np.ndarray, "P G D"],
) -> Float[np.ndarray, "C E"]:
    weights = mixtures / mixtures.sum(axis=1, keepdims=True)
    tone = [0.0 if phone in UNVOICED else HALF if phone in HALF_VOICED else 1.0 for phone in phones]
    silent = [float(phone in SILENT) for phone in phones]
    cepstra = np.einsum("cg,cgd->cd", weights, means[phone_of])
    return np.column_stack([cepstra, np.array(tone)[phone_of], np.array(silent)[phone_of]]).astype(np.float32)


# Columns of `Model.spoken`.
CEPSTRUM, TONE, SILENCE = slice(0, CEPSTRA), CEPSTRA, CEPSTRA + 1
