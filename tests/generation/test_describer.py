"""Clips to descriptions: what is shown, what is computed, and what is left behind."""

import dataclasses
import json
import math
import shutil
import tempfile
from pathlib import Path
from types import SimpleNamespace

import jax
import numpy as np
import pytest

import deemo_jax
from deemo_jax.build import main as build
from deemo_jax.core.errors import UserError
from deemo_jax.core.schema import DEEMO_LABELS, Modality
from deemo_jax.data.batch_rows import make_row
from deemo_jax.data.pipeline import make_pipeline, make_spec, stack
from deemo_jax.deid.clip import Refused
from deemo_jax.deid.keys import VoiceKey
from deemo_jax.deid.settings import Settings
from deemo_jax.generation import clip_reader
from deemo_jax.generation.answers import Decoding
from deemo_jax.generation.buckets import lengths
from deemo_jax.generation.calibration import Calibration, Temperature, path_of, save
from deemo_jax.generation.clip_reader import Question, read_clip
from deemo_jax.generation.describer import Describer
from deemo_jax.generation.description import Failure
from deemo_jax.generation.known_clips import KnownClips
from deemo_jax.generation.label_odds import probabilities
from deemo_jax.generation.load import checkpoint_identity, load_run
from tests.models.tiny import jitted
from tests.tiny_runs import NEW

WORDS = "I am glad."
pytestmark = pytest.mark.usefixtures("one_length")


def with_data(recipe, **changes):
    return dataclasses.replace(recipe, data=dataclasses.replace(recipe.data, **changes))


@pytest.fixture(scope="session")
def loaded(untrained_run):
    return load_run(untrained_run)


@pytest.fixture
def places(monkeypatch, tmp_path):
    """Where copies may lie while they are needed, as (memory, temporary): folders of this test."""
    memory, temporary = tmp_path / "memory", tmp_path / "temporary"
    for folder in (memory, temporary):
        folder.mkdir()
    monkeypatch.setattr(clip_reader, "MEMORY", memory)
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    return memory, temporary


@pytest.fixture
def used(monkeypatch):
    """Folders that de-identified copies were written to."""
    folders = []

    def watched(source, out_dir, *rest):
        folders.append(out_dir)
        return deidentify_clip(source, out_dir, *rest)

    deidentify_clip = clip_reader.deidentify_clip
    monkeypatch.setattr(clip_reader, "deidentify_clip", watched)
    return folders


def files_in(*folders: Path) -> set[Path]:
    return {path for folder in folders for path in folder.rglob("*")}


def test_a_raw_clip_is_described_and_leaves_no_file_behind(describer, raw, places, used):
    before = files_in(raw.path.parent)
    found = describer.describe(raw.path)
    assert files_in(raw.path.parent) == before and files_in(*places) == set()
    assert [folder.parent for folder in used] == [places[0]]
    assert found.modalities == (Modality.AUDIO, Modality.VIDEO)
    assert found.clip == str(raw.path)
    assert any("de-identified for this answer (solid masks" in note for note in found.notes)
    assert any("zero-padded" in note for note in found.notes)
    assert any("no transcript was given; the answer rests on audio, video" in note for note in found.notes)
    assert f"the answer was cut at {NEW} tokens" in found.notes
    assert math.isclose(sum(found.probabilities.values()), 1.0)
    assert found.probability == max(found.probabilities.values()) >= 0.5


@pytest.mark.slow
def test_words_given_with_a_raw_clip_lose_names(describer, raw, key):
    question = Question(raw.path, transcript="I am glad that Mara Veldt came.")
    record, _ = read_clip(question, 2, 2, Settings(), key)
    assert record.clip.transcript == "I am glad that [NAME] came."
    assert record.provenance.transcript == "deemo_jax rules 4, 1 replaced"
    unread, _ = read_clip(dataclasses.replace(question, transcript="我和李娜在北京比赛"), 2, 2, Settings(), key)
    assert unread.provenance.transcript == "not de-identified"
    found = describer.describe(raw.path, transcript=question.transcript)
    assert any("taken out of the transcript (deemo_jax rules 4, 1 replaced)" in note for note in found.notes)


def test_without_room_in_memory_the_copy_lies_in_the_temporary_folder(raw, key, places, used, monkeypatch):
    monkeypatch.setattr(clip_reader.shutil, "disk_usage", lambda _: SimpleNamespace(free=1000))
    record, _ = read_clip(Question(raw.path), 2, 2, Settings(), key)
    assert [folder.parent for folder in used] == [places[1]]
    assert len(record.jpegs) == 2 and files_in(*places) == set()


