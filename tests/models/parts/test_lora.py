"""LoRA on the decoder: what it adds, that it learns as PEFT's does, what is off when it is off, and what is refused."""

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from deemo_jax.core.config import from_plain
from deemo_jax.core.errors import UserError
from deemo_jax.models.int8 import quantize_all
from deemo_jax.models.parts.layers import Remat
from deemo_jax.models.parts.llama import Llama, Storage
from deemo_jax.models.parts.lora import TARGETS, LoraConfig, LowRank
from tests.models import lora_case
from tests.models.lora_case import off, slope

LORA = LoraConfig(rank=3, alpha=6.0, dropout=0.5)
KEY = jax.random.key(0)


def again(**storage: Any) -> Llama:
    """The decoder, whose backward pass computes its blocks again."""
    model = lora_case.module(storage=Storage(**storage))
    return model.clone(config=dataclasses.replace(model.config, remat=Remat.BLOCK))


def worst(found: Any, expected: Any) -> float:
    """How far one of several gradients is off at most."""
    return max(off(found[path], value) for path, value in expected.items())


def test_every_kernel_has_a_pair_of_thin_ones_for_each_layer_and_none_without_lora() -> None:
    lora, frozen = lora_case.halves()
    assert len(lora) == 2 * len(TARGETS)
    assert lora["blocks/query_lora/lora_a"].shape == (2, 16, 2) and lora["blocks/query_lora/lora_b"].shape[1] == 2
    assert lora["blocks/out_lora/lora_a"].shape == (2, 2, 8, 2) and lora["blocks/out_lora/lora_b"].shape == (2, 2, 16)
    assert frozen.keys() == lora_case.built(lora=False)[1].keys()


def test_loss_logits_and_gradients_are_those_that_peft_computes() -> None:
    golden = dict(np.load(lora_case.GOLDEN))
    (loss, logits), gradients = slope(lora_case.module())(*lora_case.halves(), KEY)
    assert off(loss, golden.pop("loss")) < 1e-5 and off(logits, golden.pop("logits")) < 1e-5
    assert golden.keys() == gradients.keys() and worst(gradients, golden) < 1e-5


def test_at_the_start_it_adds_nothing_and_a_has_the_bound_of_pytorchs_linear() -> None:
    x = jnp.asarray(np.random.default_rng(1).standard_normal((5, 4, 25)), jnp.float32)
    layer = LowRank(LORA, (7,), ("heads", "head_dim", "embed"), inputs=2)
    variables = layer.init(KEY, x)
    a = variables["params"]["lora_a"]
    assert a.value.shape == (4, 25, 3) and a.names == ("heads", "head_dim", None)
    assert 0.09 < np.abs(a.value).max() <= 0.1 and not np.any(layer.apply(variables, x))


def test_dropout_is_on_where_a_key_is_given() -> None:
    layer = LowRank(LORA, (4,), ("embed", "mlp"))
    params = {"lora_a": jnp.ones((8, 3)), "lora_b": jnp.ones((3, 4))}
    without, one, other = (
        np.asarray(layer.apply({"params": params}, jnp.ones((6, 8)), rngs=rngs))
        for rngs in ({}, {"dropout": KEY}, {"dropout": jax.random.key(1)})
    )
    assert (without == 8 * 3 * LORA.scale).all() and np.any(one != other)
    # Half of the 8 ones are dropped and the others doubled, so that a sum is one of 0, 2, 4, ..., 16.
    assert set(np.unique(one / (3 * LORA.scale))) <= set(range(0, 18, 2)) and len(np.unique(one)) > 1


@pytest.mark.slow
def test_it_learns_beside_int8_kernels_and_where_blocks_are_computed_again() -> None:
    lora, frozen = lora_case.halves()
    wanted = {path: leaf for path, leaf in frozen.items() if path.startswith("blocks/") and path.endswith("/kernel")}
    scales = {f"{path}_scale": leaf[:, 0] for path, leaf in wanted.items()}
    scales["blocks/out/kernel_scale"] = wanted["blocks/out/kernel"][:, 0, 0]
    rounded = quantize_all(jax.tree.map(jnp.asarray, {**frozen, **scales}))
    known = {path: leaf for path, leaf in rounded.items() if not path.endswith("_scale")}
    for path in wanted:
        scale = rounded[f"{path}_scale"]
        inputs = known[path].ndim - scale.ndim
        known[path] = known[path] * scale.reshape(scale.shape[0], *(1,) * inputs, *scale.shape[1:])
    found = slope(again(int8=True))(lora, rounded, KEY)[1]
    assert worst(found, slope(lora_case.module())(lora, known, KEY)[1]) < 1e-5
    assert all(np.any(leaf) for leaf in found.values())


@pytest.mark.slow
def test_dropout_follows_the_key_and_blocks_that_are_computed_again_repeat_it() -> None:
    halves = lora_case.halves()
    first, second = (slope(lora_case.module(), True)(*halves, jax.random.key(key)) for key in (0, 1))
    assert worst(slope(again(), True)(*halves, KEY)[1], first[1]) < 1e-5
    without = slope(lora_case.module())(*halves, KEY)
    assert len({float(value[0][0]) for value in (first, second, without)}) == 3


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"rank": 0}, "rank: 0 must be at least 1"),
        ({"alpha": 0.0}, "alpha 0.0 must be above 0"),
        ({"alpha": float("nan")}, "alpha: nan must be finite"),
        ({"dropout": 1.0}, r"dropout 1.0 must lie in \[0, 1\)"),
        ({"dropout": -0.1}, r"dropout -0.1 must lie in \[0, 1\)"),
        ({"targets": ["q", "qkv"]}, "targets: 'qkv'; choose at least one of q, k, v, o, gate, up, down"),
        ({"targets": []}, "targets: none; choose"),
        ({"targets": ["q", "q"]}, "name each once"),
    ],
)
def test_what_makes_no_sense_is_refused(values: dict[str, Any], said: str) -> None:
    with pytest.raises(UserError, match=said):
        from_plain(LoraConfig, values, "model.decoder.lora")
