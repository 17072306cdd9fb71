"""Folders of runs: refused, begun, compared; and a run that is opened again."""

from pathlib import Path
from typing import Any

import pytest

from deemo_jax.conversion import checkpoint
from deemo_jax.errors import UserError
from deemo_jax.models.weights import flatten
from deemo_jax.training import run
from deemo_jax.training.recipe import Recipe
from tests.conversion import tiny as conversion
from tests.training import tiny


def config(**changes: Any) -> dict[str, Any]:
    return {**Recipe.from_config(tiny.get_config("nowhere")).resolved(), **changes}


def test_a_run_that_is_there_is_refused_without_a_flag(tmp_path: Path) -> None:
    folder = run.Workdir(tmp_path / "run")
    assert run.check(folder, config(), resume=False, overwrite=False) == []
    assert not folder.path.exists()
    run.begin(folder, config(), overwrite=False)
    with pytest.raises(UserError, match=r"already holds a run; give --resume .* --overwrite"):
        run.check(folder, config(), resume=False, overwrite=False)
    with pytest.raises(UserError, match="exclude each other"):
        run.check(folder, config(), resume=True, overwrite=True)
    assert run.check(folder, config(), resume=True, overwrite=False) == []


def test_another_config_is_refused_by_name_and_harmless_changes_are_told(tmp_path: Path) -> None:
    folder = run.Workdir(tmp_path)
    run.begin(folder, config(), overwrite=False)
    with pytest.raises(UserError, match=r"another config \(config\.seed: 3 -> 4\)"):
        run.check(folder, config(seed=4), resume=True, overwrite=False)
    longer = config(train={**config()["train"], "steps": 99})
    assert run.check(folder, longer, resume=True, overwrite=False) == [f"config.train.steps: {tiny.STEPS} -> 99"]


def test_overwriting_removes_a_runs_own_files_only(tmp_path: Path) -> None:
    folder = run.Workdir(tmp_path)
    for name in ("checkpoints/3/x", "tensorboard/x", "evaluation/x", "metrics.jsonl", "notes.txt"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("x")
    run.begin(folder, config(), overwrite=True)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["config.json", "notes.txt"]


def test_a_path_that_cannot_be_a_run(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(UserError, match="is no folder"):
        run.check(run.Workdir(tmp_path / "file"), config(), resume=False, overwrite=False)
    with pytest.raises(UserError, match="holds no run"):
        run.load_run(tmp_path)


def test_other_frozen_weights_are_refused() -> None:
    metadata = {"frozen_sha256": "a" * 64, "versions": {**run.versions(), "jax": "0.1"}}
    run.check_origin(metadata, "a" * 64, Path("c/1"))
    with pytest.raises(
        UserError, match=r"other frozen weights \(sha256 a{12}, now b{12}\)\. It was made with jax 0\.1"
    ):
        run.check_origin(metadata, "b" * 64, Path("c/1"))


def test_other_instructions_are_refused() -> None:
    metadata = run.describe(config(), {}) | {"instructions": 0}
    with pytest.raises(UserError, match="version 0 of the instructions, here is version 1"):
        run.check_origin(metadata, metadata["frozen_sha256"], Path("c/1"))


def test_a_whole_conversion_opens_like_a_run_and_one_without_connectors_says_so(tmp_path: Path) -> None:
    config: Any = conversion.get_config("precision=float32")
    config.model = {**conversion.MODEL, "decoder": {**conversion.DECODER, "vocab": 259}}
    config.tokenizer, config.data.frames, config.data.clips = {"name": "bytes"}, 2, 2
    recipe = conversion.Recipe.from_config(config)
    sources = conversion.write_public(tmp_path, recipe, (*conversion.TOWERS, *conversion.CONNECTORS))
    checkpoint.convert(recipe, sources, tmp_path / "whole")
    loaded, model, params = run.load_run(tmp_path / "whole")
    assert loaded.init == str(tmp_path / "whole") and model.config.video_tokens == 4
    conversion.same(flatten(params), conversion.random(recipe))
    towers = {name: sources[name] for name in conversion.TOWERS}
    checkpoint.convert(recipe, towers, tmp_path / "towers")
    with pytest.raises(UserError, match="has no audio/connector, audio/projector, video/connector, video/projector"):
        run.load_run(tmp_path / "towers")
