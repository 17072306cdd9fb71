"""The way back: trained connectors under public names."""

import dataclasses

import numpy as np
import pytest
import safetensors.numpy

from deemo_jax.conversion import engine, export
from deemo_jax.conversion.export import public_connectors, write_connectors
from deemo_jax.core.errors import UserError
from deemo_jax.models.deemo_llama import DeemoLlama, DeemoLlamaConfig
from deemo_jax.models.params import is_trainable
from deemo_jax.models.weights import flatten, load_tree, unflatten
from tests import public_weights
from tests.conversion import tiny
from tests.training.tiny import write_tiny_run

PATTERNS = ("!.*/frame_qformer/.*", ".*/connector/.*", ".*/projector/.*")


def trained(patterns):
    return lambda path: is_trainable(path, patterns)


def exported(recipe, patterns=PATTERNS):
    return public_connectors(DeemoLlamaConfig.from_config(recipe.model), tiny.random(recipe), trained(patterns))


def test_what_goes_out_comes_in_again(tmp_path):
    recipe = tiny.recipe()
    public = exported(recipe)
    names = {name for file in ("finetune-vicuna7b-v2", "finetune_vicuna7b_audiobranch") for name in shapes(file)}
    assert set(public) == names  # those of the published files, layer for layer
    sources = tiny.write_public(tmp_path, recipe)
    for name, start in (("video_llama", ("video_", "llama_proj")), ("video_llama_audio", "audio_")):
        path = tmp_path / f"{name}.safetensors"
        safetensors.numpy.save_file({key: value for key, value in public.items() if key.startswith(start)}, path)
        sources[name] = str(path)
    engine.convert(recipe, sources, tmp_path / "out")
    tiny.same(flatten(load_tree(tmp_path / "out")), tiny.random(recipe))


def shapes(file):
    return public_weights.shapes(file, extras=False)


def test_a_trained_frame_qformer_goes_along_under_blip2s_names():
    public = exported(tiny.recipe(), PATTERNS[1:])
    assert "query_tokens" in public and "Qformer.bert.encoder.layer.3.output_query.dense.weight" in public
    assert not any(key.startswith("ln_vision") for key in public)


def test_the_joint_connector_has_blip2s_names_and_a_frame_embedding_none():
    video = {**tiny.MODEL["video"], "connector": tiny.JOINT}
    public = exported(tiny.recipe(video=video), PATTERNS[1:])
    assert "query_tokens" in public and "llama_proj.weight" in public and "video_query_tokens" not in public
    video["connector"] = {**tiny.JOINT, "frame_embedding": True}
    with pytest.raises(UserError, match="no public name for video/connector/frame_embedding"):
        exported(tiny.recipe(video=video), PATTERNS[1:])


def opened(_):
    """In place of a run: a recipe, its model and its parameters."""
    recipe = dataclasses.replace(tiny.recipe(), trainable=PATTERNS)
    model = DeemoLlama(DeemoLlamaConfig.from_config(recipe.model))
    return recipe, model, unflatten(tiny.random(recipe))


@pytest.mark.parametrize("whole", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_a_run_is_written_for_other_tools_to_read(tmp_path, monkeypatch, whole):
    workdir = write_tiny_run(tmp_path, frame_embedding=False) if whole else tmp_path
    if not whole:
        monkeypatch.setattr(export, "load_run", opened)
    said = write_connectors(str(workdir), tmp_path / "connectors.safetensors")
    public = safetensors.numpy.load_file(tmp_path / "connectors.safetensors")
    assert f"{len(public)} tensors" in said and public["llama_proj.weight"].dtype == np.float32
    with safetensors.safe_open(tmp_path / "connectors.safetensors", "numpy") as file:
        assert file.metadata() == {"format": "pt"}
    with pytest.raises(UserError, match=r"\.pth or \.safetensors"):
        write_connectors(str(workdir), tmp_path / "connectors.bin")


def test_a_run_is_written_as_a_pickle_of_pytorch(tmp_path, monkeypatch):
    torch = pytest.importorskip("torch")
    monkeypatch.setattr(export, "load_run", opened)
    for ending in ("pth", "safetensors"):
        write_connectors(str(tmp_path), tmp_path / f"connectors.{ending}")
    public = safetensors.numpy.load_file(tmp_path / "connectors.safetensors")
    state = torch.load(tmp_path / "connectors.pth", weights_only=True)["model"]
    assert state.keys() == public.keys()
    np.testing.assert_array_equal(state["llama_proj.bias"].numpy(), public["llama_proj.bias"])
