import json

import numpy as np
import pytest

from deemo_jax.core.errors import UserError
from deemo_jax.deid.clip import deidentify_clip
from deemo_jax.deid.keys import VoiceKey
from deemo_jax.deid.settings import VOICES, Settings
from deemo_jax.deid.voice.anonymise import anonymise
from deemo_jax.deid.voice.mcadams import mcadams
from deemo_jax.deid.voice.speakers import load_speakers

OTHER = VoiceKey(b"another secret of good length")


@pytest.fixture(scope="module")
def short(voice):
    return voice[:8000]


@pytest.mark.parametrize("method", VOICES)
def test_repeatable_with_the_key_and_only_with_it(method, short, key):
    settings = Settings(voice=method)
    changed = anonymise(short, settings, key, "c1", "jane")
    assert changed.shape == short.shape and abs(changed - short).max() > 0.01
    np.testing.assert_array_equal(changed, anonymise(short, settings, key, "c1", "jane"))
    differs = abs(changed - anonymise(short, settings, OTHER, "c1", "jane")).max() > 1e-3
    assert differs == (method != "mcadams_fixed")


def test_which_clips_share_a_voice(short, key):
    def same(method, first, second):
        pair = [anonymise(short, Settings(voice=method), key, *who) for who in (first, second)]
        return np.array_equal(*pair)

    assert same("mcadams_speaker", ("c1", "jane"), ("c2", "jane"))
    assert not same("mcadams_speaker", ("c1", "jane"), ("c1", "john"))
    assert not same("mcadams", ("c1", "jane"), ("c2", "jane"))
    assert not same("recast", ("c1", "jane"), ("c2", "jane"))
    # A clip that is called as a speaker is draws another coefficient.
    assert key.alpha("jane", 0.5, 0.9) != key.speaker_alpha("jane", 0.5, 0.9)
    with pytest.raises(UserError, match="--speakers"):
        anonymise(short, Settings(voice="mcadams_speaker"), key, "c1")


def test_the_coefficients_are_those_of_settings_and_key(short, key):
    fixed = anonymise(short, Settings(voice="mcadams_fixed", alpha_fixed=0.7), key, "c1")
    np.testing.assert_array_equal(fixed, mcadams(short, 0.7))
    drawn = anonymise(short, Settings(voice="mcadams", alpha_low=0.6, alpha_high=0.8), key, "c1")
    np.testing.assert_array_equal(drawn, mcadams(short, key.alpha("c1", 0.6, 0.8)))


def test_voices_by_their_names_in_reports():
    assert Settings.of_voice("recast") == Settings(voice="recast")
    assert Settings.of_voice("neutral:0.5") == Settings(voice="neutral", prosody=0.5)
    assert Settings.of_voice("neutral:0:1") == Settings(voice="neutral", prosody=0.0, detail=1.0)
    for wrong in ("command", "whisper", "recast:0.5", "neutral:much", "neutral:1:1:1", "neutral:2", ""):
        with pytest.raises(UserError, match=r"voice|prosody"):
            Settings.of_voice(wrong)


def test_impossible_settings():
    with pytest.raises(UserError, match="voice"):
        Settings(voice="whisper")
    with pytest.raises(UserError, match="alpha"):
        Settings(alpha_fixed=1.5)


def test_the_manifest_names_the_method_and_neither_draws_nor_speaker(raw, tmp_path, key):
    settings = Settings(voice="mcadams_speaker")
    manifest = deidentify_clip(raw.path, tmp_path, "c1", settings, key, speaker="Jane Example")
    assert manifest.voice == {"method": "mcadams_speaker", "key_id": key.key_id, "sample_rate": 16_000}
    assert "Jane" not in json.dumps(manifest.to_json())


def test_speakers_from_lines_and_tables(tmp_path):
    lines = tmp_path / "truth.jsonl"
    lines.write_text(
        '{"clip_id": "c1", "file": "clips/a.mp4", "person_id": "p1", "faces": []}\n{"file": "b.mov", "speaker": "p2"}\n'
    )
    assert load_speakers(lines) == {"c1": "p1", "a": "p1", "b": "p2"}
    table = tmp_path / "speakers.csv"
    table.write_text("\ufefffile,speaker,note\nx/a.mp4,p1,\nb,p2,loud\n", encoding="utf-8")
    assert load_speakers(table) == {"a": "p1", "b": "p2"}


@pytest.mark.parametrize(
    "name,text,message",
    [
        ("a.jsonl", '{"clip_id": "c1"}\n', "row 1 needs"),
        ("a.jsonl", '{"clip_id": "c1", "speaker": "a"}\n{"clip_id": "c1", "speaker": "b"}\n', "second speaker"),
        ("a.jsonl", '{"clip_id": 7, "speaker": "a"}\n', "must be text"),
        ("a.jsonl", "", "names no clip"),
        ("a.csv", "name,age\na,b\n", "row 1 needs"),
        ("a.csv", "file,speaker\n" + "x" * 300 + ",a\n", "at most 200"),
    ],
)
def test_lists_that_cannot_be_used(tmp_path, name, text, message):
    path = tmp_path / name
    path.write_text(text)
    with pytest.raises(UserError, match=message):
        load_speakers(path)
    with pytest.raises(UserError, match="UTF-8"):
        (tmp_path / "b.csv").write_bytes(b"file,speaker\n\xff\xfe,a\n")
        load_speakers(tmp_path / "b.csv")
