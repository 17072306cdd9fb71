"""The decoder in int8: how far it is off, how much it takes, and that it passes gradients on."""

import dataclasses
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from benchmarks import memory
from configs import deemo_llama_7b
from deemo_jax.core.errors import UserError
from deemo_jax.core.recipe import MeshRecipe, Recipe
from deemo_jax.models import from_recipe
from deemo_jax.models.int8 import quantize
from deemo_jax.models.mesh import make_mesh
from deemo_jax.models.parts.layers import Linear, Remat
from deemo_jax.models.parts.llama import Llama, LlamaConfig, Storage
from deemo_jax.models.weights import flatten, save_tree, unflatten
from tests.models import tiny
from tests.training import tiny as run


def test_each_weight_is_off_by_half_a_step_at_most() -> None:
    kernel = np.random.default_rng(0).standard_normal((3, 8, 2, 5)).astype(np.float32)
    kernel[1, :, 0, 2] = 0
    rounded, scale = quantize(jnp.asarray(kernel), 3)
    assert rounded.dtype == jnp.int8 and scale.shape == (3, 2, 5) and np.isfinite(scale).all()
    assert np.abs(rounded).max(1).min(where=np.asarray(scale) > 0, initial=127) == 127
    off = np.abs(rounded * scale[:, None] - kernel)
    assert (off <= scale[:, None] / 2 + 1e-6).all()


@pytest.mark.parametrize("inputs", [1, 2])
def test_an_output_and_its_slope_are_those_of_the_rounded_kernel(inputs: int) -> None:
    rng = np.random.default_rng(1)
    shape = (4, 6, 5)
    kernel, x = (jnp.asarray(rng.standard_normal(s), jnp.float32) for s in (shape, (7, *shape[:inputs])))
    rounded, scale = (leaf[0] for leaf in quantize(kernel[None], 4 - inputs))

    def outputs(x: Any, int8: bool, params: Any) -> Any:
        layer = Linear(shape[inputs:], ("embed", "mlp", None), inputs, use_bias=False, int8=int8)
        return layer.apply({"params": params}, x)

    known = {"kernel": rounded.astype(jnp.float32) * scale}
    ours = {"kernel": rounded, "kernel_scale": scale}
    np.testing.assert_allclose(outputs(x, True, ours), outputs(x, False, known), rtol=1e-5, atol=1e-5)
    slope = jax.grad(lambda x, *how: jnp.square(outputs(x, *how)).sum())
    found, expected = slope(jnp.asarray(x), True, ours), slope(jnp.asarray(x), False, known)
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-4)
    # The bound that the file states, against the kernel before it was rounded.
    off = np.abs(outputs(x, True, ours) - outputs(x, False, {"kernel": kernel}))
    size = np.abs(x).reshape(7, -1).sum(1).reshape(7, *(1,) * (off.ndim - 1))
    assert (off <= size * np.asarray(scale) / 2 + 1e-5).all()


@pytest.mark.slow
def test_a_trained_decoder_says_nearly_the_same() -> None:
    """The sample's, on text; `python -m benchmarks.memory` prints the figures."""
    loss, slope, size = memory.int8_error()
    assert loss < 0.02 and slope < 0.1
    assert 0.5 <= size < 0.53


@pytest.mark.slow
def test_the_backward_pass_keeps_no_other_copy_of_the_kernels() -> None:
    """Without recomputation, JAX keeps what a product was made of: that of int8 values is no array of floats."""
    config = LlamaConfig(vocab=40, width=64, depth=3, heads=2, kv_heads=2, mlp=640, remat=Remat.NONE)
    model = Llama(config, storage=Storage(int8=True))
    x, positions, valid = jnp.ones((1, 4, 64)), jnp.arange(4)[None], jnp.ones((1, 4), bool)
    params = jax.tree.map(jnp.asarray, tiny.initialised(Llama(config), x, positions, valid))
    params = unflatten(memory.in_int8(config, flatten(params)))
    slope = jax.jit(jax.grad(lambda x, params: model.apply({"params": params}, x, positions, valid).sum()))
    text = slope.lower(x, params).as_text()
    assert "3x64x640xi8" in text and "3x64x640xf32" not in text


def recipe(**changes: Any) -> Recipe:
    config = run.get_config("nowhere")
    config.model, config.frozen_dtype = tiny.CONFIG, "int8"
    config.trainable = ["!.*/encoder/.*", "!decoder/.*", ".*"]
    return dataclasses.replace(Recipe.from_config(config), **changes)


@pytest.mark.slow
def test_a_recipe_reads_a_float_file_into_int8(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(from_recipe, "check_shapes", lambda *_: None)
    params = tiny.built()[1]
    save_tree(tmp_path / "w.safetensors", params)
    mesh = make_mesh(MeshRecipe(), jax.devices()[:1])
    frozen = flatten(from_recipe.build(recipe(init=str(tmp_path / "w.safetensors")), mesh).frozen)
    kernel, scale = frozen["decoder/blocks/out/kernel"], frozen["decoder/blocks/out/kernel_scale"]
    assert kernel.dtype == jnp.int8 and scale.shape == (2, 32) and scale.dtype == jnp.float32
    expected = params["decoder"]["blocks"]["out"]["kernel"]
    assert np.abs(kernel * scale[:, None, None] - expected).max() <= np.abs(expected).max() / 254 + 1e-6
    assert frozen["decoder/head"].dtype == frozen["video/encoder/patch/kernel"].dtype == jnp.bfloat16


def test_a_decoder_that_learns_is_refused() -> None:
    made = recipe(trainable=(".*",))
    mesh = make_mesh(MeshRecipe(), jax.devices()[:1])
    with pytest.raises(UserError, match=r"int8 is for a decoder whose blocks are frozen, but decoder/blocks/"):
        from_recipe.abstract_params(from_recipe.make_model(made, mesh), made, mesh)


@pytest.mark.slow
def test_the_decoder_of_7b_takes_half_of_the_memory() -> None:
    mesh = make_mesh(MeshRecipe(), jax.devices()[:1])

    def size(dtype: str) -> int:
        config = deemo_llama_7b.get_config()
        config.frozen_dtype, config.data.data_dir = dtype, "none"
        made = Recipe.from_config(config)
        abstract, _ = from_recipe.abstract_params(from_recipe.make_model(made, mesh), made, mesh)
        held = [leaf for path, leaf in abstract.items() if path.startswith("decoder/")]
        return sum(leaf.size * leaf.dtype.itemsize for leaf in held)

    assert 0.50 < size("int8") / size("bfloat16") < 0.525
