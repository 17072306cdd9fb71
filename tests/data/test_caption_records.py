"""Stage 1: captioned videos and images as rows, from datasets of one and of several kinds, and on to stage 2."""

import dataclasses
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from deemo_jax.core.errors import UserError
from deemo_jax.core.recipe import Recipe
from deemo_jax.data.batch_text import describe_row
from deemo_jax.data.build.dataset_writer import write_dataset
from deemo_jax.data.build.records import encode_jpeg
from deemo_jax.data.mixture import MixedClips, open_training
from deemo_jax.data.pipeline import make_pipeline
from deemo_jax.data.prompt_lengths import check_prompts
from deemo_jax.data.record_features import RecordKind
from deemo_jax.data.run_data import examine
from deemo_jax.data.tokenizer import ByteTokenizer
from deemo_jax.models.batch import Batch
from deemo_jax.models.deemo_llama import param_shapes
from deemo_jax.models.from_recipe import make_model
from deemo_jax.models.media_tokens import MediaTokens
from deemo_jax.models.params import split, trainable_paths
from deemo_jax.models.weights import flatten
from deemo_jax.training.state import TrainState
from deemo_jax.training.step import init_state, make_step
from tests.models.tiny import drawn
from tests.training.tiny import get_config

TOKENS = MediaTokens(0, 4)


def record(name: str, frames: int, caption: str) -> dict[str, Any]:
    """As `deemo_jax.data.captions.record` makes it; frame i has the grey level 20 * i."""
    return {
        "clip_id": name,
        "media": f"{name}.mp4",
        "frames": [encode_jpeg(np.full((224, 224, 3), 20 * i, np.uint8)) for i in range(frames)],
        "faces": 0,
        "caption": caption,
        "provenance": dict.fromkeys(("video", "audio", "transcript", "source", "settings", "software"), "test"),
    }


def write_captions(data_dir: Path) -> Path:
    """Six videos and three images, in two datasets."""
    import tensorflow_datasets as tfds

    from deemo_jax.data.record_features import caption_features

    def builder_of(dataset: str, records: list[dict[str, Any]]) -> Any:
        class Builder(tfds.core.GeneratorBasedBuilder, skip_registration=True):
            VERSION = tfds.core.Version("1.0.0")
            name = dataset

            def _info(self) -> Any:
                return tfds.core.DatasetInfo(builder=self, features=caption_features())

            def _split_generators(self, dl_manager: Any) -> Any:
                return {"train": enumerate(records)}

            def _generate_examples(self) -> Any:
                raise NotImplementedError

        return lambda folder: Builder(data_dir=folder)

    videos = [record(f"v{i}", 4, f"a man walks {i} times around the old house") for i in range(6)]
    images = [record(f"i{i}", 1, "a cat") for i in range(3)]
    for name, records in (("webvid", videos), ("cc3m", images)):
        write_dataset(builder_of(name, records), data_dir, overwrite=False)
    return data_dir


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_captions(tmp_path_factory.mktemp("captions"))


def recipe(data: Path, **changes: Any) -> Recipe:
    config = get_config(str(data)).to_dict()
    del config["model"]["audio"]
    config["prompt"] = {"task": "reasoning", "template": "caption"}
    config["data"] |= {
        "dataset": "webvid",
        "mixture": {"webvid": 100, "cc3m": 24},
        "max_length": 32,
        "max_answer": 16,
        "modalities": "video",
        "frame_sampling": "head_tail",
        "frame_crop": True,
    } | changes
    return Recipe.from_config(config)


def test_rows_are_media_and_a_caption_that_is_cut_and_nothing_else(data: Path) -> None:
    batches = make_pipeline(recipe(data), TOKENS, train=True)
    seen = set()
    for step in range(8):
        batch = batches.batch_at(step)
        for row, index in enumerate(batch.index.tolist()):
            of = batches.record(index)
            text = [
                line.split("loss  ")[-1]
                for line in describe_row(batch, ByteTokenizer(), TOKENS, row)
                if "loss  " in line
            ]
            assert text == ["a cat<eos>" if len(of.jpegs) == 1 else of.clip.reasoning[:16]]
            assert batch.valid[row].sum() == 1 + 4 + batch.loss_mask[row].sum() and batch.has_video[row]
            seen.add(of.clip.clip_id[0])
        assert len({batches.record(int(index)).clip.clip_id[0] for index in batch.index}) == 1
    assert seen == {"v", "i"}


