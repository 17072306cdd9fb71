import numpy as np
import pytest

from deemo_jax.deid.voice.neutral.melody import melody
from deemo_jax.sample.identity import make_identity
from deemo_jax.sample.towers.prosody import FORMS, LIFT, TARGETS, Heard, in_form, recording, utterances


@pytest.mark.slow
@pytest.mark.parametrize("form", Heard)
def test_the_pitch_of_a_form_is_that_which_is_heard(form):
    rng = np.random.default_rng(0)
    voice = make_identity(0, 3, "towers").voice
    said = recording("we were over the moon in the last minute.", voice, 4.0, 170.0, 50.0, rng)
    heard, hertz = in_form(form, said, voice, 4.0, rng)
    assert heard.shape == said.shape and 0.01 < heard.std() < 0.2
    semitones = 12 * (melody(np.asarray(heard, np.float32)).middle - np.log2(hertz))
    assert semitones == pytest.approx(LIFT, abs=2.0)


@pytest.mark.slow
def test_forms_are_thirds_and_targets_follow_them():
    share = {form: FORMS.count(form) / len(FORMS) for form in Heard}
    assert share[Heard.RAW] == share[Heard.MCADAMS] == share[Heard.NEUTRAL] + share[Heard.NEUTRAL_SPEAKERS]
    raw, wanted = utterances(0, 0, 2, 2, workers=0, form=Heard.RAW)
    neutral, flat = utterances(0, 0, 2, 2, workers=0, form=Heard.NEUTRAL)
    assert raw.shape == neutral.shape == (4, 128, 204) and wanted.shape == (4, len(TARGETS))
    np.testing.assert_array_equal(wanted[:, 1:], flat[:, 1:])  # of the same words, said in the same way
    assert len(set(wanted[:, 0])) == 2 and len(set(flat[:, 0])) == 1
