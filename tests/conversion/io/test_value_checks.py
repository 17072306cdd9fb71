"""Public numbers that cannot be weights are refused by key and file, and nothing is written."""

import ml_dtypes
import numpy as np
import pytest
import safetensors.numpy

from deemo_jax.conversion import engine
from deemo_jax.conversion.io import value_checks
from deemo_jax.conversion.tables.rules import Fill
from deemo_jax.conversion.tables.transforms import SAME
from deemo_jax.core.errors import UserError
from tests.conversion import tiny

UP = "model.layers.1.mlp.up_proj.weight"


@pytest.fixture
def sources(tmp_path):
    return tiny.write_public(tmp_path, tiny.recipe(), tiny.TOWERS + tiny.CONNECTORS)


def refused(sources, out):
    with pytest.raises(UserError) as error:
        engine.convert(tiny.recipe(), sources, out)
    assert not out.exists() and not list(out.parent.glob(".*"))
    return str(error.value)


def change(file, key, make):
    tensors = safetensors.numpy.load_file(file)
    safetensors.numpy.save_file(tensors | {key: np.asarray(make(tensors[key]))}, file)


@pytest.mark.parametrize("dtype,name", [(np.int8, "I8"), (np.complex64, "C64"), (ml_dtypes.float8_e4m3fn, "F8_E4M3")])
def test_only_plain_floats_are_weights(sources, tmp_path, dtype, name):
    change(f"{sources['llama']}/model.safetensors", UP, lambda value: value.astype(dtype))
    change(sources["eva_vit_g"], "cls_token", lambda value: value.astype(np.int32))
    said = refused(sources, tmp_path / "out")
    assert f"llama: {UP} is of {name}" in said and "eva_vit_g: cls_token is of I32" in said


@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.float16, ml_dtypes.bfloat16])
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_what_is_not_finite(tmp_path, dtype, bad):
    fill = Fill(UP, (3, 2), (("decoder/x", 1),), ((3, 2),), SAME)
    array = np.array([[1, -2], [0, 3], [5, -6]], dtype)
    kinds = {np.dtype(np.float32)}
    value_checks.check(array, fill, "file", kinds)
    value_checks.check(np.array([[np.finfo(np.float16).max, 0]], dtype), fill, "file", kinds)
    array[1, 1] = bad
    with pytest.raises(UserError, match=rf"file: {UP} has values that are not finite"):
        value_checks.check(array, fill, "file", kinds)


@pytest.mark.parametrize(
    ("number", "dtype", "stored"),
    [
        (-1e39, np.float64, np.float32),
        (3.4e38, np.float32, ml_dtypes.bfloat16),  # less than the range of bfloat16, but rounded up
        (7e4, np.float32, np.float16),
        (7e4, ml_dtypes.bfloat16, np.float16),
    ],
)
def test_what_would_be_infinite_once_it_is_stored(number, dtype, stored):
    fill = Fill(UP, (3, 2), (("decoder/x", 1),), ((3, 2),), SAME)
    array = np.array([[1, 0], [0, number]], dtype)
    value_checks.check(array, fill, "file", {np.dtype(dtype)})
    with pytest.raises(UserError, match=rf"file: {UP} has the number \d\S+, which {np.dtype(stored)} cannot hold"):
        value_checks.check(array, fill, "file", {np.dtype(stored)})


def test_a_tensor_beyond_the_range_is_named_and_nothing_is_written(sources, tmp_path):
    file = f"{sources['llama']}/model.safetensors"
    change(file, UP, lambda value: value.astype(np.float64) * 1e40)
    assert f"{file}: {UP} has the number" in refused(sources, tmp_path / "out")


def test_damage_names_the_key_and_the_file(sources, tmp_path):
    file = f"{sources['llama']}/model.safetensors"
    change(file, UP, lambda value: np.where(np.arange(value.size).reshape(value.shape) == 7, np.nan, value))
    assert f"{file}: {UP} has values that are not finite" in refused(sources, tmp_path / "out")


@pytest.mark.parametrize(
    "name,key", [("llama", UP), ("eva_vit_g", "blocks.1.attn.qkv.weight"), ("eva_vit_g", "pos_embed")]
)
def test_blank_matrices_of_towers(sources, tmp_path, name, key):
    file = f"{sources[name]}/model.safetensors" if name == "llama" else sources[name]
    change(file, key, np.zeros_like)
    assert f"{file}: {key} holds nothing but zeros" in refused(sources, tmp_path / "out")


def test_biases_norms_and_what_is_trained_may_be_zero(sources, tmp_path):
    for name, key in (
        ("eva_vit_g", "blocks.0.attn.q_bias"),
        ("eva_vit_g", "cls_token"),
        ("imagebind", "modality_trunks.audio.blocks.0.attn.in_proj_bias"),
        ("imagebind", "modality_trunks.audio.blocks.0.attn.bias_k"),
        ("video_llama", "video_frame_position_embedding.weight"),
    ):
        change(sources[name], key, np.zeros_like)
    change(f"{sources['llama']}/model.safetensors", "model.norm.weight", np.zeros_like)
    assert engine.convert(tiny.recipe(), sources, tmp_path / "out")["already"] is False


def test_a_scale_that_is_no_number(sources, tmp_path):
    key = "modality_postprocessors.audio.1.log_logit_scale"
    change(sources["imagebind"], key, lambda value: np.full_like(value, np.nan))
    said = refused(sources, tmp_path / "out")
    assert f"{sources['imagebind']}: {key}" in said
    from deemo_jax.conversion.tables.transforms import constant

    with pytest.raises(UserError, match="it is nan"):
        constant(3.0).forward(np.array(np.nan), ())
