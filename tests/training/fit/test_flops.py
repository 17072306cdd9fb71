"""FLOPs beside XLA's own count, where that is right (no loop turns twice), and beside 2ND, 4ND and 6ND."""

import copy
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from deemo_jax.core.recipe import MeshRecipe, Recipe
from deemo_jax.models.mesh import abstract_mesh, make_mesh
from deemo_jax.models.weights import flatten
from deemo_jax.training.fit.alive import peak_bytes
from deemo_jax.training.fit.flops import PartFlops, by_part
from deemo_jax.training.fit.products import products
from deemo_jax.training.fit.step_shapes import StepShapes, step_shapes
from tests.training import tiny

# Wide enough that what XLA counts beside products is little.
WIDTH = 64


def shapes(trainable: list[str] | None = None, depth: int = 1, **changes: Any) -> StepShapes:
    """The tiny step with every tower `depth` blocks deep."""
    config = tiny.get_config("none").to_dict()
    model = copy.deepcopy(config["model"])
    for branch in ("video", "audio"):
        model[branch]["encoder"] |= {"depth": depth, "width": WIDTH, "mlp": 4 * WIDTH}
        model[branch]["connector"]["qformer"] |= {"depth": depth, "width": WIDTH, "mlp": 4 * WIDTH, "dropout": 0.0}
    model["decoder"] |= {"depth": depth, "width": 2 * WIDTH, "mlp": 4 * WIDTH, **changes}
    config |= {"model": model, "trainable": trainable or ["!.*/encoder/.*", "!decoder/.*", ".*"]}
    config["data"] |= {"batch_size": 2, "max_length": 65}
    return step_shapes(Recipe.from_config(config), abstract_mesh(MeshRecipe(), 1))


def parts(step: StepShapes) -> dict[str, PartFlops]:
    return {part.part: part for part in by_part(products(step.trace_share()))}


def test_the_count_is_xlas() -> None:
    step = shapes()
    ours = sum(part.hardware for part in parts(step).values())
    compiled = step_shapes(step.recipe, make_mesh(MeshRecipe(), jax.devices()[:1])).lower().compile()
    theirs = compiled.cost_analysis()["flops"]
    assert ours == pytest.approx(theirs, rel=0.1)
    assert ours < theirs  # which counts what is no product, too


def weights(step: StepShapes, part: str) -> int:
    """Elements of the kernels of a tower's blocks."""
    leaves = flatten({**step.frozen}) | {f"{path}": leaf for path, leaf in flatten(step.state.trainable).items()}
    return sum(int(np.prod(leaf.shape)) for path, leaf in leaves.items() if path.startswith(part) and "kernel" in path)


def test_a_frozen_encoder_costs_2nd_a_frozen_decoder_4nd_and_what_learns_6nd() -> None:
    frozen = parts(shapes(depth=2))
    encoder, decoder = frozen["video/encoder"], frozen["decoder"]
    assert encoder.backward == 0 and encoder.forward > 0
    assert decoder.backward == pytest.approx(decoder.forward, rel=0.15)  # attention's own products pass back twice
    learning = parts(shapes(["!.*/encoder/.*", ".*"], depth=2))["decoder"]
    assert learning.backward == pytest.approx(2 * learning.forward, rel=0.05)
    tokens, step = 2 * 65, shapes(depth=2)
    assert decoder.forward == pytest.approx(2 * weights(step, "decoder/blocks") * tokens, rel=0.15)


def test_a_loop_counts_as_often_as_it_turns_and_remat_is_apart() -> None:
    one, four = parts(shapes())["decoder"], parts(shapes(depth=4))["decoder"]
    assert four.forward == 4 * one.forward and four.again == 0
    again = parts(shapes(depth=4, remat="block"))["decoder"]
    assert (again.forward, again.backward) == (four.forward, four.backward)
    assert 0.7 * again.forward < again.again <= again.forward


def test_shares_are_counted_together() -> None:
    traced = products(shapes().trace_share())
    assert sum(part.hardware for part in by_part(traced, 8)) == 8 * sum(part.hardware for part in by_part(traced))


def test_convolutions_count() -> None:
    def function(x: Any, kernel: Any) -> Any:
        return jax.lax.conv_general_dilated(x, kernel, (2, 2), "VALID", dimension_numbers=("NHWC", "HWIO", "NHWC"))

    traced = jax.make_jaxpr(function)(jnp.zeros((3, 8, 8, 5)), jnp.zeros((2, 2, 5, 7)))
    assert [one.flops for one in products(traced)] == [2 * 3 * 4 * 4 * 7 * 2 * 2 * 5]


def test_values_are_alive_from_their_line_to_their_last_reader() -> None:
    def function(x: Any) -> Any:
        first = x @ x
        second = jnp.tanh(first) + 1  # fused into the next product
        third = second @ x
        return (third @ third).sum()

    size = 16 * 16 * 4
    # Two products at once; then the sum, which is a scalar.
    assert peak_bytes(jax.make_jaxpr(function)(jnp.zeros((16, 16))).jaxpr) == 2 * size

    def stacked(x: Any) -> Any:
        return jax.lax.scan(lambda x, _: (x @ x, x @ x), x, None, length=10)[1]

    assert peak_bytes(jax.make_jaxpr(stacked)(jnp.zeros((16, 16))).jaxpr) >= 11 * size


def test_recomputed_blocks_keep_less() -> None:
    kept, again = (
        peak_bytes(shapes(depth=8, remat=remat).trace_share().jaxpr, returned=False) for remat in ("none", "block")
    )
    assert again < 0.7 * kept
