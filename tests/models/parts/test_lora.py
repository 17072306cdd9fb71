"""LoRA on the decoder: what it adds, what it costs when it is off, and what is refused."""

import dataclasses
import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from deemo_jax.core.config import from_plain
from deemo_jax.core.errors import UserError
from deemo_jax.models.int8 import quantize_all
from deemo_jax.models.parts.layers import Remat
from deemo_jax.models.parts.llama import Llama, LlamaConfig, Storage
from deemo_jax.models.parts.lora import TARGETS, LoraConfig, LowRank, merged
from deemo_jax.models.weights import flatten, unflatten
from tests.models.tiny import initialised

PLAIN = LlamaConfig(vocab=40, width=32, depth=2, heads=4, kv_heads=2, mlp=48)
LORA = LoraConfig(rank=3, alpha=6.0, dropout=0.5)
CONFIG = dataclasses.replace(PLAIN, lora=LORA)
IDS = jnp.asarray(np.random.default_rng(0).integers(0, 40, (2, 7)), jnp.int32)
VALID = jnp.ones((2, 7), bool)
PARAMS = flatten(initialised(Llama(CONFIG), IDS, VALID, method="score"))
ADAPTERS = {path: leaf for path, leaf in PARAMS.items() if "lora_" in path}
FROZEN = {path: leaf for path, leaf in PARAMS.items() if path not in ADAPTERS}


@functools.cache
def slope(model: Llama, dropout: bool = False) -> Any:
    """(adapters, frozen, key) -> (mean square of the logits, its gradients for the adapters)."""

    def loss(adapters: Any, frozen: Any, key: Any) -> Any:
        rngs = {"dropout": key} if dropout else {}
        params = {"params": unflatten({**adapters, **frozen})}
        return jnp.square(model.apply(params, IDS, VALID, method="score", rngs=rngs)).mean()

    return jax.jit(jax.value_and_grad(loss))


def close(found: Any, expected: Any) -> None:
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=2e-4, atol=1e-6), found, expected)


def test_every_kernel_has_a_pair_of_thin_ones_for_each_layer_and_none_without_lora() -> None:
    shapes = {path: leaf.shape for path, leaf in ADAPTERS.items()}
    assert len(shapes) == 2 * len(TARGETS)
    assert shapes["blocks/query_lora/lora_a"] == (2, 32, 3) and shapes["blocks/query_lora/lora_b"] == (2, 3, 4, 8)
    assert shapes["blocks/out_lora/lora_a"] == (2, 4, 8, 3) and shapes["blocks/out_lora/lora_b"] == (2, 3, 32)
    assert FROZEN.keys() == flatten(initialised(Llama(PLAIN), IDS, VALID, method="score")).keys()


def test_at_the_start_it_adds_nothing_and_a_has_the_bound_of_pytorchs_linear() -> None:
    x = jnp.asarray(np.random.default_rng(1).standard_normal((5, 4, 25)), jnp.float32)
    layer = LowRank(LORA, (7,), ("heads", "head_dim", "embed"), inputs=2)
    variables = layer.init(jax.random.key(0), x)
    a = variables["params"]["lora_a"].value
    assert a.shape == (4, 25, 3) and variables["params"]["lora_a"].names == ("heads", "head_dim", None)
    assert 0.09 < np.abs(a).max() <= 0.1 and not np.any(layer.apply(variables, x))


def test_dropout_is_on_where_a_key_is_given() -> None:
    layer = LowRank(LORA, (4,), ("embed", "mlp"))
    params = {"lora_a": jnp.ones((8, 3)), "lora_b": jnp.ones((3, 4))}
    without, one, other = (
        np.asarray(layer.apply({"params": params}, jnp.ones((6, 8)), rngs=rngs))
        for rngs in ({}, {"dropout": jax.random.key(0)}, {"dropout": jax.random.key(1)})
    )
    assert (without == 8 * 3 * LORA.scale).all() and np.any(one != other)
    # Half of the 8 ones are dropped and the others doubled, so that a sum is one of 0, 2, 4, ..., 16.
    assert set(np.unique(one / (3 * LORA.scale))) <= set(range(0, 18, 2)) and len(np.unique(one)) > 1


def test_kernels_that_took_it_up_give_the_same_logits() -> None:
    taken = dict(FROZEN)
    for module in LORA.modules:
        path = f"blocks/{module}"
        pair = (jnp.asarray(PARAMS[f"{path}_lora/lora_{part}"]) for part in "ab")
        taken[f"{path}/kernel"] = merged(jnp.asarray(PARAMS[f"{path}/kernel"]), *pair, LORA.scale)
    loss, _ = slope(Llama(CONFIG))(ADAPTERS, FROZEN, jax.random.key(0))
    close(loss, slope(Llama(PLAIN))({}, taken, jax.random.key(0))[0])
    assert abs(loss - slope(Llama(PLAIN))({}, FROZEN, jax.random.key(0))[0]) > 1e-2


@pytest.mark.slow
def test_it_learns_beside_int8_kernels_and_where_blocks_are_computed_again() -> None:
    wanted = {path: leaf for path, leaf in FROZEN.items() if path.startswith("blocks/") and path.endswith("/kernel")}
    scales = {f"{path}_scale": leaf[:, 0] for path, leaf in wanted.items()}
    scales["blocks/out/kernel_scale"] = wanted["blocks/out/kernel"][:, 0, 0]
    rounded = quantize_all(jax.tree.map(jnp.asarray, {**FROZEN, **scales}))
    known = {path: leaf for path, leaf in rounded.items() if not path.endswith("_scale")}
    for path in wanted:
        scale = rounded[f"{path}_scale"]
        inputs = known[path].ndim - scale.ndim
        known[path] = known[path] * scale.reshape(scale.shape[0], *(1,) * inputs, *scale.shape[1:])
    again = Llama(dataclasses.replace(CONFIG, remat=Remat.BLOCK), storage=Storage(int8=True))
    found = slope(again)(ADAPTERS, rounded, jax.random.key(0))
    close(found, slope(Llama(CONFIG))(ADAPTERS, known, jax.random.key(0)))
    assert all(np.any(leaf) for leaf in found[1].values())


@pytest.mark.slow
def test_dropout_follows_the_key_that_is_given_and_the_second_pass_repeats_it() -> None:
    first, second = (slope(Llama(CONFIG), True)(ADAPTERS, FROZEN, jax.random.key(key)) for key in (0, 1))
    again = Llama(dataclasses.replace(CONFIG, remat=Remat.BLOCK))
    close(slope(again, True)(ADAPTERS, FROZEN, jax.random.key(0)), first)
    without, _ = slope(Llama(CONFIG))(ADAPTERS, FROZEN, jax.random.key(0))
    assert len({float(value) for value in (first[0], second[0], without)}) == 3


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
