"""`python -m deemo_jax.audit --attacks --speech DIR`: attacks on speech of one's own."""

import json
import wave

import numpy as np
import pytest

from deemo_jax.audit.attacks import speech_folder
from deemo_jax.audit.attacks.attacked_voice import AttackedVoice
from deemo_jax.audit.attacks.ears import speaker_encoder
from deemo_jax.audit.attacks.trials import choose
from deemo_jax.deid.keys import VoiceKey
from tests import commands
from tests.audit.attacks.ears import tiny_ge2e


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Six speakers, two utterances of a second each: noise through a resonance of their own."""
    root = tmp_path_factory.mktemp("speech")
    rng = np.random.default_rng(0)
    for speaker in range(6):
        (root / f"s{speaker}").mkdir()
        for take in range(2):
            hum = np.cos(2 * np.pi * (200 + 400 * speaker) * np.arange(16_000) / 16_000)
            sound = 3000 * hum * (1 + 0.3 * rng.standard_normal(16_000))
            with wave.open(str(root / f"s{speaker}" / f"{take}.wav"), "wb") as file:
                file.setnchannels(1)
                file.setsampwidth(2)
                file.setframerate(16_000)
                file.writeframes(sound.astype("<i2").tobytes())
    (root / "s0" / "notes.txt").write_text("not a sound")
    return root


@pytest.fixture(scope="module")
def ear(tmp_path_factory):
    return tiny_ge2e.write(tmp_path_factory.mktemp("ear") / "pretrained.pt")


def audit(*arguments):
    return commands.run("audit", "--attacks", *arguments)


def one_line(done, *said):
    last = done.stderr.splitlines()[-1]
    return done.returncode == 2 and last.startswith("error: ") and all(word in last for word in said)


@pytest.mark.slow
def test_tables_and_numbers(folder, ear, tmp_path):
    done = audit(
        "--speech", folder, "--speaker_encoder", ear, "--voices", "mcadams_fixed", "--json", tmp_path / "n.json"
    )
    assert done.returncode == 0, done.stderr
    assert "6 speakers, 6 enrolled clips, 6 trials" in done.stdout and "EER of the worst speaker" in done.stdout
    assert "Attacker's ear: Resemblyzer's pretrained GE2E encoder" in done.stdout and str(folder) not in done.stdout
    found = json.loads((tmp_path / "n.json").read_text())
    assert list(found["voices"]) == ["unprotected", "mcadams_fixed"]
    assert found["voices"]["unprotected"]["attacks"]["trained: statistics"]["eer"]["value"] == 0


def test_what_is_read(folder):
    clips = speech_folder.speech_clips(folder)
    assert [clip.clip_id for clip in clips[:3]] == ["s0/0.wav", "s0/1.wav", "s1/0.wav"]
    assert clips[2].speaker == "s1" and clips[2].raw().shape == (16_000,)


def test_words_are_of_each_utterance(folder, tmp_path):
    clips = speech_folder.speech_clips(folder)
    rows = [{"start": 0.1, "end": 0.4, "word": "We"}, {"start": 0.5, "end": 0.9, "word": "lost"}]
    for clip in clips:
        path = tmp_path / clip.speaker / f"{clip.clip_id[3:-4]}.json"
        path.parent.mkdir(exist_ok=True)
        path.write_text(json.dumps(rows))
    words = speech_folder.speech_words(tmp_path, clips)
    assert list(words) == [clip.clip_id for clip in clips] and words["s1/0.wav"].texts == ("We", "lost")
    trials = choose(clips, 2, 6, 0)
    voice = AttackedVoice.named("spoken", words)
    user, attacker = (VoiceKey(bytes([n]) * 32) for n in (1, 2))
    sound, (imitated,) = trials.voices["s1/0.wav"], voice.imitations(trials, [attacker])
    changed = voice.changes(trials, user)(sound, "s1/0.wav", "s1")
    assert changed.shape == sound.shape and 0 < abs(changed - imitated(sound, "s1/0.wav", "s1")).max() < 1
    # Nobody can imitate what was said without the words.
    assert AttackedVoice.named("spoken").imitations(trials, [attacker]) == ()


def test_mistakes_are_one_line(folder, ear, tmp_path, monkeypatch):
    given = ("--speaker_encoder", ear)
    assert one_line(audit("--speech", tmp_path / "absent", *given), "is no folder")
    assert one_line(audit("--speech", folder / "s0", *given), "holds 0 speakers", "SPEAKER/*.flac")
    assert one_line(
        audit("--speech", folder, "--speaker_encoder", folder / "s0" / "notes.txt"), "no weights of a speaker encoder"
    )
    assert one_line(audit("--speech", folder, "--report", *given), "--report")
    assert one_line(audit(folder, "--speech", folder, *given), "leave out DIR")
    for half in (("--voices", "spoken"), ("--words", tmp_path)):
        assert one_line(audit("--speech", folder, *half, *given), "--words", "spoken")
    assert one_line(audit(*given), "name the folder of the clips")
    assert one_line(commands.run("audit", "--speech", folder), "need --attacks")
    monkeypatch.setattr(speaker_encoder, "installed_weights", lambda: None)
    assert one_line(audit("--speech", folder), "make audit_models")
