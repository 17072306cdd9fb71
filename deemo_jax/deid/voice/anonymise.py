"""Changes a voice by the method that the settings name, with coefficients drawn under the voice key.

Axes: n samples.
"""

import numpy as np
from jaxtyping import Float

from deemo_jax.core.errors import UserError
from deemo_jax.deid.keys import VoiceKey
from deemo_jax.deid.settings import Settings
from deemo_jax.deid.voice.mcadams import mcadams
from deemo_jax.media import SAMPLE_RATE


def anonymise(
    waveform: Float[np.ndarray, " n"], settings: Settings, key: VoiceKey, clip_id: str, speaker: str | None = None
) -> Float[np.ndarray, " n"]:
    """The waveform in another voice, as loud as before; the same for the same arguments.

    Args:
        waveform: mono, 16 kHz, in [-1, 1].
        settings: `voice` names the method.
        key: the secret under which coefficients are drawn.
        clip_id: coefficients are drawn for each clip id.
        speaker: with "mcadams_speaker" they are drawn for each speaker instead; else unused.

    Returns:
        float32 (n,), peak at most 1.

    Raises:
        UserError: "mcadams_speaker" without a speaker.
    """
    span = (settings.alpha_low, settings.alpha_high)
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