def test_a_refused_clip_leaves_no_file_behind(describer, refused, places, used):
    with pytest.raises(Refused, match="no face"):
        describer.describe(refused.path)
    assert len(used) == 1 and files_in(*places) == set()


def test_odds_are_those_of_full_passes(describer, loaded, deidentified):
    config, model, params = loaded
    found = describer.describe(deidentified[0], transcript=WORDS, nfbl=["nod"])
    spec = make_spec(config, model.config.tokens, train=False)
    question = Question(deidentified[0], WORDS, ("nod",))
    record, _ = read_clip(question, spec.frames, spec.clips, Settings(), None)
    run, logits = jitted(model), jitted(model, "logits")
    expected = {}
    for emotion in DEEMO_LABELS:
        row, _ = make_row(record, spec, np.random.default_rng(0), 0)
        ids, end = spec.tokenizer.encode(f"The emotion is {emotion}."), int(row["valid"].sum())
        span = slice(end, end + len(ids))
        row["token_ids"][span], row["positions"][span], row["valid"][span] = ids, range(end, span.stop), True
        log_p = jax.nn.log_softmax(logits(params, run(params, stack([row]))))[0]
        expected[emotion] = sum(float(log_p[end - 1 + k, token]) for k, token in enumerate(ids))
    for emotion in DEEMO_LABELS:
        assert math.isclose(found.log_likelihoods[emotion], expected[emotion], rel_tol=1e-4)
    total = sum(math.exp(value) for value in expected.values())
    for emotion in DEEMO_LABELS:
        assert math.isclose(found.probabilities[emotion], math.exp(expected[emotion]) / total, rel_tol=1e-3)
    assert found.emotion == max(expected, key=expected.get)


