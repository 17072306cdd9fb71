"""What is taken of the weights that a recipe begins with."""

from pathlib import Path

import numpy as np

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
