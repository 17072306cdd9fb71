from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from configs.sample import MODEL
from deemo_jax.core.errors import UserError
from deemo_jax.core.files import sha256
from deemo_jax.models.deemo_llama import DeemoLlama, DeemoLlamaConfig, param_shapes
from deemo_jax.models.weights import load_tree, overlay
from deemo_jax.sample.render.motion import IDLE, mirrored
from deemo_jax.sample.towers import pretrain
from deemo_jax.sample.towers.optimise import fit
from deemo_jax.sample.towers.poses import hand_patches, joints, plane_waves

TOWERS = Path(__file__).parents[3] / "configs" / "sample_towers"


@pytest.mark.slow
def test_the_committed_towers_fit_the_recipe_and_their_card():
    path = TOWERS / pretrain.FILE
    assert path.stat().st_size <= pretrain.MAX_BYTES
    assert sha256(path) in (TOWERS / "README.md").read_text(encoding="utf-8")
    model = DeemoLlama(DeemoLlamaConfig.from_config(MODEL))
    shapes = param_shapes(model)
    assert overlay(shapes, load_tree(path))


def test_keeping_towers_that_are_not_there_is_a_mistake(tmp_path):
    with pytest.raises(UserError, match="no towers to keep"):
        pretrain.pretrain(MODEL, tmp_path, ["vit"], seed=0, workers=1)
    assert not list(tmp_path.iterdir())


def test_fit_minimises():
    rng = np.random.default_rng(0)
    x = rng.standard_normal((64, 3)).astype(np.float32)
    wanted = np.asarray([[1.0], [-2.0], [0.5]], np.float32)

    def batches():
        while True:
            yield x

    def loss(params, batch, key):
        return jax.numpy.mean(optax.l2_loss(batch @ params["w"], batch @ wanted))

    params = fit(
        loss, {"w": np.zeros((3, 1), np.float32)}, batches(), steps=400, learning_rate=0.05, seed=0, name="toy"
    )
    np.testing.assert_allclose(params["w"], wanted, atol=0.05)


def test_hand_patches_point_at_the_hands():
    hands = jnp.asarray([[[0.05, 0.95], [0.5, 0.5]]])
    patches = np.asarray(hand_patches(hands, 8))[0]
    assert patches[56, 0] == 1 and patches[56, 1] == 0  # bottom left
    assert set(np.flatnonzero(patches[:, 1])) == {27, 28, 35, 36}  # the four around the middle


def test_plane_waves_tell_every_patch_apart():
    waves = plane_waves(8, 8, 96)
    assert waves.shape == (65, 96) and not waves[0].any()
    distances = np.linalg.norm(waves[1:, None] - waves[None, 1:], axis=-1) + 10 * np.eye(64)
    assert distances.min() > 0.5


def test_joints_are_mirrored_with_the_pose():
    ours, theirs = joints(IDLE), joints(mirrored(IDLE))
    np.testing.assert_allclose(ours, theirs, atol=1e-6)  # IDLE is symmetric, and both wrists are told from the middle
