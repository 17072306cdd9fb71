"""Changes a voice by the method that the settings name, with what is drawn under the voice key.

Axes: n samples, F frames of 10 ms.
"""

from typing import Any

import numpy as np
from jaxtyping import Float, Int

from deemo_jax.core import files
from deemo_jax.core.errors import UserError
from deemo_jax.core.versions import version
from deemo_jax.deid.keys import VoiceKey
from deemo_jax.deid.settings import AROUND_SPEAKER, COMMAND, SPOKEN, Settings
from deemo_jax.deid.voice.command import VoiceTool
from deemo_jax.deid.voice.diarised import Diarised
from deemo_jax.deid.voice.mcadams import mcadams
from deemo_jax.deid.voice.neutral.delivery import PEOPLE
from deemo_jax.deid.voice.neutral.manner import Manner
from deemo_jax.deid.voice.spoken.words import Words
from deemo_jax.deid.voice.turns import part_of
from deemo_jax.media import SAMPLE_RATE


def anonymise(
    waveform: Float[np.ndarray, " n"],
    settings: Settings,
    key: VoiceKey,
    clip_id: str,
    speaker: str | None = None,
    usual: Manner | None = None,
    tool: VoiceTool | None = None,
    person: int = 0,
    words: Words | None = None,
) -> Float[np.ndarray, " n"]:
    """The waveform in another voice; the same for the same arguments, unless a tool is not.

    It is as loud as before, but for "neutral" and "spoken", which have one loudness, and for tools.

    Args:
        waveform: mono, 16 kHz, in [-1, 1].
        settings: `voice` names the method.
        key: the secret under which is drawn: coefficients, phases and noise, or the seed of a tool.
        clip_id: what is drawn is drawn for each clip id.
        speaker: with "mcadams_speaker" it is drawn for each speaker instead; else unused.
        usual: with "neutral" and "spoken", how the speaker speaks on the whole; None for how they do in this clip.
        tool: with "command", the tool that is run. What the settings say of it is a record, which is not run.
        person: which of the people who speak in the clip it is, from 0 on: each gets a voice of their own.
        words: with "spoken", what is said in the clip.

    Returns:
        float32 (n,), peak at most 1.

    Raises:
        UserError: "mcadams_speaker" without a speaker; "spoken" without words; "command" without a tool; it fails.
    """
    span = (settings.alpha_low, settings.alpha_high)
    clip_id = f"{clip_id} person {person}" if person else clip_id  # which no clip id may be, since it has blanks
    match settings.voice:
        case "mcadams":
            return mcadams(waveform, key.alpha(clip_id, *span), SAMPLE_RATE)
        case "mcadams_fixed":
            return mcadams(waveform, settings.alpha_fixed, SAMPLE_RATE)
        case "mcadams_speaker":
            if speaker is None:
                raise UserError(
                    f"{clip_id}: one voice for each speaker needs to know the speaker; list it in --speakers"
                )
            return mcadams(waveform, key.speaker_alpha(speaker, *span), SAMPLE_RATE)
        case "recast":
            from deemo_jax.deid.voice.recast import recast  # SciPy's filters load for a second

            return recast(waveform, key.generator("recast", clip_id))
        case "neutral":
            from deemo_jax.deid.voice.neutral.neutral import neutral

            draws = key.generator("neutral", clip_id)
            return neutral(waveform, draws, settings.prosody, settings.detail, usual, PEOPLE[person % len(PEOPLE)])
        case "spoken":
            from deemo_jax.deid.voice.spoken.spoken import spoken

            if words is None:
                raise UserError(f"{clip_id}: its words have to be given as --words, since they are said anew")
            draws = key.generator(SPOKEN, clip_id)
            return spoken(waveform, words, draws, settings.prosody, usual, PEOPLE[person % len(PEOPLE)])
        case "command":
            if tool is None:
                raise UserError(f"{clip_id}: its voice was made by a tool, which has to be given as --voice_command")
            return tool.change(waveform, clip_id, int(key.generator(COMMAND, clip_id).integers(1 << 31)))


def anonymise_people(
    waveform: Float[np.ndarray, " n"],
    turn: Int[np.ndarray, " F"] | None,
    settings: Settings,
    key: VoiceKey,
    clip_id: str,
    speaker: str | None = None,
    usual: Manner | None = None,
    tool: VoiceTool | None = None,
    words: Words | None = None,
) -> Float[np.ndarray, " n"]:
    """`anonymise`, with a voice for each of several people.

    Args:
        waveform: of all of them.
        turn: whose turn it is, as `turns.turns` has it; None for one person.
        settings, key, clip_id, speaker, tool: as there.
        usual: of the one person; several have none, since the speaker's is not known to be that of any of them.
        words: of all of them.
    """
    if turn is None:
        return anonymise(waveform, settings, key, clip_id, speaker, usual, tool, words=words)
    whole = np.zeros(waveform.shape, np.float32)
    for person in np.unique(turn).tolist():
        own = part_of(waveform, turn, person)
        said = None if words is None else words.of_person(turn, person)
        whole += anonymise(own, settings, key, clip_id, speaker, None, tool, person, said)
    peak = float(np.abs(whole).max(initial=0.0))
    return whole / np.float32(peak) if peak > 1 else whole


def on_record(
    settings: Settings,
    usual: Manner | None = None,
    tool: VoiceTool | None = None,
    turn: Int[np.ndarray, " F"] | None = None,
    said: Diarised | None = None,
    words: Words | None = None,
) -> dict[str, Any]:
    """What a manifest says of a changed voice beside its settings: what it was made with, never what was drawn.

    Returns:
        For "neutral" the hash of its model of phones, and whether prosody was taken around the speaker's mean or the
        clip's; for "spoken" the latter, the hash of the recording's words without names, and the version of
        the synthesiser; for "command" the hashes of the tool's files. Where people are told apart (`turn`), how many;
        and where a transcript told them apart, its hash.
    """
    more: dict[str, Any] = {} if turn is None else {"people": len(np.unique(turn))}
    more |= {} if said is None else {"turns_sha256": said.sha256}
    if settings.voice in AROUND_SPEAKER:
        more |= {"around": "clip" if usual is None else "speaker"}
    if settings.voice == "neutral":
        from deemo_jax.deid.voice.neutral.model import PATH

        return {"model_sha256": files.sha256(PATH), **more}
    if settings.voice == SPOKEN and words is not None:
        return {"words_sha256": words.sha256, "espeakng_loader": version("espeakng-loader"), **more}
    return ({"tool_sha256": dict(tool.hashes)} if tool is not None else {}) | more
