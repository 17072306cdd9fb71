"""The sample's ViT, pre-trained to say where hands, head and body are in pictures whose faces are covered.

Axes: N pictures, P patches, D width, K joint coordinates.
"""

import dataclasses
from typing import Any

import cv2
import flax.linen as nn
import flax.struct
import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Array, Float, PRNGKeyArray, UInt8

from deemo_jax.core import parallel
from deemo_jax.core.progress import with_progress
from deemo_jax.deid.video import masks
from deemo_jax.models.parts.vit import ViT
from deemo_jax.sample.identity import make_identity
from deemo_jax.sample.render import scene
from deemo_jax.sample.render.camera import draw_camera
from deemo_jax.sample.render.motion import Pose, random_pose
from deemo_jax.sample.seeds import generator
from deemo_jax.sample.towers.optimise import apply, explained, fit, shuffled

SIDE = 224  # of the pictures, pixels
# How much larger than the face a mask is, and how far it lies off, as shares of the face's box.
MARGIN, WOBBLE = 0.35, 0.1
JOINTS = 9  # K, coordinates of `joints`
SITTING = 16  # pictures of one speaker before one camera, whose scene is set up once


@dataclasses.dataclass(frozen=True)
class PoseRecipe:
    """How much the ViT sees, how long it learns.

    Attributes:
        pictures: training pictures.
        speakers: invented persons in them; the held-out ones come after these.
        steps: optimizer updates.
        batch: N.
        learning_rate: the peak.
    """

    pictures: int = 6400
    speakers: int = 200
    steps: int = 1600
    batch: int = 32
    learning_rate: float = 1e-3


@flax.struct.dataclass
class Pictures:
    """Covered pictures and their truth.

    Attributes:
        frames: UInt8[N 224 224 3].
        joints: Float32[N K], see `joints`.
        hands: Float32[N 2 2], middles of the left and right palm, (x, y) shares of the frame.
    """

    frames: Any
    joints: Any
    hands: Any


class PoseReader(nn.Module):
    """The ViT with a linear head on its class token and one on its patches; only the ViT is kept."""

    vit: ViT

    @nn.compact
    def __call__(self, frames: UInt8[Array, "N H W 3"]) -> tuple[Float[Array, "N K"], Float[Array, "N P 2"]]:
        """Joint coordinates, and per patch the logits of showing the left and the right hand."""
        tokens = self.vit(frames)
        return nn.Dense(JOINTS, name="joints")(tokens[:, 0]), nn.Dense(2, name="hands")(tokens[:, 1:])


def pretrain_vit(vit: ViT, recipe: PoseRecipe, *, seed: int, workers: int) -> tuple[dict[str, Any], dict[str, float]]:
    """Regression of `joints` from the class token, and finding of the hands among the patches.

    Returns:
        The ViT's parameters, and its share of explained variance (R squared) on speakers it has not seen.
    """
    seen = pictures(seed, 0, recipe.speakers, recipe.pictures, workers)
    reader = PoseReader(vit)
    params = nn.unbox(reader.init(jax.random.key(seed), seen.frames[:1])["params"])
    # The task is to say where things are, so position embeddings start as waves as large as the patches' embeddings.
    side = vit.config.image // vit.config.patch
    params["vit"]["positions"] = jnp.asarray(plane_waves(side, side, vit.config.width))

    def loss(params: Any, batch: Pictures, key: PRNGKeyArray) -> Float[Array, ""]:
        joints, hands = apply(reader, params, batch.frames)
        found = optax.sigmoid_binary_cross_entropy(hands, hand_patches(batch.hands, side))
        return jnp.mean(jnp.square(joints - batch.joints)) + 4 * jnp.mean(found)

    params = fit(
        loss,
        params,
        shuffled(seen, recipe.batch, seed),
        steps=recipe.steps,
        learning_rate=recipe.learning_rate,
        seed=seed,
        name="vit",
    )
    unseen = pictures(seed, recipe.speakers, recipe.speakers + 40, 640, workers)
    score = explained(lambda params, frames: apply(reader, params, frames)[0], params, unseen.frames, unseen.joints)
    return params["vit"], {"wrists": float(score[:4].mean()), "lean": float(score[6])}


