"""The report's section on use: how well a linear probe finds emotion and its cues, under every mask and voice method.

Axes: n clips, D features.
"""

import functools
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from jaxtyping import Float

from deemo_jax.audit.attacks.trials import Change
from deemo_jax.audit.audited_clips import AuditedClip, read_source_voice
from deemo_jax.audit.folder_check import CLIPS, compared, lacking
from deemo_jax.audit.report_parts import Figure, Section, not_measured
from deemo_jax.audit.utility.frozen_encoders import Towers
from deemo_jax.audit.utility.linear_probe import FOLDS, LEAST_PERSONS, ProbeAnswers, probe
from deemo_jax.audit.utility.prosody_statistics import NAMES
from deemo_jax.audit.utility.variants import RAW, Variants, frame_names, make_variants, voice_names, voice_variants
from deemo_jax.core import parallel
from deemo_jax.core.errors import UserError, plain
from deemo_jax.core.plots import BLUE, INK, ORANGE, SKY, canvas, png, tidy
from deemo_jax.core.progress import with_progress
from deemo_jax.core.schema import Modality, set_name
from deemo_jax.core.tables import Table
from deemo_jax.data.corpus_statement import CorpusStatement, stated_corpus
from deemo_jax.deid.settings import VOICES
from deemo_jax.deid.voice.neutral.manner import Manner, manner_of, mean_manner

# Of the draw of clips.
SEED = 20250
TITLE = "Utility: is the cue still there?"
_without = functools.partial(not_measured, "utility", TITLE, balanced_accuracy=None)
# What a probe sees -> the cue that it holds, its modality, and its name in the report.
SHOWN: Mapping[str, tuple[str, Modality, str]] = {
    "frames": ("body", Modality.VIDEO, "body language in frames"),
    "voice": ("voice", Modality.AUDIO, "tone of voice, by the tower"),
    "statistics": ("voice", Modality.AUDIO, "tone of voice, by plain statistics of pitch, loudness and tempo"),
}
# The variants that others are compared with, where they are there; the second is the paper's.
REFERENCES = (RAW, "mcadams")
# What a probe is asked for.
TARGETS = ("cue", "emotion")
# Variant -> target -> answers of the probes.
Found = dict[str, dict[str, ProbeAnswers]]


