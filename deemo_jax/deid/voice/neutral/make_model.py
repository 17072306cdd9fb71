"""Makes en_us.npz, the phones of the neutral voice, out of pocketsphinx's English model.

    make neutral_voice

To hear phones, the model's 5126 tied states, which are phones beside other phones, become at most four classes a state.
To say them, each tied state keeps its mean cepstrum. The same files give the same bytes. No speech is needed, and none
of anybody's own went into it.
Axes: P phones, R states of a phone, G Gaussians, C classes, N tied states, M those of one state, D cepstra.
"""

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Float, Int

from deemo_jax.core import cli, files
from deemo_jax.core.errors import UserError
from deemo_jax.deid.voice.neutral.model import PATH, STATES
from deemo_jax.deid.voice.neutral.sphinx_files import (
    LOG_BASE,
    States,
    read_gaussians,
    read_states,
    read_transitions,
    read_weights,
)

# Classes of a state, and rounds of k-means.
CLASSES, ROUNDS = 4, 30
# How the names of noises begin, of which the language model knows nothing; and how often one comes after any phone.
NOISE, NOISE_SHARE = "+", 0.01
# The first cepstrum, which is loudness, counts less when states are compared.
LEVEL_SHARE = 0.3
# Parts of a word, the likeliest to have been meant last: what `triphones` takes where several have the same phones.
PARTS = (1, 2, 3, 0)


def parser() -> argparse.ArgumentParser:
    flags = cli.Parser(prog="python -m deemo_jax.deid.voice.neutral.make_model", description=__doc__.split("\n")[0])
    flags.add_argument(
        "--model", type=Path, metavar="DIR", help="folder with mdef, means, ...; pocketsphinx's own by default"
    )
    flags.add_argument("--phone_lm", type=Path, metavar="FILE", help="its language model of phones")
    flags.add_argument("--out", type=Path, default=PATH, metavar="FILE")
    return flags


def main(arguments: Sequence[str] | None = None) -> int:
    flags = parser().parse_args(arguments)
    try:
        import pocketsphinx
    except ImportError as error:
        raise UserError("pocketsphinx is missing: pip install pocketsphinx==5.1.1") from error
    home = Path(pocketsphinx.get_model_path("en-us"))
    found = make(flags.model or home / "en-us", flags.phone_lm or home / "en-us-phone.lm.bin")
    with files.atomic(flags.out) as temporary:
        np.savez(temporary, **found)  # type: ignore[arg-type]
    print(
        f"{flags.out}: {len(found['phones'])} phones, {len(found['owner'])} classes, {len(found['tied'])} tied states"
    )
    return 0


def make(folder: Path, phone_lm: Path) -> dict[str, np.ndarray]:
    """The arrays that `model.load_model` reads."""
    states = read_states(folder)
    means, variances = read_gaussians(folder / "means"), read_gaussians(folder / "variances")
    _, streams, gaussians, _ = means.shape
    weights = read_weights(folder / "sendump", streams, gaussians, len(states.phone))
    mixtures, owner, share = [], [], []
    for phone in range(len(states.phones)):
        for state in range(STATES):
            tied = np.flatnonzero((states.phone == phone) & (states.state == state))
            tied = (
                tied[tied > states.own.max()]
                if (tied > states.own.max()).any()
                else states.own[phone, state : state + 1]
            )
            often = np.sqrt(states.often[tied])
            # Where the mean over its Gaussians lies says more of a state than which Gaussians it uses.
            middle = weights[0][:, tied].T @ means[phone, 0]
            middle[:, 0] *= LEVEL_SHARE
            cluster = _clusters(middle / np.maximum(middle.std(axis=0), 1e-3) if len(tied) > 1 else middle, often)
            for number in np.unique(cluster):
                own = cluster == number
                mixtures.append(np.einsum("tgs,s->tg", weights[:, :, tied[own]], often[own] / often[own].sum()))
                owner.append(STATES * phone + state)
                share.append(often[own].sum() / often.sum())
    transitions = read_transitions(folder / "transition_matrices")
    return {
        "phones": np.array(states.phones),
        "means": means.astype(np.float16),
        "variances": np.maximum(variances, 1e-4).astype(np.float16),
        "mixtures": np.array(mixtures).astype(np.float16),
        "owner": np.array(owner, np.int16),
        "share": np.array(share, np.float32),
        "stay": np.stack([transitions[:, k, k] for k in range(STATES)], axis=1).astype(np.float32),
        "bigram": read_bigram(phone_lm, states.phones).astype(np.float32),
        "tied": mean_cepstra(states, weights[0], means[:, 0]).astype(np.float16),
        "triphones": triphones(states).astype(np.uint16),
    }


def mean_cepstra(
    states: States, weights: Float[np.ndarray, "G N"], means: Float[np.ndarray, "P G D"]
) -> Float[np.ndarray, "N D"]:
    """The mean cepstrum of each tied state, a mixture of its phone's Gaussians."""
    found = np.zeros((len(states.phone), means.shape[2]))
    for phone in range(len(states.phones)):
        own = states.phone == phone
        found[own] = weights[:, own].T @ means[phone]
    return found


def triphones(states: States) -> Int[np.ndarray, "P P P R"]:
    """The tied states of each phone between a phone before and one after it, as inside of a word where it occurs there.

    Between phones where the model never met it, a phone has the states that it has without neighbours.
    """
    count = len(states.phones)
    found = np.tile(states.own[:, None, None], (1, count, count, 1))
    for part in PARTS:
        own = states.contexts[:, 0] == part
        phone, before, after = states.contexts[own, 1:].T
        found[phone, before, after] = states.in_context[own]
    return found


def _clusters(points: Float[np.ndarray, "M D"], weights: Float[np.ndarray, " M"]) -> Int[np.ndarray, " M"]:
    """The cluster of each point, by k-means that starts from points far from each other: nothing is drawn."""
    if len(points) <= CLASSES:
        return np.arange(len(points))
    centres = points[[np.argmax(weights)]]
    while len(centres) < CLASSES:
        far = np.min([((points - centre) ** 2).sum(axis=1) for centre in centres], axis=0) * weights
        centres = np.concatenate([centres, points[[np.argmax(far)]]])
    for _ in range(ROUNDS):
        nearest = ((points[:, None] - centres) ** 2).sum(axis=2).argmin(axis=1)
        for k in range(CLASSES):
            if (nearest == k).any():
                centres[k] = np.average(points[nearest == k], axis=0, weights=weights[nearest == k])
    return nearest


def read_bigram(path: str | os.PathLike[str], phones: Sequence[str]) -> Float[np.ndarray, "P P"]:
    """How often each phone comes after each, by pocketsphinx's language model of phones; rows add up to one."""
    from pocketsphinx import Config, LogMath, NGramModel

    model = NGramModel(Config(lw=1.0, wip=1.0), LogMath(LOG_BASE), str(path))
    found = LOG_BASE ** np.array([[float(model.prob([after, before])) for after in phones] for before in phones])
    found[:, [phone.startswith(NOISE) for phone in phones]] = NOISE_SHARE
    return found / found.sum(axis=1, keepdims=True)


if __name__ == "__main__":
    sys.exit(cli.guarded(main))
