"""Configs that are wrong are refused in one line that helps."""

from typing import Any

import pytest

from configs import sample
from deemo_jax.errors import UserError
from deemo_jax.training.recipe import Recipe
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


def test_defaults_are_the_lineages() -> None:
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


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"optimiser": {}}, r"config\.optimiser: not a key of config; did you mean 'optimizer'\?"),
        ({"optimizer.warmup_step": 1}, r"config\.optimizer\.warmup_step: .*did you mean 'warmup_steps'\?"),
        ({"data.batchsize": 1}, "did you mean 'batch_size'"),
        ({"train": {}}, r"config\.train\.steps: is missing"),
        ({"train.steps": "many"}, r"config\.train\.steps: 'many' must be of type int"),
        ({"train.steps": 0}, "must be at least 1"),
        ({"optimizer.lr": -1.0}, "must not be negative"),
        ({"optimizer.lr": float("nan")}, "must be finite"),
        ({"optimizer.b1": 1.0}, "must be below 1"),
        ({"frozen_dtype": "fp8"}, "choose float32 or bfloat16"),
        ({"trainable": "decoder/.*"}, "must be a list of strings"),
        ({"seed": -1}, r"config\.seed"),
        ({"mesh": 3}, "must be a dictionary"),
    ],
)
def test_mistakes(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(UserError, match=said):
        Recipe.from_config(changed(changes))
