"""Attacks on voices: chooses clips, changes their voices by one method, and scores every attacker.

Axes: n samples, N enrolled clips, M trials, S speakers, E embedding.
"""

import dataclasses
import functools
import itertools
import time
from collections.abc import Callable, Mapping, Sequence

import numpy as np
from jaxtyping import Float, Int

from deemo_jax.audit.attacks.speaker_encoder import SpeakerEncoder
from deemo_jax.audit.attacks.vectors import one_vector
from deemo_jax.audit.attacks.verification import cosine_scores, equal_error_rate, trained_scores
from deemo_jax.audit.voice_cues import Kept, kept
from deemo_jax.core.stats import Interval
from deemo_jax.deid.keys import VoiceKey
from deemo_jax.deid.settings import Settings
from deemo_jax.deid.voice.anonymise import anonymise
from deemo_jax.deid.voice.mcadams import mcadams
from deemo_jax.media import SAMPLE_RATE

# Mono, 16 kHz.
Waveform = Float[np.ndarray, " _"]
# Voice, clip id, speaker -> changed voice.
Change = Callable[[Waveform, str, str], Waveform]
# `voice.NOTES` explains them.
ATTACKERS = ("ignorant", "lazy-informed", "alpha grid", "trained")
# McAdams exponents that the "alpha grid" attacker undoes, and trials of each speaker on which it does: each exponent
# costs another pass over them.
GRID = (0.5, 0.6, 0.7, 0.8, 0.9)
GRID_TRIALS = 2
# Seconds of a voice that are used.
LONGEST_S = 10.0
LEAST_SPEAKERS = 6


@dataclasses.dataclass(frozen=True, slots=True)
class VoiceClip:
    """A clip whose voice is attacked.

    Attributes:
        clip_id: its pseudonym.
        speaker: pseudonym of who speaks.
        raw: reads the original voice.
        written: reads the voice in the de-identified file; None where there is none.
    """

    clip_id: str
    speaker: str
    raw: Callable[[], Waveform]
    written: Callable[[], Waveform] | None = None


@dataclasses.dataclass(frozen=True, slots=True)
class Trials:
    """The chosen clips.

    Attributes:
        enrolled: clips by which the attacker knows the speakers.
        trials: clips whose speaker the attacker looks for.
        owners: speakers 0..S-1 of the enrolled clips.
        speakers: speakers of the trials.
        voices: clip id -> the first ten seconds of the original voice.
    """

    enrolled: tuple[VoiceClip, ...]
    trials: tuple[VoiceClip, ...]
    owners: Int[np.ndarray, " N"]
    speakers: Int[np.ndarray, " M"]
    voices: Mapping[str, Waveform]


@dataclasses.dataclass(frozen=True, slots=True)
class MethodScores:
    """What attackers get from voices that one method changed, and what use is left.

    Attributes:
        errors: attacker -> equal error rate, with its interval over speakers.
        kept: of each trial, how much of the voice is left.
        seconds: processor seconds to change one second of sound.
    """

    errors: Mapping[str, Interval]
    kept: tuple[Kept, ...]
    seconds: float


