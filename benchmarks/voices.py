"""How fast voices are changed: `neutral` and `spoken` beside the other methods on the same sound, on one core.

Every method changes the same invented speech in turn, several times over, so that what else the machine does falls on
all of them alike.
"""

import functools
import itertools
import sys
import time

import numpy as np
from jaxtyping import Float
from threadpoolctl import threadpool_limits

from benchmarks.ratios import spread
from deemo_jax.core import cli
from deemo_jax.core.tables import Table
from deemo_jax.deid.keys import VoiceKey
from deemo_jax.deid.settings import Settings
from deemo_jax.deid.text.fuzzy_names import Names
from deemo_jax.deid.voice.anonymise import anonymise
from deemo_jax.deid.voice.spoken.words import Words, words_without_names
from deemo_jax.media import SAMPLE_RATE

METHODS = ("mcadams", "recast", "neutral", "neutral:1:0", "spoken")
NAMES = {"neutral:1:0": "neutral, detail 0"}
# What "spoken" says, over and over, and how many words a minute: about as many as people say.
SAYING, WORDS_A_MINUTE = "we were two goals behind and nobody believed in us any more", 160


def main(arguments: list[str] | None = None) -> int:
    parser = cli.Parser("python -m benchmarks.voices", description=__doc__)
    parser.add_argument("--seconds", type=float, default=30.0, help="of speech (default %(default)s)")
    parser.add_argument("--rounds", type=int, default=5, help="(default %(default)s)")
    flags = parser.parse_args(arguments)
    sound = babble(flags.seconds)
    words_over(flags.seconds)
    with threadpool_limits(1):
        times: dict[str, list[float]] = {name: [] for name in METHODS}
        for turn in range(flags.rounds + 1):  # the first round loads what the methods need
            for name in METHODS:
                spent = timed(sound, name)
                times[name] += [spent] if turn else []
    rows = []
    for name, found in times.items():
        speed = spread([flags.seconds / spent for spent in found], ".1f")
        ratios = [one / other for one, other in zip(times["mcadams"], found, strict=True)]
        rows.append((NAMES.get(name, name), speed, spread(ratios)))
    header = ("voice", "seconds of sound a processor second", "times as fast as mcadams")
    print(Table(f"{flags.seconds:g} s of speech, n {flags.rounds}", header, tuple(rows)).markdown())
    return 0


def timed(sound: Float[np.ndarray, " n"], name: str) -> float:
    """Processor seconds for a change of voice."""
    start = time.process_time()
    anonymise(sound, Settings.of_voice(name), VoiceKey(bytes(32)), "clip", words=words_over(sound.size / SAMPLE_RATE))
    return time.process_time() - start


@functools.cache
def words_over(seconds: float) -> Words:
    """Words of a sound, one after the other."""
    step = 60 / WORDS_A_MINUTE
    texts = itertools.islice(itertools.cycle(SAYING.split()), int(seconds / step))
    return words_without_names([(k * step, (k + 1) * step, text) for k, text in enumerate(texts)], Names(), "clip")


def babble(seconds: float) -> Float[np.ndarray, " n"]:
    """Bursts of a buzz through moving formants, with pauses: mono, 16 kHz."""
    from scipy import signal

    rng = np.random.default_rng(0)
    pieces: list[np.ndarray] = []
    while sum(piece.size for piece in pieces) < seconds * SAMPLE_RATE:
        size = int(rng.integers(1600, 6400))
        pulses = np.zeros(size)
        pulses[:: int(rng.integers(80, 160))] = 1.0
        pulses += 0.05 * rng.normal(size=size)
        for hertz in rng.uniform((250, 900, 2200), (900, 2200, 3400)):
            radius = np.exp(-np.pi * 100 / SAMPLE_RATE)
            pulses = signal.lfilter([1], [1, -2 * radius * np.cos(2 * np.pi * hertz / SAMPLE_RATE), radius**2], pulses)
        loud = np.hanning(size) * (rng.random() > 0.2)
        pieces.append(0.3 * loud * pulses / np.abs(pulses).max())
    return np.concatenate(pieces)[: round(seconds * SAMPLE_RATE)].astype(np.float32)


if __name__ == "__main__":
    sys.exit(cli.guarded(main))
