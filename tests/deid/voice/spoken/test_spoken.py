"""The voice that says words anew: what of a clip is in it, and what is not, with the real synthesiser."""

import json

import numpy as np
import pytest

from deemo_jax.audit.voice_cues import kept, pitch
from deemo_jax.core.errors import UserError
from deemo_jax.deid.clip import deidentify_clip
from deemo_jax.deid.folder.all_clips import deidentify_all
from deemo_jax.deid.folder.one_source import Options
from deemo_jax.deid.keys import VoiceKey
from deemo_jax.deid.manifest import load_manifest
from deemo_jax.deid.settings import Settings
from deemo_jax.deid.text.fuzzy_names import Names
from deemo_jax.deid.voice.anonymise import anonymise, anonymise_people
from deemo_jax.deid.voice.likeness import closest_second, late_s
from deemo_jax.deid.voice.neutral.delivery import LEVEL_DB, NOBODY, PEOPLE
from deemo_jax.deid.voice.neutral.manner import manner_of
from deemo_jax.deid.voice.spoken.spoken import check_words, spoken, unsaid
from deemo_jax.deid.voice.spoken.words import words_without_names
from tests.deid.voice.talk import talk, timed_words
from tests.raw_clips import speech

RATE = 16_000
# SI-SNR, dB, that no second of a changed voice may have against the sound at its place: that of a correlation of 0.5.
MOST_ALIKE_DB = -4.8
SETTINGS = Settings(voice="spoken")


def draws(seed=0):
    return np.random.default_rng(seed)


def words(*timed):
    return words_without_names(timed, Names(), "talk")


@pytest.fixture(scope="module")
def said_words():
    return words(*timed_words())


@pytest.fixture(scope="module")
def said(said_words):
    return spoken(talk(), said_words, draws())


def test_the_words_are_said_in_step_and_nothing_of_the_sound_is_left(said):
    assert said.dtype == np.float32 and said.shape == talk().shape and 0.05 < abs(said).max() < 1
    assert closest_second(said, talk())[0] < MOST_ALIKE_DB and late_s(said, talk()) == 0
    left = kept(talk(), said)
    assert left.pitch_correlation > 0.8 and left.loudness_correlation > 0.6
    hertz = pitch(said)
    assert 12 * abs(np.log2(np.nanmedian(hertz) / NOBODY.pitch_hz)) < 2
    assert 10 * np.log10(np.mean(said**2)) == pytest.approx(LEVEL_DB, abs=2)


