"""Qwen2.5, Qwen3 and LLaMA-3.2 at tiny sizes: against golden values, in int8, and the loss of a tied head."""

import dataclasses
import json
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from benchmarks import memory
from deemo_jax.conversion.tables import llama_config
from deemo_jax.core.errors import UserError
from deemo_jax.models.batch import Batch
from deemo_jax.models.deemo_llama import param_axes
from deemo_jax.models.parts.llama import Llama, LlamaConfig, Storage, output_head
from deemo_jax.models.weights import flatten, unflatten
from deemo_jax.training.loss import answer_loss
from tests.models import tiny
from tests.models.decoder_kinds import KINDS

IDS, VALID = jnp.arange(12)[None], jnp.ones((1, 12), bool)
# The first logits behind ids 0..11, by transformers 5.23 in float64 (`test_decoder_kinds_reference`).
GOLDEN = {
    "qwen2.5": [-0.16424, 1.857848, -0.268551, 0.030683],
    "qwen2.5-tied": [-1.221984, 0.52567, -0.143605, 0.308354],
    "qwen3": [-0.958056, -1.407955, 0.724052, 0.635581],
    "qwen3-tied": [1.02073, -0.916493, 2.012857, -1.58514],
    "llama3.2": [-0.715045, 0.731199, 0.001065, -0.064779],
}


@pytest.mark.parametrize("name", ["qwen2.5-tied", "qwen3", "llama3.2"])
def test_logits_are_the_golden_ones(name: str, tmp_path: Path) -> None:
    kind = KINDS[name]
    (tmp_path / "config.json").write_text(json.dumps(kind.public))
    assert llama_config.check(tmp_path, kind.config) is kind.config.tied
    logits = tiny.jitted(Llama(kind.config), "score")(kind.parameters()["decoder"], IDS, VALID)
    np.testing.assert_allclose(np.asarray(logits)[0, -1, :4], GOLDEN[name], atol=2e-5)


@pytest.mark.slow
def test_int8_kernels_beside_biases_and_norms_change_little() -> None:
    kind = dataclasses.replace(KINDS["qwen3-tied"], ours={**KINDS["qwen3-tied"].ours, "qkv_bias": True})
    shapes = tiny.initialised(Llama(kind.config), IDS, VALID, method="score")
    params = jax.tree.map(jnp.asarray, shapes)
    stored = Llama(kind.config, storage=Storage(int8=True))
    kernels = unflatten(memory.in_int8(kind.config, flatten(params)))
    assert kernels["blocks"]["query"]["kernel"].dtype == jnp.int8
    assert kernels["blocks"]["query"]["bias"].dtype == kernels["blocks"]["query_norm"]["scale"].dtype == jnp.float32
    exact, coarse = (
        np.asarray(tiny.jitted(model, "score")(values, IDS, VALID))
        for model, values in ((Llama(kind.config), params), (stored, kernels))
    )
    assert 1e-6 < np.linalg.norm(coarse - exact) < 0.05 * np.linalg.norm(exact)


def test_a_head_is_a_parameter_or_the_embedding() -> None:
    rows, head = jnp.arange(6.0).reshape(3, 2), jnp.ones((2, 3))
    np.testing.assert_array_equal(output_head({"embedding": rows}), rows.T)
    np.testing.assert_array_equal(output_head({"embedding": rows, "head": head}), head)


@pytest.mark.slow
def test_the_loss_takes_a_tied_head() -> None:
    kind = dataclasses.replace(KINDS["qwen3-tied"], ours={**KINDS["qwen3-tied"].ours, "depth": 1})
    model, params = kind.model(), kind.parameters()
    batch = Batch.zeros(1, 6, None, None)
    batch.token_ids[0] = [5, 6, 7, 8, 9, 10]
    batch.positions[0], batch.valid[0], batch.loss_mask[0, 3:] = np.arange(6), True, 1
    loss, _ = answer_loss(model, params, jax.tree.map(jnp.asarray, batch), None)
    logits = tiny.jitted(Llama(kind.config), "score")(params["decoder"], batch.token_ids, batch.valid)
    wanted = -jax.nn.log_softmax(logits[0])[jnp.arange(2, 5), jnp.array([8, 9, 10])].mean()
    np.testing.assert_allclose(loss, wanted, rtol=1e-5)


def test_new_parameters_have_the_names_that_split_them_over_devices() -> None:
    qwen2, qwen3 = (param_axes(KINDS[name].model())["decoder"] for name in ("qwen2.5", "qwen3-tied"))
    assert qwen2["blocks"]["query"]["bias"] == ("layers", "heads", "head_dim")
    assert qwen2["blocks"]["key"]["bias"] == qwen2["blocks"]["value"]["bias"] == ("layers", "kv_heads", "head_dim")
    assert qwen3["blocks"]["query_norm"]["scale"] == qwen3["blocks"]["key_norm"]["scale"] == ("layers", "head_dim")
    assert "bias" not in qwen2["blocks"]["out"] and "head" not in qwen3


def test_heads_of_any_even_width() -> None:
    assert LlamaConfig(width=1024, heads=16, kv_heads=8, head_width=128).head_dim == 128
    assert LlamaConfig(width=60, heads=4, head_width=16, kv_heads=4).head_dim == 16
    with pytest.raises(UserError, match="head_width 15 is odd"):
        LlamaConfig(head_width=15)