def utility_section(
    clips: Sequence[AuditedClip],
    towers: Towers | None,
    *,
    count: int = CLIPS,
    modes: Sequence[str] = VOICES,
    workers: int = 1,
) -> Section:
    """Probes frames and voices for the cues "body" and "voice", and for the emotion.

    Args:
        clips: with sources, and with a truth that states these cues of its corpus and has "cues", "emotion" and
            "person_id" in each row.
        towers: frozen encoders, whose vectors are probed; with None the section is not measured.
        count: clips, at most; drawn at random.
        modes: methods to change voices by, as `Settings.of_voice` has them. A neutral voice is probed twice: around the
            middle of each clip, and, as with --speakers, around that of each person over these clips.
        workers: processes that read and change clips.
    """
    if towers is None:
        return _without("not measured: needs frozen encoders; --towers CONFIG names the recipe that has them")
    if (why := lacking(clips)) is not None:
        return _without(why)
    try:
        corpus = stated_corpus((clip.clip_id, clip.truth or {}) for clip in compared(clips))
    except UserError as error:
        return _without(f"not measured: {plain(str(error))}")
    if corpus is None or not corpus.cues.keys() >= {cue for cue, _, _ in SHOWN.values()}:
        return _without("not measured: needs a truth that states the cues of its corpus, body and voice")
    chosen = _drawn([clip for clip in compared(clips) if labels(clip, corpus) and clip.person], count)
    persons = [clip.person for clip in chosen]
    if len(set(persons)) < LEAST_PERSONS:
        return _without(f"not measured: needs clips of {LEAST_PERSONS} persons whose truth names their cues")
    voices = voice_variants(modes, _manners(chosen, workers) if any(m.startswith("neutral") for m in modes) else None)
    features = _features(chosen, towers, voices, workers)
    try:
        known = [labels(clip, corpus) or {} for clip in chosen]
        found = {
            shown: {
                name: {"cue": probe(matrix, [row[cue] for row in known], persons)}
                | {"emotion": probe(matrix, [row["emotion"] for row in known], persons)}
                for name, matrix in features[shown].items()
            }
            for shown, (cue, _, _) in SHOWN.items()
        }
    except ValueError:  # a fold without some class
        return _without(f"not measured: {len(chosen)} clips hold too few of some cue; raise --clips")
    best = {shown: corpus.optimal_balanced_accuracy.get(set_name({SHOWN[shown][1]})) for shown in SHOWN}
    chance = {shown: {t: 1 / len(of[RAW][t].counts[0]) for t in TARGETS} for shown, of in found.items()}
    n = f"{len(chosen)} clips of {len(set(persons))} persons"
    return Section(
        name="utility",
        title=TITLE,
        tables=tuple(probe_table(shown, found[shown], best[shown], chance[shown], n) for shown in SHOWN),
        figures=(Figure(f"Balanced accuracy with 95 % intervals over persons; {n}", _plot(found, best, chance)),),
        notes=(
            f"The probe: logistic regression on features of the frozen towers, or on {len(NAMES)} statistics of the"
            f" sound ({', '.join(NAMES)}), fitted for each mode by itself; {FOLDS} folds by person, so nobody is asked"
            " about who was fitted on. Chance is what guessing gives. Differences are of the same clips.",
            "Bayes-optimal: the cue is drawn into picture and sound, so 100 %; what it says of the emotion is known by"
            " enumeration. What a probe lacks to it is the probe's and the towers' loss as well as the mode's; compare"
            " modes.",
            "Masks and voices that the towers were not trained on are strange to them, which may cost those modes a"
            " little.",
            "The cues of this corpus are body language and prosody. Expressions of the face are no cue there,"
            " and every mask takes them away.",
        ),
        numbers={
            "clips": len(chosen),
            "persons": len(set(persons)),
            "bayes_optimal": {shown: {"cue": 1.0, "emotion": emotion} for shown, emotion in best.items()},
            "balanced_accuracy": {
                shown: {name: {t: _json(of, variants, t) for t in TARGETS} for name, of in variants.items()}
                for shown, variants in found.items()
            },
        },
    )


def labels(clip: AuditedClip, corpus: CorpusStatement) -> dict[str, str] | None:
    """The state of each cue of a clip, and its emotion as "emotion"; None where the truth lacks one."""
    truth = clip.truth or {}
    emotion = truth.get("emotion")
    try:
        return {**corpus.states_of(truth), "emotion": emotion} if emotion and isinstance(emotion, str) else None
    except UserError:
        return None


def _drawn(clips: Sequence[AuditedClip], count: int) -> list[AuditedClip]:
    order = np.random.default_rng(SEED).permutation(len(clips))[:count]
    return [clips[i] for i in sorted(order.tolist())]


def _features(
    clips: Sequence[AuditedClip], towers: Towers, voices: Mapping[str, Change], workers: int
) -> dict[str, dict[str, Float[np.ndarray, "_ _"]]]:
    """Key of `SHOWN` -> variant -> features of all clips. Clips are read one after the other, to save memory."""
    make: Callable[[AuditedClip], Variants] = functools.partial(make_variants, towers.side, dict(voices))
    made: Iterator[Variants] = with_progress(parallel.each(make, clips, workers), "utility", len(clips))
    rows = [(np.asarray(towers.see(v.frames)), np.asarray(towers.hear(v.mel)), v.prosody) for v in made]
    seen, heard, measured = (np.stack(part, axis=1) for part in zip(*rows, strict=True))
    return {
        "frames": dict(zip(frame_names(), seen, strict=True)),
        "voice": dict(zip(voice_names(voices), heard, strict=True)),
        "statistics": dict(zip(voice_names(voices), measured, strict=True)),
    }


def _manners(clips: Sequence[AuditedClip], workers: int) -> dict[str, Manner]:
    """Person -> how they speak on the whole, over their clips."""
    heard: dict[str, list[Manner]] = {}
    for clip, manner in zip(clips, parallel.each(_manner, clips, workers), strict=True):
        heard.setdefault(clip.person, []).append(manner)
    return {person: mean_manner(manners) for person, manners in heard.items()}


