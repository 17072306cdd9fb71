"""What is taken of the weights that a recipe begins with."""

from pathlib import Path

import numpy as np
import pytest

from deemo_jax.core.errors import UserError
from deemo_jax.models.initial_weights import initial_tensors
from deemo_jax.models.weights import save_tree, unflatten

HEAD = "audio/encoder/head/kernel"


def test_what_the_model_has_no_use_for_is_left_out(tmp_path: Path) -> None:
    paths = ["audio/encoder/patch", HEAD, "video/encoder/patch", "decoder/embed"]
    save_tree(tmp_path / "all.safetensors", unflatten({path: np.zeros(1, np.float32) for path in paths}))
    with_patches = [path for path in paths if path != HEAD]
    assert {*initial_tensors(tmp_path / "all.safetensors", paths)} == {*paths}
    assert {*initial_tensors(tmp_path / "all.safetensors", with_patches)} == {*with_patches}
    assert {*initial_tensors(tmp_path / "all.safetensors", ["decoder/embed"])} == {"decoder/embed"}


@pytest.mark.parametrize(
    ("made", "init", "mend"),
    [
        ([], "absent", "it is not there; check the path"),
        ([], ".", "name one of these"),
        (["vicuna/config.json", "vicuna/pytorch_model.bin"], "vicuna", "with `python -m deemo_jax.convert`"),
        (
            ["llama/config.json", "llama/model-00001-of-00002.safetensors"],
            "llama",
            "with `python -m deemo_jax.convert`",
        ),
        (["towers.PTH"], "towers.PTH", "with `python -m deemo_jax.convert`"),
        (["runs/b/config.json", "runs/a/weights.safetensors"], "runs", "name one that lies in it: a, b"),
        (["run/config.json", "run/checkpoints/20/x"], "run/checkpoints/20", "name the run that it is of, "),
    ],
)
def test_what_can_be_no_weights_is_refused_with_what_may_be_named(
    tmp_path: Path, made: list[str], init: str, mend: str
) -> None:
    for name in made:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    with pytest.raises(UserError) as refused:
        initial_tensors(tmp_path / init, ["decoder/embed"])
    said = str(refused.value)
    assert said.startswith(f"config.init {tmp_path / init}: is no run (a folder with config.json), no converted")
    assert mend in said and "weights.safetensors" in said and ".safetensors file" in said
