"""Has a tool of the user's own change a voice, and checks what it gives back.

    VoiceTool.of("knnvc --target t3 {in} {out}")

The tool is run without a shell, once a clip. Its sound must be as long as the clip, in step with it, and not the clip
itself; anything else is a refusal. A manifest names the tool and holds the hashes of its files, not where they lie.
Axes: n samples, m samples of another count.
"""

import contextlib
import dataclasses
import os
import re
import shlex
import shutil
import signal
import subprocess
import tempfile
import wave
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Float

from deemo_jax.core import files
from deemo_jax.core.errors import UserError, plain
from deemo_jax.deid.voice.likeness import MOST_SI_SNR_DB, closest_second, late_s
from deemo_jax.media import SAMPLE_RATE

# What stands for the files, and for a number that is drawn under the voice key, in a command.
IN, OUT, SEED = "{in}", "{out}", "{seed}"
# What looks like one of them.
PLACE = re.compile(r"\{[A-Za-z_]\w*\}")
# Seconds that a tool may take for a clip.
TIMEOUT_S = 600.0
# Bytes of what a tool writes, at most, beside eight a sample (two channels of floats): its header and remarks.
ROOM = 1 << 20
# Samples by which the sound may be longer or shorter than the clip: a frame of 25 ms.
MOST_OFF = 400
# A second is silent below this level, dB of full scale; one that is so many dB softer than the loudest of its clip may
# become silent.
SILENT_DB, SOFTER_DB = -60.0, 20.0
# Characters of a tool's last words that are told; and folders in a text.
TOLD, FOLDERS = 200, re.compile(r"[^\s='\"]*/")


@dataclasses.dataclass(frozen=True, slots=True)
class VoiceTool:
    """A tool that changes voices.

    Attributes:
        words: of its command line, of which `IN`, `OUT` and perhaps `SEED` are filled in for each clip.
        timeout_s: seconds that it may take for a clip.
        hashes: name -> SHA-256 of the program and of every file that a word names.
    """

    words: tuple[str, ...]
    timeout_s: float = TIMEOUT_S
    hashes: Mapping[str, str] = dataclasses.field(default_factory=dict)

    @classmethod
    def of(cls, command: str, timeout_s: float = TIMEOUT_S) -> "VoiceTool":
        """The tool of a command line, as a shell would split it.

        Raises:
            UserError: the line cannot be split, lacks a placeholder, or names a program that is not there.
        """
        try:
            words = shlex.split(command)
        except ValueError as error:
            raise UserError(
                f"--voice_command {command}: cannot be split into words ({error}); check its quotes"
            ) from error
        for word in words:
            for place in PLACE.findall(word):
                if place not in (IN, OUT, SEED):
                    raise UserError(f"--voice_command {command}: {place} stands for nothing; {IN}, {OUT} and {SEED} do")
        for place in (IN, OUT):
            if sum(word.count(place) for word in words) != 1:
                raise UserError(f"--voice_command {command}: needs {IN} and {OUT}, once each, for the two files")
        program = shutil.which(words[0])
        if program is None:
            raise UserError(f"--voice_command {words[0]}: there is no such program; check its path")
        if not timeout_s > 0:
            raise UserError(f"--voice_timeout {timeout_s:g}: seconds above 0 are needed")
        named = {Path(word).name: word for word in words[1:] if Path(word).is_file()}
        hashes = {name: files.sha256(path) for name, path in {Path(program).name: program, **named}.items()}
        return cls((str(Path(program).absolute()), *words[1:]), timeout_s, hashes)

    @property
    def told(self) -> str:
        """The command line without folders, which may name people."""
        return " ".join(FOLDERS.sub("", word) for word in self.words)

    def change(self, waveform: Float[np.ndarray, " n"], clip_id: str, seed: int) -> Float[np.ndarray, " n"]:
        """The waveform as the tool changes it.

        Args:
            waveform: mono, 16 kHz, in [-1, 1].
            clip_id: for messages.
            seed: a number that is drawn for the clip, in place of `SEED`.

        Returns:
            float32 (n,), peak at most 1.

        Raises:
            UserError: the tool fails, takes too long, or gives back what cannot be used.
        """
        with tempfile.TemporaryDirectory(prefix="deemo_voice_") as folder:
            before, after = Path(folder) / "in.wav", Path(folder) / "out.wav"
            write_wave(before, waveform)
            filled = {IN: str(before), OUT: str(after), SEED: str(seed)}
            words = [PLACE.sub(lambda found: filled[found[0]], word) for word in self.words]
            self._run(words, Path(folder) / "said.txt", clip_id)
            changed = self._read(after, waveform.size, clip_id)
        self._check(changed, np.asarray(waveform, np.float32), clip_id)
        return changed

    def _run(self, words: Sequence[str], said: Path, clip_id: str) -> None:
        try:
            with open(said, "wb") as told:
                # In a group of its own, so that what it starts is ended with it.
                process = subprocess.Popen(
                    words, stdin=subprocess.DEVNULL, stdout=told, stderr=told, start_new_session=True
                )
                try:
                    code = process.wait(self.timeout_s)
                finally:
                    with contextlib.suppress(ProcessLookupError, PermissionError):
                        os.killpg(process.pid, signal.SIGKILL)
                    process.wait()
        except subprocess.TimeoutExpired as error:
            raise self._refusal(
                clip_id, f"took more than {self.timeout_s:g} s", "give it more with --voice_timeout"
            ) from error
        except OSError as error:
            raise self._refusal(clip_id, f"cannot be run ({error.strerror})", "check its permissions") from error
        if code:
            raise self._refusal(clip_id, f"failed with exit code {code}: {_last_words(said)}", "try it by hand")

    def _read(self, path: Path, size: int, clip_id: str) -> Float[np.ndarray, " n"]:
        """What the tool wrote, as long as the clip."""
        if not path.is_file() or path.is_symlink():
            raise self._refusal(clip_id, f"wrote no {OUT}", "try it by hand")
        if path.stat().st_size > ROOM + 8 * (size + MOST_OFF):
            raise self._refusal(clip_id, "wrote a file that is much too large", "have it write WAV, mono, 16 kHz")
        try:
            found = read_wave(path)
        except UserError as error:
            raise self._refusal(clip_id, str(error), "have it write WAV, mono, 16 kHz") from error
        if not np.isfinite(found).all():
            raise self._refusal(clip_id, "wrote samples that are no numbers", "try it by hand")
        if abs(found.size - size) > MOST_OFF:
            lengths = f"{found.size / SAMPLE_RATE:.3f} s of sound for a clip of {size / SAMPLE_RATE:.3f} s"
            raise self._refusal(clip_id, f"wrote {lengths}", "it must keep the length, within 25 ms")
        fitted = np.zeros(size, np.float32)
        fitted[: min(found.size, size)] = found[:size]
        peak = float(np.abs(fitted).max(initial=0.0))
        return fitted / np.float32(peak) if peak > 1 else fitted

    def _check(self, changed: Float[np.ndarray, " n"], waveform: Float[np.ndarray, " n"], clip_id: str) -> None:
        """Refuses what is silent where the clip is not, still the clip, or out of step with it."""
        last = max(waveform.size - SAMPLE_RATE, 0)
        starts = [*range(0, last, SAMPLE_RATE), last]
        levels = [[_level(x[at : at + SAMPLE_RATE]) for at in starts] for x in (waveform, changed)]
        heard = max(SILENT_DB, max(levels[0]) - SOFTER_DB)
        for at, before, after in zip(starts, *levels, strict=True):
            if before > heard and after <= SILENT_DB:
                raise self._refusal(
                    clip_id, f"is silent at {at / SAMPLE_RATE:g} s, where the clip is not", "try it by hand"
                )
        level, at_s = closest_second(changed, waveform)
        if level >= MOST_SI_SNR_DB:
            raise self._refusal(
                clip_id,
                f"left the voice as it was at {at_s:g} s ({level:.0f} dB SI-SNR)",
                "have it change all of the sound, also what it takes for a pause, noise or music",
            )
        if late := late_s(changed, waveform):
            way = "late" if late > 0 else "early"
            raise self._refusal(clip_id, f"is {abs(late):.2f} s {way}", "it must keep all times, within 50 ms")

    def _refusal(self, clip_id: str, what: str, mend: str) -> UserError:
        return UserError(plain(f"{clip_id}: the voice tool {Path(self.words[0]).name} {what}; {mend}"))


