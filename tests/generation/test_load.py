"""A run that is opened again."""

from pathlib import Path
from typing import Any

import pytest

from deemo_jax.conversion import engine
from deemo_jax.core.errors import UserError
from deemo_jax.generation import load
from deemo_jax.models.weights import flatten
from tests.conversion import tiny as conversion


def test_a_folder_without_a_run(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="holds no run"):
        load.load_run(tmp_path)


@pytest.mark.slow
def test_a_whole_conversion_opens_like_a_run_and_one_without_connectors_says_so(tmp_path: Path) -> None:
    config: Any = conversion.get_config("precision=float32")
    config.model = {**conversion.MODEL, "decoder": {**conversion.DECODER, "vocab": 259}}
    config.tokenizer, config.data.frames, config.data.clips = {"name": "bytes"}, 2, 2
    recipe = conversion.Recipe.from_config(config)
    sources = conversion.write_public(tmp_path, recipe, (*conversion.TOWERS, *conversion.CONNECTORS))
    engine.convert(recipe, sources, tmp_path / "whole")
    loaded, model, params = load.load_run(tmp_path / "whole")
    assert loaded.init == str(tmp_path / "whole") and model.config.tokens.video == 4
    conversion.same(flatten(params), conversion.random(recipe))
    towers = {name: sources[name] for name in conversion.TOWERS}
    engine.convert(recipe, towers, tmp_path / "towers")
    with pytest.raises(UserError, match="has no audio/connector, audio/projector, video/connector, video/projector"):
        load.load_run(tmp_path / "towers")
