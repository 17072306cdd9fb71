"""The voices that are attacked, by their names in reports: how a user changes them, and how an attacker imitates that.

neutral:0.5            half of the prosody, around the middle of each clip
neutral:speaker        all of it, around the middle of each speaker, as with a list of speakers
spoken:0               the words of a transcript said anew, on a monotone
"""

import dataclasses
import functools
from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from jaxtyping import Float

from deemo_jax.audit.attacks.trials import Change, Method, Trials
from deemo_jax.core.errors import UserError
from deemo_jax.deid.keys import VoiceKey
from deemo_jax.deid.settings import AROUND_SPEAKER, COMMAND, SPOKEN, Settings
from deemo_jax.deid.voice.anonymise import anonymise
from deemo_jax.deid.voice.neutral.manner import Manner, manner_of, mean_manner
from deemo_jax.deid.voice.spoken.words import Words

# What follows the name of a voice that takes prosody around the speaker's mean.
SPEAKER = ":speaker"


@dataclasses.dataclass(frozen=True, slots=True)
class AttackedVoice:
    """A way to change voices.

    Attributes:
        settings: of de-identification.
        around_speaker: whether prosody is taken around the speaker's mean over all of their clips.
        words: clip id -> what is said in it, for settings that have it said anew.
    """

    settings: Settings
    around_speaker: bool = False
    words: Mapping[str, Words] = dataclasses.field(default_factory=dict)

    @classmethod
    def named(cls, name: str, words: Mapping[str, Words] | None = None) -> "AttackedVoice":
        """The voice of a name: what `Settings.of_voice` takes, and `SPEAKER` behind a neutral or spoken one.

        Args:
            name: of the voice.
            words: clip id -> what is said in it.

        Raises:
            UserError: there is no such voice.
        """
        settings = Settings.of_voice(name.removesuffix(SPEAKER))
        if name.endswith(SPEAKER) and settings.voice not in AROUND_SPEAKER:
            raise UserError(
                f"voice {name}: {' and '.join(AROUND_SPEAKER)} alone are taken around the speaker, as neutral{SPEAKER}"
            )
        return cls(settings, name.endswith(SPEAKER), words or {})

    def changes(self, trials: Trials, user: VoiceKey) -> Change:
        """The change that a user makes of the clips whose speakers are looked for."""
        return by_settings(self.settings, user, self._usual(trials, trials.trials), self.words)

    def imitations(self, trials: Trials, keys: Sequence[VoiceKey]) -> tuple[Change, ...]:
        """The changes that an attacker makes of the clips by which they know the speakers, each under another key."""
        # A manifest's record of a tool is never run, so nobody here can do as it did; nor without the words of a clip.
        if self.settings.voice == COMMAND or (self.settings.voice == SPOKEN and not self.words):
            return ()
        usual = self._usual(trials, trials.enrolled)
        # A method without draws gives the same voice under every key.
        drawn = keys[:1] if self.settings.voice == "mcadams_fixed" else keys
        return tuple(by_settings(self.settings, key, usual, self.words) for key in drawn)

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


def by_settings(
    settings: Settings,
    key: VoiceKey,
    usual: Mapping[str, Manner] | None = None,
    words: Mapping[str, Words] | None = None,
) -> Change:
    """The change of a voice that de-identification makes with some settings under a key.

    Args:
        settings: how voices are changed.
        key: the secret under which is drawn.
        usual: speaker -> how they speak on the whole.
        words: clip id -> what is said in it.
    """
    return functools.partial(_anonymised, settings, key, usual or {}, words or {})


def _anonymised(
    settings: Settings,
    key: VoiceKey,
    usual: Mapping[str, Manner],
    words: Mapping[str, Words],
    voice: Float[np.ndarray, " _"],
    clip_id: str,
    speaker: str,
) -> Float[np.ndarray, " _"]:
    return anonymise(voice, settings, key, clip_id, speaker, usual.get(speaker), words=words.get(clip_id))
