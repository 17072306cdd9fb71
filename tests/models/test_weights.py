from pathlib import Path

import jax
import jax.numpy as jnp
import ml_dtypes
import numpy as np
import pytest
import safetensors.numpy

from deemo_jax.core.errors import UserError
from deemo_jax.models.weights import load_tree, open_tensors, overlay, save_tree, unflatten
from tests.models import tiny


def test_round_trip(tmp_path: Path) -> None:
    tree = {
        "a": {"b": np.arange(6, dtype=np.float32).reshape(2, 3).T, "c": jnp.ones(3, jnp.bfloat16) / 3},
        "d": np.array(5, np.int32),
    }
    save_tree(tmp_path / "w.safetensors", tree, {"made by": "a test"})
    loaded = load_tree(tmp_path / "w.safetensors")
    assert jax.tree.structure(loaded) == jax.tree.structure(tree)
    for ours, theirs in zip(jax.tree.leaves(tree), jax.tree.leaves(loaded), strict=True):
        assert ours.dtype == theirs.dtype
        np.testing.assert_array_equal(np.asarray(ours), np.asarray(theirs))
    assert [path.name for path in tmp_path.iterdir()] == ["w.safetensors"]


def test_files_that_are_none(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no such file"):
        load_tree(tmp_path / "nothing.safetensors")
    (tmp_path / "text").write_text("not tensors " * 20)
    with pytest.raises(UserError, match="not a readable safetensors file"):
        load_tree(tmp_path / "text")
    save_tree(tmp_path / "w", {"a": np.ones(100, np.float32)})
    (tmp_path / "cut").write_bytes((tmp_path / "w").read_bytes()[:-10])
    with pytest.raises(UserError, match="not a readable safetensors file"):
        load_tree(tmp_path / "cut")
    for keys, message in ((["a", "a/b"], "lies under"), (["a//b"], "not a path"), (["/".join("x" * 20)], "not a path")):
        safetensors.numpy.save_file({key: np.ones(1) for key in keys}, tmp_path / "odd")
        with pytest.raises(UserError, match=message):
            load_tree(tmp_path / "odd")
    safetensors.numpy.save_file({}, tmp_path / "empty")
    with pytest.raises(UserError, match="0 tensors"):
        load_tree(tmp_path / "empty")


@pytest.mark.parametrize(
    ("stored", "number", "read"),
    [("float64", 1e39, "float32"), ("float32", -3.4e38, "bfloat16"), ("float32", 7e4, "float16")],
)
def test_numbers_that_a_dtype_cannot_hold_are_refused_where_they_are_read(
    stored: str, number: float, read: str, tmp_path: Path
) -> None:
    path, params = tmp_path / "w.safetensors", {"a": {"b": jax.ShapeDtypeStruct((2, 2), read)}}
    save_tree(path, {"a": {"b": np.array([[1, 1], [number, 1]], stored)}})
    tensor = overlay(params, unflatten(open_tensors(path)))["a"]["b"]
    assert tensor[0].dtype == read and (tensor[0] == 1).all()
    with pytest.raises(UserError, match=rf"w\.safetensors: a/b has the number .*, which {read} cannot hold"):
        tensor[1]
    # The largest number that the narrower dtype holds is read.
    kept = ml_dtypes.finfo(read).max
    save_tree(path, {"a": {"b": np.full((2, 2), kept, stored)}})
    assert (overlay(params, unflatten(open_tensors(path)))["a"]["b"][...] == kept).all()


@pytest.mark.parametrize("bad", [np.nan, -np.inf])
@pytest.mark.parametrize("stored", ["float64", "float32", "bfloat16"])
def test_numbers_that_are_not_finite_are_refused(stored: str, bad: float, tmp_path: Path) -> None:
    save_tree(tmp_path / "w", {"a": np.array([0, bad], np.dtype(stored))})
    tensors = open_tensors(tmp_path / "w")
    assert tensors["a"][:1] == 0
    with pytest.raises(UserError, match="w: a has values that are not finite"):
        load_tree(tmp_path / "w")


def test_overlay_takes_towers_and_keeps_the_rest() -> None:
    _, params = tiny.built()
    towers = {
        "video": {"encoder": jax.tree.map(lambda leaf: np.full(leaf.shape, 7.0), params["video"]["encoder"])},
        "audio": {"encoder": params["audio"]["encoder"]},
        "decoder": params["decoder"],
    }
    merged = overlay(params, towers)
    assert jax.tree.structure(merged) == jax.tree.structure(params)
    for leaf in jax.tree.leaves(merged["video"]["encoder"]):
        assert (leaf == 7).all() and leaf.dtype == np.float32
    jax.tree.map(np.testing.assert_array_equal, merged["video"]["connector"], params["video"]["connector"])


def test_overlay_names_every_misfit() -> None:
    _, params = tiny.built()
    loaded = jax.tree.map(np.asarray, params)
    loaded = {**loaded, "decoder": {**loaded["decoder"], "head": np.ones((3, 4)), "bonus": np.ones(2)}}
    del loaded["decoder"]["norm"]
    with pytest.raises(UserError) as caught:
        overlay(params, loaded)
    message = str(caught.value)
    assert "decoder/head has shape (3, 4) where the model needs (32, 40)" in message
    assert "decoder/bonus is not a parameter of this model" in message
    assert "decoder/norm/scale is missing" in message
    with pytest.raises(UserError, match="video/projector/linear/bias is missing"):
        overlay(params, {"decoder": params["decoder"]}, optional="")
