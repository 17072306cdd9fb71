"""The named sets of what learns, held to known counts at full width; nothing is allocated."""

import math
from typing import Any

import pytest

from configs import deemo_llama_7b
from deemo_jax.core.errors import UserError
from deemo_jax.core.recipe import Recipe
from deemo_jax.models.deemo_llama import DeemoLlama, DeemoLlamaConfig, param_shapes
from deemo_jax.models.params import trainable_paths
from deemo_jax.models.weights import flatten

# Video-LLaMA's connectors: what its public checkpoints of the two branches hold.
PAPER = 22_104_064 + 22_855_680
PROJECTIONS = 2 * (768 * 4096 + 4096)
# 32 blocks, rank 16: queries, keys, values, outputs (4096 to 4096), and gate, up, down (4096 to or from 11008).
LORA = 32 * 16 * (4 * (4096 + 4096) + 3 * (4096 + 11008))
DECODER = 6_738_415_616


def shapes(arguments: str) -> dict[str, Any]:
    """Path -> shape of the parameters of the 7B recipe."""
    recipe = Recipe.from_config(deemo_llama_7b.get_config(arguments))
    return flatten(param_shapes(DeemoLlama(DeemoLlamaConfig.from_config(recipe.model))))


def count(arguments: str, of: dict[str, Any]) -> int:
    """How many parameters a recipe lets learn."""
    chosen = trainable_paths(of, Recipe.from_config(deemo_llama_7b.get_config(arguments)).trainable)
    return sum(math.prod(of[path].shape) for path in chosen)


def test_a_set_has_as_many_parameters_as_it_should() -> None:
    of = shapes("trainable=paper+lora")
    found = {name: count(f"trainable={name}", of) for name in deemo_llama_7b.CHOICES["trainable"]}
    assert found.pop("full") == sum(math.prod(leaf.shape) for leaf in of.values()) > DECODER
    assert found == {"paper": PAPER, "projections": PROJECTIONS, "lora": LORA, "paper+lora": PAPER + LORA}


@pytest.mark.slow
def test_the_joint_connector_learns_as_a_whole() -> None:
    qformer, queries, audio = 105_137_664, 32 * 768, 22_855_680
    assert count("connector=joint", shapes("connector=joint")) == qformer + queries + PROJECTIONS // 2 + audio


def test_full_keeps_no_encoder_outputs() -> None:
    recipe = Recipe.from_config(deemo_llama_7b.get_config("trainable=full"))
    assert recipe.trainable == (".*",) and recipe.data.cached_views == 0


def test_names_and_patterns_may_stand_in_one_list() -> None:
    config = deemo_llama_7b.get_config()
    config.trainable = ["!audio/.*", "projections", "video/connector/queries"]
    assert Recipe.from_config(config).trainable == ("!audio/.*", ".*/projector/.*", "video/connector/queries")


def test_lora_without_lora_is_refused() -> None:
    config = deemo_llama_7b.get_config()
    config.trainable = ["lora"]
    with pytest.raises(UserError, match=r"the decoder has no LoRA; set config\.model\.decoder\.lora"):
        trainable_paths(["decoder/blocks/query/kernel"], Recipe.from_config(config).trainable)
