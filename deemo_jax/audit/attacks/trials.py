"""Attacks on voices: chooses clips, changes their voices by one method, and scores every attacker.

Axes: n samples, N enrolled clips, M trials, S speakers, E embedding.
"""

import dataclasses
import itertools
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Float, Int

from deemo_jax.audit.attacks.discriminant import discriminant_scores
from deemo_jax.audit.attacks.ears.speaker_encoder import HOW, SpeakerEncoder, rows_of, speaker_encoder
from deemo_jax.audit.attacks.speech_statistics import statistics
from deemo_jax.audit.attacks.verification import Measures, cosine_scores, measures
from deemo_jax.audit.voice_cues import Kept, kept
from deemo_jax.core.errors import UserError
from deemo_jax.deid.voice.mcadams import mcadams
from deemo_jax.media import SAMPLE_RATE

# Mono, 16 kHz.
Waveform = Float[np.ndarray, " _"]
# Voice, clip id, speaker -> changed voice.
Change = Callable[[Waveform, str, str], Waveform]
# `voice.NOTES` explains them.
IGNORANT, LAZY, GRID = "ignorant", "lazy-informed", "grid inversion"
TRAINED_EAR, TRAINED_STATISTICS, TRAINED = "trained: ear", "trained: statistics", "trained: both"
ATTACKERS = (IGNORANT, LAZY, GRID, TRAINED_EAR, TRAINED_STATISTICS, TRAINED)
# McAdams exponents that the grid inverts, beside the voice as it is.
EXPONENTS = (0.5, 0.6, 0.7, 0.8, 0.9)
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
    """The chosen clips; it can be sent to another process.

    Attributes:
        enrolled: ids of the clips by which the attacker knows the speakers.
        trials: ids of the clips whose speaker the attacker looks for.
        owners: speakers 0..S-1 of the enrolled clips.
        speakers: speakers of the trials.
        voices: clip id -> the first ten seconds of the original voice.
        written: the same of the voice in the de-identified file, of each trial that has one.
        names: clip id -> pseudonym of who speaks.
    """

    enrolled: tuple[str, ...]
    trials: tuple[str, ...]
    owners: Int[np.ndarray, " N"]
    speakers: Int[np.ndarray, " M"]
    voices: Mapping[str, Waveform]
    written: Mapping[str, Waveform]
    names: Mapping[str, str]

    @property
    def size(self) -> dict[str, int]:
        """How many speakers, enrolled clips and trials there are."""
        speakers = int(self.owners.max()) + 1
        return {"speakers": speakers, "enrolled": len(self.enrolled), "trials": len(self.trials)}


@dataclasses.dataclass(frozen=True, slots=True)
class Method:
    """A way to change voices.

    Attributes:
        name: in the report.
        protect: the change that a user makes; None takes the voices in the de-identified files.
        imitations: the same change as the attacker makes it, under keys of their own; none where voices are not
            changed.
    """

    name: str
    protect: Change | None
    imitations: tuple[Change, ...] = ()


@dataclasses.dataclass(frozen=True, slots=True)
class MethodScores:
    """What attackers get from voices that one method changed, and what use is left.

    Attributes:
        found: attacker -> what they get.
        kept: of each trial, how much of the voice is left.
        seconds: processor seconds to change one second of sound.
    """

    found: Mapping[str, Measures]
    kept: tuple[Kept, ...]
    seconds: float

    @property
    def strongest(self) -> str:
        """The attacker with the lowest equal error rate; of several, the one who finds most at 1 % false alarms."""
        return min(self.found, key=lambda name: (self.found[name].eer.value, -self.found[name].tpr.value))