def _manner(clip: AuditedClip) -> Manner:
    assert clip.source is not None
    return manner_of(read_source_voice(clip.source, clip.manifest))


def probe_table(shown: str, found: Found, best: float | None, chance: Mapping[str, float], n: str) -> Table:
    """How well probes find cue and emotion in each variant, beside the variants of `REFERENCES`.

    Args:
        shown: one of `SHOWN`.
        found: variant -> one of `TARGETS` -> the answers of the probes.
        best: the best balanced accuracy of the emotion that can be reached; None where it is not known.
        chance: one of `TARGETS` -> the balanced accuracy of guessing.
        n: of how many clips and persons, in words.
    """
    references = [name for name in REFERENCES if name in found]

    def cells(name: str) -> tuple[str, ...]:
        told = [name]
        for target in TARGETS:
            answers = found[name][target]
            told.append(f"{answers.score}")
            told += ["" if name == r else f"{answers.less(found[r][target]):+}" for r in references]
        return tuple(told)

    def bound(name: str, shares: Sequence[float | None]) -> tuple[str, ...]:
        figures = ["" if share is None else f"{100 * share:.1f}" for share in shares]
        return (f"({name})", *(cell for figure in figures for cell in (figure, *[""] * len(references))))

    return Table(
        f"{SHOWN[shown][2].capitalize()}: balanced accuracy of a plain probe, % [95 % interval over persons]; {n}",
        ("mode", *(cell for target in TARGETS for cell in (target, *(f"less {r}, points" for r in references)))),
        (
            *map(cells, found),
            *([] if best is None else [bound("Bayes-optimal", (1.0, best))]),
            bound("chance", [chance[target] for target in TARGETS]),
        ),
    )


def _plot(
    found: Mapping[str, Found], best: Mapping[str, float | None], chance: Mapping[str, Mapping[str, float]]
) -> bytes:
    figure = canvas(9.6, 4.6)
    ratios = [len(modes) for modes in found.values()]
    panels = figure.subplots(len(found), 2, sharex="col", height_ratios=ratios, squeeze=False)
    for row, (shown, modes) in zip(panels, found.items(), strict=True):
        places = -np.arange(len(modes))
        for axes, target, optimum in zip(row, TARGETS, (1.0, best[shown]), strict=True):
            scores = [of[target].score for of in modes.values()]
            values = 100 * np.array([s.value for s in scores])
            whiskers = 100 * np.abs(np.array([[s.value - s.low, s.high - s.value] for s in scores])).T
            colours = [SKY if name != RAW else "#BBBBBB" for name in modes]
            axes.barh(places, values, height=0.62, color=colours)
            axes.errorbar(values, places, xerr=whiskers, fmt="none", ecolor=INK, elinewidth=1.3, capsize=3)
            if optimum is not None:
                axes.axvline(100 * optimum, color=ORANGE, lw=2.5, label="Bayes-optimal")
            axes.axvline(100 * chance[shown][target], color=BLUE, ls=":", lw=1.6, label="chance")
            axes.set(xlim=(0, 103), title=f"{SHOWN[shown][2]}: {target}")
            axes.title.set_fontsize(10)
            axes.set_yticks(places, list(modes) if target == "cue" else [""] * len(modes))
            axes.tick_params(axis="y", length=0)
            tidy(axes, "x")
    for axes in panels[-1]:
        axes.set_xlabel("balanced accuracy (%)")
    handles, names = panels[0][0].get_legend_handles_labels()
    figure.legend(handles, names, loc="outside lower center", ncols=2, frameon=False, fontsize=9)
    return png(figure)


def _json(of: Mapping[str, ProbeAnswers], found: Found, target: str) -> dict[str, Any]:
    told: dict[str, Any] = {"value": of[target].score.value, "interval": of[target].score.bounds()}
    for reference in REFERENCES:
        if reference in found:
            gap = of[target].less(found[reference][target])
            told |= {f"less_{reference}": gap.value, f"less_{reference}_interval": gap.bounds()}
    return told
