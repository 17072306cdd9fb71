"""A folder of Qwen3 as it is published, with its tokenizer, becomes a checkpoint that is read as it was written."""

import dataclasses
import json

import numpy as np
import pytest
import safetensors.numpy

from configs.deemo_llama_7b import get_config
from deemo_jax.conversion import engine
from deemo_jax.core.errors import UserError
from deemo_jax.core.recipe import Recipe, TokenizerRecipe
from deemo_jax.data.tokenizer import make_tokenizer
from deemo_jax.models.weights import flatten, load_tree
from tests.data.test_chatml import write as write_tokenizer
from tests.models.decoder_kinds import KINDS

# Some rows more than the tokenizer has ids.
ROWS = {"vocab": 320}, {"vocab_size": 320}


def test_weights_and_tokenizer_of_a_qwen3(tmp_path):
    plain = KINDS["qwen3-tied"]
    kind = dataclasses.replace(plain, ours={**plain.ours, **ROWS[0]}, public={**plain.public, **ROWS[1]})
    folder = tmp_path / "qwen3"
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps(kind.public))
    safetensors.numpy.save_file(kind.weights(), folder / "model.safetensors")
    config = get_config("decoder=qwen3-0.6b,precision=float32")
    assert set(plain.ours) <= set(config.model.decoder)
    config.model, config.trainable = {"decoder": kind.ours}, ["decoder/.*"]
    recipe = Recipe.from_config(config)

    write_tokenizer(folder, thoughts=False)
    with pytest.raises(
        UserError, match=r"its tokenizer does not fit: config.tokenizer: has no token <think>, </think>"
    ):
        engine.convert(recipe, {"llama": str(folder)}, tmp_path / "out")
    assert not (tmp_path / "out").exists()
    write_tokenizer(folder)
    engine.convert(recipe, {"llama": str(folder)}, tmp_path / "out")
    found, wanted = flatten(load_tree(tmp_path / "out")), flatten(kind.parameters())
    assert found.keys() == wanted.keys()
    for path, value in wanted.items():
        np.testing.assert_array_equal(found[path], value)
    assert make_tokenizer(TokenizerRecipe("llama", str(tmp_path / "out"))).bos_id is None