@dataclasses.dataclass(frozen=True, slots=True)
class _Heard:
    """Voices as an attacker hears them.

    Attributes:
        ear: of each voice the encoder's vectors, one or many.
        statistics: of each voice its long-term statistics, one row or many.
    """

    ear: Sequence[Float[np.ndarray, "_ E"]]
    statistics: Sequence[Float[np.ndarray, "_ K"]]


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
    tried = list(itertools.chain(*trials))
    return Trials(
        enrolled=tuple(clip.clip_id for clip in itertools.chain(*enrolled)),
        trials=tuple(clip.clip_id for clip in tried),
        owners=np.repeat(np.arange(len(names)), [len(own) for own in enrolled]),
        speakers=np.repeat(np.arange(len(names)), [len(own) for own in trials]),
        voices={clip.clip_id: _start(clip.raw()) for clip in flat},
        written={clip.clip_id: _start(clip.written()) for clip in tried if clip.written is not None},
        names={clip.clip_id: clip.speaker for clip in flat},
    )


def unchanged(voice: Waveform, clip_id: str, speaker: str) -> Waveform:
    """The `Change` that changes nothing."""
    return voice


def put_on_trial(trials: Trials, ear: Path | SpeakerEncoder | None, seed: int, method: Method) -> MethodScores:
    """Scores all attackers against one method.

    Args:
        trials: the chosen clips.
        ear: tells voices apart, as `speaker_encoder` takes it.
        seed: of bootstrap samples.
        method: how voices are changed.

    Raises:
        UserError: there is no encoder, or it gives no vectors.
    """
    encoder = speaker_encoder(ear)
    if encoder is None:
        raise UserError(f"no speaker encoder is at hand; {HOW}")
    heard = [trials.voices[clip] for clip in trials.trials]
    start = time.process_time()
    protect = method.protect
    changed = [trials.written[clip] if protect is None else _apply(protect, clip, trials) for clip in trials.trials]
    spent = time.process_time() - start
    tried = _hear(encoder, changed)
    known = rows_of(encoder, [trials.voices[clip] for clip in trials.enrolled])
    scores = {IGNORANT: cosine_scores(_means(known), trials.owners, _means(tried.ear))}
    if method.imitations:
        undone = [_means(rows_of(encoder, [mcadams(voice, 1 / alpha) for voice in changed])) for alpha in EXPONENTS]
        inverted = [cosine_scores(_means(known), trials.owners, vectors) for vectors in undone]
        scores[GRID] = np.max([scores[IGNORANT], *inverted], axis=0)
    draws = [
        _hear(encoder, [_apply(imitate, clip, trials) for clip in trials.enrolled])
        for imitate in method.imitations or (unchanged,)
    ]
    scores[LAZY] = cosine_scores(_means(draws[0].ear), trials.owners, _means(tried.ear))
    owners = np.tile(trials.owners, len(draws))
    scores[TRAINED_EAR] = discriminant_scores([row for d in draws for row in d.ear], owners, tried.ear)
    scores[TRAINED_STATISTICS] = discriminant_scores(
        [row for d in draws for row in d.statistics], owners, tried.statistics
    )
    scores[TRAINED] = scores[TRAINED_EAR] + scores[TRAINED_STATISTICS]
    return MethodScores(
        found={name: measures(scores[name], trials.speakers, seed) for name in ATTACKERS if name in scores},
        kept=tuple(kept(before, after) for before, after in zip(heard, changed, strict=True)),
        seconds=spent / max(sum(x.size for x in heard) / SAMPLE_RATE, 1e-9),
    )


def _hear(encoder: SpeakerEncoder, voices: Sequence[Waveform]) -> _Heard:
    return _Heard(rows_of(encoder, voices), [statistics(voice) for voice in voices])


def _means(rows: Sequence[Float[np.ndarray, "_ E"]]) -> Float[np.ndarray, "M E"]:
    return np.stack([row.mean(axis=0) for row in rows])


def _apply(change: Change, clip: str, trials: Trials) -> Waveform:
    return change(trials.voices[clip], clip, trials.names[clip])


def _start(waveform: Waveform) -> Waveform:
    return np.asarray(waveform, np.float32)[: round(LONGEST_S * SAMPLE_RATE)]