def test_without_prosody_only_the_times_of_words_pass(said_words):
    """Of two sounds with other pitch, loudness and timbre the same is made."""
    rising = talk() * np.linspace(0.2, 1, talk().size, dtype=np.float32)
    first, second = (spoken(sound, said_words, draws(), prosody=0.0) for sound in (talk(), rising))
    np.testing.assert_allclose(first / abs(first).max(), second / abs(second).max(), atol=1e-3)
    whole = spoken(rising, said_words, draws())
    halves = [np.mean(x[: x.size // 2] ** 2) / np.mean(x[x.size // 2 :] ** 2) for x in (first, whole)]
    assert halves[1] < 0.5 * halves[0]


def test_speech_without_words_is_silence_is_counted_and_refused_above_a_share():
    timed = timed_words()
    few = words(*timed[:-4])
    end = round((timed[-4][0] + 0.1) * RATE)
    changed = spoken(talk(), few, draws())
    assert abs(changed[end:]).max() < 0.02 * abs(changed).max()
    assert unsaid(talk(), words(*timed)) == 0 and check_words(talk(), words(*timed[:-1]), "c1")[1]["unsaid"] < 0.2
    with pytest.raises(UserError, match=r"c1: \d+ % of the energy .* --voice neutral"):
        check_words(talk(), few, "c1")
    with pytest.raises(UserError, match="100 %"):
        check_words(talk(), words(), "c1")
    assert not spoken(talk(), words(), draws()).any()
    hiss = (3e-4 * draws().normal(size=RATE)).astype(np.float32)
    assert check_words(hiss, words(), "c1")[1] == {"words": 0, "hidden": 0, "unsaid": 0.0}


@pytest.mark.parametrize("sound", [np.zeros(4000, np.float32), np.full(4000, np.nan), np.zeros(0), np.ones(400)])
def test_silence_stays_silence(sound, said_words):
    assert unsaid(sound, said_words) == 0
    changed = spoken(sound, said_words, draws())
    assert changed.shape == sound.shape and not changed.any()


def test_odd_words_are_bounded():
    """Words at once, without length, beyond the end, unsayable or long: as long as before, and not the sound."""
    odd = words((0.0, 2.0, "all"), (0.1, 0.1, "at"), (0.1, 0.2, "once"), (0.5, 0.6, "x" * 200), (0.7, 0.8, "?!"),
                (0.8, 0.9, "слово"), (1.9, 9.0, "late"), (50.0, 51.0, "gone"))  # fmt: skip
    assert odd.texts[3] == "x" * 40 and len(odd.texts) == 6
    sound = speech(2.0)
    changed = spoken(sound, odd, draws())
    assert changed.shape == sound.shape and np.isfinite(changed).all() and 0.01 < abs(changed).max() < 1
    assert closest_second(changed, sound)[0] < MOST_ALIKE_DB


def test_repeatable_with_the_key_and_only_with_it(said_words, key):
    short, first_words = talk()[:RATE], said_words.between(0.0, 1.0)
    first = anonymise(short, SETTINGS, key, "c1", words=first_words)
    np.testing.assert_array_equal(first, anonymise(short, SETTINGS, key, "c1", words=first_words))
    for other in ((VoiceKey(b"another secret of good length"), "c1"), (key, "c2")):
        assert abs(first - anonymise(short, SETTINGS, *other, words=first_words)).max() > 1e-3
    with pytest.raises(UserError, match=r"c1: .*--words"):
        anonymise(short, SETTINGS, key, "c1")


def test_each_person_says_their_own_words(said_words, key):
    turn = np.repeat([0, 1], [150, talk().size // 160 + 1 - 150])
    both = anonymise_people(talk(), turn, SETTINGS, key, "c1", words=said_words)
    hertz = [np.nanmedian(pitch(part)) for part in (both[: 3 * RATE // 2], both[3 * RATE // 2 :])]
    wanted = [person.pitch_hz for person in PEOPLE[:2]]
    np.testing.assert_allclose(12 * np.log2(np.array(hertz) / wanted), 0, atol=3)


def test_around_the_speaker_a_high_clip_stays_high(said_words):
    usual = manner_of(talk())
    high = spoken(talk(5.0), said_words, draws(), usual=usual)
    assert 12 * np.log2(np.nanmedian(pitch(high)) / NOBODY.pitch_hz) == pytest.approx(5.0, abs=2)


def test_settings():
    assert Settings.of_voice("spoken:0") == Settings(voice="spoken", prosody=0.0)
    for wrong in ("spoken:1:0.5", "spoken:much"):
        with pytest.raises(UserError, match="voice"):
            Settings.of_voice(wrong)
    with pytest.raises(UserError, match="detail belongs"):
        Settings(voice="spoken", detail=1.0)


@pytest.mark.slow
def test_on_record_without_words_or_names(raw, tmp_path, key):
    """A clip is kept with the same words, and made again with others; a transcript of another film is refused."""
    settings, out = Settings(voice="spoken", smallest_face=0.3), tmp_path / "out"
    timed = [
        (0.02 + 0.2 * k, 0.2 + 0.2 * k, text)
        for k, text in enumerate(["You", "know", "Jane", "Example", "very", "well"])
    ]

    def made(names=()):
        held = {raw.path: words_without_names(timed, Names(names), "talk")}
        return deidentify_all([raw.path], out, settings, key, clip_ids="stem", options=Options(words=held))[0]

    assert made(["jane example"]).status == "done" and made(["jane example"]).status == "kept"
    record = load_manifest(out / "speaker.manifest.json")
    assert record.voice["method"] == "spoken" and record.voice["around"] == "clip" and record.voice["hidden"] == 2
    assert record.voice["unsaid"] < 0.2 and len(record.voice["words_sha256"]) == 64 and record.voice["words"] == 6
    assert "Jane" not in json.dumps(record.to_json()) and "well" not in json.dumps(record.voice)
    timed[-1] = (*timed[-1][:2], "little")
    assert made(["jane example"]).status == "done"
    timed.append((90.0, 91.0, "indeed"))
    assert "another recording" in made().reason
    with pytest.raises(UserError, match="another recording"):
        deidentify_clip(raw.path, tmp_path, "s", settings, key, words=words(*timed), span=(0.4, 0.9), recording="r")
    span = words(*timed[:-1])
    part = deidentify_clip(raw.path, tmp_path / "s", "s", settings, key, words=span, span=(0.4, 0.9), recording="r")
    assert part.voice["words"] == 2