def test_a_batch_that_no_machine_holds_is_refused_before_it_is_read(data: Path) -> None:
    with pytest.raises(UserError, match=r"config\.data\.batch_size: 1000000000 examples .* choose fewer"):
        make_pipeline(recipe(data, batch_size=10**9), TOKENS, train=True)


def test_an_image_is_a_film_of_one_frame_which_is_repeated(data: Path) -> None:
    batches = make_pipeline(recipe(data, mixture={}, dataset="cc3m", frame_crop=False), TOKENS, train=True)
    assert (batches.batch_at(0).frames == 0).all() and batches.batch_at(0).frames.shape[1] == 2
    films = make_pipeline(recipe(data, mixture={}, frame_crop=False), TOKENS, train=True)
    levels = np.concatenate([films.batch_at(step).frames[:, :, 0, 0, 0] for step in range(6)])
    assert (levels[:, 0] < 30).all() and (levels[:, 1] > 30).all() and len(np.unique(levels, axis=0)) == 4


def test_a_step_is_compiled_once_for_all_datasets_of_a_mixture(data: Path) -> None:
    run = recipe(data)
    model = make_model(run)
    params = jax.tree.map(jnp.asarray, drawn(param_shapes(model)))
    trainable, frozen = split(params, trainable_paths(flatten(params), (".*/projector/.*",)))
    step, state, traced, seen = make_step(model, run), init_state(run, trainable), [], set()

    @jax.jit
    def counted(state: TrainState, batch: Batch) -> TrainState:
        traced.append(batch)
        return step(state, frozen, batch)[0]

    for mixing in ("batch", "row"):
        batches = make_pipeline(recipe(data, mixing=mixing, mixture={"webvid": 1, "cc3m": 1}), TOKENS, train=True)
        for number in range(3):
            batch = batches.batch_at(number)
            state = counted(state, batch)
            seen.add(tuple(sorted({batches.record(int(index)).clip.clip_id[0] for index in batch.index})))
    assert seen == {("i",), ("v",), ("i", "v")} and int(state.step) == 6 and len(traced) == 1


def test_the_fingerprint_of_a_mixture_has_all_of_its_datasets(data: Path) -> None:
    found, remarks = examine(recipe(data).data, verify=True)
    assert found.dataset == "cc3m+webvid" and dict(found.splits) == {"cc3m/train": 3, "webvid/train": 6} and not remarks
    source = open_training(recipe(data).data)
    assert isinstance(source, MixedClips) and source.sizes == [3, 6]
    assert source.kinds == {RecordKind.CAPTIONS}
    ids = [source.without_media(i).clip.clip_id for i in range(9)]
    assert sorted(ids[:3]) == ["i0", "i1", "i2"] and sorted(ids[3:]) == [f"v{i}" for i in range(6)]


def test_prompts_that_all_fit_are_not_read(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = examine(recipe(data).data, verify=False)[0]
    with pytest.raises(UserError, match="6 clips do not fit into"):
        check_prompts(recipe(data, max_length=20), TOKENS, found, "train")
    monkeypatch.setattr(MixedClips, "without_media", None)
    check_prompts(recipe(data), TOKENS, found, "train")


def test_what_captions_cannot_give_is_refused(data: Path) -> None:
    asked = recipe(data)
    emotions = dataclasses.replace(asked, prompt=dataclasses.replace(asked.prompt, task="recognition"))
    with pytest.raises(UserError, match="captions, which name no emotion"):
        make_pipeline(emotions, TOKENS, train=True)
    joined = dataclasses.replace(asked, prompt=dataclasses.replace(asked.prompt, template="vicuna_v1"))
    with pytest.raises(UserError, match="tokenizes prompt and answer as one"):
        make_pipeline(joined, TOKENS, train=True)
    with pytest.raises(UserError, match="no dataset there"):
        make_pipeline(recipe(data, mixture={"webvid": 1, "laion": 1}), TOKENS, train=True)
