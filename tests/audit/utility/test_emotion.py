import dataclasses
from pathlib import Path

import numpy as np
import pytest

from configs import sample
from deemo_jax.audit.utility import emotion, linear_probe
from deemo_jax.audit.utility.emotion import labels, utility_section
from deemo_jax.audit.utility.frozen_encoders import load_towers, towers_of
from deemo_jax.audit.utility.prosody_statistics import NAMES
from deemo_jax.audit.utility.variants import RAW, WRITTEN, frame_names, make_variants, mask_variants, voice_names
from deemo_jax.core.errors import UserError
from deemo_jax.data.corpus_statement import CorpusStatement
from deemo_jax.models.weights import save_tree

WEIGHTS = Path(sample.__file__).parent / "sample_towers" / "towers.safetensors"
TONES = ("negative", "neutral", "positive")
WORDS = {"negative": "sad", "neutral": "even", "positive": "glad"}
CORPUS = CorpusStatement("made", {"body": WORDS, "voice": WORDS}, {}, {"video": 0.68, "audio": 0.68})


def silent(waveform, clip_id, speaker):
    return 0 * waveform


@pytest.fixture(scope="module")
def towers():
    return load_towers(sample.MODEL, WEIGHTS)


@pytest.fixture(scope="module")
def crowd(audited):
    """One film under twelve names, so that nothing can tell its cues."""
    rows = [
        {
            "person_id": f"p{i % 12}",
            "cues": {"body": TONES[i % 3], "voice": TONES[i // 3 % 3]},
            "emotion": TONES[i % 2 * 2],
            "corpus": CORPUS.to_json(),
        }
        for i in range(12)
    ]
    return [dataclasses.replace(audited, truth=audited.truth | row) for row in rows]


def test_variants_of_a_clip(audited):
    made = make_variants(96, {"silent": silent}, audited)
    assert made.frames.shape == (len(frame_names()), 8, 96, 96, 3) and made.mel.shape == (3, 4, 128, 204)
    shown = dict(zip(frame_names(), made.frames.astype(int), strict=True))
    assert set(mask_variants().values()) >= {"gaussian", "solid"}
    assert np.abs(shown["solid"] - shown[WRITTEN]).mean() < 4 < np.abs(shown["solid"] - shown[RAW]).mean()
    assert np.abs(shown["gaussian (the paper's)"] - shown[RAW]).mean() > 2
    heard = dict(zip(voice_names({"silent": silent}), made.mel, strict=True))
    assert made.prosody.shape == (3, len(NAMES)) and np.isfinite(made.prosody).all()
    assert heard["silent"].max() < heard[RAW].min() + 3 and np.abs(heard[RAW] - heard[WRITTEN]).mean() > 0.02


def test_towers(towers, tmp_path):
    rng = np.random.default_rng(0)
    pictures = rng.integers(0, 255, (2, 3, 224, 224, 3), np.uint8)
    seen = np.asarray(towers.see(pictures))
    assert seen.shape == (2, 576) and np.isfinite(seen).all() and np.abs(seen[0] - seen[1]).max() > 1e-3
    np.testing.assert_allclose(towers.see(pictures[:, ::-1]), seen, atol=1e-4)  # the order of frames does not matter
    assert towers.hear(rng.normal(size=(2, 4, 128, 204)).astype(np.float32)).shape == (2, 128)
    save_tree(tmp_path / "other.safetensors", {"decoder": {"x": np.zeros(1)}})
    with pytest.raises(UserError, match="lacks the tower"):
        load_towers(sample.MODEL, tmp_path / "other.safetensors")


def test_the_towers_of_a_recipe(tmp_path, monkeypatch):
    monkeypatch.chdir(Path(sample.__file__).parents[1])
    assert towers_of(Path("configs/sample.py")).side == load_towers(sample.MODEL, WEIGHTS).side
    with pytest.raises(UserError, match="its config"):
        towers_of(Path("configs/deemo_llama_7b.py"))
    for text in ("x = 1", "x ="):
        (tmp_path / "recipe.py").write_text(text)
        with pytest.raises(UserError, match="no recipe"):
            towers_of(tmp_path / "recipe.py")


def once(function):
    """Gives for all clips, which are one film, what it gives for the first."""
    given = []

    def first(*arguments):
        given.extend([] if given else [function(*arguments)])
        return given[0]

    return first


@pytest.mark.slow
def test_a_cue_that_is_not_there_is_not_found(crowd, towers, monkeypatch):
    monkeypatch.setattr(emotion, "make_variants", once(make_variants))
    for name, few in {"STRENGTHS": (1e-3,), "FOLDS": 3}.items():
        monkeypatch.setattr(linear_probe, name, few)
    towers = dataclasses.replace(towers, see=once(towers.see), hear=once(towers.hear))
    section = utility_section(crowd, towers, count=11, modes=("mcadams", "neutral"))
    scores = section.numbers["balanced_accuracy"]
    assert section.numbers["clips"] == section.numbers["persons"] == 11
    voices = [RAW, "mcadams", "neutral", "neutral:speaker", WRITTEN]
    assert list(scores["voice"]) == list(scores["statistics"]) == voices and list(scores["frames"]) == frame_names()
    for mode in (mode for modes in scores.values() for mode in modes.values()):
        assert mode["cue"]["value"] < 0.7 and mode["emotion"]["value"] < 0.75
    assert scores["voice"]["neutral"]["cue"]["less_mcadams"] == 0.0 and "less_mcadams" not in scores["frames"][RAW]
    assert section.numbers["bayes_optimal"]["frames"]["emotion"] == pytest.approx(0.68)
    assert len(section.tables) == 3 and section.figures[0].png.startswith(b"\x89PNG")


def test_what_is_not_measured(audited, crowd, towers):
    for clips, given, why in (
        (crowd, None, "towers"),
        ([audited], towers, "states the cues"),
        (crowd[:3], towers, "10 persons"),
        ([dataclasses.replace(crowd[0], truth=crowd[0].truth | {"corpus": {"kind": 3}})], towers, "its kind"),
        ([dataclasses.replace(audited, truth=None)], towers, "--truth"),
        ([dataclasses.replace(audited, source=None)], towers, "--source"),
    ):
        section = utility_section(clips, given)
        assert section.notes[0].startswith("Not measured") and why in section.notes[0] and not section.tables


@pytest.mark.parametrize(
    "row",
    [{}, {"cues": 3}, {"cues": {"body": "loud"}}, {"cues": {"body": "neutral", "voice": "neutral"}, "emotion": []}],
)
def test_a_truth_without_cues_is_left_out(audited, row):
    assert labels(dataclasses.replace(audited, truth=row), CORPUS) is None
