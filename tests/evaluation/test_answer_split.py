"""A model's answers, clip by clip, from a built dataset and from a damaged source."""

import dataclasses
import shutil

import jax
import numpy as np
import pytest

from deemo_jax.build import main as build
from deemo_jax.core.errors import UserError
from deemo_jax.core.recipe import Recipe
from deemo_jax.core.schema import DEEMO_LABELS
from deemo_jax.data.clip_source import ClipSource
from deemo_jax.data.features import make
from deemo_jax.data.pipeline import Pipeline, make_pipeline
from deemo_jax.data.prompt_config import parse_template
from deemo_jax.data.tokenizer import make_tokenizer
from deemo_jax.evaluation import answer_split as answer_split_file
from deemo_jax.evaluation.answer_log import AnswerLog
from deemo_jax.evaluation.answer_split import answer_split
from deemo_jax.evaluation.modality_sets import allowed_sets, parse_sets
from deemo_jax.evaluation.predictions import by_set
from deemo_jax.generation.answers import _padded as padded
from deemo_jax.generation.answers import respond
from deemo_jax.generation.buckets import lengths
from deemo_jax.generation.label_odds import statements
from deemo_jax.generation.load import load_run
from deemo_jax.models.from_recipe import Setup
from tests.attested_clips import write_attested
from tests.tiny_runs import NEW
from tests.training import tiny

EOS = 2
pytestmark = pytest.mark.usefixtures("one_length")


@pytest.fixture(scope="module")
def model(untrained_run):
    """The model of that run, for which others compile too. Larger weights say different things to different clips.

    They lie as the run's do: for others it would be compiled anew.
    """
    _, made, params = load_run(untrained_run)
    return made, jax.tree.map(lambda leaf: jax.device_put(4 * leaf, leaf.sharding), params)


@pytest.fixture(scope="module")
def config(tmp_path_factory):
    folder = tmp_path_factory.mktemp("dummy")
    write_attested(folder)
    paths = ["--attest", str(folder / "attestation.json"), "--annotations", str(folder / "clips.jsonl")]
    paths += ["--workers", "0"]
    assert build(["deemo_mer", *paths, "--data_dir", str(folder / "data"), "--fractions", "train=0.3,test=0.7"]) == 0
    return recipe(folder / "data")


def recipe(data, modalities="all", **model):
    """Of a run whose data lies in a folder."""
    config = {
        "seed": 0,
        "tokenizer": {"name": "bytes"},
        "prompt": {"task": "recognition_reasoning"},
        "data": {
            "dataset": "deemo_mer",
            "data_dir": str(data),
            "train_split": "train",
            "test_split": "test",
            "batch_size": 2,
            "max_length": 192,
            "frames": 2,
            "clips": 2,
            "modalities": modalities,
        },
        "model": tiny.MODEL | model,
        "train": {"steps": 1},
        "trainable": [".*"],
    }
    return Recipe.from_config(config)


def ask(config, model, sets="all", batch_size=2, **more):
    return answer_split(config, *model, parse_sets(sets), batch_size=batch_size, max_new_tokens=NEW, **more)


def test_every_clip_is_answered_once_per_set_by_few_compiled_functions(config, model, few_lengths):
    answers = ask(config, model, "all;transcript;video;audio")
    # Other clips, whose prompts have other lengths.
    ask(config, model, "all;video;audio,transcript", split="train")
    shapes, compiled = zip(*few_lengths, strict=True)
    assert 1 < len(set(shapes)) <= len(lengths(config.data.max_length))
    assert compiled[-1] - compiled[0] < len(set(shapes))
    sets = by_set(answers.predictions)
    clips = sorted(record.clip.clip_id for record in ClipSource(config.data.data_dir, "deemo_mer", "test"))
    assert len(clips) >= 3
    assert list(sets) == ["all", "transcript", "video", "audio"]
    assert all([row.clip_id for row in rows] == clips for rows in sets.values())
    truth = {f"clip{i:02d}": ("negative", "positive")[i % 2] for i in range(6)}
    assert all(row.emotion_true == truth[row.clip_id] for row in answers.predictions)
    known = {r.clip.clip_id: r.clip.person_id or None for r in ClipSource(config.data.data_dir, "deemo_mer", "test")}
    assert {row.clip_id: row.person_id for row in answers.predictions} == known and any(known.values())
    assert all(row.transcript_provenance == "not de-identified" and row.raw_text for row in answers.predictions)
    assert all(row.reference == f"The words sound {row.emotion_true}." for row in answers.predictions)
    assert answers.notes == (
        f"{len(clips)} of {len(clips)} clips were de-identified elsewhere: attested, not checked here.",
    )


def test_prompts_that_do_not_fit_are_named_before_the_first_answer(config, model, monkeypatch):
    monkeypatch.setattr(answer_split_file, "answer", lambda *_: pytest.fail("is asked"))
    short = dataclasses.replace(config, data=dataclasses.replace(config.data, max_length=60))
    with pytest.raises(UserError, match=r"split 'test': \d clips do not fit .*=60 .*: clip\d+ \(\d+ tokens\), clip\d+"):
        ask(short, model)


