"""A run's decoder for PyTorch: LoRA as PEFT's adapter and back again, and the decoder with LoRA in its kernels."""

import json

import jax.numpy as jnp
import numpy as np
import pytest
import safetensors.numpy

from deemo_jax.conversion import decoder_export, engine
from deemo_jax.conversion.plan import planned
from deemo_jax.conversion.tables import llama_config, peft_adapter
from deemo_jax.conversion.tables.llama import llama
from deemo_jax.conversion.tables.rules import to_public
from deemo_jax.core.errors import UserError
from deemo_jax.models.deemo_llama import DeemoLlama, DeemoLlamaConfig
from deemo_jax.models.int8 import quantize
from deemo_jax.models.parts.llama import LlamaConfig
from deemo_jax.models.weights import flatten, load_tree, unflatten
from tests.conversion import tiny

LORA = {"rank": 2, "alpha": 5.0, "targets": ["q", "o", "down"]}
Q = "base_model.model.model.layers.0.self_attn.q_proj.lora_A.weight"


def recipe(**lora):
    return tiny.recipe(decoder={**tiny.DECODER, "lora": {**LORA, **lora}})


def decoder(of=None):
    values = tiny.random(of or recipe())
    return {path.removeprefix("decoder/"): leaf for path, leaf in values.items() if path.startswith("decoder/")}


@pytest.fixture
def opened(monkeypatch):
    """In place of a run: a recipe, its model and its parameters, of which `change` changes the recipe or values."""
    state = {"recipe": recipe(), "values": decoder()}

    def load_run(_):
        model = DeemoLlama(DeemoLlamaConfig.from_config(state["recipe"].model))
        return state["recipe"], model, {"decoder": unflatten(state["values"])}

    monkeypatch.setattr(decoder_export, "load_run", load_run)
    return state


@pytest.fixture
def adapter(tmp_path, opened):
    decoder_export.write_adapter("run", tmp_path / "adapter")
    return tmp_path / "adapter"


def test_an_adapter_that_goes_out_comes_in_again(tmp_path, adapter):
    public = safetensors.numpy.load_file(adapter / "adapter_model.safetensors")
    assert len(public) == 3 * 3 * 2 and public[Q].shape == (2, 32) and public[Q].dtype == np.float32
    config = json.loads((adapter / "adapter_config.json").read_text())
    assert (config["r"], config["lora_alpha"], config["peft_type"]) == (2, 5, "LORA")
    assert config["target_modules"] == ["q_proj", "o_proj", "down_proj"]
    sources = tiny.write_public(tmp_path, recipe())
    engine.convert(recipe(), {**sources, "lora": str(adapter)}, tmp_path / "out")
    found = flatten(load_tree(tmp_path / "out"))
    tiny.same({path: found[f"decoder/{path}"] for path in decoder()}, decoder())


def test_without_an_adapter_lora_begins_at_random(tmp_path):
    record = engine.convert(recipe(), tiny.write_public(tmp_path, recipe()), tmp_path / "out")
    assert "decoder's LoRA" in record["drawn_at_random"]
    assert not any("lora" in path for path in flatten(load_tree(tmp_path / "out")))


@pytest.mark.parametrize("int8", [False, True])
def test_a_decoder_is_written_with_lora_added_to_its_kernels(tmp_path, opened, int8):
    values = dict(opened["values"])
    if int8:
        kernel, scale = (np.asarray(leaf) for leaf in quantize(jnp.asarray(values["blocks/out/kernel"]), 2))
        opened["values"] = {**values, "blocks/out/kernel": kernel, "blocks/out/kernel_scale": scale}
        values["blocks/out/kernel"] = kernel * scale[:, None, None]
    said = decoder_export.write_decoder("run", tmp_path / "out")
    for module, axes in (("query", "lir,lrno->lino"), ("out", "lnhr,lro->lnho"), ("down", "lir,lro->lio")):
        pair = (values[f"blocks/{module}_lora/lora_{part}"] for part in "ab")
        values[f"blocks/{module}/kernel"] = values[f"blocks/{module}/kernel"] + 2.5 * np.einsum(axes, *pair)
    public = safetensors.numpy.load_file(tmp_path / "out" / "model.safetensors")
    expected = to_public(llama(LlamaConfig(), False), values)
    assert public.keys() == expected.keys() and f"{len(public)} tensors" in said
    for key, value in expected.items():
        np.testing.assert_allclose(public[key], value, rtol=1e-5, atol=1e-5)
    ours = DeemoLlamaConfig.from_config(recipe().model).decoder.config
    assert llama_config.check(tmp_path / "out", ours) is False


