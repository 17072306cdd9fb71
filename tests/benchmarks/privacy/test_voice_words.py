import wave

import numpy as np
import pytest

from benchmarks.privacy import voice_words
from deemo_jax.core.errors import UserError


@pytest.mark.parametrize(
    ("said", "heard", "errors"),
    [
        ("", "", 0),
        ("one two", "", 2),
        ("", "one", 1),
        ("one two three", "one three", 1),
        ("one two three", "one too three four", 2),
        ("one two", "two one", 2),
    ],
)
def test_word_errors(said, heard, errors):
    assert voice_words.word_errors(said.split(), heard.split()) == errors


def test_the_table_divides_sums_over_utterances():
    counts = np.array([[10, 2, 3], [30, 6, 9], [0, 0, 0]])
    mcadams, neutral = voice_words.table(("mcadams", "neutral"), counts).rows
    assert mcadams == ("`mcadams`", "20.0 [20.0, 20.0]", "1")
    assert neutral == ("`neutral`", "30.0 [30.0, 30.0]", "1.50 [1.50, 1.50]")


@pytest.fixture
def speech(tmp_path):
    """Six speakers, two utterances each, of which the second is the longer."""
    for speaker in range(6):
        (tmp_path / f"s{speaker}").mkdir()
        for take in range(2):
            with wave.open(str(tmp_path / f"s{speaker}" / f"{take}.wav"), "wb") as file:
                file.setnchannels(1)
                file.setsampwidth(2)
                file.setframerate(16_000)
                file.writeframes(np.full(1600 * (take + 1), 16_384, "<i2").tobytes())
    return tmp_path


def test_each_voice_is_heard_beside_the_raw_one(speech, monkeypatch, capsys):
    gains = {"mcadams": 0.5, "neutral": 0.25}
    texts = {16: "all words are clear", 8: "all words are", 4: "all birds"}
    monkeypatch.setattr(voice_words, "anonymise", lambda voice, settings, *_, **__: gains[settings.voice] * voice)
    monkeypatch.setattr(voice_words, "recogniser", lambda name: lambda voice: texts[round(32 * voice.max())].split())
    assert voice_words.main([str(speech), "--shortest", "4"]) == 0
    printed = capsys.readouterr().out
    assert "| `mcadams` | 25.0 [25.0, 25.0] | 1 |" in printed
    assert "| `neutral` | 75.0 [75.0, 75.0] | 3.00 [3.00, 3.00] |" in printed
    assert "4 utterances, 16 words" in printed


def test_a_folder_that_is_no_model_is_refused(tmp_path, monkeypatch):
    monkeypatch.setitem(voice_words.sys.modules, "faster_whisper", type("Library", (), {"WhisperModel": None}))
    with pytest.raises(UserError, match=r"model\.bin"):
        voice_words.recogniser(str(tmp_path))


def test_a_missing_library_is_named(monkeypatch):
    monkeypatch.setitem(voice_words.sys.modules, "pocketsphinx", None)
    with pytest.raises(UserError, match="pocketsphinx is not installed; run: make setup EXTRAS=bench"):
        voice_words.recogniser("pocketsphinx")