def write_wave(path: Path, waveform: Float[np.ndarray, " n"]) -> None:
    """Writes a mono WAV file of 16 kHz and 16 bits; what is not finite becomes silence."""
    samples = np.nan_to_num(np.asarray(waveform, np.float32), nan=0.0, posinf=0.0, neginf=0.0)
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(SAMPLE_RATE)
        file.writeframes((np.clip(samples, -1, 1) * 32767).round().astype("<i2").tobytes())


def read_wave(path: Path) -> Float[np.ndarray, " m"]:
    """Reads a mono WAV file of 16 kHz, of whole numbers or floats, as float32.

    Raises:
        UserError: it is no such file.
    """
    from scipy.io import wavfile

    try:
        rate, found = wavfile.read(path)
    except Exception as error:  # the reader raises many kinds on damaged files
        raise UserError(f"wrote no WAV file that can be read ({error})") from error
    if rate != SAMPLE_RATE or (found.ndim == 2 and found.shape[1] != 1):
        channels = 1 if found.ndim == 1 else found.shape[1]
        raise UserError(f"wrote {channels} channels at {rate} Hz")
    flat = found.reshape(-1)
    if flat.dtype == np.uint8:  # 8 bits have no sign
        return (flat.astype(np.float32) - 128) / 128
    if np.issubdtype(flat.dtype, np.integer):
        return (flat / -float(np.iinfo(flat.dtype).min)).astype(np.float32)
    return flat.astype(np.float32)


def _level(waveform: Float[np.ndarray, " n"]) -> float:
    """dB of full scale."""
    return 10 * float(np.log10(np.mean(np.square(waveform, dtype=np.float64)) + 1e-12)) if waveform.size else -120.0


def _last_words(said: Path) -> str:
    """The last line that a tool wrote, without folders, which may name people."""
    with open(said, "rb") as file:
        file.seek(max(said.stat().st_size - 4096, 0))
        lines = [line for line in file.read().decode("utf-8", "replace").splitlines() if line.strip()]
    return FOLDERS.sub("", lines[-1].strip())[:TOLD] if lines else "it said nothing"
