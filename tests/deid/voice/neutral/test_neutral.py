"""The neutral voice on speech, and on everything that is none: as long, finite, and never the sound that went in."""

import numpy as np
import pytest
from scipy import signal

from deemo_jax.audit.voice_cues import kept, pitch
from deemo_jax.deid.voice.likeness import closest_second, si_snr
from deemo_jax.deid.voice.neutral.delivery import LEVEL_DB, NOBODY, PEOPLE
from deemo_jax.deid.voice.neutral.manner import Manner, manner_of, mean_manner
from deemo_jax.deid.voice.neutral.neutral import neutral
from tests.deid.voice.talk import talk
from tests.raw_clips import speech

RATE = 16_000
PITCH_HZ = NOBODY.pitch_hz
# SI-SNR, dB, that no second of a changed voice may have against the sound at its place: that of a correlation of 0.5.
MOST_ALIKE_DB = -4.8


def draws(seed=0):
    return np.random.default_rng(seed)


def seconds(length):
    return np.arange(round(length * RATE)) / RATE


def words(semitones=0.0, level=0.1):
    """Somebody talks in a room, whose sound is 30 dB softer than they are."""
    sound = talk(semitones, level)
    return (sound + 0.03 * level * draws(9).normal(size=sound.size)).astype(np.float32)


def buzz(hertz, level=0.2):
    """A sawtooth of a course of pitch, Hz, sample by sample."""
    return (level * signal.sawtooth(2 * np.pi * np.cumsum(hertz) / RATE)).astype(np.float32)


def chords():
    """Three chords of four tones with overtones, and a beat."""
    found = np.concatenate(
        [
            sum(np.sin(2 * np.pi * f * n * seconds(1.0)) / n for f in chord for n in (1, 2, 3))
            for chord in ((131, 165, 196, 262), (147, 175, 220, 294), (150, 300, 450, 600))
        ]
    )
    beat = draws().normal(size=found.size) * np.exp(-20 * (seconds(3.0) % 0.5))
    return 0.05 * found + 0.2 * beat


def whisper():
    noise = draws().normal(size=2 * RATE)
    for hertz in (700, 1500, 2600):
        radius = np.exp(-np.pi * 120 / RATE)
        noise = signal.lfilter([1], [1, -2 * radius * np.cos(2 * np.pi * hertz / RATE), radius**2], noise)
    return 0.1 * noise / noise.std() * (0.6 + 0.4 * np.sin(2 * np.pi * 3 * seconds(2.0)))


def telephone():
    return signal.sosfilt(signal.butter(8, (300, 3400), "bandpass", fs=RATE, output="sos"), speech(2.0))


# The tone and the buzz are at the very pitch of the one voice.
SOUNDS = {
    "speech": lambda: speech(2.0),
    "music": chords,
    "words": lambda: words()[: 2 * RATE],
    "a tone": lambda: 0.3 * np.sin(2 * np.pi * PITCH_HZ * seconds(2.0)),
    "a high tone": lambda: 0.3 * np.sin(2 * np.pi * 3000 * seconds(1.0)),
    "a buzz": lambda: buzz(np.full(2 * RATE, PITCH_HZ)),
    "singing": lambda: buzz(220 * 2 ** (np.round(4 * np.sin(2 * np.pi * seconds(2.0))) / 12)),
    "whispering": whisper,
    "telephone": telephone,
    "two voices": lambda: speech(2.0) + buzz(95 + 20 * np.sin(2 * np.pi * seconds(2.0))),
    "music under the voice": lambda: chords() + np.r_[np.zeros(RATE), speech(2.0)],
    "noise": lambda: draws().normal(size=RATE) * 0.1,
    "full scale": lambda: np.sign(np.sin(2 * np.pi * 110 * seconds(1.0))),
    "clicks": lambda: np.where(np.arange(RATE) % 4000 == 0, 1.0, 0.0),
    "a step": lambda: np.ones(4000),
}


@pytest.fixture(scope="module")
def said():
    """Name -> the sound and what becomes of it."""
    made = {name: np.asarray(make(), np.float32) for name, make in SOUNDS.items()}
    return {name: (sound, neutral(sound, draws())) for name, sound in made.items()}


@pytest.mark.parametrize("name", SOUNDS)
def test_any_sound_is_said_anew(said, name):
    sound, changed = said[name]
    assert changed.dtype == np.float32 and changed.shape == sound.shape
    assert np.isfinite(changed).all() and 0.01 < abs(changed).max() < 1
    assert closest_second(changed, sound)[0] < MOST_ALIKE_DB


@pytest.mark.parametrize(
    "sound",
    [
        np.zeros(60 * RATE, np.float32),
        np.full(4000, np.nan),
        np.full(401, np.inf),
        np.full(4000, 1e-5),
        np.zeros(400),
        np.ones(400),
        np.zeros(0),
    ],
)
def test_silence_stays_silence(sound):
    changed = neutral(sound, draws())
    assert changed.shape == sound.shape and not changed.any()


@pytest.mark.parametrize("size", [410, 411, 480, 799, 1601])
def test_short_sounds(size):
    changed = neutral(draws().uniform(-1, 1, size), draws())
    assert changed.shape == (size,) and np.isfinite(changed).all() and abs(changed).max() < 1


def test_the_hiss_of_a_silent_room_stays_soft():
    hiss = 1e-4 * draws().normal(size=2 * RATE)
    changed = neutral(hiss, draws())
    assert changed.any() and 20 * np.log10(changed.std()) < 20 * np.log10(hiss.std()) + 32


