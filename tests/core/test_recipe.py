"""Configs that are wrong are refused in one line that helps."""

import math
import re
from typing import Any

import jax
import jax.numpy as jnp
import pytest
from absl import flags
from ml_collections import config_flags

from configs import deemo_llama_7b, sample
from deemo_jax.core.errors import UserError
from deemo_jax.core.recipe import Recipe
from deemo_jax.models.deemo_llama import DeemoLlamaConfig
from deemo_jax.models.parts.llama import Llama, LlamaConfig, RopeScaling
from deemo_jax.systems.registry import TEMPLATES
from tests.training import tiny


def changed(changes: dict[str, Any]) -> dict[str, Any]:
    """The tiny config as plain data; 'a.b' names a nested key."""
    config = tiny.get_config("nowhere").to_dict()
    for key, value in changes.items():
        *holders, name = key.split(".")
        holder = config
        for step in holders:
            holder = holder[step]
        holder[name] = value
    return config


def test_defaults_are_those_of_video_llama_and_affectgpt() -> None:
    recipe = Recipe.from_config(changed({"optimizer": {}}))
    optimizer = recipe.optimizer
    assert (optimizer.b1, optimizer.b2, optimizer.eps, optimizer.weight_decay) == (0.9, 0.999, 1e-8, 0.05)
    assert optimizer.clip_norm == 0.0


def test_a_resolved_config_reads_as_the_same_recipe() -> None:
    recipe = Recipe.from_config(tiny.get_config("nowhere"))
    resolved = recipe.resolved()
    assert resolved["data"]["dataset"] == "deemo_mer" and resolved["trainable"] == ["!.*/encoder/.*", ".*"]
    assert Recipe.from_config(resolved) == recipe


def test_the_sample_recipe_is_whole() -> None:
    assert Recipe.from_config(sample.get_config("video,audio")).data.modalities == "video,audio"


def decoder(arguments: str, *overrides: str) -> LlamaConfig:
    """What the commands make of `--config configs/deemo_llama_7b.py:arguments` and `--config.model.decoder.x`."""
    values = flags.FlagValues()
    holder = config_flags.DEFINE_config_file("config", lock_config=True, flag_values=values)
    settings = [f"--config.model.decoder.{override}" for override in overrides]
    argv = ["test", f"--config={deemo_llama_7b.__file__}:{arguments}", *settings]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("sys.argv", argv)  # where config flags look for overrides
        values(argv)
    recipe = Recipe.from_config(holder.value)
    assert Recipe.from_config(recipe.resolved()) == recipe
    config: LlamaConfig = DeemoLlamaConfig.from_config(recipe.model).decoder.config
    return config


@pytest.mark.slow
@pytest.mark.parametrize(
    ("arguments", "context", "scaling", "parameters"),
    [
        ("", 4096, None, 6_738_415_616),
        ("vicuna=v1.1", 2048, None, 6_738_415_616),
        ("decoder=vicuna,vicuna=v0", 2048, None, 6_738_415_616 + 2 * 4096),
        ("decoder=llama3", 8192, None, 8_030_261_248),
        ("decoder=llama3.1", 131072, RopeScaling(factor=8.0, low=1.0, high=4.0, original=8192), 8_030_261_248),
        ("decoder=llama3.2", 131072, RopeScaling(factor=32.0, low=1.0, high=4.0, original=8192), 3_212_749_824),
        ("decoder=llama3.2-1b", 131072, RopeScaling(factor=32.0, low=1.0, high=4.0, original=8192), 1_235_814_400),
        ("decoder=qwen2.5", 32768, None, 7_615_616_512),
        ("decoder=qwen2.5-0.5b", 32768, None, 494_032_768),
        ("decoder=qwen3", 32768, None, 8_190_735_360),
        ("decoder=qwen3-0.6b", 32768, None, 596_049_920),
    ],
)
def test_decoders_have_the_published_sizes(
    arguments: str, context: int, scaling: RopeScaling | None, parameters: int
) -> None:
    config = decoder(arguments)
    assert (config.context, config.rope_scaling) == (context, scaling)
    theta = 500000.0 if "llama3" in arguments else 1000000.0 if "qwen" in arguments else 10000.0
    kv_heads = {"decoder=qwen2.5": 4, "decoder=qwen2.5-0.5b": 2}.get(arguments, 32 if theta == 10000.0 else 8)
    assert (config.theta, config.kv_heads) == (theta, kv_heads)
    ids = jnp.zeros((1, 2), jnp.int32)
    shapes = jax.eval_shape(lambda: Llama(config).init(jax.random.key(0), ids, ids == 0, method="score"))
    assert sum(math.prod(leaf.shape) for leaf in jax.tree.leaves(shapes)) == parameters


