"""The report's section on voices: which attackers still tell the speaker, and how much of the voice is left for use.

Axes: n clips, S speakers, R bootstrap samples.
"""

import functools
import hashlib
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float, Int

from deemo_jax.audit.attacks.attacked_voice import AttackedVoice
from deemo_jax.audit.attacks.ears.speaker_encoder import HOW, SpeakerEncoder, described, speaker_encoder
from deemo_jax.audit.attacks.trials import (
    ATTACKERS,
    EXPONENTS,
    IGNORANT,
    LEAST_SPEAKERS,
    Method,
    MethodScores,
    Trials,
    VoiceClip,
    choose,
    put_on_trial,
    unchanged,
)
from deemo_jax.audit.attacks.verification import Measures
from deemo_jax.audit.report_parts import Figure, Section, not_measured
from deemo_jax.core import parallel
from deemo_jax.core.plots import BLUE, GREEN, INK, ORANGE, PINK, SKY, VERMILION, canvas, png, tidy
from deemo_jax.core.progress import with_progress
from deemo_jax.core.stats import Interval, over_persons
from deemo_jax.core.tables import Table
from deemo_jax.deid.keys import VoiceKey
from deemo_jax.deid.settings import VOICES
from deemo_jax.deid.voice.spoken.words import Words

TITLE = "Voice: can the speaker still be told?"
# Bootstrap samples over speakers.
REPLICATES = 1000
# Clips of a speaker, and speakers, that are drawn at most.
PER_SPEAKER, MOST_SPEAKERS = 10, 40
# Times that the trained attacker changes each enrolled clip, each under another key.
DRAWS = 3
ORIGINAL = "unprotected"
# Of the bars of each attacker.
COLOURS = (BLUE, SKY, GREEN, ORANGE, PINK, VERMILION)
# Field of `Kept` -> its name in the report.
MEASURES = {
    "pitch_correlation": "F0 correlation",
    "pitch_gross_errors": "F0 gross errors",
    "loudness_correlation": "loudness correlation",
    "envelope_correlation": "band envelopes (proxy of intelligibility)",
}
# From the VoicePrivacy 2024 challenge's repository, results/result_for_rank_mcadams: LibriSpeech and IEMOCAP, women and
# men averaged.
PUBLISHED = Table(
    caption="Published for McAdams: B2 of VoicePrivacy 2024, semi-informed ECAPA-TDNN attacker, real speech, test sets",
    header=("", "EER, %", "WER, %", "emotion recall (UAR), %"),
    rows=(("original", "4.59", "1.84", "71.06"), ("B2, McAdams per utterance", "4.52", "9.95", "53.49")),
)
UPPER_BOUND = "An audit is an upper bound on privacy: a better attacker can only lower these rates."
NOTES = (
    "EER: the rate at which misses and false alarms are equal; 50 % is chance. Rank-1: how often the right one of all"
    " enrolled speakers has the highest score. TPR: own speakers found where 1 % of others are taken for them."
    " Worst: the lowest EER of any one speaker. Linkability: D_sys, 0 to 1 (Gomez-Barrero et al. 2018). 95 % bootstrap"
    " intervals over speakers.",
    "Ignorant: knows original voices only. Lazy-informed: has changed them by the same method under another key. Grid"
    f" inversion: undoes McAdams with {', '.join(map(str, EXPONENTS))} and not at all; each pair keeps its best match."
    f" Trained: changes the enrolled clips of the very speakers {DRAWS} times under keys of their own and learns a"
    " linear discriminant of these speakers, from the encoder's vectors (ear), from means and spreads of cepstra"
    " (statistics), and as the sum of both; VoicePrivacy's semi-informed attacker learns on other speakers.",
    "F0 by autocorrelation (40 ms, low-passed at 900 Hz); its correlation leaves out gross errors, frames that lie more"
    " than 3 semitones off the median shift, which are counted apart. Band envelopes: correlation within 384 ms in 15"
    " third-octave bands; it falls with every move of a formant, also where words stay clear.",
)


