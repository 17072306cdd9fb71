"""The towers and one training step, from converted files, against the public reference code (PyTorch, float64).

That nothing has changed since is seen by the toy in test_deemo_llama.py.
"""

from collections.abc import Iterator
from pathlib import Path

import jax
import numpy as np
import pytest

from configs.deemo_llama_7b import get_config
from deemo_jax.conversion.engine import convert
from deemo_jax.conversion.tables import connectors
from deemo_jax.conversion.tables.rules import WeightTable, expected, to_public
from deemo_jax.core.config import from_plain
from deemo_jax.core.recipe import Recipe
from deemo_jax.models import presets
from deemo_jax.models.batch import Batch
from deemo_jax.models.deemo_llama import DeemoLlama, DeemoLlamaConfig
from deemo_jax.models.params import Tree, merge, split, trainable_paths
from deemo_jax.models.parts.connectors import Clips, ClipsConfig, Joint, JointConfig, PerFrame, PerFrameConfig
from deemo_jax.models.parts.imagebind import ImageBindAudio, ImageBindConfig
from deemo_jax.models.parts.projectors import LinearProjector, LinearProjectorConfig
from deemo_jax.models.parts.qformer import QFormer, QFormerConfig
from deemo_jax.models.parts.vit import ViT, ViTConfig
from deemo_jax.models.weights import WEIGHTS, flatten, load_tree
from deemo_jax.training.loss import answer_loss
from tests import public_weights as public

pytestmark = pytest.mark.slow

GOLDEN = Path(__file__).parents[1] / "golden"
DEPTH = 3
# The reference asks for 1e-4. Float32 on a CPU comes within 2e-7, and a wrong eps of the output norm shows at 4e-6.
TOLERANCE = 1e-6
GRADIENT_TOLERANCE = 1e-4

DECODER = {"name": "llama", "vocab": 320, "width": 256, "depth": 2, "heads": 4, "kv_heads": 4, "mlp": 688, "eps": 1e-6}
MODEL = {
    "video": {**presets.VIDEO_BRANCH, "encoder": {**presets.VIT_G, "depth": DEPTH}},
    "audio": presets.AUDIO_BRANCH,
    "decoder": DECODER,
}
BRANCHES = {
    "video_llama": ("finetune-vicuna7b-v2", connectors.video_llama(cross_every=1).mounted("video")),
    "video_llama_audio": (
        "finetune_vicuna7b_audiobranch",
        connectors.video_llama_audio(cross_every=1).mounted("audio"),
    ),
}


