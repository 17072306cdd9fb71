"""FLOPs beside XLA's own count, where that is right (no loop turns twice), and beside 2ND, 4ND and 6ND."""

import copy
import functools
import math
from typing import Any

import jax
import jax.numpy as jnp
import pytest

from deemo_jax.core.recipe import MeshRecipe, Recipe
from deemo_jax.models.mesh import abstract_mesh, make_mesh
from deemo_jax.models.weights import flatten
from deemo_jax.training.fit.program.alive import peak_bytes
from deemo_jax.training.fit.program.flops import PartFlops, by_part
from deemo_jax.training.fit.program.products import products
from deemo_jax.training.fit.step_shapes import StepShapes, step_shapes
from tests.training import tiny

# Wide enough that what XLA counts beside products is little.
WIDTH = 64
ROWS, LENGTH = 2, 64
LEARNS = ("!.*/encoder/.*", "!decoder/.*", ".*")


def shapes(depth: int = 1, remat: str = "none", learns: tuple[str, ...] = LEARNS, **decoder: Any) -> StepShapes:
    """The tiny step with video alone, every tower `depth` blocks deep."""
    config = tiny.get_config("none").to_dict()
    model = copy.deepcopy(config["model"])
    del model["audio"]
    model["video"]["encoder"] |= {"depth": depth, "width": WIDTH, "mlp": 4 * WIDTH}
    model["video"]["connector"]["qformer"] |= {"depth": depth, "width": WIDTH, "mlp": 4 * WIDTH, "dropout": 0.0}
    model["decoder"] |= {"depth": depth, "width": 2 * WIDTH, "mlp": 4 * WIDTH, "remat": remat, **decoder}
    config |= {"model": model, "trainable": list(learns)}
    config["data"] |= {"batch_size": ROWS, "max_length": LENGTH}
    return step_shapes(Recipe.from_config(config), abstract_mesh(MeshRecipe(), [1]))


@functools.cache
def traced(*of: Any) -> Any:
    """To trace takes longest."""
    return shapes(*of).trace_share()


def parts(*of: Any) -> dict[str, PartFlops]:
    return {part.part: part for part in by_part(products(traced(*of)))}


@pytest.mark.slow
def test_the_count_is_xlas() -> None:
    ours, step = sum(part.hardware for part in parts().values()), shapes()
    theirs = step_shapes(step.recipe, make_mesh(MeshRecipe(), jax.devices()[:1])).lower().cost_analysis()["flops"]
    assert ours == pytest.approx(theirs, rel=0.1)
    assert ours < theirs  # which counts what is no product, too


@pytest.mark.slow
def test_a_frozen_encoder_costs_2nd_a_frozen_decoder_4nd_and_what_learns_6nd() -> None:
    encoder, decoder = parts(4)["video/encoder"], parts(4)["decoder"]
    assert encoder.backward == 0 and encoder.forward > 0
    blocks = {path: leaf for path, leaf in flatten(shapes(4).frozen).items() if path.startswith("decoder/blocks")}
    kernels = sum(math.prod(leaf.shape) for path, leaf in blocks.items() if path.endswith("kernel"))
    # Attention's own products come on top: two in the forward pass, four in the backward.
    attention = 4 * 4 * ROWS * LENGTH * LENGTH * 2 * WIDTH
    assert decoder.forward == 2 * kernels * ROWS * LENGTH + attention
    assert decoder.backward == 2 * kernels * ROWS * LENGTH + 2 * attention
    learning = parts(4, "none", ("!.*/encoder/.*", ".*"))["decoder"]
    assert learning.forward == decoder.forward and learning.backward == 2 * learning.forward


@pytest.mark.slow
def test_heads_wider_than_the_stream_and_a_tied_head_count_as_they_are_computed() -> None:
    wide = {"head_width": WIDTH, "qk_norm": True, "qkv_bias": True, "tied": True}
    step = shapes(4, "none", LEARNS, **wide)
    found = {part.part: part for part in by_part(products(step.trace_share()))}
    config = step.model.config.decoder.config
    one_block = (
        config.width * config.head_dim * (2 * config.heads + 2 * config.kv_heads) + 3 * config.width * config.mlp
    )
    attention = 4 * ROWS * LENGTH * LENGTH * config.heads * config.head_dim
    assert found["decoder"].forward == 4 * (2 * ROWS * LENGTH * one_block + attention)
    assert found["decoder"].backward == 4 * (2 * ROWS * LENGTH * one_block + 2 * attention)
    assert found["loss"].forward == 2 * ROWS * LENGTH * config.width * config.vocab
    assert "decoder/head" not in flatten(step.frozen)


@pytest.mark.slow
def test_a_loop_counts_as_often_as_it_turns_and_remat_is_apart() -> None:
    one, four, again = parts()["decoder"], parts(4)["decoder"], parts(4, "block")["decoder"]
    assert four.forward == 4 * one.forward and four.again == 0
    assert (again.forward, again.backward) == (four.forward, four.backward)
    assert 0.7 * again.forward < again.again <= again.forward


@pytest.mark.slow
def test_shares_are_counted_together() -> None:
    found = products(traced())
    assert sum(part.hardware for part in by_part(found, 8)) == 8 * sum(part.hardware for part in by_part(found))


def test_convolutions_count() -> None:
    def function(x: Any, kernel: Any) -> Any:
        return jax.lax.conv_general_dilated(x, kernel, (2, 2), "VALID", dimension_numbers=("NHWC", "HWIO", "NHWC"))

    program = jax.make_jaxpr(function)(jnp.zeros((3, 8, 8, 5)), jnp.zeros((2, 2, 5, 7)))
    assert [one.flops for one in products(program)] == [2 * 3 * 4 * 4 * 7 * 2 * 2 * 5]


def test_values_are_alive_from_their_line_to_their_last_reader() -> None:
    def function(x: Any) -> Any:
        first = x @ x
        second = jnp.tanh(first) + 1
        third = second @ x
        return (third @ third).sum()

    size = 16 * 16 * 4
    # A product and what it reads at once; then the sum, which is a scalar.
    assert peak_bytes(jax.make_jaxpr(function)(jnp.zeros((16, 16))).jaxpr) == 2 * size

    def attended(x: Any) -> Any:
        return jnp.exp(x @ x) @ x[:, :1]

    # Logits and their exponentials, which the second product reads; a sum would read the logits themselves.
    assert peak_bytes(jax.make_jaxpr(attended)(jnp.zeros((16, 16))).jaxpr) == 2 * size
    assert peak_bytes(jax.make_jaxpr(lambda x: jnp.exp(x @ x).sum())(jnp.zeros((16, 16))).jaxpr) == size + 4

    def stacked(x: Any) -> Any:
        return jax.lax.scan(lambda x, _: (x @ x, x @ x), x, None, length=10)[1]

    assert peak_bytes(jax.make_jaxpr(stacked)(jnp.zeros((16, 16))).jaxpr) >= 11 * size


@pytest.mark.slow
def test_recomputed_blocks_keep_less() -> None:
    kept, again = (peak_bytes(traced(4, remat).jaxpr, returned=False) for remat in ("none", "block"))
    assert again < 0.8 * kept