def voice_section(
    clips: Sequence[VoiceClip],
    *,
    made_by: AttackedVoice | None = None,
    modes: Sequence[str] = VOICES,
    words: Mapping[str, Words] | None = None,
    encoder: Path | SpeakerEncoder | None = None,
    per_speaker: int = PER_SPEAKER,
    most_speakers: int = MOST_SPEAKERS,
    seed: int = 0,
    workers: int = 1,
) -> Section:
    """Attacks original voices, voices changed by each method, and the voices in the de-identified files.

    The methods are run in memory under a key made for the audit.

    Args:
        clips: with speakers; at most `per_speaker` of each are used, half of them to enrol.
        made_by: how the voices in the de-identified files were made; None leaves these out.
        modes: methods, as `AttackedVoice.named` has them.
        words: clip id -> what is said in it, for methods that say it anew.
        encoder: tells voices apart, as `speaker_encoder` takes it; where there is none, the section is not measured.
        per_speaker: clips of a speaker, at least 2.
        most_speakers: speakers, at most; more are left out by draw.
        seed: of draws and bootstrap samples.
        workers: processes; an encoder that is an object works in this process, since it may not be picklable.

    Raises:
        UserError: the encoder cannot be used, or a voice not be read.
    """
    if speaker_encoder(encoder) is None:
        return not_measured("voice", TITLE, f"not measured: needs a speaker encoder; {HOW}")
    trials = choose(clips, per_speaker, most_speakers, seed)
    if trials is None:
        return not_measured("voice", TITLE, f"not measured: needs {LEAST_SPEAKERS} speakers with two clips each")
    user, *attackers = (VoiceKey(hashlib.sha256(f"audit {n} {seed}".encode()).digest()) for n in range(1 + DRAWS))
    methods = [Method(ORIGINAL, unchanged)]
    methods += [AttackedVoice.named(mode, words).method(mode, trials, user, attackers) for mode in modes]
    if made_by is not None and set(trials.trials) <= trials.written.keys():
        imitated = made_by.imitations(trials, attackers)
        methods.append(Method(f"as written ({made_by.settings.voice})", None, imitated))
    attack = functools.partial(put_on_trial, trials, encoder, seed)
    processes = workers if encoder is None or isinstance(encoder, Path) else 1
    work = with_progress(parallel.each(attack, methods, processes), "voices", len(methods))
    outcomes = {method.name: found for method, found in zip(methods, work, strict=True)}
    rate = outcomes[ORIGINAL].found[IGNORANT].eer
    ear = f"Attacker's ear: {described(encoder)}; on unprotected voices of this corpus its EER is {rate} %."
    return _section(outcomes, trials, ear, seed)


def _section(outcomes: Mapping[str, MethodScores], trials: Trials, heard_by: str, seed: int) -> Section:
    count = trials.size
    size = f"{count['speakers']} speakers, {count['enrolled']} enrolled clips, {count['trials']} trials"
    utility = {name: _utility(outcome, trials, seed) for name, outcome in outcomes.items()}
    attacks = Table(
        caption=f"Equal error rate, % [95 % interval]; higher is more private ({size})",
        header=("voice", *ATTACKERS),
        rows=tuple(
            (name, *(f"{found.found[a].eer}" if a in found.found else "–" for a in ATTACKERS))
            for name, found in outcomes.items()
        ),
    )
    chance = 1 / count["speakers"]
    strongest = Table(
        caption=f"The strongest attacker of each voice, % [95 % interval]; rank-1 by chance {100 * chance:.1f}",
        header=("voice", "attacker", "EER", "rank-1", "TPR at 1 % FPR", "EER of the worst speaker", "linkability"),
        rows=tuple((name, found.strongest, *_cells(found.found[found.strongest])) for name, found in outcomes.items()),
    )
    left = Table(
        caption=f"What is left for use: means over speakers [95 % interval] ({len(trials.trials)} clips)",
        header=("voice", *MEASURES.values(), "seconds a second"),
        rows=tuple(
            (name, *map(_plain, utility[name].values()), f"{found.seconds:.3f}" if "written" not in name else "–")
            for name, found in outcomes.items()
        ),
    )
    numbers = {
        name: {
            "attacks": {attacker: _numbers(measured) for attacker, measured in found.found.items()},
            "strongest": found.strongest,
            "utility": {measure: _number(i) for measure, i in utility[name].items()},
            "seconds_per_second": found.seconds,
        }
        for name, found in outcomes.items()
    }
    return Section(
        name="voice",
        title=TITLE,
        tables=(attacks, strongest, left, PUBLISHED),
        figures=(Figure("Equal error rate by method and attacker, with 95 % intervals.", _bars(outcomes)),),
        notes=(UPPER_BOUND, heard_by, *NOTES),
        numbers={"n": count, "chance": chance, "voices": numbers},
    )


