"""Converted checkpoints against PyTorch, stage by stage, at tiny sizes (full width: the golden values)."""

import dataclasses

import numpy as np
import pytest
import safetensors.numpy

pytest.importorskip("torch")

from deemo_jax.conversion import engine
from deemo_jax.conversion.io.public_file import open_public
from deemo_jax.conversion.parity import verdict
from deemo_jax.core.errors import UserError
from deemo_jax.models.deemo_llama import DeemoLlamaConfig
from deemo_jax.models.weights import flatten, load_tree, open_tensors, save_tree
from tests.conversion import tiny

LLAMA3 = {"factor": 8.0, "low": 1.0, "high": 4.0, "original": 64}
THEIRS = {"factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0, "original_max_position_embeddings": 64}


@pytest.fixture(scope="module")
def public(tmp_path_factory):
    recipe = tiny.recipe()
    # Fan-in scaling, else the softmaxes saturate and hide differences.
    values = {path: scaled(path, value) for path, value in tiny.random(recipe).items()}
    names = (*tiny.TOWERS, "blip2_hf", *tiny.CONNECTORS)
    return tiny.write_public(tmp_path_factory.mktemp("public"), recipe, names, values)


def scaled(path, value):
    if path.endswith("scale"):
        return 1 + 0.1 * value
    # Kernels: the axes in front of the last one or two, without the layers.
    return value / np.sqrt(max(1, value.size / max(value.shape) / 4)) if value.ndim > 1 else 0.1 * value


def without(public, *names):
    return {name: path for name, path in public.items() if name not in names}


@pytest.mark.parametrize("left_out", ["blip2_hf", "eva_vit_g blip2"])
def test_every_stage_agrees(public, tmp_path, left_out):
    sources, recipe = without(public, *left_out.split()), tiny.recipe()
    engine.convert(recipe, sources, tmp_path / "out")
    rows = verdict.compare(recipe, tmp_path / "out", sources)
    qformers = (1 + 4 + 1) + 2 * (1 + 2 + 1)
    assert len(rows) == 3 + 3 + 5 + qformers + 2 + 2 and all(row.passed for row in rows), verdict.table(rows)
    assert max(row.relative for row in rows) < 1e-5, verdict.table(rows)


def test_bfloat16_stays_within_its_bound(public, tmp_path):
    sources = without(public, "blip2_hf")
    config = tiny.get_config("precision=bfloat16")
    config.model, config.model.dtype = tiny.MODEL, "bfloat16"
    recipe = tiny.Recipe.from_config(config)
    engine.convert(recipe, sources, tmp_path / "out")
    rows = verdict.compare(recipe, tmp_path / "out", sources)
    assert all(row.passed for row in rows), verdict.table(rows)
    assert max(row.relative for row in rows) > 1e-3  # else it was no bfloat16


def test_stretched_rotary_positions(public, tmp_path):
    decoder = {**tiny.DECODER, "theta": 500.0, "rope_scaling": LLAMA3}
    recipe = tiny.recipe(decoder=decoder)
    (tmp_path / "llama").mkdir()
    tiny.write_llama_config(
        tmp_path / "llama", decoder, rope_theta=500.0, rope_scaling={"rope_type": "llama3", **THEIRS}
    )
    llama = tiny.write_public(tmp_path, recipe, ("llama",))
    engine.convert(recipe, {**without(public, "blip2_hf"), **llama}, tmp_path / "out")
    assert all(row.passed for row in verdict.compare(recipe, tmp_path / "out", llama))
    plain = DeemoLlamaConfig.from_config(tiny.recipe(decoder={**decoder, "rope_scaling": None}).model)
    files = {"llama": open_public(llama["llama"])}
    assert not all(row.passed for row in verdict.rows(plain, open_tensors(tmp_path / "out"), files))


def test_a_wrong_weight_is_found_where_it_is(public, tmp_path):
    sources, recipe = without(public, "blip2_hf"), tiny.recipe()
    engine.convert(recipe, sources, tmp_path / "out")
    tree = load_tree(tmp_path / "out")
    kernel = flatten(tree)["decoder/blocks/up/kernel"].copy()
    kernel[1] = kernel[1][::-1]
    tree["decoder"]["blocks"]["up"]["kernel"] = kernel
    save_tree(tmp_path / "out" / "weights.safetensors", tree)
    rows = verdict.compare(recipe, tmp_path / "out", {"llama": sources["llama"]})
    verdicts = {row.name: row.passed for row in rows}
    assert verdicts["decoder: after 1 blocks"] and not verdicts["decoder: after 2 blocks"]
    assert "DIFFERENT" in verdict.table(rows)
    assert not dataclasses.replace(rows[0], relative=float("inf")).passed


def test_layers_can_be_limited_and_something_must_be_compared(public, tmp_path):
    sources, recipe = without(public, "blip2_hf"), tiny.recipe()
    engine.convert(recipe, sources, tmp_path / "out")
    rows = verdict.compare(recipe, tmp_path / "out", {"llama": sources["llama"]}, layers=1)
    assert [row.name for row in rows] == ["decoder: embeddings", "decoder: after 1 blocks"]
    with pytest.raises(UserError, match="nothing to compare"):
        verdict.compare(recipe, tmp_path / "out", {})


REVERSED = {
    "video/projector/linear/kernel": "video projection: projected",
    "audio/projector/linear/bias": "audio projection: projected",
    "video/connector/frame_positions": "frame positions: added",
    "audio/connector/clip_positions": "clip positions: added",
    "video/connector/frame_qformer/groups/plain1/mlp/up/bias": "BLIP-2 Q-Former: after 2 layers",
    "video/connector/video_qformer/queries": "video Q-Former: queries in",
    "audio/connector/qformer/groups/cross/cross_attention/out/bias": "audio Q-Former: after 1 layers",
}


def test_what_stands_the_wrong_way_round_is_seen_first_where_it_is(public, tmp_path):
    sources, recipe = without(public, "blip2_hf"), tiny.recipe()
    engine.convert(recipe, sources, tmp_path / "out")
    values = flatten(load_tree(tmp_path / "out"))
    files = {name: open_public(sources[name]) for name in ("blip2", *tiny.CONNECTORS)}
    wrong = {path: values[path][..., ::-1] for path in REVERSED}
    rows = verdict.rows(DeemoLlamaConfig.from_config(recipe.model), {**values, **wrong}, files)
    first: dict[str, str] = {}
    for row in rows:
        if not row.passed:
            first.setdefault(row.name.split(":")[0], row.name)
    assert sorted(first.values()) == sorted(REVERSED.values())


def test_separate_biases_of_hugging_faces_first_version(public, tmp_path):
    sources, recipe = without(public, "eva_vit_g", "blip2"), tiny.recipe()
    tensors = safetensors.numpy.load_file(sources["blip2_hf"])
    for key in [key for key in tensors if key.endswith("qkv.bias")]:
        query, _, value = np.split(tensors.pop(key), 3)
        for name, part in (("q_bias", query), ("v_bias", value)):
            tensors[key.replace("qkv.bias", name)] = part.copy()
    sources["blip2_hf"] = str(tmp_path / "old.safetensors")
    safetensors.numpy.save_file(tensors, sources["blip2_hf"])
    engine.convert(recipe, sources, tmp_path / "out")
    rows = verdict.compare(recipe, tmp_path / "out", {"blip2_hf": sources["blip2_hf"]})
    assert len(rows) == 9 and all(row.passed for row in rows), verdict.table(rows)


def test_a_tied_head(public, tmp_path):
    recipe = tiny.recipe()
    values = {path: scaled(path, value) for path, value in tiny.random(recipe).items()}
    llama = tiny.write_public(tmp_path, recipe, ("llama",), values)
    tiny.change(f"{llama['llama']}/model.safetensors", lm_head__weight=None)
    tiny.write_llama_config(tmp_path / "llama", tiny.DECODER, tie_word_embeddings=True)
    engine.convert(recipe, {**without(public, "blip2_hf"), **llama}, tmp_path / "out")
    assert all(row.passed for row in verdict.compare(recipe, tmp_path / "out", llama))


@pytest.mark.parametrize(
    ("kind", "parts"),
    [("qwen2", {"qkv_bias": True}), ("qwen3", {"qk_norm": True, "head_width": 6, "tied": True})],
)
def test_qwens(public, tmp_path, kind, parts):
    decoder = {**tiny.DECODER, **parts}
    recipe = tiny.recipe(decoder=decoder)
    tied, head = parts.get("tied", False), parts.get("head_width", 8)
    tiny.write_llama_config(tmp_path / "llama", decoder, model_type=kind, head_dim=head, tie_word_embeddings=tied)
    values = {path: scaled(path, value) for path, value in tiny.random(recipe).items()}
    llama = tiny.write_public(tmp_path, recipe, ("llama",), values)
    engine.convert(recipe, {**without(public, "blip2_hf"), **llama}, tmp_path / "out")
    rows = verdict.compare(recipe, tmp_path / "out", llama)
    assert len(rows) == 5 and all(row.passed for row in rows), verdict.table(rows)
