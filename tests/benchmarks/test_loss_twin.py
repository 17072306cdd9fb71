"""Stage 1 beside its PyTorch twin: one step, whose loss is on the caption alone, and a short curve."""

from collections.abc import Iterator

import jax
import numpy as np
import pytest

from configs import sample_pretrain
from deemo_jax.conversion.tables.rules import to_public
from deemo_jax.core.recipe import Recipe
from deemo_jax.data.pipeline import make_pipeline
from deemo_jax.models.batch import Batch
from deemo_jax.models.from_recipe import build
from deemo_jax.models.mesh import MeshRecipe, make_mesh
from deemo_jax.models.params import Tree, merge
from deemo_jax.models.weights import flatten
from deemo_jax.training.loss import answer_loss
from tests.data.test_caption_records import write_captions

pytest.importorskip("torch")
pytest.importorskip("transformers")
pytestmark = pytest.mark.slow

# Of float32 on both sides; each gradient against its own norm.
TOLERANCE = 1e-5


@pytest.fixture(scope="module", autouse=True)
def whole_compiler() -> Iterator[None]:
    """The sample's model, which the toy models' lazy compilation would make slow."""
    lazy = jax.config.values["jax_disable_most_optimizations"]
    jax.config.update("jax_disable_most_optimizations", False)
    yield
    jax.config.update("jax_disable_most_optimizations", lazy)


@pytest.fixture(scope="module")
def recipe(tmp_path_factory: pytest.TempPathFactory) -> Recipe:
    """The sample's stage 1 over films and images, whose captions differ in length."""
    config = sample_pretrain.get_config()
    config.data.update({"data_dir": str(write_captions(tmp_path_factory.mktemp("captions"))), "dataset": "webvid"})
    config.data.mixture = {"webvid": 2, "cc3m": 1}
    config.data.mixing = "row"
    config.train.steps = 12
    config.optimizer.warmup_steps = 4
    return Recipe.from_config(config)


def test_one_step_of_stage_1(recipe: Recipe) -> None:
    from benchmarks import loss_twin, video_twin

    setup = build(recipe, make_mesh(MeshRecipe()))
    batch = make_pipeline(recipe, setup.model.config.tokens, train=True).batch_at(0)
    # Nothing but media stands before a caption, and all of the caption is learnt.
    assert (batch.loss_mask.sum(1) == (batch.slots < 0).sum(1, where=batch.valid) - 1).all()
    twin = loss_twin.twin_of(setup)
    wanted = twin(batch)
    wanted.backward()

    def loss(trainable: Tree, batch: Batch) -> tuple[jax.Array, jax.Array]:
        return answer_loss(setup.model, merge(trainable, setup.frozen), batch, None)

    (found, _), slopes = jax.jit(jax.value_and_grad(loss, has_aux=True))(setup.trainable, batch)
    assert float(found) == pytest.approx(wanted.item(), rel=TOLERANCE)
    ours = to_public(video_twin.learnt_table(setup.model.config), flatten(slopes))
    theirs = twin.gradients()
    assert ours.keys() == theirs.keys()
    norms = {name: float(np.linalg.norm(slope)) for name, slope in theirs.items()}
    # Softmax ignores a shift, so that the gradients of key biases are rounding and nothing else.
    told = {name for name, norm in norms.items() if norm > 1e-6 * max(norms.values())}
    assert norms.keys() - told == {name for name in norms if name.endswith("key.bias")}
    off = {name: float(np.linalg.norm(ours[name] - theirs[name])) / norms[name] for name in told}
    print(
        f"loss {float(found):.6f}, off {abs(float(found) / wanted.item() - 1):.1e}; slopes off {max(off.values()):.1e}"
    )
    assert max(off.values()) < TOLERANCE, max(off, key=off.__getitem__)


def test_the_curves_overlap(recipe: Recipe) -> None:
    from benchmarks import loss_twin

    ours, theirs, again = loss_twin.losses(recipe)
    assert theirs[-1] < 0.7 * theirs[0]
    for found in (ours, again):
        np.testing.assert_allclose(found, theirs, rtol=TOLERANCE)