def choose(clips: Sequence[VoiceClip], per_speaker: int, most_speakers: int, seed: int) -> Trials | None:
    """Draws up to `per_speaker` clips of each speaker who has at least two: half to enrol, half as trials.

    Args:
        clips: with their speakers.
        per_speaker: clips of a speaker, at most.
        most_speakers: speakers, at most.
        seed: of the draws.

    Returns:
        The clips; None where fewer than `LEAST_SPEAKERS` speakers have two.
    """
    rng = np.random.default_rng(seed)
    by_speaker: dict[str, list[VoiceClip]] = {}
    for clip in sorted(clips, key=lambda clip: clip.clip_id):
        by_speaker.setdefault(clip.speaker, []).append(clip)
    names = sorted(name for name, own in by_speaker.items() if len(own) >= 2)
    if len(names) < LEAST_SPEAKERS:
        return None
    names = sorted(rng.permutation(names)[:most_speakers].tolist())
    picked = [[by_speaker[name][i] for i in rng.permutation(len(by_speaker[name]))[:per_speaker]] for name in names]
    enrolled = [own[: len(own) // 2] for own in picked]
    trials = [own[len(own) // 2 :] for own in picked]
    flat = list(itertools.chain(*picked))
    return Trials(
        enrolled=tuple(itertools.chain(*enrolled)),
        trials=tuple(itertools.chain(*trials)),
        owners=np.repeat(np.arange(len(names)), [len(own) for own in enrolled]),
        speakers=np.repeat(np.arange(len(names)), [len(own) for own in trials]),
        voices={clip.clip_id: _start(clip.raw()) for clip in flat},
    )


def by_settings(settings: Settings, key: VoiceKey) -> Change:
    """The change of a voice that de-identification makes with some settings under a key."""
    return functools.partial(_anonymised, settings, key)


def unchanged(voice: Waveform, clip_id: str, speaker: str) -> Waveform:
    """The `Change` that changes nothing."""
    return voice


def put_on_trial(
    trials: Trials,
    protect: Change | None,
    imitate: Change,
    encoder: SpeakerEncoder,
    informed: SpeakerEncoder,
    seed: int,
) -> MethodScores:
    """Scores all attackers against one method.

    Args:
        trials: the chosen clips.
        protect: the change that a user makes; None takes the voices in the de-identified files.
        imitate: the change that the attacker makes: the same method with draws of their own.
        encoder: tells voices apart; trained on original ones.
        informed: the encoder of the "trained" attacker, which may be trained on changed voices.
        seed: of folds and bootstrap samples.
    """
    start = time.process_time()
    changed = [
        _start(clip.written()) if protect is None and clip.written else _apply(protect or unchanged, clip, trials)
        for clip in trials.trials
    ]
    spent = time.process_time() - start
    own = [_apply(imitate, clip, trials) for clip in trials.enrolled]
    raw = _embed(encoder, [trials.voices[clip.clip_id] for clip in trials.enrolled])
    tried = _embed(encoder, changed)
    learnt = trained_scores(_embed(informed, own), trials.owners, _embed(informed, changed), trials.speakers, seed)
    scores = {
        "ignorant": (cosine_scores(raw, trials.owners, tried), trials.speakers),
        "lazy-informed": (cosine_scores(_embed(encoder, own), trials.owners, tried), trials.speakers),
        "trained": (learnt, trials.speakers),
    }
    if imitate is not unchanged:
        some, undone = _undone(trials, changed, encoder, raw)
        scores["alpha grid"] = (undone, trials.speakers[some])
    heard = [trials.voices[clip.clip_id] for clip in trials.trials]
    return MethodScores(
        errors={name: equal_error_rate(*pair, seed) for name, pair in scores.items()},
        kept=tuple(kept(before, after) for before, after in zip(heard, changed, strict=True)),
        seconds=spent / max(sum(x.size for x in heard) / SAMPLE_RATE, 1e-9),
    )


def _undone(
    trials: Trials, changed: Sequence[Waveform], encoder: SpeakerEncoder, raw: Float[np.ndarray, "N E"]
) -> tuple[Int[np.ndarray, " M"], Float[np.ndarray, "M S"]]:
    """Scores of the first `GRID_TRIALS` trials of each speaker, with each exponent of the grid undone.

    Returns:
        The numbers of these trials; and their scores against speakers, of which each is the best over the exponents
        and over the voice as it is.
    """
    numbers = np.arange(len(trials.speakers))
    some = np.array([i for i in numbers if np.sum(trials.speakers[:i] == trials.speakers[i]) < GRID_TRIALS])
    versions = [
        cosine_scores(raw, trials.owners, _embed(encoder, [mcadams(changed[i], 1 / alpha) for i in some]))
        for alpha in GRID
    ]
    as_it_is = cosine_scores(raw, trials.owners, _embed(encoder, [changed[i] for i in some]))
    return some, np.max([as_it_is, *versions], axis=0)


def _anonymised(settings: Settings, key: VoiceKey, voice: Waveform, clip_id: str, speaker: str) -> Waveform:
    return anonymise(voice, settings, key, clip_id, speaker)


def _apply(change: Change, clip: VoiceClip, trials: Trials) -> Waveform:
    return change(trials.voices[clip.clip_id], clip.clip_id, clip.speaker)


def _start(waveform: Waveform) -> Waveform:
    return np.asarray(waveform, np.float32)[: round(LONGEST_S * SAMPLE_RATE)]


def _embed(encoder: SpeakerEncoder, voices: Sequence[Waveform]) -> Float[np.ndarray, "N E"]:
    return np.stack([one_vector(encoder.embed(voice, SAMPLE_RATE), encoder) for voice in voices])