def test_the_model_sees_what_a_dataset_would_show_it(loaded, deidentified, tmp_path):
    config, model, _ = loaded
    rows = [
        {"clip_id": path.stem, "video_id": path.stem, "person_id": path.stem, "start_s": 0.0, "end_s": lasts_s,
         "transcript": WORDS, "nfbl": [{"start_s": 0.1, "end_s": 0.5, "label": "nod"}], "emotion": "positive",
         "reasoning": "so"}
        for path, lasts_s in zip(deidentified, (1.2, 2.5), strict=True)
    ]  # fmt: skip
    (tmp_path / "clips.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    paths = ["--manifest", str(deidentified[0].parent), "--annotations", str(tmp_path / "clips.jsonl")]
    data = str(tmp_path / "data")
    stored = ["--frames", "2", "--clips", "2", "--fractions", "train=0.5,test=0.5", "--workers", "0"]
    assert build(["deemo_mer", *paths, "--data_dir", data, *stored]) == 0
    given = with_data(config, data_dir=data, batch_size=1)
    pipeline = make_pipeline(given, model.config.tokens, train=False)
    path = next(path for path in deidentified if path.stem == pipeline.record(0).clip.clip_id)
    spec = make_spec(config, model.config.tokens, train=False)
    record, _ = read_clip(Question(path, WORDS, ("nod",)), spec.frames, spec.clips, Settings(), None)
    ours, theirs = make_row(record, spec, np.random.default_rng(0), 0)[0], pipeline.batch_at(0)
    for name, value in ours.items():
        np.testing.assert_array_equal(value, getattr(theirs, name)[0], err_msg=name)


def test_many_clips_are_answered_as_alone_and_bad_ones_cost_only_themselves(describer, deidentified, refused, tmp_path):
    first, second = deidentified
    asked = [
        Question(first, WORDS),
        Question(tmp_path / "absent.mp4"),
        Question(second),
        Question(refused.path),
        Question(second, WORDS, ("nod", "shrug")),
    ]
    found = list(describer.describe_all(asked, batch_size=2))
    assert [item.clip for item in found] == [str(question.path) for question in asked]
    assert isinstance(found[1], Failure) and "cannot be read" in found[1].reason and not found[1].refused
    assert isinstance(found[3], Failure) and "no face" in found[3].reason and found[3].refused
    for index in (0, 2, 4):
        question = asked[index]
        alone = describer.describe(question.path, transcript=question.transcript, nfbl=question.nfbl)
        assert dataclasses.replace(found[index], log_likelihoods=alone.log_likelihoods) == alone
        for emotion in DEEMO_LABELS:
            assert math.isclose(found[index].log_likelihoods[emotion], alone.log_likelihoods[emotion], rel_tol=1e-4)
    assert found[4].modalities == tuple(Modality)
    assert "the transcript was used as given; words are not de-identified" in found[4].notes


@pytest.mark.slow
def test_a_clip_that_ends_who_reads_it_costs_itself_only(describer, deidentified, tmp_path, deadly_decoder):
    for name in ("deadly", "odd"):
        (tmp_path / f"{name}.mp4").write_bytes(deidentified[0].read_bytes())
    asked = [Question(deidentified[0], WORDS), Question(tmp_path / "deadly.mp4"), Question(tmp_path / "odd.mp4")]
    good, dead, odd = describer.describe_all(asked, batch_size=1, workers=1)
    assert good == describer.describe(deidentified[0], transcript=WORDS)
    assert "SIGABRT" in dead.reason and "RuntimeError: a bug" in odd.reason and not dead.refused


@pytest.mark.slow
def test_clips_of_other_lengths_compile_nothing_new(describer, deidentified, few_lengths):
    for length in (1, 2, 3, 20, 40, 60, 400):
        found = describer.describe(deidentified[0], transcript="x" * length)
    shapes, compiled = zip(*few_lengths, strict=True)
    assert lengths(192) == (64, 128, 192)
    assert shapes == ((1, 128),) * 3 + ((1, 192),) * 4
    assert compiled[0] == compiled[2] and compiled[3] == compiled[6]
    assert "the transcript was shortened to fit" in found.notes


def test_the_probability_is_calibrated_where_a_temperature_is_known(loaded, deidentified):
    odds = Temperature(4.0, 22, (1.0, 0.5), (0.2, 0.1))
    known = Calibration({"audio,video": odds, "all": dataclasses.replace(odds, temperature=9.0)}, "")
    found = Describer(*loaded, decoding=Decoding(NEW), calibration=known).describe(deidentified[0])
    gap = abs(found.log_likelihoods["negative"] - found.log_likelihoods["positive"])
    assert math.isclose(found.probability, 1 / (1 + math.exp(-gap / 4.0)))
    assert "the probability is calibrated on 22 clips (temperature 4.00)" in found.notes
    assert found.to_json()["temperature"] == 4.0
    heard = Describer(*loaded, decoding=Decoding(NEW), calibration=known).describe(deidentified[0], nfbl=["nod"])
    assert math.isclose(heard.probability, max(probabilities(heard.log_likelihoods).values()))
    assert "the probability is not calibrated: no temperature is known for audio,video,nfbl" in heard.notes


def test_a_checkpoint_brings_its_calibration(untrained_run, tmp_path):
    work = shutil.copytree(untrained_run, tmp_path / "work")
    save(
        Calibration({"nfbl": Temperature(2.0, 20, (1.0, 0.5), (0.2, 0.1))}, ""),
        path_of(work, 0),
        checkpoint_identity(work, 0),
    )
    assert deemo_jax.load(work)._calibration.of("nfbl") == 2.0


def test_a_run_that_knows_invented_speakers_warns_of_everybody_else(loaded, deidentified, tmp_path):
    config, model, params = loaded
    invented = with_data(config, corpus="synthetic")
    describer = Describer(invented, model, params, decoding=Decoding(NEW))
    found = describer.describe(deidentified[0])
    assert found.warning.startswith("this answer means nothing") and found.to_json()["warning"] == found.warning
    assert str(found).splitlines()[1] == f"  WARNING: {found.warning}"
    assert Describer(config, model, params, decoding=Decoding(NEW)).describe(deidentified[0]).warning == ""


def test_a_clip_is_known_by_the_dataset_of_the_run_only(loaded):
    config = loaded[0]
    known = KnownClips(dataclasses.replace(config.data, corpus="synthetic"))
    assert known.warning(Path("a.mp4"), "clip3") == known.warning(Path("clip3.mp4"), "x") == ""
    for name in ("s3_000017", "clip99", "xclip3"):
        assert known.warning(Path(f"{name}.mp4"), "x") != "" and known.warning(Path("a.mp4"), name) != ""
    gone = KnownClips(dataclasses.replace(config.data, corpus="synthetic", data_dir="absent"))
    assert gone.warning(Path("a.mp4"), "clip3") != ""
    assert not KnownClips(config.data).synthetic


@pytest.mark.slow
def test_draws_are_the_seeds(loaded, deidentified):
    def said(seed, temperature=1.0, questions=1):
        decoding = Decoding(NEW, temperature=temperature, top_p=0.95, seed=seed)
        asked = [Question(path) for path in deidentified[:questions]]
        found = Describer(*loaded, decoding=decoding).describe_all(asked, batch_size=2)
        return [description.answer for description in found]

    assert said(1) == said(1) == said(1, questions=2)[:1]
    assert len({said(seed)[0] for seed in range(4)}) > 1


@pytest.mark.slow
def test_a_stop_ends_the_answer(describer, loaded, deidentified):
    whole = describer.describe(deidentified[0])
    assert whole.answer, "the model must say something"
    stop = whole.answer[-1]
    found = Describer(*loaded, decoding=Decoding(NEW, stops=("never", stop))).describe(deidentified[0])
    assert found.answer == whole.answer[: whole.answer.find(stop)].rstrip()
    assert not any("was cut" in note for note in found.notes)


def test_what_a_run_was_not_trained_on_is_not_shown(loaded, deidentified):
    config, model, params = loaded

    def only(modalities):
        given = with_data(config, modalities=modalities)
        return Describer(given, model, params, decoding=Decoding(NEW))

    found = only("audio,video").describe(deidentified[0], transcript=WORDS, nfbl=["nod"])
    assert found.modalities == (Modality.AUDIO, Modality.VIDEO)
    assert any("trained without transcripts" in note for note in found.notes)
    assert any("trained without NFBL" in note for note in found.notes)
    with pytest.raises(UserError, match=r"c1\.mp4: has nothing that this run is shown \(transcript, nfbl\)"):
        only("transcript,nfbl").describe(deidentified[0])


def test_a_silent_film_is_described_without_audio(describer, loaded, make_clip, tmp_path):
    """A modality that is not there leaves no tag and no token in the prompt; nothing stands in for it."""
    config, model, params = loaded
    silent = make_clip(tmp_path / "silent.mp4", frames=4, seconds=0.0).path
    found = describer.describe(silent)
    assert found.modalities == (Modality.VIDEO,)
    assert "it has no sound track: a silent film" in found.notes
    assert any("the answer rests on video" in note for note in found.notes)
    spec = make_spec(config, model.config.tokens, train=False)
    record, _ = read_clip(Question(silent), spec.frames, spec.clips, Settings(), VoiceKey(b"0123456789abcdef"))
    row, _ = make_row(record, spec, np.random.default_rng(0), 0)
    assert not row["has_audio"] and row["has_video"] and not row["mel"].any()
    # Slots of video tokens follow those of audio in concat(audio, video).
    shown = row["slots"][row["slots"] >= 0]
    assert shown.size == spec.tokens.video and shown.min() == spec.tokens.audio
    assert "Audio" not in spec.tokenizer.decode(row["token_ids"][row["valid"]].tolist())
    given = with_data(config, modalities="audio")
    with pytest.raises(UserError, match=r"silent\.mp4: has nothing that this run is shown \(audio\)"):
        Describer(given, model, params, decoding=Decoding(NEW)).describe(silent)


def test_a_prompt_that_cannot_fit_is_one_message(describer, deidentified):
    with pytest.raises(UserError, match=r"max_length is 192"):
        describer.describe(deidentified[0], nfbl=["hand rub"] * 40)
    with pytest.raises(UserError, match="batch_size 0"):
        next(describer.describe_all([Question(deidentified[0])], batch_size=0))


def test_the_paper_trail_decides_whether_a_clip_is_used_as_it_is(describer, deidentified, tmp_path, monkeypatch):
    for path in deidentified[0].parent.glob("c1.*"):
        shutil.copy(path, tmp_path)
    monkeypatch.setattr(clip_reader, "deidentify_clip", _never)
    assert "de-identified before" in describer.describe(tmp_path / "c1.mp4").notes[0]
    # Another file of that name is not the manifest's: it is taken for raw.
    shutil.copy(tmp_path / "c1.mp4", tmp_path / "c1.mov")
    with pytest.raises(UserError, match="was taken for raw"):
        describer.describe(tmp_path / "c1.mov")
    with open(tmp_path / "c1.mp4", "ab") as handle:
        handle.write(b"more")
    with pytest.raises(UserError, match="hash differs"):
        describer.describe(tmp_path / "c1.mp4")
    (tmp_path / "c1.manifest.json").unlink()
    with pytest.raises(UserError, match="was taken for raw"):
        describer.describe(tmp_path / "c1.mp4")


def _never(*_):
    raise UserError("was taken for raw")


def test_an_answer_beyond_the_context_is_refused_before_the_work(loaded, deidentified):
    describer = Describer(*loaded, decoding=Decoding(max_new_tokens=4090))
    with pytest.raises(UserError, match=r"a prompt of \d+ tokens and an answer of up to 4090 .* context of 4096"):
        describer.describe(deidentified[0], transcript=WORDS)
