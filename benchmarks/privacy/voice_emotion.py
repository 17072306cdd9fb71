"""What changed voices keep of emotion: `python -m benchmarks.privacy.voice_emotion`.

Speakers of the sample corpus are heard, without pictures and files: their tone of voice and the emotion behind it are
known. Probes read both from the sample's audio tower and from plain statistics of pitch, loudness and tempo
(`deemo_jax.audit.utility`); what a voice loses beside mcadams is of the same clips. The speakers are invented and
spoken by eSpeak NG, so this tells of the method, nothing about people.
Axes: n samples, V voices, D and S features.
"""

import dataclasses
import functools
import sys
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from jaxtyping import Float

from configs import sample
from deemo_jax.audit.utility.emotion import TARGETS, Found, probe_table
from deemo_jax.audit.utility.frozen_encoders import load_towers
from deemo_jax.audit.utility.linear_probe import probe
from deemo_jax.audit.utility.prosody_statistics import prosody_statistics
from deemo_jax.audit.utility.variants import MEL_CLIPS, RAW, voice_variants
from deemo_jax.core import cli, parallel
from deemo_jax.core.progress import with_progress
from deemo_jax.core.schema import Modality
from deemo_jax.deid.text.fuzzy_names import Names
from deemo_jax.deid.voice.neutral.manner import Manner, manner_of, mean_manner
from deemo_jax.deid.voice.spoken.words import words_without_names
from deemo_jax.media import SAMPLE_RATE
from deemo_jax.media.imagebind_mel import mel_clips
from deemo_jax.sample.bayes import optimal_balanced_accuracy
from deemo_jax.sample.corpus_clip import ClipPlan, plan, sound
from deemo_jax.sample.corpus_settings import CorpusSettings

# Each corpus has thirty speakers.
CORPORA = 4
VOICES = ("mcadams", "neutral", "neutral:0")
CHANCE = {"cue": 1 / 3, "emotion": 1 / 2}


@dataclasses.dataclass(frozen=True, slots=True)
class Ears:
    """What is heard of a clip in every voice.

    Attributes:
        mel: four log-mel spectrograms.
        statistics: of `prosody_statistics`.
    """

    mel: Float[np.ndarray, "V M 128 204"]
    statistics: Float[np.ndarray, "V S"]


def main(arguments: list[str] | None = None) -> int:
    parser = cli.Parser("python -m benchmarks.privacy.voice_emotion", description=__doc__)
    parser.add_argument("--clips", type=int, default=1200, help="(default %(default)s)")
    parser.add_argument("--voices", nargs="+", default=list(VOICES), metavar="NAME", help="(default %(default)s)")
    parser.add_argument("--workers", type=int, default=1, help="processes (default %(default)s)")
    flags = parser.parse_args(arguments)
    clips = [plan(CorpusSettings(seed=i % CORPORA), i // CORPORA) for i in range(flags.clips)]
    heard: dict[str, list[Manner]] = {}
    for clip, manner in zip(clips, parallel.each(_manner, clips, flags.workers), strict=True):
        heard.setdefault(clip.identity.person_id, []).append(manner)
    usual = {person: mean_manner(manners) for person, manners in heard.items()}
    names = [RAW, *voice_variants(flags.voices, usual)]
    listen = functools.partial(hear, tuple(flags.voices), usual)
    ears = list(with_progress(parallel.each(listen, clips, flags.workers), "clips", len(clips)))
    towers = load_towers(sample.MODEL, Path(sample.__file__).parents[1] / sample.get_config().init)
    vectors = np.stack([np.asarray(towers.hear(ear.mel)) for ear in ears], axis=1)
    features = {"voice": vectors, "statistics": np.stack([ear.statistics for ear in ears], axis=1)}
    ask = functools.partial(found, clips, names)
    best = optimal_balanced_accuracy([Modality.AUDIO])
    n = f"{len(clips)} clips of {len(usual)} persons"
    for shown, answers in zip(features, parallel.each(ask, list(features.values()), flags.workers), strict=True):
        table = probe_table(shown, answers, best, CHANCE, n)
        print(f"{table.caption}\n\n{table.markdown()}\n")
    return 0


def _recording(clip: ClipPlan) -> Float[np.ndarray, " n"]:
    """What is heard in the room of a clip: float32, mono, 16 kHz."""
    import soxr

    samples, rate, _ = sound(clip)
    return np.asarray(soxr.resample(samples, rate, SAMPLE_RATE), np.float32)


def _manner(clip: ClipPlan) -> Manner:
    return manner_of(_recording(clip))


def hear(voices: tuple[str, ...], usual: Mapping[str, Manner], clip: ClipPlan) -> Ears:
    """A clip as it is, and in every voice.

    Args:
        voices: methods, as `voice_variants` has them.
        usual: person -> how they speak on the whole.
        clip: whose sound is made.
    """
    raw = _recording(clip)
    words = [(word.start_s, word.end_s, word.text) for word in sound(clip)[2]]
    said = {clip.clip_id: words_without_names(words, Names(), clip.clip_id)}
    changes = voice_variants(voices, usual, said).values()
    waveforms = [raw, *(change(raw, clip.clip_id, clip.identity.person_id) for change in changes)]
    return Ears(
        np.stack([mel_clips(waveform, MEL_CLIPS) for waveform in waveforms]),
        np.stack([prosody_statistics(waveform) for waveform in waveforms]),
    )


def found(clips: list[ClipPlan], names: list[str], features: Float[np.ndarray, "V n D"]) -> Found:
    """What probes answer, of each voice."""
    persons = [clip.identity.person_id for clip in clips]
    wanted = {"cue": [str(clip.cues.voice) for clip in clips], "emotion": [clip.emotion for clip in clips]}
    return {
        name: {target: probe(rows, wanted[target], persons) for target in TARGETS}
        for name, rows in zip(names, features, strict=True)
    }


if __name__ == "__main__":
    sys.exit(cli.guarded(main))
