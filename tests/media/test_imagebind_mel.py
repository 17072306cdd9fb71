import hashlib
from pathlib import Path

import numpy as np
import pytest

from deemo_jax.core.errors import UserError
from deemo_jax.media.imagebind_mel import MEAN, STD, mel_clips
from deemo_jax.media.kaldi_mel import FLOOR, filter_bank

GOLDEN = Path(__file__).parents[1] / "golden" / "mel_seed0_5.5s.npz"


@pytest.fixture(scope="module")
def waveform():
    rng = np.random.default_rng(int.from_bytes(hashlib.sha256(b"0:input:waveform").digest()[:8], "little"))
    t = np.arange(88_000) / 16_000
    sweep = 0.3 * np.sin(2 * np.pi * (120 + 40 * t) * t) * np.sin(2 * np.pi * 1.5 * t) ** 2
    return (0.05 * rng.standard_normal(t.size) + sweep).astype(np.float32)


def test_equals_the_reference(waveform):
    golden = np.load(GOLDEN)
    np.testing.assert_array_equal(waveform[:64], golden["waveform_head"])
    mel = mel_clips(waveform)
    assert mel.shape == (8, 128, 204) and mel.dtype == np.float32
    np.testing.assert_allclose(mel[:, ::4, ::6], golden["mel"], atol=1e-3)
    np.testing.assert_allclose([mel.mean(), mel.std(), np.linalg.norm(mel)], golden["stats"], rtol=1e-5)


def test_filter_bank_constants():
    bank = filter_bank(128)
    assert bank.shape == (128, 257)
    assert bank.sum() == pytest.approx(252.6105, abs=1e-4) and bank.max() == pytest.approx(0.99566, abs=1e-5)
    assert np.flatnonzero(bank.sum(1) == 0).tolist() == [3]
    assert not bank[:, 256].any()


def test_padding_and_silence():
    mel = mel_clips(np.zeros(48_000, np.float32), 3)
    np.testing.assert_allclose(mel[..., 198:], -MEAN / STD, rtol=1e-6)
    np.testing.assert_allclose(mel[..., :198], (np.log(FLOOR) - MEAN) / STD, rtol=1e-6)


def test_short_sound_is_padded_with_zeros(waveform):
    short = mel_clips(waveform[:8000])
    padded = mel_clips(np.pad(waveform[:8000], (0, 24_000)))
    np.testing.assert_array_equal(short, padded)
    assert (short == short[:1]).all()


def test_clips_are_spread_evenly(waveform):
    mel = mel_clips(waveform, 3)
    np.testing.assert_array_equal(mel[1], mel_clips(waveform[28_000:60_000], 1)[0])


def test_what_cannot_be_used():
    with pytest.raises(UserError, match="25 ms"):
        mel_clips(np.zeros(399, np.float32))
    mel_clips(np.zeros(400, np.float32))
    with pytest.raises(UserError, match="not finite"):
        mel_clips(np.full(32_000, np.nan, np.float32))
