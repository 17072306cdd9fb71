import dataclasses
import io
import json

import numpy as np
import pytest
from PIL import Image
from scipy import signal

from deemo_jax.audit.attacks import trials
from deemo_jax.audit.attacks.attacked_voice import AttackedVoice
from deemo_jax.audit.attacks.ears import speaker_encoder
from deemo_jax.audit.attacks.trials import ATTACKERS, GRID, IGNORANT, LAZY, TRAINED, VoiceClip, choose
from deemo_jax.audit.attacks.voice import voice_section
from deemo_jax.audit.voice_cues import kept, pitch
from deemo_jax.core.errors import UserError
from deemo_jax.deid.keys import VoiceKey
from deemo_jax.deid.settings import Settings
from deemo_jax.deid.voice.anonymise import anonymise
from deemo_jax.deid.voice.mcadams import mcadams
from deemo_jax.deid.voice.neutral.manner import manner_of, mean_manner
from deemo_jax.sample import speech
from deemo_jax.sample.identity import make_identity

SAID = ("the lads were thrilled at the whistle.", "we were gutted by the end.", "look, i was on the bus this evening.")


@pytest.fixture(scope="module")
def spoken():
    """Six speakers of the sample's family, four clips of 1.25 s of each."""
    clips = []
    for speaker in range(6):
        for take in range(4):
            voice = make_identity(0, speaker).voice
            samples, rate, _ = speech.speak(SAID[take % 3], voice, 2.0 * take - 3, 150.0 + 20 * take)
            sound = signal.resample_poly(samples, 16_000, rate)[:20_000]
            clips.append(VoiceClip(f"c{speaker}{take}", f"p{speaker}", lambda sound=sound: sound))
    return clips


class MeanSpectrum:
    """An encoder of a few lines: the mean log spectrum in 20 bands."""

    def embed(self, waveform, sample_rate):
        _, _, power = signal.spectrogram(waveform, sample_rate, nperseg=512)
        vector = np.log(power[:240].reshape(20, 12, -1).mean(axis=1) + 1e-12).mean(axis=1)
        return vector - vector.mean()


@pytest.mark.slow
def test_the_section(spoken, monkeypatch):
    monkeypatch.setattr(trials, "EXPONENTS", (0.8,))  # one pass in place of five
    written = [dataclasses.replace(c, written=lambda c=c: mcadams(c.raw(), 0.8)) for c in spoken]
    section = voice_section(
        written, made_by=AttackedVoice(Settings(voice="mcadams_fixed")), modes=("recast",), encoder=MeanSpectrum()
    )
    voices = section.numbers["voices"]
    assert list(voices) == ["unprotected", "recast", "as written (mcadams_fixed)"]
    assert section.numbers["n"] == {"speakers": 6, "enrolled": 12, "trials": 12} and section.numbers["chance"] == 1 / 6
    attacks = {name: found["attacks"] for name, found in voices.items()}
    assert list(attacks["recast"]) == list(ATTACKERS) and GRID not in attacks["unprotected"]
    assert attacks["unprotected"][IGNORANT]["eer"]["value"] < 0.35
    assert attacks["recast"][IGNORANT]["eer"]["value"] > attacks["recast"][TRAINED]["eer"]["value"]
    # One coefficient for all is found by whoever changes voices likewise, and undone by the grid.
    fixed = attacks["as written (mcadams_fixed)"]
    for attacker in (LAZY, GRID, TRAINED):
        assert fixed[attacker]["eer"]["value"] < fixed[IGNORANT]["eer"]["value"]
    for found in voices.values():
        assert found["strongest"] == min(found["attacks"], key=lambda a: found["attacks"][a]["eer"]["value"])
        for measured in found["attacks"].values():
            for name in ("eer", "rank1", "tpr", "linkability"):
                rate = measured[name]
                assert 0 <= rate["low"] <= rate["value"] + 1e-9 and rate["value"] <= rate["high"] + 1e-9 <= 1 + 2e-9
            assert 0 <= measured["worst_eer"] <= 1
    assert voices["unprotected"]["utility"]["loudness_correlation"]["value"] == pytest.approx(1)
    assert voices["recast"]["utility"]["loudness_correlation"]["value"] > 0.9
    json.dumps(section.numbers)
    everything = " ".join([*section.notes, *(table.text() + table.caption for table in section.tables)])
    for said in ("upper bound on privacy", "4.52", "6 speakers", "by chance 16.7", "an encoder that was given"):
        assert said in everything
    assert Image.open(io.BytesIO(section.figures[0].png)).size[0] > 500


def test_without_an_encoder_the_section_says_how_to_get_one(spoken, monkeypatch):
    monkeypatch.setattr(speaker_encoder, "installed_weights", lambda: None)
    section = voice_section(spoken)
    assert not section.tables and "make audit_models" in section.notes[0] and "--speaker_encoder" in section.notes[0]


def test_too_few_speakers_are_not_measured(spoken):
    section = voice_section(spoken[:20], encoder=MeanSpectrum())
    assert "Not measured" in section.notes[0] and not section.tables


def test_trials_are_dealt_by_speaker_and_bounded(spoken):
    chosen = choose(spoken[::-1], 3, 6, seed=0)
    assert len(chosen.enrolled) == 6 and len(chosen.trials) == 12 and len(chosen.voices) == 18
    assert not set(chosen.enrolled) & set(chosen.trials)
    names = [chosen.names[clip] for clip in chosen.trials]
    assert [sorted(set(names)).index(name) for name in names] == chosen.speakers.tolist()


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


def test_the_neutral_voice_around_the_speaker(spoken):
    """Each side knows the means of its own clips alone."""
    chosen, key = choose(spoken, 4, 6, seed=0), VoiceKey(bytes(16))
    clip = chosen.trials[0]
    voice, speaker = chosen.voices[clip], chosen.names[clip]
    own = [manner_of(chosen.voices[c]) for c in chosen.trials if chosen.names[c] == speaker]
    wanted = anonymise(voice, Settings(voice="neutral"), key, clip, speaker, mean_manner(own))
    around = AttackedVoice.named("neutral:speaker")
    np.testing.assert_array_equal(around.changes(chosen, key)(voice, clip, speaker), wanted)
    assert abs(AttackedVoice.named("neutral").changes(chosen, key)(voice, clip, speaker) - wanted).max() > 0.01
    assert abs(around.imitations(chosen, [key])[0](voice, clip, speaker) - wanted).max() > 0.001
    assert AttackedVoice.named("neutral:0.5:speaker").settings.prosody == 0.5
    for wrong in ("mcadams:speaker", "neutral:speaker:0.5", "speaker"):
        with pytest.raises(UserError, match="voice"):
            AttackedVoice.named(wrong)
