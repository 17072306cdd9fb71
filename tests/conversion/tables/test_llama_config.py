"""A LLaMA's config.json beside the recipe's decoder: what no shape gives away, and what is no config at all."""

import dataclasses
import json

import pytest

from deemo_jax.conversion.tables import llama_config
from deemo_jax.core.errors import UserError
from deemo_jax.models.parts.llama import LlamaConfig, RopeScaling
from tests.conversion import tiny

OURS = LlamaConfig(**{name: value for name, value in tiny.DECODER.items() if name != "name"})
LLAMA3 = {
    "rope_type": "llama3",
    "factor": 8.0,
    "low_freq_factor": 1.0,
    "high_freq_factor": 4.0,
    "original_max_position_embeddings": 64,
}


def check(folder, ours=OURS, **more):
    tiny.write_llama_config(folder, tiny.DECODER, **more)
    return llama_config.check(folder, ours)


@pytest.mark.parametrize(
    "more,said",
    [
        ({"rms_norm_eps": 1e-6}, "decoder.eps is 1e-05, there it is 1e-06"),
        ({"rms_norm_eps": None}, "decoder.eps is 1e-05, there it is 1e-06"),
        ({"hidden_size": "32"}, "decoder.width is 32, there it is '32'"),
        ({"num_attention_heads": None}, "decoder.heads is 4, there it is 32"),
        ({"rope_theta": 500000.0}, "decoder.theta is 10000.0, there it is 500000.0"),
        ({"num_key_value_heads": 4}, "decoder.kv_heads is 2, there it is 4"),
        ({"num_key_value_heads": None}, "decoder.kv_heads is 2, there it is 4"),
        ({"rope_scaling": {"rope_type": "yarn", "factor": 2.0}}, "'yarn'"),
        ({"rope_scaling": {"type": "linear", "factor": 2.0}}, "'linear'"),
        ({"model_type": "qwen2"}, "decoder.qkv_bias is False, there it is True"),
        ({"model_type": "qwen3", "head_dim": 8}, "decoder.qk_norm is False, there it is True"),
        ({"model_type": "qwen3_moe"}, "is of a 'qwen3_moe' model; the decoder is one of llama, qwen2, qwen3"),
        ({"model_type": ["llama"]}, "is of a ['llama'] model"),
        ({"layer_types": ["full_attention", "sliding_attention"]}, "layer_types are not all 'full_attention'"),
        ({"layer_types": "full_attention"}, "layer_types are not all"),
        (
            {"dual_chunk_attention_config": {}, "logit_scale": 2},
            "its dual_chunk_attention_config, logit_scale are not known",
        ),
        ({"model_type": None}, "None model"),
        ({"head_dim": 16}, "decoder.head_width gives heads 8 wide, there they are 16 wide"),
        ({"max_position_embeddings": 2048}, "decoder.context is 4096, there it is 2048"),
        ({"max_position_embeddings": "4096"}, "max_position_embeddings is '4096', which is no number"),
        ({"rope_scaling": {"rope_type": "llama3"}}, "lacks factor"),
        ({"rope_scaling": {**LLAMA3, "factor": "x"}}, "factor is 'x', which is no number"),
        ({"rope_scaling": {**LLAMA3, "original_max_position_embeddings": float("inf")}}, "no number"),
        ({"rope_scaling": {**LLAMA3, "factor": 10**400}}, "no number"),
        ({"rope_scaling": "x"}, "rope_scaling is 'x'"),
        ({"rope_parameters": [1]}, "rope_parameters is [1]"),
        ({"rope_theta": "abc"}, "rope_theta is 'abc', which is no number"),
        ({"rope_theta": True}, "rope_theta is True, which is no number"),
        ({"rope_parameters": {"rope_theta": {}}}, "rope_theta is {}, which is no number"),
        ({"hidden_act": "gelu"}, "hidden_act is 'gelu', and the decoder is made for 'silu'"),
        ({"partial_rotary_factor": 0.5}, "partial_rotary_factor is 0.5"),
        ({"rope_parameters": {"partial_rotary_factor": 0.5}}, "partial_rotary_factor is 0.5"),
        ({"attention_bias": True}, "attention_bias is True"),
        ({"sliding_window": 16}, "sliding_window is 16"),
        ({"sliding_window": 16, "use_sliding_window": True}, "sliding_window is 16"),
        ({"quantization_config": {"quant_method": "gptq"}}, "quantization_config"),
        ({"tie_word_embeddings": "no"}, "tie_word_embeddings is 'no'"),
    ],
)
def test_numbers_that_no_shape_gives_away_and_what_is_no_number(tmp_path, more, said):
    with pytest.raises(UserError) as error:
        check(tmp_path, **more)
    assert said in str(error.value) and str(error.value).startswith(f"{tmp_path / 'config.json'}: ")