@pytest.mark.parametrize(
    ("kind", "parts"),
    [("qwen2", {"qkv_bias": True}), ("qwen3", {"qk_norm": True, "head_width": 6, "tied": True})],
)
def test_qwens_go_out_and_come_in_again(tmp_path, opened, kind, parts):
    opened["recipe"] = tiny.recipe(decoder={**tiny.DECODER, **parts})
    opened["values"] = decoder(opened["recipe"])
    decoder_export.write_decoder("run", tmp_path / "out")
    config = json.loads((tmp_path / "out" / "config.json").read_text())
    assert config["model_type"] == kind and config["tie_word_embeddings"] is parts.get("tied", False)
    back = {path: np.empty_like(leaf) for path, leaf in opened["values"].items()}
    for path, row, values in planned(opened["recipe"], {"llama": str(tmp_path / "out")}, partial=True).rows():
        back[path.removeprefix("decoder/")][... if row is None else row] = values
    tiny.same(back, opened["values"])


def test_what_cannot_be_written_is_refused(tmp_path, opened):
    opened["recipe"] = tiny.recipe(decoder={**tiny.DECODER, "qk_norm": True, "qkv_bias": True})
    with pytest.raises(UserError, match="no public architecture has both qkv_bias and qk_norm"):
        decoder_export.write_decoder("run", tmp_path / "out")
    with pytest.raises(UserError, match="is there already; name another folder with --to_peft"):
        decoder_export.write_adapter("run", tmp_path)
    opened["recipe"] = tiny.recipe()
    with pytest.raises(UserError, match="its decoder has no LoRA; --to_hugging_face writes the decoder"):
        decoder_export.write_adapter("run", tmp_path / "out")
    assert not any(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"r": 8}, "config.model.decoder.lora.rank is 2, there it is 8"),
        ({"lora_alpha": 16}, "config.model.decoder.lora.alpha is 5, there it is 16"),
        ({"target_modules": ["query_key_value"]}, "'query_key_value', which no kernel of this decoder is called"),
        ({"target_modules": ["q_proj"]}, r"config.model.decoder.lora.targets is \['q', 'o', 'down'\], there it is"),
        ({"target_modules": 5}, "where a list of modules belongs"),
        ({"use_dora": True}, "its use_dora is True"),
        ({"use_rslora": True}, "its use_rslora is True"),
        ({"peft_type": "IA3"}, "its peft_type is 'IA3'"),
        ({"rank_pattern": {"q_proj": 4}}, "its rank_pattern is"),
    ],
)
def test_an_adapter_of_another_kind_is_refused(adapter, changes, said):
    path = adapter / "adapter_config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))
    with pytest.raises(UserError, match=said) as told:
        planned(recipe(), {"lora": str(adapter)}, partial=True)
    assert "\n" not in str(told.value)


def test_an_adapter_for_another_decoder_is_refused(adapter):
    path, down = adapter / "adapter_model.safetensors", Q.replace("self_attn.q_proj", "mlp.down_proj")
    deeper, wider = np.zeros((2, 32), np.float32), np.zeros((2, 64), np.float32)
    public = safetensors.numpy.load_file(path) | {down: wider, Q.replace("layers.0", "layers.3"): deeper}
    safetensors.numpy.save_file(public, path)
    with pytest.raises(UserError, match=r"down_proj.lora_A.weight has shape \(2, 64\) instead of \(2, 48\)") as told:
        planned(recipe(), {"lora": str(adapter)}, partial=True)
    assert "model.layers.3.self_attn.q_proj.lora_A.weight (2, 32) is not known" in str(told.value)
    with pytest.raises(UserError, match=r"this config's decoder has no LoRA; set config\.model\.decoder\.lora"):
        peft_adapter.check(adapter, None)


def test_a_folder_without_an_adapter_is_refused(tmp_path, adapter):
    (adapter / "adapter_config.json").unlink()
    with pytest.raises(UserError, match=r"has no adapter_config.json"):
        planned(recipe(), {"lora": str(adapter)}, partial=True)
    with pytest.raises(UserError, match=r"holds none of adapter_model.safetensors, adapter_model.bin"):
        planned(recipe(), {"lora": str(tmp_path)}, partial=True)
