"""A tool of the user's own changes the voice: what is accepted, what is refused, and that nobody else runs one."""

import json
import shlex
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from deemo_jax.core import files
from deemo_jax.core.errors import UserError
from deemo_jax.deid.clip import deidentify_clip
from deemo_jax.deid.keys import VoiceKey
from deemo_jax.deid.manifest import load_manifest
from deemo_jax.deid.settings import Settings
from deemo_jax.deid.voice.anonymise import anonymise
from deemo_jax.deid.voice.command import VoiceTool, read_wave, write_wave
from deemo_jax.deid.voice.likeness import si_snr
from tests.raw_clips import speech

RATE = 16_000
# Reads the samples of the first file into `x`; `write` writes others to the second. Without NumPy, which loads long.
TOOL = """
import array, random, sys, time, wave
with wave.open(sys.argv[1]) as file:
    x = array.array("h", file.readframes(file.getnframes()))
random.seed(sys.argv[3] if len(sys.argv) > 3 else 0)
noise = array.array("h", [random.choice((-1, 1)) * max(s, -32767) for s in x])
def write(samples, channels=1, rate=16000):
    with wave.open(sys.argv[2], "wb") as file:
        file.setnchannels(channels); file.setsampwidth(2); file.setframerate(rate)
        file.writeframes(array.array("h", samples).tobytes())
"""
REFUSED = {
    "fails": ("sys.exit('/home/jane/tool.py: no model')", "failed with exit code 1: tool.py: no model"),
    "dies": ("import os; os.abort()", "failed with exit code -6: it said nothing"),
    "writes nothing": ("", "wrote no {out}"),
    "writes a text": ("open(sys.argv[2], 'w').write('no sound')", "no WAV file"),
    "writes far too much": ("write([1] * 4000000)", "much too large"),
    "returns the input": ("write(x)", "left the voice as it was at"),
    "returns a part of it": ("write(list(noise[:16000]) + [s // 3 for s in x[16000:]])", "left the voice .* at 1.2 s"),
    "is silent": ("write([0] * len(x))", "is silent at 0 s"),
    "becomes silent": ("write(list(noise[:17000]) + [0] * (len(x) - 17000))", "is silent at 1.2 s"),
    "is short": ("write(noise[:-600])", r"2.163 s of sound for a clip of 2.200 s"),
    "is long": ("write(list(noise) + [5] * 600)", "keep the length"),
    "has two channels": ("write(list(noise) * 2, channels=2)", "2 channels at 16000 Hz"),
    "has another rate": ("write(noise, rate=22050)", "1 channels at 22050 Hz"),
    "is late": ("write(list(noise[-4000:]) + list(noise[:-4000]))", "is 0.25 s late"),
}


@pytest.fixture(scope="module")
def sound():
    """Speech that begins and ends, so that its times can be told."""
    found = speech(2.2)
    found[:3200] *= 0.01
    found[12000:14000] *= 0.01
    return found


@pytest.fixture
def tool(tmp_path):
    """A `VoiceTool` of a script that does as its last line says."""

    def make(last_line, timeout_s=60.0, rest=""):
        script = tmp_path / "jane" / "changer.py"
        script.parent.mkdir(exist_ok=True)
        script.write_text(TOOL + last_line + "\n")
        return VoiceTool.of(f"{sys.executable} -S {shlex.quote(str(script))} {{in}} {{out}} {rest}", timeout_s)

    return make


def test_a_tool_changes_the_voice(tool, sound):
    good = tool("write(noise)", rest="{seed}")
    changed = good.change(sound, "c1", 7)
    assert changed.dtype == np.float32 and changed.shape == sound.shape and si_snr(changed, sound) < 0
    np.testing.assert_allclose(abs(changed), abs(sound), atol=1e-4)
    np.testing.assert_array_equal(changed, good.change(sound, "c1", 7))
    assert si_snr(good.change(sound, "c1", 8), changed) < 0
    assert set(good.hashes) == {Path(sys.executable).name, "changer.py"}
    assert good.told == f"{Path(sys.executable).name} -S changer.py {{in}} {{out}} {{seed}}"


def test_a_frame_more_or_less_is_fitted(tool, sound):
    for last_line in ("write(noise[:-300])", "write(list(noise) + [9] * 300)"):
        assert tool(last_line).change(sound, "c1", 0).shape == sound.shape


@pytest.mark.parametrize("kind", REFUSED)
def test_what_a_tool_may_not_do(tool, sound, kind):
    last_line, words = REFUSED[kind]
    with pytest.raises(UserError, match=rf"^c1: the voice tool python[\d.]* .*{words}") as refused:
        tool(last_line).change(sound, "c1", 0)
    assert "\n" not in str(refused.value) and "jane" not in str(refused.value)


