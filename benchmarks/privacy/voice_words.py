"""How well words are understood in each voice: `python -m benchmarks.privacy.voice_words SPEECH`.

A speech recogniser writes down the raw voice and each changed one; its errors in a changed voice are counted against
its own transcript of the raw one, so that nobody has to type what is said. The utterances are those that the attacks on
voices try (`audit --attacks --speech`), the first ten seconds of each.
Axes: n samples, K clips, R bootstrap samples.
"""

import functools
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Float, Int

from deemo_jax.audit.attacks.speech_folder import speech_clips, speech_words
from deemo_jax.audit.attacks.trials import choose
from deemo_jax.audit.attacks.voice import MOST_SPEAKERS, PER_SPEAKER
from deemo_jax.core import cli, parallel
from deemo_jax.core.errors import UserError
from deemo_jax.core.progress import with_progress
from deemo_jax.core.stats import Interval, over_persons
from deemo_jax.core.tables import Table, markdown
from deemo_jax.deid.keys import VoiceKey
from deemo_jax.deid.settings import Settings
from deemo_jax.deid.voice.anonymise import anonymise
from deemo_jax.deid.voice.spoken.words import Words
from deemo_jax.media import SAMPLE_RATE

POCKETSPHINX = "pocketsphinx"
# The voice whose errors the others' are divided by.
MEASURE = "mcadams"
REPLICATES = 2000
# What a recogniser writes.
Heard = list[str]
# Clip id, speaker, raw voice: mono, 16 kHz.
Clip = tuple[str, str, Float[np.ndarray, " n"]]


def main(arguments: list[str] | None = None) -> int:
    parser = cli.Parser("python -m benchmarks.privacy.voice_words", description=__doc__)
    parser.add_argument("speech", type=Path, help="folder of SPEAKER/*.flac or *.wav")
    parser.add_argument("--voices", nargs="+", default=["neutral"], help="beside mcadams (default %(default)s)")
    parser.add_argument(
        "--recogniser",
        default=POCKETSPHINX,
        help="pocketsphinx, or a folder with a Whisper model in CTranslate2's format (default %(default)s)",
    )
    parser.add_argument(
        "--words", type=Path, help="transcripts with word times for the voice spoken, as audit --words has them"
    )
    parser.add_argument("--shortest", type=int, help="only so many utterances, the shortest ones (default: all)")
    parser.add_argument("--workers", type=int, default=1, help="processes (default %(default)s)")
    flags = parser.parse_args(arguments)
    voices = dict.fromkeys([MEASURE, *flags.voices])
    settings = {name: Settings.of_voice(name) for name in voices}
    recogniser(flags.recogniser)
    speech = speech_clips(flags.speech)
    trials = choose(speech, PER_SPEAKER, MOST_SPEAKERS, seed=0)
    if trials is None:
        raise UserError(f"{flags.speech}: holds too few speakers for the attacks on voices, whose utterances are used")
    names = sorted(trials.trials, key=lambda clip: trials.voices[clip].size)[: flags.shortest]
    clips = [(clip, trials.names[clip], trials.voices[clip]) for clip in names]
    said = speech_words(flags.words, speech) if flags.words else {}
    work = parallel.each(functools.partial(clip_errors, flags.recogniser, settings, said), clips, flags.workers)
    counts = np.array(list(with_progress(work, "utterances", len(clips))))
    found = table(tuple(settings), counts)
    print(markdown(found.header, found.rows))
    print(f"\n{len(counts)} utterances, {counts[:, 0].sum()} words in the recogniser's transcripts of the raw voices.")
    return 0


def table(names: Sequence[str], counts: Int[np.ndarray, "K _"]) -> Table:
    """Errors of each voice, with 95 % bootstrap intervals over utterances.

    Args:
        names: of the voices; `MEASURE` is the first.
        counts: of each utterance, how many words the raw voice has, and how many errors each voice.
    """
    rows = []
    for column, name in enumerate(names, start=1):
        of_raw, of_measure = (_ratio(counts[:, column], counts[:, whole]) for whole in (0, 1))
        times = f"{of_measure.value:.2f} [{of_measure.low:.2f}, {of_measure.high:.2f}]"
        rows.append((f"`{name}`", f"{of_raw}", "1" if name == MEASURE else times))
    header = ("voice", "words wrong, %", f"times `{MEASURE}`'s")
    return Table("Errors against the recogniser's own transcript of the raw voice", header, tuple(rows))


def clip_errors(
    recogniser_name: str, settings: dict[str, Settings], words: Mapping[str, Words], clip: Clip
) -> list[int]:
    """How many words a clip's raw voice has, and how many errors each changed voice."""
    name, speaker, voice = clip
    hear, key = recogniser(recogniser_name), VoiceKey(bytes(32))
    said = hear(voice)
    changed = (anonymise(voice, s, key, name, speaker, words=words.get(name)) for s in settings.values())
    return [len(said), *(word_errors(said, hear(each)) for each in changed)]


def word_errors(said: Sequence[str], heard: Sequence[str]) -> int:
    """The least number of words that are replaced, left out or put in between two transcripts (Levenshtein 1965)."""
    row = list(range(len(heard) + 1))
    for i, word in enumerate(said, start=1):
        before, row = row, [i]
        for j, other in enumerate(heard, start=1):
            row.append(min(before[j] + 1, row[-1] + 1, before[j - 1] + (word != other)))
    return row[-1]


@functools.cache
def recogniser(name: str) -> Callable[[Float[np.ndarray, " n"]], Heard]:
    """A recogniser of English: of a voice, mono, 16 kHz, it gives the words in small letters.

    Args:
        name: `POCKETSPHINX`, or a folder with a Whisper model in CTranslate2's format.

    Raises:
        UserError: its library is not installed, or the folder holds no such model.
    """
    try:
        if name == POCKETSPHINX:
            from pocketsphinx import Decoder

            return functools.partial(_by_pocketsphinx, Decoder(samprate=SAMPLE_RATE, loglevel="FATAL"))
        from faster_whisper import WhisperModel
    except ImportError as error:
        raise UserError(f"{error.name} is not installed; run: make setup EXTRAS=bench") from error
    if not (Path(name) / "model.bin").is_file():
        raise UserError(f"{name}: holds no model.bin; name a folder with a Whisper model in CTranslate2's format")
    return functools.partial(_by_whisper, WhisperModel(name, device="cpu", compute_type="int8", cpu_threads=1))


def _by_pocketsphinx(decoder, voice: Float[np.ndarray, " n"]) -> Heard:
    decoder.start_utt()
    decoder.process_raw((np.clip(voice, -1, 1) * 32767).astype("<i2").tobytes(), full_utt=True)
    decoder.end_utt()
    found = decoder.hyp()
    return found.hypstr.lower().split() if found else []


def _by_whisper(model, voice: Float[np.ndarray, " n"]) -> Heard:
    parts, _ = model.transcribe(
        voice, language="en", beam_size=1, temperature=0.0, condition_on_previous_text=False, without_timestamps=True
    )
    return re.findall(r"[a-z']+", " ".join(part.text for part in parts).lower())


def _ratio(part: Int[np.ndarray, " K"], whole: Int[np.ndarray, " K"]) -> Interval:
    """Of two sums over utterances."""

    def ratio(often: Int[np.ndarray, "R K"]) -> Float[np.ndarray, " R"]:
        total = often @ whole
        return np.where(total > 0, (often @ part) / np.maximum(total, 1), np.nan)

    return over_persons(ratio, len(part), REPLICATES, seed=0)


if __name__ == "__main__":
    sys.exit(cli.guarded(main))