def plane_waves(rows: int, columns: int, width: int) -> Float[np.ndarray, "N D"]:
    """Sines and cosines of the row and the column (MAE's start, arXiv 2111.06377); zeros for the class token."""
    frequencies = 1 / 100 ** (np.arange(width // 4) / (width // 4))
    y, x = (grid.reshape(-1, 1) * frequencies for grid in np.mgrid[:rows, :columns])
    waves = np.concatenate([np.sin(y), np.cos(y), np.sin(x), np.cos(x)], axis=1)
    return np.concatenate([np.zeros((1, width)), waves]).astype(np.float32)


def hand_patches(hands: Float[Array, "N 2 2"], side: int) -> Float[Array, "N P 2"]:
    """1 at patches with the middle of a palm in them or within half a patch; hands are (x, y) shares of a frame."""
    middles = (jnp.arange(side) + 0.5) / side
    near = jnp.abs(hands[:, :, None, :] - middles[None, None, :, None]) <= 1 / side
    both = near[:, :, None, :, 0] & near[:, :, :, None, 1]
    return both.reshape(*both.shape[:2], -1).swapaxes(1, 2).astype(jnp.float32)


def pictures(seed: int, first: int, last: int, count: int, workers: int) -> Pictures:
    """At least `count` pictures, 16 of one camera, of the speakers first..last of the family the sample never shows."""
    jobs = [(seed, first + i % (last - first), i) for i in range(-(-count // SITTING))]
    shown = list(with_progress(parallel.each(_sitting, jobs, workers), "sittings", len(jobs)))
    return jax.tree.map(lambda *parts: np.concatenate(parts), *shown)


def joints(pose: Pose) -> Float[np.ndarray, " K"]:
    """Joints in about unit scale: wrists (x, y) left and right, both hands' openness, lean, head and tilt."""
    wrists = [
        (pose.left.wrist[0] + 60, pose.left.wrist[1] - 175),
        (pose.right.wrist[0] - 60, pose.right.wrist[1] - 175),
    ]
    hands = [coordinate / 40 for wrist in wrists for coordinate in wrist]
    body = [pose.lean[0] / 5, pose.head[0] / 4, pose.tilt / 5]
    return np.asarray([*hands, pose.left.open - 0.5, pose.right.open - 0.5, *body], np.float32)


def _sitting(job: tuple[int, int, int]) -> Pictures:
    seed, speaker, index = job
    rng = generator("tower pictures", seed, speaker, index)
    identity, camera = make_identity(seed, speaker, "towers"), draw_camera(rng)
    poses = [random_pose(rng) for _ in range(SITTING)]
    film = scene.Film(identity, camera, poses)
    frames = [_covered(film, t, rng) for t in range(SITTING)]
    hands = film.placement.palms.astype(np.float32)
    return Pictures(frames=np.stack(frames), joints=np.stack([joints(pose) for pose in poses]), hands=hands)


def _covered(film: scene.Film, t: int, rng: np.random.Generator) -> UInt8[np.ndarray, "224 224 3"]:
    """A picture with a grey rectangle where a face detector, never quite exact, would have put one."""
    image = film.frame(t, int(rng.integers(1 << 20)))
    box = film.placement.faces[t]
    box = box + np.tile(box[2:] - box[:2], 2) * rng.uniform(-WOBBLE, WOBBLE, 4)
    height, width = image.shape[:2]
    covered = masks.cover(image, masks.enlarge(box[None], MARGIN, width, height), "solid")
    return cv2.resize(covered, (SIDE, SIDE), interpolation=cv2.INTER_AREA)
