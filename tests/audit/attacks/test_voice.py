import dataclasses
import io
import json
from pathlib import Path

import librosa
import numpy as np
import pytest
from PIL import Image
from scipy import signal

from deemo_jax.audit.attacks.speaker_encoder import SampleEncoder
from deemo_jax.audit.attacks.trials import VoiceClip, choose
from deemo_jax.audit.attacks.voice import voice_section
from deemo_jax.audit.voice_cues import kept, pitch
from deemo_jax.core.errors import UserError
from deemo_jax.core.files import sha256
from deemo_jax.deid.settings import Settings
from deemo_jax.deid.voice.mcadams import mcadams
from deemo_jax.sample import speech
from deemo_jax.sample.identity import make_identity

TOWERS = Path(__file__).parents[3] / "configs" / "sample_towers"
SAID = ("the lads were thrilled at the whistle.", "we were gutted by the end.", "look, i was on the bus this evening.")


@pytest.fixture(scope="module")
def spoken():
    """Eight speakers of the sample's family, four clips of each."""
    clips = []
    for speaker in range(8):
        for take in range(4):
            voice = make_identity(0, speaker).voice
            samples, rate, _ = speech.speak(SAID[take % 3], voice, 2.0 * take - 3, 150.0 + 20 * take)
            sound = librosa.resample(samples, orig_sr=rate, target_sr=16_000)
            clips.append(VoiceClip(f"c{speaker}{take}", f"p{speaker}", lambda sound=sound: sound))
    return clips


class MeanSpectrum:
    """An encoder of a few lines: the mean log-mel spectrum."""

    def embed(self, waveform, sample_rate):
        mel = librosa.feature.melspectrogram(y=waveform, sr=sample_rate, n_mels=20)
        vector = np.log(mel + 1e-6).mean(axis=1)
        return vector - vector.mean()


def test_the_section(spoken):
    written = [dataclasses.replace(c, written=lambda c=c: mcadams(c.raw(), 0.8)) for c in spoken]
    section = voice_section(written, made_by=Settings(voice="mcadams_fixed"), modes=("recast",))
    voices = section.numbers["voices"]
    assert list(voices) == ["original", "recast", "as written (mcadams_fixed)"]
    assert section.numbers["n"] == {"speakers": 8, "enrolled": 16, "trials": 16}
    assert voices["original"]["eer"]["ignorant"]["value"] < 0.15
    assert voices["recast"]["eer"]["lazy-informed"]["value"] > 0.25
    for found in voices.values():
        for rate in found["eer"].values():
            assert 0 <= rate["low"] <= rate["value"] <= rate["high"] <= 1
    assert voices["original"]["utility"]["loudness_correlation"]["value"] == pytest.approx(1)
    assert voices["recast"]["utility"]["loudness_correlation"]["value"] > 0.9
    json.dumps(section.numbers)
    everything = " ".join([*section.notes, *(table.text() + table.caption for table in section.tables)])
    assert "upper bound on privacy" in everything and "4.52" in everything and "8 speakers" in everything
    assert Image.open(io.BytesIO(section.figures[0].png)).size[0] > 500


def test_any_encoder_will_do(spoken):
    section = voice_section(spoken, modes=(), encoder=MeanSpectrum())
    assert list(section.numbers["voices"]) == ["original"] and "was given" in " ".join(section.notes)
    assert section.numbers["voices"]["original"]["eer"]["ignorant"]["value"] < 0.35


def test_too_few_speakers_are_not_measured(spoken):
    section = voice_section(spoken[:20])
    assert "Not measured" in section.notes[0] and not section.tables


def test_trials_are_dealt_by_speaker_and_bounded(spoken):
    trials = choose(spoken[::-1], 3, 6, seed=0)
    assert len(trials.enrolled) == 6 and len(trials.trials) == 12 and len(trials.voices) == 18
    assert not {c.clip_id for c in trials.enrolled} & {c.clip_id for c in trials.trials}
    names = [c.speaker for c in trials.trials]
    assert [sorted(set(names)).index(name) for name in names] == trials.speakers.tolist()


def test_the_committed_encoders_are_on_their_card_and_tell_speakers_apart(spoken):
    file = TOWERS / "speaker_encoder.safetensors"
    assert file.stat().st_size < 1_500_000 and sha256(file) in (TOWERS / "README.md").read_text(encoding="utf-8")
    for kind in ("plain", "informed"):
        encoder = SampleEncoder(kind)
        vectors = np.stack([encoder.embed(clip.raw(), 16_000) for clip in spoken])
        vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
        alike = (vectors @ vectors.T).reshape(8, 4, 8, 4).mean(axis=(1, 3))
        assert alike.argmax(axis=1).tolist() == list(range(8))
    assert np.isfinite(encoder.embed(np.zeros(5), 16_000)).all()
    with pytest.raises(UserError, match="16000"):
        encoder.embed(np.zeros(5), 8_000)


def test_encoders_that_are_not_there(tmp_path):
    with pytest.raises(UserError, match="--speaker_encoder"):
        SampleEncoder("plain", tmp_path / "none.safetensors")
    with pytest.raises(UserError, match="no plain"):
        SampleEncoder("plain", TOWERS / "towers.safetensors")


def test_what_is_kept():
    times = np.arange(32_000) / 16_000
    melody = 130 + 40 * np.sin(2 * np.pi * times)
    sound = 0.2 * signal.sawtooth(2 * np.pi * np.cumsum(melody) / 16_000)
    found = pitch(sound)
    known = np.isfinite(found)
    assert known.mean() > 0.9
    np.testing.assert_allclose(found[known], melody[::160][: len(found)][known[: len(melody[::160])]], rtol=0.05)
    assert np.isnan(pitch(np.random.default_rng(0).normal(size=16_000))).mean() > 0.9
    whole = kept(sound, sound)
    assert whole.pitch_correlation == pytest.approx(1) and whole.pitch_gross_errors == 0 and whole.pitch_shift == 0
    assert whole.envelope_correlation == pytest.approx(1)
    noise = kept(sound, np.random.default_rng(0).normal(size=32_000) * 0.1)
    assert not noise.envelope_correlation > 0.3 and not noise.pitch_correlation > 0.3
