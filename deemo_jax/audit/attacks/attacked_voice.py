"""The voices that are attacked, by their names in reports: how a user changes them, and how an attacker imitates that.

neutral:0.5            half of the prosody, around the middle of each clip
neutral:speaker        all of it, around the middle of each speaker, as with a list of speakers
"""

import dataclasses
import functools
from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from jaxtyping import Float

from deemo_jax.audit.attacks.trials import Change, Method, Trials
from deemo_jax.core.errors import UserError
from deemo_jax.deid.keys import VoiceKey
from deemo_jax.deid.settings import COMMAND, Settings
from deemo_jax.deid.voice.anonymise import anonymise
from deemo_jax.deid.voice.neutral.manner import Manner, manner_of, mean_manner

# What follows the name of a voice that takes prosody around the speaker's mean.
SPEAKER = ":speaker"


@dataclasses.dataclass(frozen=True, slots=True)
class AttackedVoice:
    """A way to change voices.

    Attributes:
        settings: of de-identification.
        around_speaker: whether prosody is taken around the speaker's mean over all of their clips.
    """

    settings: Settings
    around_speaker: bool = False

    @classmethod
    def named(cls, name: str) -> "AttackedVoice":
        """The voice of a name: what `Settings.of_voice` takes, and `SPEAKER` behind a neutral one.

        Raises:
            UserError: there is no such voice.
        """
        settings = Settings.of_voice(name.removesuffix(SPEAKER))
        if name.endswith(SPEAKER) and settings.voice != "neutral":
            raise UserError(f"voice {name}: neutral alone is taken around the speaker, as neutral{SPEAKER}")
        return cls(settings, name.endswith(SPEAKER))

    def changes(self, trials: Trials, user: VoiceKey) -> Change:
        """The change that a user makes of the clips whose speakers are looked for."""
        return by_settings(self.settings, user, self._usual(trials, trials.trials))

    def imitations(self, trials: Trials, keys: Sequence[VoiceKey]) -> tuple[Change, ...]:
        """The changes that an attacker makes of the clips by which they know the speakers, each under another key."""
        # A manifest's record of a tool is never run, so nobody here can do as it did.
        if self.settings.voice == COMMAND:
            return ()
        usual = self._usual(trials, trials.enrolled)
        # A method without draws gives the same voice under every key.
        drawn = keys[:1] if self.settings.voice == "mcadams_fixed" else keys
        return tuple(by_settings(self.settings, key, usual) for key in drawn)

    def method(self, name: str, trials: Trials, user: VoiceKey, attackers: Sequence[VoiceKey]) -> Method:
        """Both, under the name of the report."""
        return Method(name, self.changes(trials, user), self.imitations(trials, attackers))

    def _usual(self, trials: Trials, clips: Iterable[str]) -> Mapping[str, Manner]:
        if not self.around_speaker:
            return {}
        heard: dict[str, list[Manner]] = {}
        for clip in clips:
            heard.setdefault(trials.names[clip], []).append(manner_of(trials.voices[clip]))
        return {speaker: mean_manner(manners) for speaker, manners in heard.items()}


def by_settings(settings: Settings, key: VoiceKey, usual: Mapping[str, Manner] | None = None) -> Change:
    """The change of a voice that de-identification makes with some settings under a key.

    Args:
        settings: how voices are changed.
        key: the secret under which is drawn.
        usual: speaker -> how they speak on the whole.
    """
    return functools.partial(_anonymised, settings, key, usual or {})


def _anonymised(
    settings: Settings,
    key: VoiceKey,
    usual: Mapping[str, Manner],
    voice: Float[np.ndarray, " _"],
    clip_id: str,
    speaker: str,
) -> Float[np.ndarray, " _"]:
    return anonymise(voice, settings, key, clip_id, speaker, usual.get(speaker))
