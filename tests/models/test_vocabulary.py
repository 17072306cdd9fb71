"""A vocabulary whose rows are padded in memory: nothing that the model says or learns changes, nor what is on disk."""

import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.sharding import NamedSharding
from jax.sharding import PartitionSpec as P

from deemo_jax.core.recipe import MeshRecipe
from deemo_jax.models.decoding import proceed, read_prompt
from deemo_jax.models.deemo_llama import DeemoLlama, init_params, param_shapes
from deemo_jax.models.mesh import make_mesh
from deemo_jax.models.parts.llama import Storage
from deemo_jax.models.vocabulary import cut_rows, pad_rows
from deemo_jax.models.weights import flatten
from deemo_jax.training.loss import answer_loss
from tests.models import tiny

VOCAB = tiny.LLAMA["vocab"]
PADDED = Storage(vocab_multiple=16)


def padded(params: dict[str, Any]) -> dict[str, Any]:
    decoder, more = params["decoder"], PADDED.rows(VOCAB) - VOCAB
    # Whatever lies in the padding must not be seen.
    rows = {"embedding": ((0, more), (0, 0)), "head": ((0, 0), (0, more))}
    wide = {name: np.pad(decoder[name], by, constant_values=1e3) for name, by in rows.items()}
    return {**params, "decoder": {**decoder, **wide}}


@functools.cache
def both() -> tuple[tuple[DeemoLlama, Any], tuple[DeemoLlama, Any]]:
    model, params = tiny.part("media")
    wide = jax.tree.map(jnp.asarray, padded(params))
    return (model, params), (DeemoLlama(model.config, PADDED), wide)


def test_the_rows_in_memory() -> None:
    shapes = flatten(param_shapes(both()[1][0]))
    assert shapes["decoder/embedding"].shape == (48, 32) and shapes["decoder/head"].shape == (32, 48)
    assert Storage(8).rows(32001) == 32008 and Storage().rows(32001) == 32001


@pytest.mark.slow
def test_loss_gradient_and_answers_are_the_same_bits() -> None:
    batch = tiny.batch([1, 5, 6, 7, 2], [1, 9, 8], length=8).replace(frames=None, mel=None)
    batch = batch.replace(loss_mask=np.asarray(batch.valid, np.float32))

    def found(model: DeemoLlama, params: Any, batch: Any) -> tuple[Any, Any]:
        def loss(norm: Any) -> jax.Array:
            tree = {"decoder": {**params["decoder"], "norm": norm}}
            return answer_loss(model, tree, batch, None)[0]

        said = proceed(model, params, read_prompt(model, params, batch, room=4), max_new_tokens=4, eos_id=-1)
        return jax.value_and_grad(loss)(params["decoder"]["norm"]), said

    run = jax.jit(found, static_argnums=0)
    plain, wide = (run(*one, batch) for one in both())
    jax.tree.map(np.testing.assert_array_equal, plain, wide)


def test_an_id_of_the_padding_is_no_token() -> None:
    model, params = both()[1]
    out = model.apply({"params": params}, jnp.array([[VOCAB - 1, VOCAB]]), method="embed_tokens")
    assert np.isfinite(out[0, 0]).all() and np.isnan(out[0, 1]).all()


@pytest.mark.slow
def test_random_weights_are_those_without_padding() -> None:
    plain, wide = (
        jax.jit(lambda key, model=model: init_params(model, key)["decoder"])(jax.random.key(0)) for model, _ in both()
    )
    for name, axis in (("embedding", 0), ("head", 1)):
        values, rest = np.split(np.asarray(wide[name]), [VOCAB], axis)
        np.testing.assert_array_equal(values, plain[name])
        assert not rest.any()


def test_states_lose_their_padding_and_get_it_back() -> None:
    place = NamedSharding(make_mesh(MeshRecipe(), jax.devices()[:1]), P(None, "tensor"))
    head = jax.device_put(jnp.pad(jnp.ones((4, 5)), ((0, 0), (0, 3))), place)
    state = {"trainable": {"decoder": {"head": head}}, "opt_state": ({"decoder": {"head": head}}, jnp.zeros(8))}
    abstract = jax.tree.map(lambda leaf: jax.ShapeDtypeStruct(leaf.shape, leaf.dtype, sharding=leaf.sharding), state)
    cut, told = cut_rows(state, 5), cut_rows(abstract, 5)
    assert [leaf.shape for leaf in jax.tree.leaves(cut)] == [(4, 5), (8,), (4, 5)]
    for leaf, known in zip(jax.tree.leaves(cut), jax.tree.leaves(told), strict=True):
        assert (leaf.shape, leaf.sharding) == (known.shape, known.sharding)
    jax.tree.map(np.testing.assert_array_equal, pad_rows(cut, abstract), state)