def test_rope_can_be_stretched_from_the_command_line() -> None:
    as_documented = decoder("", 'rope_scaling={"factor": 4.0, "original": 4096}')
    assert as_documented.rope_scaling == RopeScaling(factor=4.0, original=4096)
    assert decoder("decoder=llama3.1", "rope_scaling.factor=32.0").rope_scaling == RopeScaling(factor=32.0)
    assert decoder("vicuna=v0", "context=1024").rope_scaling is None
    with pytest.raises(UserError, match=r"rope_scaling.facto: .*did you mean 'factor'"):
        decoder("", 'rope_scaling={"facto": 4.0}')


@pytest.mark.parametrize(
    ("arguments", "template"),
    [
        ("", "deemo"),
        ("vicuna=v1.1,connector=joint", "deemo"),
        ("decoder=llama3", "deemo"),
        ("decoder=qwen2.5-0.5b", "qwen"),
        ("decoder=qwen3", "qwen3"),
        ("decoder=qwen3,template=deemo", "deemo"),
        ("vicuna=v0", "video_llama"),
        ("template=deemo,vicuna=v0", "deemo"),
        *((f"template={name}", name) for name in TEMPLATES),
    ],
)
def test_a_template_goes_with_its_decoder_unless_one_is_named(arguments: str, template: str) -> None:
    assert deemo_llama_7b.get_config(arguments).prompt.template == template


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ("template=vicuna", "template=deemo|caption|affectgpt|"),
        ("decoder=llama2", "decoder=vicuna|llama3|llama3.1"),
        ("vicuna=v0,decoder=llama3", "vicuna=v0 and decoder=llama3 name two decoders; leave one out"),
    ],
)
def test_arguments_that_are_none_are_refused(arguments: str, said: str) -> None:
    with pytest.raises(ValueError, match=said.replace("|", r"\|")):
        deemo_llama_7b.get_config(arguments)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"optimiser": {}}, r"config\.optimiser: not a key of config; did you mean 'optimizer'\?"),
        ({"optimizer.warmup_step": 1}, r"config\.optimizer\.warmup_step: .*did you mean 'warmup_steps'\?"),
        ({"data.batchsize": 1}, "did you mean 'batch_size'"),
        ({"data.modalities": "smell"}, "config.data.modalities 'smell': choose from audio, video"),
        ({"train": {}}, r"config\.train\.steps: is missing"),
        ({"train.steps": "many"}, r"config\.train\.steps: 'many' must be of type int"),
        ({"train.steps": 0}, "must be at least 1"),
        ({"optimizer.lr": -1.0}, "must not be negative"),
        ({"optimizer.lr": float("nan")}, "must be finite"),
        ({"optimizer.b1": 1.0}, "must be below 1"),
        ({"frozen_dtype": "fp8"}, "choose from float32, bfloat16, int8"),
        ({"trainable": "decoder/.*"}, "must be a list of strings"),
        ({"seed": -1}, r"config\.seed"),
        ({"mesh": 3}, "must be a dictionary"),
    ],
)
def test_mistakes_in_a_recipe_are_refused(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(UserError, match=said):
        Recipe.from_config(changed(changes))


@pytest.mark.parametrize(
    ("key", "value", "says"),
    [
        ("optimizer.lr_min", 2e-2, r"lr_min \(0.02\) is above lr \(0.01\)"),
        ("optimizer.lr", 0.0, "lr is 0: nothing will be learnt"),
        ("optimizer.warmup_steps", 40, r"warmup_steps \(40\) is not below config.train.steps \(40\)"),
        ("optimizer.warmup_start", 2e-2, r"warmup_start \(0.02\) is above lr"),
        ("optimizer.weight_decay", 100.0, "decay alone"),
        ("train.nan_limit", 41, "will not end the run"),
    ],
)
def test_an_odd_schedule_is_warned_of_in_a_line(key: str, value: Any, says: str) -> None:
    config = tiny.get_config("nowhere")
    assert Recipe.from_config(config).doubts() == []
    config.update_from_flattened_dict({key: value})
    assert re.search(says, "\n".join(Recipe.from_config(config).doubts()))


def test_a_schedule_that_just_makes_sense_is_not_warned_of() -> None:
    config = tiny.get_config("nowhere")
    config.optimizer.lr_min = config.optimizer.warmup_start = config.optimizer.lr
    config.optimizer.warmup_steps, config.train.nan_limit = tiny.STEPS - 1, tiny.STEPS
    assert Recipe.from_config(config).doubts() == []
    config.optimizer.warmup_steps, config.optimizer.warmup_start = 0, 1.0
    assert Recipe.from_config(config).doubts() == []


@pytest.mark.parametrize("key", ["masked_batch", "masked_window", "masked_split"])
def test_shares_of_masked_rows_lie_between_0_and_1(key: str) -> None:
    config = tiny.get_config("nowhere")
    config.data[key] = 1.5
    with pytest.raises(UserError, match=rf"config.data.{key}: 1.5 must be a share"):
        Recipe.from_config(config)