def _cells(found: Measures) -> tuple[str, ...]:
    linked = _plain(found.linkability)
    return (f"{found.eer}", f"{found.rank1}", f"{found.tpr}", f"{100 * found.worst_eer:.1f}", linked)


def _numbers(found: Measures) -> dict[str, Any]:
    intervals = {"eer": found.eer, "rank1": found.rank1, "tpr": found.tpr, "linkability": found.linkability}
    return {name: _number(i) for name, i in intervals.items()} | {"worst_eer": found.worst_eer}


def _utility(outcome: MethodScores, trials: Trials, seed: int) -> dict[str, Interval]:
    """Measure -> its mean over speakers, with a bootstrap interval over them."""
    count = int(trials.owners.max()) + 1
    found = {}
    for measure in MEASURES:
        values = np.array([getattr(row, measure) for row in outcome.kept])
        means = np.array([_mean(values[trials.speakers == speaker]) for speaker in range(count)])
        found[measure] = over_persons(functools.partial(_means, means), count, REPLICATES, seed)
    return found


def _means(values: Float[np.ndarray, " S"], often: Int[np.ndarray, "R S"]) -> Float[np.ndarray, " R"]:
    """Means over speakers in bootstrap samples; NaN values are left out, and a sample without any other is NaN.

    Args:
        values: of each speaker.
        often: how often each speaker counts in each sample.
    """
    known = np.isfinite(values)
    total = often[:, known].sum(axis=1)
    return np.where(total > 0, (often[:, known] @ values[known]) / np.maximum(total, 1), np.nan)


def _mean(values: Float[np.ndarray, " n"]) -> float:
    known = values[np.isfinite(values)]
    return float(known.mean()) if known.size else math.nan


def _plain(found: Interval) -> str:
    if math.isnan(found.value):
        return "–"
    return f"{found.value:.2f} [{found.low:.2f}, {found.high:.2f}]"


def _number(found: Interval) -> dict[str, float] | None:
    if math.isnan(found.value):
        return None
    return {"value": found.value, "low": found.low, "high": found.high}


def _bars(outcomes: Mapping[str, MethodScores]) -> bytes:
    figure = canvas(9.0, 3.8)
    axes = figure.subplots()
    width = 0.8 / len(ATTACKERS)
    for k, (attacker, colour) in enumerate(zip(ATTACKERS, COLOURS, strict=True)):
        found = {i: o.found[attacker].eer for i, o in enumerate(outcomes.values()) if attacker in o.found}
        values = 100 * np.array([i.value for i in found.values()])
        low, high = (100 * np.array([getattr(i, end) for i in found.values()]) for end in ("low", "high"))
        places = np.array(list(found)) + (k - (len(ATTACKERS) - 1) / 2) * width
        axes.bar(places, values, width, color=colour, label=attacker)
        spread = np.maximum([values - low, high - values], 0)
        axes.errorbar(places, values, yerr=spread, fmt="none", ecolor=INK, elinewidth=1, capsize=2)
    axes.axhline(50, color=INK, lw=1, ls=":")
    axes.text(-0.45, 51, "chance", color=INK, fontsize=8)
    axes.set_xticks(range(len(outcomes)), [name.replace(" (", "\n(") for name in outcomes])
    axes.set_ylabel("equal error rate (%)")
    axes.set_ylim(0, 68)
    axes.legend(ncols=len(ATTACKERS), frameon=False, loc="upper center")
    tidy(axes, "y")
    return png(figure)
