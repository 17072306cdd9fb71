"""The ablations over design: each row is accepted, builds its model, and changes what it names."""

import math

import jax
import pytest

from configs import deemo_llama_7b, design_ablations, sample
from deemo_jax.ablation.generated import read_sweep
from deemo_jax.ablation.overrides import overridden
from deemo_jax.core.config import plain
from deemo_jax.core.recipe import Recipe
from deemo_jax.models import presets
from deemo_jax.models.deemo_llama import DeemoLlamaConfig, example_batch, param_shapes
from deemo_jax.models.from_recipe import abstract_params, make_model
from deemo_jax.models.mesh import make_mesh
from deemo_jax.models.weights import flatten
from deemo_jax.training.fit.cost import Question
from deemo_jax.training.fit.fit_recipe import fit_recipe

SAMPLE = plain(sample.get_config())
LARGE = {**plain(deemo_llama_7b.get_config()), "init": "weights/deemo"}
ROWS = read_sweep(sample.__file__, SAMPLE)
# Of the sample: width of its Q-Formers, of its decoder and the decoder's MLP, and layers of the decoder.
Q, D, MLP, LAYERS = 96, 128, 352, 4
RANK = presets.LORA["rank"]


def settings(name: str) -> dict[str, int]:
    """What a row's config says: tokens of the branches, pictures, spectrograms, positions, tokens of a spectrogram."""
    recipe = Recipe.from_config(overridden(SAMPLE, ROWS[name]))
    model = DeemoLlamaConfig.from_config(recipe.model)
    return {
        "video": model.tokens.video,
        "audio": model.tokens.audio,
        "frames": recipe.data.frames,
        "clips": recipe.data.clips,
        "length": recipe.data.max_length,
        "of_a_clip": model.audio.encoder.config.tokens,
    }


def sizes(name: str) -> tuple[int, int]:
    """Values that learn, and all values, of a row's model, whose media tokens are traced with the row's frames."""
    recipe = Recipe.from_config(overridden(SAMPLE, ROWS[name]))
    mesh = make_mesh(recipe.mesh)
    model = make_model(recipe, mesh)
    shapes = param_shapes(model)
    batch = example_batch(model.config, 1, recipe.data.max_length, recipe.data.frames, recipe.data.clips)
    embedded = jax.eval_shape(lambda params, rows: model.apply({"params": params}, rows, method="embed"), shapes, batch)
    assert embedded.shape == (1, recipe.data.max_length, D)
    flat = flatten(shapes)
    _, chosen = abstract_params(model, recipe, mesh)
    return sum(math.prod(flat[path].shape) for path in chosen), sum(math.prod(leaf.shape) for leaf in flat.values())


# Row -> what its config changes.
CHANGES = {
    "joint": {},
    "joint_in_order": {},
    "half_the_video_queries": {"video": 8},
    "twice_the_video_queries": {"video": 32, "length": 288},
    "half_the_audio_queries": {"audio": 4},
    "twice_the_audio_queries": {"audio": 16, "length": 280},
    "half_the_frames": {"frames": 4},
    "twice_the_frames": {"frames": 16},
    "half_the_clips": {"clips": 2},
    # Patches of 16 x 16 of 128 mel bins x 204 times, and the class token.
    "patches": {"of_a_clip": 8 * 12 + 1},
    "after_stage_1": {},
    "projections": {},
    "with_lora": {},
    "everything": {},
    "as_it_is": {},
}
# Row -> how many more values learn than in the recipe.
LEARNS = {
    "half_the_video_queries": -8 * Q,
    "twice_the_video_queries": 16 * Q,
    "half_the_audio_queries": -4 * Q,
    "twice_the_audio_queries": 8 * Q,
    "half_the_frames": 0,
    "twice_the_frames": (32 - 8) * Q,
    "half_the_clips": 0,
    "after_stage_1": 0,
    "with_lora": LAYERS * RANK * (4 * (D + D) + 3 * (D + MLP)),
}


def test_a_row_changes_what_it_names_and_nothing_else() -> None:
    assert [*ROWS] == [*CHANGES]
    base = settings("as_it_is")
    assert {name: settings(name) for name in ROWS} == {name: {**base, **changed} for name, changed in CHANGES.items()}
    assert base == {"video": 16, "audio": 8, "frames": 8, "clips": 4, "length": 272, "of_a_clip": 1}
    assert ROWS["after_stage_1"] == {"init": "runs/stage1"}


@pytest.mark.slow
def test_as_many_values_learn_as_a_row_says() -> None:
    found = {name: sizes(name) for name in ROWS}
    learns = {name: of_row[0] - found["as_it_is"][0] for name, of_row in found.items()}
    assert {name: learns[name] for name in LEARNS} == LEARNS
    assert learns["joint"] < 0 and learns["joint_in_order"] - learns["joint"] == 8 * Q  # a vector for each frame
    assert found["projections"][0] == 2 * (Q * D + D)
    assert found["everything"] == (found["as_it_is"][1],) * 2
    # The head on the class token is not used, and the Q-Former takes tokens of width 96 in place of vectors of 128.
    assert found["patches"][1] < found["as_it_is"][1]


def test_rows_of_the_7b_recipe() -> None:
    rows = read_sweep(deemo_llama_7b.__file__, LARGE)
    assert [*rows] == [*ROWS]
    assert rows["joint"]["init"] == "weights/deemo_joint" and "init" not in ROWS["joint"]
    assert rows["twice_the_video_queries"]["data.max_length"] == 512 + 32


def test_the_joint_connector_is_the_one_of_its_preset() -> None:
    found = design_ablations.joint_connector(presets.VIDEO_BRANCH["connector"])
    assert found == presets.JOINT_VIDEO_BRANCH["connector"]


@pytest.mark.slow
@pytest.mark.parametrize("name", ROWS)
def test_each_row_of_7b_divides_and_fits_by_the_estimate(name: str) -> None:
    config = overridden(LARGE, read_sweep(deemo_llama_7b.__file__, LARGE)[name])
    mesh = {"data": 4, "fsdp": 64, "tensor": 1}
    config = overridden(config, {"data.batch_size": 512, "mesh": mesh})
    report = fit_recipe(config, "v5p:8x8x4", Question(), compiles=False)
    assert report.plan.fits, report.verdict()