def test_a_tool_that_hangs_is_ended_with_all_that_it_began(tool, sound, tmp_path):
    late = tmp_path / "late"
    child = f"import subprocess; subprocess.Popen(['sh', '-c', 'sleep 1; touch {late}']); time.sleep(60)"
    start = time.monotonic()
    with pytest.raises(UserError, match=r"took more than 0.3 s; give it more with --voice_timeout"):
        tool(child, timeout_s=0.3).change(sound, "c1", 0)
    assert time.monotonic() - start < 30
    time.sleep(1.2)
    assert not late.exists()


@pytest.mark.parametrize(
    "command,words",
    [
        ("tool 'in", "cannot be split"),
        ("", "needs {in} and {out}"),
        ("cp {in} there", "needs {in} and {out}"),
        ("cp {in} {in} {out}", "needs {in} and {out}"),
        ("no_such_tool {in} {out}", "no such program"),
    ],
)
def test_commands_that_cannot_be_used(command, words):
    with pytest.raises(UserError, match=words):
        VoiceTool.of(command)
    with pytest.raises(UserError, match="--voice_timeout 0"):
        VoiceTool.of("cp {in} {out}", 0.0)


def test_no_shell_and_no_command_out_of_a_manifest(tmp_path, sound, key):
    made = tmp_path / "made"
    with pytest.raises(UserError, match="wrote no"):
        VoiceTool.of(f"true {{in}} {{out}}; touch {made}").change(sound, "c1", 0)
    record = Settings.on_record({"voice": "command", "voice_command": f"touch {made} {{in}} {{out}}"})
    with pytest.raises(UserError, match="--voice_command"):
        anonymise(sound, record, key, "c1")
    assert not made.exists()
    for half in ({"voice": "command"}, {"voice_command": "cp {in} {out}"}):
        with pytest.raises(UserError, match="go together"):
            Settings(**half)


def test_on_record_by_name_and_hash(tool, raw, tmp_path, key):
    good = tool("write(noise)")
    settings = Settings(voice="command", voice_command=good.told)
    out = tmp_path / "out"
    manifest = deidentify_clip(raw.path, out, "c1", settings, key, tool=good)
    assert manifest.voice["method"] == "command" and manifest.voice["tool_sha256"] == dict(good.hashes)
    assert good.hashes["changer.py"] == files.sha256(tmp_path / "jane" / "changer.py")
    assert load_manifest(out / "c1.manifest.json").settings["voice_command"] == good.told
    assert "jane" not in json.dumps(manifest.to_json())
    with pytest.raises(UserError, match="left the voice"):
        deidentify_clip(raw.path, tmp_path / "other", "c1", settings, key, tool=tool("write(x)"))
    assert not (tmp_path / "other").exists()


def test_the_seed_is_drawn_under_the_key(tool, sound, key):
    good = tool("write(noise)", rest="{seed}")
    settings = Settings(voice="command", voice_command=good.told)

    def said(voice_key, clip_id):
        return anonymise(sound, settings, voice_key, clip_id, tool=good)

    first = said(key, "c1")
    assert si_snr(said(key, "c2"), first) < 0 and si_snr(said(VoiceKey(b"another key of some length"), "c1"), first) < 0


def test_wave_files(tmp_path, sound):
    from scipy.io import wavfile

    path = tmp_path / "a.wav"
    write_wave(path, np.append(sound, [np.nan, 3.0]).astype(np.float32))
    np.testing.assert_allclose(read_wave(path)[:-2], sound, atol=1e-4)
    assert read_wave(path)[-2] == 0 and read_wave(path)[-1] == pytest.approx(1, abs=1e-3)
    for kind in (np.float32, np.float64, np.int32, np.uint8):
        scaled = sound.astype(kind) if kind in (np.float32, np.float64) else None
        if kind is np.int32:
            scaled = (sound * 2**31).astype(kind)
        if kind is np.uint8:
            scaled = (128 + 127 * sound).astype(kind)
        wavfile.write(path, RATE, scaled)
        np.testing.assert_allclose(read_wave(path), sound, atol=0.02)
    path.write_bytes(path.read_bytes()[:30])
    with pytest.raises(UserError, match="no WAV file"):
        read_wave(path)


def test_a_placeholder_that_stands_for_nothing_is_told_at_once():
    with pytest.raises(UserError, match=r"\{foo\} stands for nothing; \{in\}, \{out\} and \{seed\} do"):
        VoiceTool.of("python --to {foo} {in} {out}")
