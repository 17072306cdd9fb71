"""PEFT beside this project: gradients of LoRA, merged logits, and the folders of either opened by the other."""

import jax
import numpy as np
import pytest

from deemo_jax.conversion import decoder_export
from deemo_jax.conversion.tables import peft_adapter
from deemo_jax.conversion.tables.rules import expected
from deemo_jax.models.weights import unflatten
from tests.conversion import tiny
from tests.models import lora_case

pytestmark = pytest.mark.slow
torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")
peft = pytest.importorskip("peft")

IDS = torch.tensor(np.asarray(lora_case.IDS)).long()


KINDS = {"llama": {}, "qwen2": {"qkv_bias": True}, "qwen3": {"qk_norm": True, "head_width": 6, "tied": True}}


def write(monkeypatch, lora, out, how, kind):
    """What a run with the case's values, with or without its LoRA, is written as."""
    model, params = lora_case.built(lora, **KINDS[kind])
    # The same frozen values with and without LoRA, which are drawn in another order.
    params = {**params, **{path: leaf for path, leaf in lora_case.built(**KINDS[kind])[1].items() if path in params}}
    monkeypatch.setattr(decoder_export, "load_run", lambda _: (tiny.recipe(), model, {"decoder": unflatten(params)}))
    how("run", out)
    return str(out)


@pytest.fixture
def theirs(tmp_path, monkeypatch, kind):
    """Hugging Face's decoder and PEFT's LoRA on it, both from folders that are written here, in float64."""
    base = write(monkeypatch, False, tmp_path / "base", decoder_export.write_decoder, kind)
    adapter = write(monkeypatch, True, tmp_path / "adapter", decoder_export.write_adapter, kind)
    plain = transformers.AutoModelForCausalLM.from_pretrained(base, dtype=torch.float64)
    return peft.PeftModel.from_pretrained(plain, adapter, is_trainable=True).double().eval()


@pytest.mark.parametrize("kind", ["llama"])
def test_gradients_and_logits_are_pefts(theirs):
    out = theirs(input_ids=IDS, labels=IDS)
    out.loss.backward()
    slopes = {
        name.removeprefix(peft_adapter.PREFIX).replace(".default", ""): value.grad.numpy()
        for name, value in theirs.named_parameters()
        if value.requires_grad
    }
    model, params = lora_case.built()
    fills = expected(peft_adapter.adapter(model.config.decoder.config.lora), params)
    assert slopes.keys() == fills.keys()
    known = {path: np.zeros(leaf.shape) for path, leaf in lora_case.halves()[0].items()}
    for key, fill in fills.items():
        ((path, row),) = fill.targets
        known[path][row] = fill.values(slopes[key])[0]
    ours = lora_case.slope(lora_case.module())(*lora_case.halves(), jax.random.key(0))
    (loss, logits), gradients = ours
    wanted = out.logits.detach().numpy()
    print(f"loss off {lora_case.off(loss, out.loss.item()):.1e}, logits {lora_case.off(logits, wanted):.1e}")
    worst = max((lora_case.off(gradients[path], value), path) for path, value in known.items())
    print(f"gradients off by at most {worst[0]:.1e} ({worst[1]}), {len(known)} tensors")
    assert worst[0] < 1e-5 and lora_case.off(logits, wanted) < 1e-5
    found = {"loss": out.loss.item(), "logits": wanted, **known}
    golden = np.load(lora_case.GOLDEN)
    assert golden.keys() == found.keys()
    assert all(lora_case.off(golden[key], value) < 1e-6 for key, value in found.items())


@pytest.mark.parametrize("kind", KINDS)
def test_merged_logits_are_pefts(theirs, tmp_path, monkeypatch, kind):
    folder = write(monkeypatch, True, tmp_path / "merged", decoder_export.write_decoder, kind)
    ours = transformers.AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float64).eval()
    with torch.no_grad():
        expected = theirs.merge_and_unload()(IDS).logits.numpy()
        merged = ours(IDS).logits.numpy()
    print(f"{kind}: merged logits off by {lora_case.off(merged, expected):.1e}")
    assert lora_case.off(merged, expected) < 1e-5


@pytest.mark.parametrize("kind", ["llama"])
def test_pefts_own_folder_is_read(tmp_path, theirs):
    theirs.save_pretrained(tmp_path / "theirs")
    lora = lora_case.built()[0].config.decoder.config.lora
    assert peft_adapter.check(tmp_path / "theirs", lora) == lora
