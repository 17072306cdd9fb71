"""The report's section on voices: which attackers still tell the speaker, and how much of the voice is left for use.

Axes: n clips, S speakers, R bootstrap samples.
"""

import functools
import hashlib
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from jaxtyping import Float, Int

from deemo_jax.audit.attacks.speaker_encoder import SampleEncoder, SpeakerEncoder
from deemo_jax.audit.attacks.trials import (
    ATTACKERS,
    GRID,
    GRID_TRIALS,
    LEAST_SPEAKERS,
    MethodScores,
    Trials,
    VoiceClip,
    by_settings,
    choose,
    put_on_trial,
    unchanged,
)
from deemo_jax.audit.report_parts import Figure, Section, not_measured
from deemo_jax.core.plots import BLUE, GREEN, INK, ORANGE, VERMILION, canvas, png, tidy
from deemo_jax.core.progress import with_progress
from deemo_jax.core.stats import Interval, over_persons
from deemo_jax.core.tables import Table
from deemo_jax.deid.keys import VoiceKey
from deemo_jax.deid.settings import VOICES, Settings

TITLE = "Voice: can the speaker still be told?"
# Bootstrap samples over speakers.
REPLICATES = 1000
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
    "EER: the rate at which misses and false alarms are equal; 50 % is chance. 95 % bootstrap intervals over speakers.",
    "Ignorant: knows original voices only. Lazy-informed: has changed them by the same method under another key."
    f" Alpha grid: undoes McAdams with {', '.join(map(str, GRID))} and not at all, and keeps each pair's best match;"
    f" {GRID_TRIALS} trials a speaker. Trained: lazy-informed, with scores learnt on changed voices of other speakers,"
    " and the small encoder's weights too; what VoicePrivacy calls semi-informed.",
    "F0 by autocorrelation (40 ms, low-passed at 900 Hz); its correlation leaves out gross errors, frames that lie more"
    " than 3 semitones off the median shift, which are counted apart. Band envelopes: correlation within 384 ms in 15"
    " third-octave bands; it falls with every move of a formant, also where words stay clear.",
    "Recast is this project's own: nobody else has attacked it yet, and no attacker here was built against it alone.",
)


def voice_section(
    clips: Sequence[VoiceClip],
    *,
    made_by: Settings | None = None,
    modes: Sequence[str] = VOICES,
    encoder: SpeakerEncoder | None = None,
    informed: SpeakerEncoder | None = None,
    per_speaker: int = 8,
    most_speakers: int = 40,
    seed: int = 0,
) -> Section:
    """Attacks original voices, voices changed by each method, and the voices in the de-identified files.

    The methods are run in memory under a key made for the audit. 30 speakers take about three minutes on one core.

    Args:
        clips: with speakers; at most `per_speaker` of each are used, half of them to enrol.
        made_by: settings of the de-identified files; None leaves out their voices.
        modes: methods, as `Settings.voice` has them.
        encoder: tells voices apart; by default the project's small one, trained on original voices.
        informed: the encoder of the trained attacker; by default `encoder` where that is given, else the project's
            small one that was trained on changed voices, too.
        per_speaker: clips of a speaker, at least 2.
        most_speakers: speakers, at most; more are left out by draw.
        seed: of draws, folds and bootstrap samples.
    """
    trials = choose(clips, per_speaker, most_speakers, seed)
    if trials is None:
        return not_measured("voice", TITLE, f"not measured: needs {LEAST_SPEAKERS} speakers with two clips each")
    shipped = encoder is None
    informed = informed or encoder or SampleEncoder("informed")
    encoder = encoder or SampleEncoder("plain")
    user, attacker = (VoiceKey(hashlib.sha256(f"audit {who} {seed}".encode()).digest()) for who in ("user", "attacker"))
    runs: dict[str, tuple[Any, Callable]] = {"original": (unchanged, unchanged)}
    for mode in modes:
        settings = Settings(voice=mode)  # type: ignore[arg-type]
        runs[mode] = by_settings(settings, user), by_settings(settings, attacker)
    if made_by is not None and all(clip.written for clip in trials.trials):
        runs[f"as written ({made_by.voice})"] = None, by_settings(made_by, attacker)
    outcomes = {
        name: put_on_trial(trials, protect, imitate, encoder, informed, seed)
        for name, (protect, imitate) in with_progress(runs.items(), "voices", len(runs))
    }
    return _section(outcomes, trials, _heard_by(shipped, outcomes["original"]), seed)


def _section(outcomes: Mapping[str, MethodScores], trials: Trials, heard_by: str, seed: int) -> Section:
    size = f"{trials.owners.max() + 1} speakers, {len(trials.enrolled)} enrolled clips, {len(trials.trials)} trials"
    utility = {name: _utility(outcome, trials, seed) for name, outcome in outcomes.items()}
    attacks = Table(
        caption=f"Equal error rate, % [95 % interval]; higher is more private ({size})",
        header=("voice", *ATTACKERS),
        rows=tuple(
            (name, *(str(found.errors[a]) if a in found.errors else "–" for a in ATTACKERS))
            for name, found in outcomes.items()
        ),
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
            "eer": {a: _number(i) for a, i in found.errors.items()},
            "utility": {measure: _number(i) for measure, i in utility[name].items()},
            "seconds_per_second": found.seconds,
        }
        for name, found in outcomes.items()
    }
    counts = {"speakers": int(trials.owners.max()) + 1, "enrolled": len(trials.enrolled), "trials": len(trials.trials)}
    return Section(
        name="voice",
        title=TITLE,
        tables=(attacks, left, PUBLISHED),
        figures=(Figure("Equal error rate by method and attacker, with 95 % intervals.", _bars(outcomes)),),
        notes=(UPPER_BOUND, heard_by, *NOTES),
        numbers={"n": counts, "voices": numbers},
    )


def _heard_by(shipped: bool, original: MethodScores) -> str:
    rate = f"on unprotected voices of this corpus its EER is {original.errors['ignorant']} %"
    if shipped:
        return f"Attacker's ear: the small encoder of this project, trained on other synthetic voices; {rate}."
    return f"Attacker's ear: an encoder that was given; {rate}."


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
    for k, (attacker, colour) in enumerate(zip(ATTACKERS, (BLUE, ORANGE, GREEN, VERMILION), strict=True)):
        found = {i: o.errors[attacker] for i, o in enumerate(outcomes.values()) if attacker in o.errors}
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