@pytest.mark.parametrize("prosody", [0.0, 1.0])
def test_pauses_stay_pauses(prosody):
    sound = np.concatenate([speech(1.0), np.zeros(RATE, np.float32), speech(1.0)])
    changed = neutral(sound, draws(), prosody)
    levels = [np.sqrt(np.mean(changed[at + 1600 : at + RATE - 1600] ** 2)) for at in (0, RATE, 2 * RATE)]
    assert levels[1] < 0.02 * min(levels[0], levels[2])


def spectrum(sound):
    """Between 250 and 7000 Hz, dB."""
    return 10 * np.log10(signal.welch(sound, RATE, nperseg=512)[1])[8:224]


def test_draws_change_noise_and_phase_and_not_the_voice(said):
    sound, changed = said["words"]
    np.testing.assert_array_equal(changed, neutral(sound, draws()))
    other = neutral(sound, draws(1))
    assert si_snr(other, changed) < 0
    assert np.abs(spectrum(changed) - spectrum(other)).mean() < 1


def test_loudness_and_channel_of_the_recording_are_not_in_it(said):
    sound, changed = said["words"]
    assert 20 * np.log10(changed.std()) == pytest.approx(LEVEL_DB, abs=1.5)
    for other in (0.1 * sound, signal.lfilter([1, -0.5], [1], sound).astype(np.float32)):
        again = neutral(other, draws())
        assert 20 * np.log10(again.std()) == pytest.approx(20 * np.log10(changed.std()), abs=0.5)
        assert np.abs(spectrum(changed) - spectrum(again)).mean() < 1.5


def test_the_dial_of_prosody():
    sound = words()
    whole, half, flat = (neutral(sound, draws(), prosody) for prosody in (1.0, 0.5, 0.0))
    found = kept(sound, whole)
    assert found.pitch_correlation > 0.96 and found.pitch_gross_errors < 0.1 and found.loudness_correlation > 0.6
    # Between quartiles, since the tracker leaps at seams.
    own, *spread = (np.diff(np.nanquantile(np.log2(pitch(x)), (0.25, 0.75)))[0] for x in (sound, whole, half, flat))
    assert 0.6 * own < spread[0] < 1.1 * own and 0.4 * spread[0] < spread[1] < 0.8 * spread[0] and spread[2] < 0.04
    for changed in (whole, half, flat):
        assert np.nanmedian(pitch(changed)) == pytest.approx(PITCH_HZ, rel=0.02)


@pytest.mark.slow
def test_around_the_speakers_mean():
    """Of a speaker with a low and a high, loud clip, these stay lower and higher, and softer and louder."""
    clips = [words(-2.0, 0.05), words(3.0, 0.1)]
    manners = [manner_of(clip) for clip in clips]
    usual, apart = mean_manner(manners), manners[1].octave - manners[0].octave
    assert apart == pytest.approx(5 / 12, abs=0.05) and manners[0].octave < usual.octave < manners[1].octave
    for mean, prosody, octaves, louder in (
        (None, 1.0, 0.0, 0.0),
        (usual, 1.0, apart, 6.0),
        (usual, 0.5, apart / 2, 3.0),
    ):
        made = [neutral(clip, draws(), prosody, usual=mean) for clip in clips]
        heard = [np.log2(np.nanmedian(pitch(x))) for x in made]
        assert heard[1] - heard[0] == pytest.approx(octaves, abs=0.03)
        levels = [20 * np.log10(x.std()) for x in made]
        assert levels[1] - levels[0] == pytest.approx(louder, abs=0.3)


def test_a_mean_without_anything_heard_counts_for_nothing():
    silent = manner_of(np.zeros(RATE))
    assert silent == Manner(0.0, 0.0, 0, 0) and mean_manner([]) == silent
    clip = talk()[:RATE]
    mean, own = mean_manner([silent, manner_of(clip)]), manner_of(clip)
    assert (mean.octave, mean.decibels) == pytest.approx((own.octave, own.decibels)) and mean.voiced == own.voiced
    np.testing.assert_array_equal(neutral(clip, draws(), usual=silent), neutral(clip, draws()))


def test_blocks_join(said, monkeypatch):
    sound, whole = said["speech"]
    home = "deemo_jax.deid.voice.neutral"
    monkeypatch.setattr(f"{home}.vocoder.BLOCK", 37)
    monkeypatch.setattr(f"{home}.melody.BLOCK", 41)
    monkeypatch.setattr(f"{home}.phone_classes.ROWS", 50)
    monkeypatch.setattr(f"{home}.phone_classes.BLOCK", 70)
    monkeypatch.setattr(f"{home}.envelopes.BLOCK", 30)
    np.testing.assert_allclose(neutral(sound, draws()), whole, atol=1e-4)


def test_further_people_have_other_voices(said):
    sound, changed = said["words"]
    for person in PEOPLE[1:]:
        other = neutral(sound, draws(), 0.0, person=person)
        assert np.nanmedian(pitch(other)) == pytest.approx(person.pitch_hz, rel=0.02)
        assert np.abs(spectrum(changed) - spectrum(other)).mean() > 1.2


def test_detail_says_it_otherwise(said):
    sound, changed = said["speech"]
    detailed = neutral(sound, draws(), detail=1.0)
    assert np.isfinite(detailed).all() and closest_second(detailed, sound)[0] < MOST_ALIKE_DB
    assert si_snr(detailed, changed) < 20
