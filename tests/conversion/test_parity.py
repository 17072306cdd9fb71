"""Converted checkpoints against PyTorch, stage by stage, at tiny sizes (full width: the golden values)."""

import dataclasses

import numpy as np
import pytest

pytest.importorskip("torch")

from deemo_jax.conversion import checkpoint, parity
from deemo_jax.errors import UserError
from deemo_jax.models.weights import flatten, load_tree, save_tree
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
    checkpoint.convert(recipe, sources, tmp_path / "out")
    rows = parity.compare(recipe, tmp_path / "out", sources)
    assert len(rows) == 3 + 3 + 3 + 5 and all(row.passed for row in rows), parity.table(rows)
    assert max(row.relative for row in rows) < 1e-5, parity.table(rows)


def test_bfloat16_stays_within_its_bound(public, tmp_path):
    sources = without(public, "blip2_hf")
    config = tiny.get_config("precision=bfloat16")
    config.model, config.model.dtype = tiny.MODEL, "bfloat16"
    recipe = tiny.Recipe.from_config(config)
    checkpoint.convert(recipe, sources, tmp_path / "out")
    rows = parity.compare(recipe, tmp_path / "out", sources)
    assert all(row.passed for row in rows), parity.table(rows)
    assert max(row.relative for row in rows) > 1e-3  # else it was no bfloat16


def test_stretched_rotary_positions(public, tmp_path):
    decoder = {**tiny.DECODER, "theta": 500.0, "rope_scaling": LLAMA3}
    recipe = tiny.recipe(decoder=decoder)
    (tmp_path / "llama").mkdir()
    tiny.write_llama_config(
        tmp_path / "llama", decoder, rope_theta=500.0, rope_scaling={"rope_type": "llama3", **THEIRS}
    )
    llama = tiny.write_public(tmp_path, recipe, ("llama",))
    checkpoint.convert(recipe, {**without(public, "blip2_hf"), **llama}, tmp_path / "out")
    assert all(row.passed for row in parity.compare(recipe, tmp_path / "out", llama))
    plain = tiny.recipe(decoder={**decoder, "rope_scaling": None})
    assert not all(row.passed for row in parity.compare(plain, tmp_path / "out", llama))


def test_a_wrong_weight_is_found_where_it_is(public, tmp_path):
    sources, recipe = without(public, "blip2_hf"), tiny.recipe()
    checkpoint.convert(recipe, sources, tmp_path / "out")
    tree = load_tree(tmp_path / "out")
    kernel = flatten(tree)["decoder/blocks/up/kernel"].copy()
    kernel[1] = kernel[1][::-1]
    tree["decoder"]["blocks"]["up"]["kernel"] = kernel
    save_tree(tmp_path / "out" / "weights.safetensors", tree)
    rows = parity.compare(recipe, tmp_path / "out", {"llama": sources["llama"]})
    verdicts = {row.name: row.passed for row in rows}
    assert verdicts["decoder: after 1 blocks"] and not verdicts["decoder: after 2 blocks"]
    assert "DIFFERENT" in parity.table(rows)
    assert not dataclasses.replace(rows[0], relative=float("inf")).passed


def test_layers_can_be_limited_and_something_must_be_compared(public, tmp_path):
    sources, recipe = without(public, "blip2_hf"), tiny.recipe()
    checkpoint.convert(recipe, sources, tmp_path / "out")
    rows = parity.compare(recipe, tmp_path / "out", {"llama": sources["llama"]}, layers=1)
    assert [row.name for row in rows] == ["decoder: embeddings", "decoder: after 1 blocks"]
    with pytest.raises(UserError, match="nothing to compare"):
        parity.compare(recipe, tmp_path / "out", {})
