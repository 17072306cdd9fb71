"""docs/recipes.md has each number of the 7B recipes with its source, and schedules are the lineage's."""

import importlib
import re
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from deemo_jax.core.config import leaves, plain
from deemo_jax.core.recipe import Recipe
from deemo_jax.training.optimizer import learning_rate

PAGE = Path(__file__).parents[2] / "docs" / "recipes.md"
NAMES = ("pretrain_7b", "deemo_llama_7b", "video_llama_7b", "affectgpt_7b")


def table() -> dict[str, dict[str, str]]:
    """Recipe -> key -> cell."""
    rows = [[cell.strip() for cell in line.strip("|\n ").split(" | ")] for line in PAGE.read_text().splitlines()]
    head = next(row for row in rows if row[0] == "key")
    body = [row for row in rows if re.fullmatch(r"`[a-z_.0-9]+`", row[0])]
    return {name: {row[0].strip("`"): row[at] for row in body} for at, name in enumerate(head) if at}


@pytest.mark.parametrize("name", NAMES)
def test_each_number_names_its_source(name: str) -> None:
    config = leaves(plain(importlib.import_module(f"configs.{name}").get_config()))
    cells = table()[name]
    numbers = {key for key in config if key.startswith("optimizer.") or key in ("train.steps", "seed")}
    numbers |= {f"data.{key}" for key in ("batch_size", "max_length", "max_answer", "frames", "clips")}
    assert numbers <= cells.keys()
    for key, cell in cells.items():
        value, source = cell.rsplit(" ", 1)
        shown = "+".join(config[key]) if key == "trainable" else str(config[key])
        assert (value, source in "PLO") == (shown, True), key


@pytest.mark.parametrize("name", [*NAMES, "sample", "sample_pretrain"])
def test_the_learning_rate_is_the_lineage_s_at_every_step(name: str) -> None:
    recipe = Recipe.from_config(importlib.import_module(f"configs.{name}").get_config())
    of, steps = recipe.optimizer, recipe.train.steps
    s = np.arange(steps + 1, dtype=np.float64)
    wanted = (of.lr - of.lr_min) * 0.5 * (1 + np.cos(np.pi * s / steps)) + of.lr_min
    rising = s < of.warmup_steps
    wanted[rising] = of.warmup_start + (of.lr - of.warmup_start) * s[rising] / max(of.warmup_steps, 1)
    found = jax.vmap(lambda step: learning_rate(of, steps, step))(jnp.arange(steps + 1))
    np.testing.assert_allclose(found, wanted, rtol=2e-6)


def test_the_lineage_s_mixtures_have_its_datasets_in_equal_parts() -> None:
    for name, last, talk in (("video_llama_7b", [], None), ("affectgpt_7b", ["deemo_mer"], "affectgpt_conversation")):
        recipe = Recipe.from_config(
            importlib.import_module(f"configs.{name}").get_config("data=lineage,trainable=paper")
        )
        assert recipe.data.mixture == dict.fromkeys(["minigpt4", "llava", "videochat", *last], 1)
        assert recipe.prompt.conversation == talk and recipe.data.mixing == "batch"
