"""English speech from eSpeak NG, in this process, with the time of every word.

The library keeps state between utterances (the phase of the glottal wave, the flutter), so the same call would
sound a little different depending on what was said before. It is therefore loaded afresh for each utterance:
4 ms, and every utterance is a pure function of its arguments.
Axes: n samples, m samples without silence around them.
"""

import ctypes
import dataclasses
import functools
import re
import tempfile
import threading
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Float

from deemo_jax.core.errors import UserError

RATE = 22050  # samples a second, eSpeak's
# Constants of eSpeak's C interface (speak_lib.h).
_SYNCHRONOUS, _END, _WORD = 2, 0, 1
_RATE_PARAMETER, _PITCH_PARAMETER, _RANGE_PARAMETER = 1, 3, 4
_UTF8_WITH_FINAL_PAUSE = 1 | 0x1000
_PATH_LIMIT = 140  # eSpeak cuts its data path at 160 characters
# Samples below this share of the loudest one are silence around an utterance.
_SILENT = 0.01
_lock = threading.Lock()

# The start of a word, seconds, and the index of its first character.
Start = tuple[float, int]


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


def say(
    text: str, variant: str, rate: int, pitch: int, pitch_range: int
) -> tuple[Float[np.ndarray, " n"], list[Start]]:
    """Says English text in a voice.

    Args:
        text: what to say; words are split at spaces.
        variant: of the American voice, as eSpeak names it.
        rate: words a minute, 80 to 450.
        pitch: 0 to 99; 50 is the variant's own.
        pitch_range: 0 (monotone) to 99.

    Returns:
        Mono float32 samples in [-1, 1], at `RATE`; and where words begin, as far as eSpeak tells.

    Raises:
        UserError: eSpeak is not installed.
    """
    parameters = {_RATE_PARAMETER: rate, _PITCH_PARAMETER: pitch, _RANGE_PARAMETER: pitch_range}
    with _lock:
        return _synthesize(text, variant, parameters)


def check_installed() -> None:
    """Checks that something can be said.

    Raises:
        UserError: eSpeak is not installed.
    """
    _installation()


def trimmed(
    samples: Float[np.ndarray, " n"], starts: Sequence[Start], text: str
) -> tuple[Float[np.ndarray, " m"], list[Word]]:
    """An utterance without the silence around it, with the time of every word.

    Args:
        samples: mono, at `RATE`, with some sound.
        starts: of words.
        text: that was said.
    """
    loud = np.flatnonzero(np.abs(samples) > _SILENT * np.abs(samples).max())
    first, last = int(loud[0]), int(loud[-1]) + 1
    times = [(start - first / RATE, position) for start, position in starts]
    return samples[first:last], _words(text, times, (last - first) / RATE)


def _words(text: str, starts: Sequence[Start], duration_s: float) -> list[Word]:
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


def _synthesize(text: str, variant: str, parameters: dict[int, int]) -> tuple[Float[np.ndarray, " n"], list[Start]]:
    """Samples, and (start in seconds, index of its first character) of each word."""
    library_path, data_path = _installation()
    library = ctypes.CDLL(library_path)
    blocks: list[np.ndarray] = []
    starts: list[Start] = []

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
        raise UserError("espeakng-loader is not installed; run: make setup EXTRAS=spoken") from error
    data = Path(espeakng_loader.get_data_path())
    if len(str(data)) > _PATH_LIMIT:
        _link.append(tempfile.TemporaryDirectory(prefix="espeak-"))
        link = Path(_link[-1].name) / data.name
        link.symlink_to(data)
        data = link
    return espeakng_loader.get_library_path(), str(data)


_link: list[tempfile.TemporaryDirectory[str]] = []  # lives as long as the process
