"""Words that do not fit are found before anything is done, and what a voice lacks before faces are looked for."""

import json
import sys

import numpy as np
import pytest

from deemo_jax.core.errors import UserError
from deemo_jax.deid import clip
from deemo_jax.deid.folder.deidentify_run import Run, run
from deemo_jax.deid.folder.words_check import words_that_do_not_fit
from deemo_jax.deid.settings import Settings
from deemo_jax.deid.source_spans import SourceSpan
from deemo_jax.deid.voice.spoken.words import Words
from deemo_jax.media import espeak

SPOKEN = Settings(voice="spoken", smallest_face=0.3)


def words(*spans):
    starts, ends = np.array(spans, np.float64).reshape(-1, 2).T
    return Words(starts, ends, ("well",) * len(spans), np.zeros(len(spans), bool))


def test_clips_that_their_words_do_not_fit_are_named_and_others_are_not(raw, tmp_path):
    text = tmp_path / "text.mp4"
    text.write_text("no film")  # making it says what is wrong
    whole, first, second, other = (
        SourceSpan(path, span)
        for path, span in ((raw.path, None), (raw.path, (0, 0.4)), (raw.path, (0.5, 0.9)), (text, None))
    )
    said = {raw.path: words((0.0, 0.4)), text: words()}
    found = words_that_do_not_fit(said, [whole, first, second, other], SPOKEN, 0)
    assert [piece for piece, _ in found] == [whole, second]
    assert all(why.startswith("speaker.mp4: ") and "has no words in its transcript" in why for _, why in found)
    said[raw.path] = words((0.0, 5.0), (90.0, 91.0))
    assert "another recording" in words_that_do_not_fit(said, [whole], SPOKEN, 0)[0][1]


@pytest.mark.slow
def test_words_that_fit_no_clip_end_the_run_before_a_key_is_made(raw, tmp_path):
    path, key = tmp_path / "words.json", tmp_path / "voice.key"
    asked = {"words": path, "key_file": str(key)}
    for held, told in (({"words": []}, "fits none of the 1 clips: speaker.mp4: 100 %"), ("[" * 100_000, "word times")):
        path.write_text(held if isinstance(held, str) else json.dumps(held))
        with pytest.raises(UserError, match=told):
            run(Run(inputs=[str(raw.path)], out=tmp_path / "out", settings=SPOKEN, **asked))
    assert not key.exists() and not (tmp_path / "out").exists()


def test_without_espeak_nothing_is_begun(raw, monkeypatch):
    monkeypatch.setitem(sys.modules, "espeakng_loader", None)
    espeak._installation.cache_clear()
    with pytest.raises(UserError, match="EXTRAS=spoken"):
        words_that_do_not_fit({raw.path: words()}, [SourceSpan(raw.path)], SPOKEN, 0)


def test_a_voice_that_cannot_be_made_is_known_before_faces_are_looked_for(raw, tmp_path, key, monkeypatch):
    monkeypatch.setattr(clip, "find_covering", lambda *_: pytest.fail("looked for faces"))
    with pytest.raises(UserError, match="--speakers"):
        clip.deidentify_clip(raw.path, tmp_path, "s", Settings(voice="mcadams_speaker"), key)
