"""Every key of every published file is mapped or knowingly left out: by name and shape, at full size, no weights."""

import pytest

from configs.deemo_llama_7b import get_config
from deemo_jax.conversion.plan import parameters
from deemo_jax.conversion.sources import SOURCES
from deemo_jax.conversion.tables import llama
from deemo_jax.conversion.tables.rules import match
from deemo_jax.core.recipe import Recipe
from deemo_jax.models.deemo_llama import DeemoLlamaConfig
from deemo_jax.models.parts.llama import LlamaConfig
from tests import public_weights


@pytest.fixture(scope="module")
def recipe():
    return Recipe.from_config(get_config())


@pytest.fixture(scope="module")
def params(recipe):
    return parameters(recipe)


@pytest.mark.parametrize("name", public_weights.FILES)
def test_no_key_is_unexplained(recipe, params, tmp_path, name):
    content = public_weights.manifest(public_weights.FILES[name])
    if name == "llama":
        table = llama.llama(LlamaConfig(), tied=False).mounted("decoder")
    else:
        table = SOURCES[name].table(DeemoLlamaConfig.from_config(recipe.model), content["tensors"].keys(), tmp_path)
    shapes = {key: tuple(shape) for key, shape in {**content["tensors"], **content["ignore"]}.items()}
    found = match(table, params, shapes)
    assert found.problems == ()
    assert len(found.fills) == len(content["tensors"]) and sum(found.ignored.values()) == len(content["ignore"])
