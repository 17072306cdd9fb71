"""Speech from eSpeak NG, in this process, with the time of every word.

The library keeps state between utterances (the phase of the glottal wave, the flutter), so the same call would
sound a little different depending on what was said before. It is therefore loaded afresh for each utterance:
4 ms, and every utterance is a pure function of its arguments.
"""

import ctypes
import dataclasses
import functools
import math
import re
import tempfile
import threading
from pathlib import Path

import numpy as np
from jaxtyping import Float
from scipy import signal

from deemo_jax.core.errors import UserError
from deemo_jax.sample.identity import Voice

RATE = 22050  # samples a second, eSpeak's
LEVEL = 0.08  # RMS of the spoken part, about -22 dBFS
# Constants of eSpeak's C interface (speak_lib.h).
_SYNCHRONOUS, _END, _WORD = 2, 0, 1
_RATE_PARAMETER, _PITCH_PARAMETER, _RANGE_PARAMETER = 1, 3, 4
_UTF8_WITH_FINAL_PAUSE = 1 | 0x1000
# eSpeak's pitch parameter 0, 50, 99 as a factor of the voice's own pitch, in semitones (measured on ten voices).
_PITCH_PARAMETERS, _PITCH_SEMITONES = (0.0, 50.0, 99.0), (-8.6, 0.0, 9.8)
_PATH_LIMIT = 140  # eSpeak cuts its data path at 160 characters
_lock = threading.Lock()


@dataclasses.dataclass(frozen=True, slots=True)
class Word:
    """A spoken word: [start_s, end_s) from the first sample."""

    start_s: float
    end_s: float
    text: str


class _Event(ctypes.Structure):
    _fields_ = [
        ("type", ctypes.c_int),
        ("unique_identifier", ctypes.c_uint),
        ("text_position", ctypes.c_int),
        ("length", ctypes.c_int),
        ("audio_position", ctypes.c_int),
        ("sample", ctypes.c_int),
        ("user_data", ctypes.c_void_p),
        ("id", ctypes.c_int64),
    ]


_Callback = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.POINTER(_Event))


def speak(
    text: str, voice: Voice, pitch: float = 0.0, rate: float = 170.0, pitch_range: float = 50.0
) -> tuple[Float[np.ndarray, " n"], int, list[Word]]:
    """Speaks English text.

    Args:
        text: what to say; words are split at spaces.
        voice: who says it.
        pitch: semitones above the speaker's own pitch.
        rate: words a minute, 80 to 400, as eSpeak counts them.
        pitch_range: 0 (monotone) to 99.

    Returns:
        Mono float32 samples in [-1, 1] at RMS `LEVEL`, without silence around them; their rate in Hz; the words.

    Raises:
        UserError: eSpeak is not installed.
    """
    target_hz = voice.pitch_hz * 2 ** (pitch / 12) / voice.tract
    semitones = 12 * math.log2(target_hz / voice.natural_hz)
    parameters = {
        _RATE_PARAMETER: round(rate / voice.tract),
        _PITCH_PARAMETER: round(float(np.interp(semitones, _PITCH_SEMITONES, _PITCH_PARAMETERS))),
        _RANGE_PARAMETER: round(pitch_range),
    }
    with _lock:
        samples, starts = _synthesize(text, voice.variant, parameters)
    # Resampling scales pitch, formants and tempo together; pitch and tempo were asked for with the inverse factor.
    samples = signal.resample(samples, round(len(samples) / voice.tract)).astype(np.float32)
    loud = np.flatnonzero(np.abs(samples) > 0.01 * np.abs(samples).max())
    first, last = int(loud[0]), int(loud[-1]) + 1
    samples = samples[first:last]
    samples *= LEVEL / max(float(np.sqrt(np.mean(samples**2))), 1e-6)
    times = [(start / voice.tract - first / RATE, position) for start, position in starts]
    return np.clip(samples, -0.98, 0.98), RATE, _words(text, times, len(samples) / RATE)


def _words(text: str, starts: list[tuple[float, int]], duration_s: float) -> list[Word]:
    """Gives every word a time. eSpeak joins short words ("in the") and then reports the first, or a place inside it."""
    begins = [match.start() for match in re.finditer(r"\S+", text)]
    texts = [word.strip(",.;:!?") for word in text.split()]
    known: dict[int, float] = {0: 0.0}
    last = -1
    for start_s, position in starts:
        last = max(last + 1, sum(begin <= position for begin in begins) - 1)
        if last < len(texts):
            known[last] = min(max(start_s, 0.0), duration_s)
    known[len(texts)] = duration_s
    # Words that eSpeak joins share their time in proportion to their letters.
    letters = np.cumsum([0, *(len(word) + 1 for word in texts)])
    indices = sorted(known)
    times = np.interp(letters, letters[indices], np.maximum.accumulate([known[index] for index in indices]))
    return [Word(float(a), float(b), word) for a, b, word in zip(times, times[1:], texts, strict=False)]


def _synthesize(
    text: str, variant: str, parameters: dict[int, int]
) -> tuple[Float[np.ndarray, " n"], list[tuple[float, int]]]:
    """Samples, and (start in seconds, index of its first character) of each word."""
    library_path, data_path = _installation()
    library = ctypes.CDLL(library_path)
    blocks: list[np.ndarray] = []
    starts: list[tuple[float, int]] = []

    def receive(samples, count, events):
        if samples and count > 0:
            blocks.append(np.ctypeslib.as_array(samples, (count,)).copy())
        index = 0
        while events[index].type != _END:
            if events[index].type == _WORD:
                starts.append((events[index].sample / RATE, events[index].text_position - 1))
            index += 1
        return 0

    callback = _Callback(receive)
    try:
        if library.espeak_Initialize(_SYNCHRONOUS, 0, data_path.encode(), 0x8000) != RATE:
            raise UserError(f"{data_path}: eSpeak finds no data here; reinstall espeakng-loader")
        library.espeak_SetSynthCallback(callback)
        if library.espeak_SetVoiceByName(f"en-us+{variant}".encode()) != 0:
            raise ValueError(f"eSpeak has no voice variant {variant!r}")
        library.espeak_ng_SetRandSeed(ctypes.c_long(1))
        for parameter, value in parameters.items():
            library.espeak_SetParameter(parameter, value, 0)
        data = text.encode() + b"\0"
        library.espeak_Synth(data, ctypes.c_size_t(len(data)), 0, 0, 0, _UTF8_WITH_FINAL_PAUSE, None, None)
        library.espeak_Synchronize()
        library.espeak_Terminate()
    finally:
        unload = ctypes.CDLL(None).dlclose
        unload.argtypes = [ctypes.c_void_p]
        unload(library._handle)
    return np.concatenate(blocks).astype(np.float32) / 32768, starts


@functools.cache
def _installation() -> tuple[str, str]:
    """Paths of the library and of its data, the latter through a short link if eSpeak would cut it."""
    try:
        import espeakng_loader
    except ImportError as error:
        raise UserError("espeakng-loader is not installed; run: make setup EXTRAS=sample") from error
    data = Path(espeakng_loader.get_data_path())
    if len(str(data)) > _PATH_LIMIT:
        _link.append(tempfile.TemporaryDirectory(prefix="espeak-"))
        link = Path(_link[-1].name) / data.name
        link.symlink_to(data)
        data = link
    return espeakng_loader.get_library_path(), str(data)


_link: list[tempfile.TemporaryDirectory[str]] = []  # lives as long as the process