@pytest.fixture(scope="module", autouse=True)
def whole_compiler() -> Iterator[None]:
    """Published values are met with the compiler's optimisations, which the toy models of other tests do without."""
    lazy = jax.config.values["jax_disable_most_optimizations"]
    jax.config.update("jax_disable_most_optimizations", False)
    yield
    jax.config.update("jax_disable_most_optimizations", lazy)


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Stand-ins for all public files; of the ViT, as many blocks as the golden values have."""
    folder = tmp_path_factory.mktemp("public")
    wanted = {
        "eva_vit_g": public.shapes("eva_vit_g", keep=r"^(?!blocks)|^blocks\.([0-2]|39)\."),
        "blip2": public.shapes("blip2_pretrained_flant5xxl"),
        "imagebind": public.shapes("imagebind_huge"),
        **{name: public.shapes(file, decoder_width=256) for name, (file, _) in BRANCHES.items()},
    }
    paths = {name: str(public.write(folder / f"{name}.safetensors", shapes)) for name, shapes in wanted.items()}
    return paths | {"llama": str(public.write_llama(folder / "llama", DECODER, public.shapes("llama-golden")))}


@pytest.fixture(scope="module")
def params(sources: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tree]:
    """The converted checkpoint."""
    config = get_config("vicuna=v0,precision=float32")
    config.model = MODEL
    out = tmp_path_factory.mktemp("converted") / "checkpoint"
    record = convert(Recipe.from_config(config), sources, out)
    assert record["drawn_at_random"] == []
    yield load_tree(out)
    for path in (*map(Path, sources.values()), out / WEIGHTS):
        if path.is_file():
            path.unlink()  # a gigabyte in all


@pytest.fixture(scope="module")
def towers() -> dict[str, np.ndarray]:
    with np.load(GOLDEN / "towers_seed0_depth3_frames2.npz") as stored:
        return dict(stored)


@pytest.fixture(scope="module")
def frames() -> np.ndarray:
    """Float[B F H W 3], normalised."""
    return public.golden_input("frames", (1, 3, 2, 224, 224)).transpose(0, 2, 3, 4, 1)


@pytest.fixture(scope="module")
def mel() -> np.ndarray:
    return public.golden_input("mel", (1, 8, 1, 128, 204))[:, :, 0]


@pytest.fixture(scope="module")
def vit_tokens(params: Tree, frames: np.ndarray) -> np.ndarray:
    return np.asarray(jax.jit(ViT(ViTConfig(depth=DEPTH)).apply)({"params": params["video"]["encoder"]}, frames))


@pytest.fixture(scope="module")
def clip_vectors(params: Tree, mel: np.ndarray) -> np.ndarray:
    return np.asarray(jax.jit(ImageBindAudio(ImageBindConfig()).apply)({"params": params["audio"]["encoder"]}, mel))


def check(golden: dict[str, np.ndarray], name: str, ours: np.ndarray, *steps: int) -> None:
    """Compares a stored slice and the statistics of the whole."""
    mean, deviation, norm = golden[f"{name}.stats"]
    index = tuple(slice(None, None, step) for step in steps)
    difference = np.linalg.norm(np.asarray(ours, np.float64)[index] - golden[name])
    assert difference < TOLERANCE * norm, f"{name}: {difference / norm:.1e} of the norm"
    ours64 = np.asarray(ours, np.float64)
    assert abs(np.linalg.norm(ours64) - norm) < TOLERANCE * norm
    assert abs(ours64.mean() - mean) < TOLERANCE * deviation
    assert abs(ours64.std() - deviation) < TOLERANCE * deviation


def test_vit(towers: dict[str, np.ndarray], vit_tokens: np.ndarray) -> None:
    check(towers, "vit", vit_tokens[0], 1, 32, 64)


def test_video_per_frame(towers: dict[str, np.ndarray], vit_tokens: np.ndarray, params: Tree) -> None:
    connector = params["video"]["connector"]
    frame_config = from_plain(QFormerConfig, presets.BLIP2_QFORMER, "frame")
    frame_tokens = jax.jit(QFormer(frame_config).apply)({"params": connector["frame_qformer"]}, vit_tokens[0])
    check(towers, "frame_qformer", frame_tokens, 1, 8, 32)
    video = jax.jit(PerFrame(PerFrameConfig()).apply)({"params": connector}, vit_tokens)
    check(towers, "video_qformer", video, 1, 4, 16)
    check(towers, "video_tokens", projected("video_llama", video), 1, 4, 64)


def test_video_joint(towers: dict[str, np.ndarray], vit_tokens: np.ndarray, params: Tree) -> None:
    blip2 = {"qformer": params["video"]["connector"]["frame_qformer"]}
    tokens = jax.jit(Joint(JointConfig()).apply)({"params": blip2}, vit_tokens)
    check(towers, "joint_qformer", tokens, 1, 4, 16)


def test_audio(towers: dict[str, np.ndarray], clip_vectors: np.ndarray, params: Tree) -> None:
    check(towers, "imagebind", clip_vectors[:, :, 0], 1, 1, 32)
    np.testing.assert_allclose(np.linalg.norm(clip_vectors, axis=-1), 20.0, rtol=1e-6)
    audio = jax.jit(Clips(ClipsConfig()).apply)({"params": params["audio"]["connector"]}, clip_vectors)
    check(towers, "audio_qformer", audio, 1, 1, 16)
    check(towers, "audio_tokens", projected("video_llama_audio", audio), 1, 1, 64)


def projected(source: str, tokens: jax.Array) -> jax.Array:
    """Through a projection of the published width, which the checkpoint with its small decoder does not have."""
    name, table = BRANCHES[source]
    branch = "audio" if source.endswith("audio") else "video"
    ours = {f"{branch}/projector/linear/kernel": (768, 4096), f"{branch}/projector/linear/bias": (4096,)}
    shaped = {path: jax.ShapeDtypeStruct(shape, np.float32) for path, shape in ours.items()}
    rules = WeightTable(source, tuple(rule for rule in table.rules if set(rule.paths) <= ours.keys()))
    public_values = public.values(public.shapes(name, keep="llama_proj"))
    fills = expected(rules, shaped).values()
    linear = {fill.targets[0][0].rpartition("/")[2]: fill.values(public_values[fill.key])[0] for fill in fills}
    return LinearProjector(LinearProjectorConfig(), 4096).apply({"params": {"linear": linear}}, tokens)


def test_training_step(params: Tree, frames: np.ndarray, mel: np.ndarray) -> None:
    """Loss, logits and the gradient norm of every trained tensor, through the assembled model."""
    with np.load(GOLDEN / "step_seed0_depth3_frames2.npz") as stored:
        golden = dict(stored)
    model = DeemoLlama(DeemoLlamaConfig.from_config(MODEL))
    patterns = ["!.*/frame_qformer/.*", ".*/connector/.*", ".*/projector/.*"]
    trained, frozen = split(params, trainable_paths(flatten(params), patterns))
    batch = _golden_batch(golden["ids"], frames, mel)

    def loss_fn(trained: Tree, frozen: Tree, batch: Batch) -> tuple[jax.Array, tuple[jax.Array, jax.Array]]:
        merged = merge(trained, frozen)
        loss, targets = answer_loss(model, merged, batch, None)
        hidden = model.apply({"params": merged}, batch)
        return loss, (targets, model.apply({"params": merged}, hidden[:, -1:], method="logits")[0, 0])

    (loss, (targets, last)), gradients = jax.jit(jax.value_and_grad(loss_fn, has_aux=True))(trained, frozen, batch)
    assert float(targets) == batch.loss_mask.sum() == 20
    assert abs(float(loss) - golden["loss"]) < TOLERANCE * golden["loss"]
    assert np.linalg.norm(last - golden["logits_last"]) < TOLERANCE * np.linalg.norm(golden["logits_last"])

    # Rearranging a gradient like its parameter gives the gradient of the public tensor.
    norms = {
        key: float(np.linalg.norm(value.astype(np.float64)))
        for _, table in BRANCHES.values()
        for key, value in to_public(table, flatten(gradients)).items()
    }
    wanted = {key.removeprefix("grad_norm/"): float(golden[key]) for key in golden if key.startswith("grad_norm/")}
    assert norms.keys() == wanted.keys()
    floor = 1e-6 * max(wanted.values())
    wrong = {k: (norms[k], v) for k, v in wanted.items() if abs(norms[k] - v) > max(GRADIENT_TOLERANCE * v, floor)}
    assert not wrong


def _golden_batch(ids: np.ndarray, frames: np.ndarray, mel: np.ndarray) -> Batch:
    """BOS, 10 tokens of text, 8 of audio, 10 of text, 32 of video, 40 of text, the loss on the last 20."""
    text = [-1]
    slots = np.array(text * 11 + list(range(8)) + text * 10 + list(range(8, 40)) + text * 40)
    token_ids = np.zeros(101, np.int32)
    token_ids[slots < 0] = [1, *ids]
    batch = Batch.zeros(1, 101, (1, 1, 1, 3), (1, 1, 1))
    return batch.replace(
        token_ids=token_ids[None],
        slots=slots[None].astype(np.int32),
        positions=np.arange(101, dtype=np.int32)[None],
        valid=np.ones((1, 101), bool),
        loss_mask=(np.arange(101) >= 81).astype(np.float32)[None],
        frames=frames,
        mel=mel,
    )