def test_an_answer_is_its_own_clips_whatever_its_neighbours(config, model):
    """Against batches in which every clip has another place and another neighbour."""
    answers = {row.clip_id: row.answer for row in ask(config, model).predictions}
    assert len(set(answers.values())) > 1
    pipeline = make_pipeline(config, model[0].config.tokens, train=False)
    rows = jax.tree.map(lambda *parts: np.concatenate(parts), *map(pipeline.batch_at, range(pipeline.steps)))
    tokenizer = make_tokenizer(config.tokenizer)
    stated = padded(statements(parse_template(config.prompt), tokenizer, DEEMO_LABELS), tokenizer.pad_id)
    limits = {"max_new_tokens": NEW, "eos_id": EOS, "pad_id": 0, "stops": (), "vocab": tokenizer.vocab_size}
    for index in range(len(pipeline)):
        pair = jax.tree.map(lambda array, index=index: array[[index - 1, index]], rows)
        said, _ = respond(*model, pair, stated, None, **limits)
        kept = [int(token) - 3 for token in np.asarray(said)[1] if token > EOS]
        text = bytes(kept).decode("utf-8", errors="ignore")
        assert answers[pipeline.record(index).clip.clip_id] == text


@pytest.mark.slow
def test_clips_with_features_get_the_same_answers(config, model, tmp_path, monkeypatch):
    copy = shutil.copytree(config.data.data_dir, tmp_path / "data")
    once = dataclasses.replace(config, data=dataclasses.replace(config.data, data_dir=str(copy), cached_views=1))
    # They are made with the weights that are asked, which are not those of the recipe.
    monkeypatch.setattr(make, "build", lambda *_, **__: Setup(model[0], {}, model[1]))
    make.make_features(once.resolved())
    for more in ({}, {"limit": 1}):
        plain, encoded = (ask(given, model, "all;audio", **more).predictions for given in (config, once))
        assert [row.answer for row in plain] == [row.answer for row in encoded]
        for one, other in zip(plain, encoded, strict=True):
            assert one.log_likelihoods == pytest.approx(other.log_likelihoods, abs=1e-3)


def test_limit_and_split(config, model):
    assert len(ask(config, model, limit=1).predictions) == 1
    both = by_set(ask(config, model, "all;video", split="train").predictions)
    train = {record.clip.clip_id for record in ClipSource(config.data.data_dir, "deemo_mer", "train")}
    assert {row.clip_id for row in both["video"]} == train
    with pytest.raises(UserError, match="validation"):
        ask(config, model, split="validation")


class Damaged(list):
    """Record 1 cannot be read at all; of record 2 only the pixels cannot."""

    def __getitem__(self, index):
        if index == 1:
            raise OSError("the disk says no")
        record = super().__getitem__(index)
        return dataclasses.replace(record, jpegs=(b"no image",)) if index == 2 else record


def test_unreadable_records_are_counted_and_wrong(config, model, monkeypatch):
    source = ClipSource(config.data.data_dir, "deemo_mer", "test")
    damaged = Damaged(source[index] for index in range(3))

    def in_memory(given, tokens, **arguments):
        real = make_pipeline(given, tokens, **arguments)
        return Pipeline(damaged, real._spec, batch_size=given.data.batch_size, train=False)

    monkeypatch.setattr(answer_split_file, "make_pipeline", in_memory)
    answers = ask(config, model, "video")
    assert [row.clip_id for row in answers.predictions] == [damaged[i].clip.clip_id for i in (0, 2)]
    assert answers.predictions[1].answer == "" and answers.predictions[1].emotion_predicted is None
    assert any(note.startswith("1 records could not be read at all") for note in answers.notes)
    assert any(note.startswith("2 records could not be read (video)") for note in answers.notes)


def test_a_modality_that_the_run_is_not_shown_is_refused():
    config = recipe("nowhere", "video,transcript")
    assert allowed_sets("all;video", config) == parse_sets("video,transcript;video")
    assert allowed_sets("", config) == parse_sets("video,transcript;transcript;video")
    for asked in ("all;audio", "audio,video", "nfbl"):
        with pytest.raises(UserError, match="this run is shown video,transcript only"):
            allowed_sets(asked, config)
    blind = recipe("nowhere", video=None)
    assert allowed_sets("", blind) == parse_sets("audio,transcript,nfbl;transcript;audio")
    with pytest.raises(UserError, match="this run is shown audio,transcript,nfbl only"):
        allowed_sets("video", blind)


def test_an_interrupted_evaluation_gives_what_an_uninterrupted_one_gives(config, model, tmp_path, monkeypatch):
    """Killed in the second batch of the second set, with half a line on the disk."""
    whole = ask(config, model, "all;video")
    asked, real = [], answer_split_file.answer

    def killed(*arguments):
        asked.append(arguments)
        if len(asked) == 4:
            raise KeyboardInterrupt
        return real(*arguments)

    monkeypatch.setattr(answer_split_file, "answer", killed)
    path = tmp_path / "answers.jsonl"
    assert len(whole.predictions) == 2 * 4, "two batches a set"
    with pytest.raises(KeyboardInterrupt):
        ask(config, model, "all;video", log=AnswerLog(path))
    with open(path, "a") as handle:
        handle.write(path.read_text().splitlines()[0][:30])
    resumed = ask(config, model, "all;video", log=AnswerLog(path))
    assert resumed == whole
    assert len(asked) == 5, "what was answered is not asked again"
    assert ask(config, model, "all;video", log=AnswerLog(path)) == whole
    assert len(asked) == 5
    # With another batch size it goes on, too.
    path.write_text("".join(path.read_text().splitlines(keepends=True)[:3]))
    resumed = ask(config, model, "all;video", batch_size=1, log=AnswerLog(path))
    assert [row.answer for row in resumed.predictions] == [row.answer for row in whole.predictions]