def test_all_of_them_are_told_together(tmp_path):
    with pytest.raises(UserError, match=r"decoder.eps.*hidden_act.*sliding_window.*quantization_config"):
        check(tmp_path, rms_norm_eps=1e-6, hidden_act="relu", sliding_window=4, quantization_config={})


@pytest.mark.parametrize("text", ["", "[]", "{", "null"])
def test_what_is_no_config(tmp_path, text):
    (tmp_path / "config.json").write_text(text)
    with pytest.raises(UserError, match=r"config\.json"):
        llama_config.check(tmp_path, OURS)


def test_what_means_nothing_is_no_difference(tmp_path):
    assert check(tmp_path) is False
    more = {"sliding_window": 16, "use_sliding_window": False, "quantization_config": None, "rope_theta": None}
    assert check(tmp_path, **more, hidden_act="silu", rope_scaling=None, tie_word_embeddings=None) is False
    assert check(tmp_path, tie_word_embeddings=True) is True


@pytest.mark.parametrize(
    ("kind", "ours", "more"),
    [
        ("qwen2", {"qkv_bias": True}, {"sliding_window": 131072, "max_window_layers": 24}),
        ("qwen2", {"qkv_bias": True, "tied": True}, {"tie_word_embeddings": True, "use_sliding_window": False}),
        ("qwen3", {"qk_norm": True, "head_width": 128}, {"layer_types": ["full_attention"] * 3}),
        ("qwen3", {"qk_norm": True, "head_width": 16}, {"head_dim": 16, "sliding_window": None}),
        ("llama", {"tied": True}, {"tie_word_embeddings": True, "head_dim": 8}),
    ],
)
def test_each_architecture_is_taken_as_it_is(tmp_path, kind, ours, more):
    ours = dataclasses.replace(OURS, **ours)
    assert check(tmp_path, ours, model_type=kind, **more) is more.get("tie_word_embeddings", False)


def test_what_only_one_side_has_is_told(tmp_path):
    for ours, more, said in (
        ({"tied": True}, {}, "decoder.tied is True, there it is False"),
        ({"qkv_bias": True}, {"model_type": "llama"}, "decoder.qkv_bias is True, there it is False"),
        ({"qk_norm": True}, {"model_type": "qwen3"}, "gives heads 8 wide, there they are 128 wide"),
        (
            {"qkv_bias": True},
            {"model_type": "qwen2", "sliding_window": 16, "use_sliding_window": True},
            "sliding_window is 16, and the decoder looks back",
        ),
    ):
        with pytest.raises(UserError, match=said):
            check(tmp_path, dataclasses.replace(OURS, **ours), **more)


def test_left_out_it_means_the_first_llama(tmp_path):
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "llama"}))
    assert llama_config.check(tmp_path, LlamaConfig(eps=1e-6)) is False


def test_llama_3s_stretch_in_both_forms(tmp_path):
    ours = {name: value for name, value in tiny.DECODER.items() if name != "name"}
    stretched = LlamaConfig(**ours, theta=5e5, rope_scaling=RopeScaling(8.0, 1.0, 4.0, 64))
    assert check(tmp_path, stretched, rope_theta=500000, rope_scaling=LLAMA3) is False
    assert check(tmp_path, stretched, rope_parameters={**LLAMA3, "rope_theta": 500000.0}) is False
