"""Qwen2.5, Qwen3 and LLaMA-3.2 beside Hugging Face's own modules: logits, loss and gradients in float32.

Their greedy tokens are compared in `test_decoding_reference`.
"""

from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from configs.deemo_llama_7b import get_config
from deemo_jax.conversion import decoder_export
from deemo_jax.conversion.tables.llama import llama
from deemo_jax.conversion.tables.rules import to_public
from deemo_jax.core.recipe import Recipe
from deemo_jax.models.batch import Batch
from deemo_jax.models.parts.llama import Llama
from deemo_jax.models.weights import flatten
from deemo_jax.training.loss import answer_loss
from tests.models.decoder_kinds import KINDS, SIZES
from tests.models.hugging_face_decoder import hugging_face
from tests.models.test_decoder_kinds import GOLDEN

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")

B, T, FIRST = 3, 48, 20
IDS = np.random.default_rng(0).integers(0, SIZES["vocab"], (B, T))


@pytest.mark.parametrize("name", KINDS)
def test_logits(name: str) -> None:
    kind = KINDS[name]
    theirs = hugging_face(kind)
    with torch.no_grad():
        golden = theirs.double()(torch.arange(12)[None]).logits[0, -1, :4].numpy()
        wanted = theirs.float()(torch.from_numpy(IDS)).logits.numpy()
    np.testing.assert_allclose(golden, GOLDEN[name], atol=1e-6)
    params = {"params": kind.parameters()["decoder"]}
    found = Llama(kind.config).apply(params, jnp.asarray(IDS), jnp.ones(IDS.shape, bool), method="score")
    assert np.abs(found - wanted).max() < 1e-5 * np.abs(wanted).max()


@pytest.mark.parametrize("name", ["qwen2.5", "qwen3-tied", "llama3.2"])
def test_what_is_written_opens_in_transformers(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kind = KINDS[name]
    config = get_config("precision=float32")
    config.model = {"decoder": kind.ours}
    run = Recipe.from_config(config), kind.model(), kind.parameters()
    monkeypatch.setattr(decoder_export, "load_run", lambda _: run)
    decoder_export.write_decoder("run", tmp_path / "out")
    opened, wanted = transformers.AutoModelForCausalLM.from_pretrained(tmp_path / "out"), hugging_face(kind)
    assert opened.config.model_type == kind.public["model_type"]
    with torch.no_grad():
        found, logits = (each(torch.from_numpy(IDS)).logits for each in (opened.float(), wanted))
    assert (found - logits).abs().max() < 1e-5 * logits.abs().max()


@pytest.mark.parametrize("name", KINDS)
def test_loss_and_gradients(name: str) -> None:
    kind = KINDS[name]
    theirs = hugging_face(kind)
    labels = torch.from_numpy(np.where(np.arange(T) >= FIRST, IDS, -100))
    loss = theirs(torch.from_numpy(IDS), labels=labels).loss
    loss.backward()
    batch = Batch.zeros(B, T, None, None)
    batch.token_ids[:], batch.positions[:], batch.valid[:] = IDS, np.arange(T), True
    batch.loss_mask[:, FIRST:] = 1
    batch = jax.tree.map(jnp.asarray, batch)
    model, params = kind.model(), kind.parameters()
    (ours, _), slopes = jax.value_and_grad(lambda p: answer_loss(model, p, batch, None), has_aux=True)(params)
    assert float(ours) == pytest.approx(loss.item(), rel=1e-5)
    table = llama(kind.config, kind.config.tied).mounted("decoder")
    found = to_public(table, {path: np.asarray(leaf) for path, leaf in flatten(slopes).items()})
    wanted = {key: weight.grad.numpy() for key, weight in theirs.named_parameters()}
    assert found.keys() == wanted.keys()
    for key, slope in wanted.items():
        assert np.linalg.norm(found[key] - slope) < 1e-4 * np.linalg.norm(slope), key
