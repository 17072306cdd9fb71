"""Features over a tiny dataset: made, stopped and gone on with, read by a model, and refused."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import jax
import numpy as np
import pytest

from deemo_jax.core.errors import UserError
from deemo_jax.core.recipe import Recipe
from deemo_jax.core.schema import Modality
from deemo_jax.data.clip_source import ClipSource
from deemo_jax.data.features import make
from deemo_jax.data.features.encoded_clips import EncodedClips, with_features
from deemo_jax.data.features.files import Features, SplitFiles
from deemo_jax.data.features.make import make_features
from deemo_jax.data.pipeline import make_pipeline
from deemo_jax.models.from_recipe import Setup, build
from deemo_jax.models.mesh import MeshRecipe, make_mesh
from deemo_jax.models.params import merge
from deemo_jax.models.weights import load_tree, save_tree
from deemo_jax.training.loss import answer_loss
from tests.training import tiny

ROOT = Path(__file__).parents[3]
BITS = """
import json
import sys
from deemo_jax.data.clip_source import ClipSource
from deemo_jax.data.features.make import make_features
from tests.data.features.test_make import Losses, config, opened
asked = config(sys.argv[1])
make_features(asked)
recipe, setup, clips = opened(asked)
of = Losses(recipe, setup)
print(json.dumps([of(source).tolist() for source in (ClipSource(sys.argv[1], "deemo_mer", "train"), clips)]))
"""


def config(data_dir: Path, **data: Any) -> Any:
    found = tiny.get_config(str(data_dir))
    found.frozen_dtype = "float32"
    found.data.cached_views = 1
    found.data.update(data)
    return found


@pytest.fixture(scope="module")
def cached(tiny_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A dataset with features of all its splits, three shards of video for training."""
    where = tmp_path_factory.mktemp("cached") / "data"
    shutil.copytree(tiny_data, where)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(make, "SHARD_BYTES", 1)
        make_features(config(where))
    return where


@pytest.fixture
def copied(cached: Path, tmp_path: Path) -> Path:
    return shutil.copytree(cached, tmp_path / "data")


def folder(data_dir: Path, modality: str = "video") -> Path:
    (found,) = (data_dir / "features").glob(f"{modality}-*")
    return found


def opened(asked: Any) -> tuple[Recipe, Setup, Any]:
    recipe = Recipe.from_config(asked)
    setup = build(recipe, make_mesh(MeshRecipe()))
    source = ClipSource(recipe.data.data_dir, recipe.data.dataset, "train")
    return recipe, setup, with_features(source, recipe, setup.model, setup.frozen, "train")


class Losses:
    """The losses of the first steps, of a source."""

    def __init__(self, recipe: Recipe, setup: Setup) -> None:
        self._params = merge(setup.trainable, setup.frozen)
        self._recipe, self._tokens = recipe, setup.model.config.tokens
        self._loss = jax.jit(lambda params, batch: answer_loss(setup.model, params, batch, None)[0])

    def __call__(self, source: Any) -> np.ndarray:
        pipeline = make_pipeline(self._recipe, self._tokens, train=True, source=source)
        return np.array([self._loss(self._params, pipeline.batch_at(step)) for step in range(3)])


@pytest.fixture(scope="module")
def losses(cached: Path) -> tuple[Losses, np.ndarray]:
    """How losses are computed, and those of a source with pixels and spectrograms."""
    recipe, setup, _ = opened(config(cached))
    of = Losses(recipe, setup)
    return of, of(ClipSource(recipe.data.data_dir, recipe.data.dataset, "train"))


def test_the_loss_is_the_same_in_float32(cached: Path, losses: tuple[Losses, np.ndarray]) -> None:
    """But for rounding: these tests are compiled without most optimisations."""
    of, expected = losses
    _, _, clips = opened(config(cached))
    assert isinstance(clips, EncodedClips) and clips.outputs.keys() == {Modality.VIDEO, Modality.AUDIO}
    np.testing.assert_allclose(of(clips), expected, rtol=1e-5)


@pytest.mark.slow
def test_the_loss_is_bit_equal_in_float32_as_users_compile_it(tiny_data: Path, tmp_path: Path) -> None:
    """The encoders' batches have the same shape, once by themselves and once before everything else."""
    where = shutil.copytree(tiny_data, tmp_path / "data")
    plain = {name: value for name, value in os.environ.items() if not name.startswith(("JAX_", "XLA_"))}
    command = [sys.executable, "-c", BITS, str(where)]
    env = plain | {"JAX_PLATFORMS": "cpu"}
    done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    raw, features = json.loads(done.stdout)
    assert raw == features and len(raw) == 3


@pytest.mark.slow
def test_stopped_at_any_shard_it_goes_on_to_the_same_bytes(cached: Path, tmp_path: Path, monkeypatch: Any) -> None:
    where = tmp_path / "data"
    shutil.copytree(cached, where, ignore=shutil.ignore_patterns("features"))
    monkeypatch.setattr(make, "SHARD_BYTES", 1)
    whole, calls = make.encoder, []

    def interrupted(*arguments: Any) -> Any:
        encode = whole(*arguments)

        def once(*raw: Any) -> Any:
            calls.append(raw)
            if len(calls) == 2:
                raise KeyboardInterrupt
            return encode(*raw)

        return once

    monkeypatch.setattr(make, "encoder", interrupted)
    with pytest.raises(KeyboardInterrupt):
        make_features(config(where))
    modality = calls[0][0]
    shards = sorted(path.name for path in folder(where, modality).glob("*.array_record"))
    assert shards == ["train-00000-of-00003.array_record"] and not list(folder(where, modality).glob(".train*"))
    with pytest.raises(UserError, match="are half made; give the same"):
        opened(config(where))
    make_features(config(where))
    # Twelve and four clips of two modalities, four at a time; one call was for nothing.
    assert len(calls) == 2 * (3 + 1) + 1
    for path in sorted((cached / "features").rglob("*.*")):
        twin = where / path.relative_to(cached)
        if path.suffix == ".json":
            assert twin.read_bytes() == path.read_bytes()
        elif path.name.endswith("array_record"):
            assert twin.stat().st_size == path.stat().st_size
    before, again = (Features(SplitFiles.read(folder(of, "video"), "train")) for of in (cached, where))
    for index in range(12):
        assert before[index].tobytes() == again[index].tobytes()


def test_bytes_are_printed_and_too_little_space_is_refused_before_anything_is_written(
    tiny_data: Path, tmp_path: Path, monkeypatch: Any, capsys: Any
) -> None:
    where = shutil.copytree(tiny_data, tmp_path / "data")
    monkeypatch.setattr(make.shutil, "disk_usage", lambda _: SimpleNamespace(free=10_000))
    # 12 clips of (2 frames x 17 tokens + 2 spectrograms) x width 16 x 4 bytes, and a little.
    with pytest.raises(UserError, match=r"0.0 MB are to be written, and 0.0 MB are free.*--dtype bfloat16"):
        make_features(config(where), splits=["train"])
    said = capsys.readouterr().err
    assert ["video", "train", "12", "float32", "2,176", "0.0", "0.0"] in [line.split() for line in said.splitlines()]
    assert not (where / "features").exists()


def test_a_full_disk_is_one_line_and_leaves_no_part_of_a_shard(
    tiny_data: Path, tmp_path: Path, small_files: Callable[[int], None]
) -> None:
    where = shutil.copytree(tiny_data, tmp_path / "data")
    asked = config(where)
    small_files(4096)
    with pytest.raises(UserError, match=r"array_record: cannot be written .*check space and permissions"):
        make_features(asked, splits=["train"])
    assert not list((where / "features").rglob("*array_record*"))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("what", "said"),
    [
        ("weights", "features of other weights; make this recipe's"),
        ("config", r"features of sampling.count 2 instead of 1; make"),
        ("dataset", "features of another state of the dataset; make"),
        ("truncated", r"00001-of-00003.array_record: has \d+ bytes, not \d+; make the features again"),
        ("lost", r"00001-of-00003.array_record: is missing or empty; make"),
        ("key", "is no key of features"),
        ("facts", "describes no features"),
    ],
)
def test_what_does_not_fit_is_refused_and_named(what: str, said: str, copied: Path) -> None:
    asked = config(copied)
    shard = folder(copied) / "train-00001-of-00003.array_record"
    if what == "weights":
        tree = load_tree(copied / tiny.INIT)
        for branch in ("video", "audio"):
            tree[branch]["encoder"]["class_token"] = tree[branch]["encoder"]["class_token"] + 1
        save_tree(copied / tiny.INIT, tree)
    elif what == "config":
        asked.data.frames = asked.data.clips = 1
    elif what == "dataset":
        path = next((copied / "deemo_mer").glob("*/fingerprint.json"))
        content = json.loads(path.read_text())
        next(iter(content["shards"].values()))["sha256"] = "0" * 64
        path.write_text(json.dumps(content))
    elif what == "truncated":
        shard.write_bytes(shard.read_bytes()[:-100])
    elif what == "lost":
        shard.unlink()
    elif what == "key":
        for path in list((copied / "features").iterdir()):
            (path / "key.json").write_text("{}")
            path.rename(f"{path}0")
    else:
        (folder(copied) / "train.split.json").write_text('{"split": "train"}')
    with pytest.raises(UserError, match=said):
        opened(asked)


def test_a_damaged_record_is_no_masked_record(copied: Path) -> None:
    shard = folder(copied) / "train-00001-of-00003.array_record"
    data = bytearray(shard.read_bytes())
    data[3000:3064] = bytes(64)  # within the second of four clips
    shard.write_bytes(data)
    features = Features(SplitFiles.read(folder(copied), "train") or pytest.fail())
    with pytest.raises(UserError, match=r"00001-of-00003.array_record: damaged at clip \d+ .*; make"):
        for index in range(12):
            features[index]


def test_what_is_not_cached_is_encoded_in_every_step_and_said(copied: Path, capsys: Any) -> None:
    for path in folder(copied, "audio").glob("train*"):
        path.unlink()
    _, _, clips = opened(config(copied))
    assert clips.outputs.keys() == {Modality.VIDEO}
    said = capsys.readouterr().err
    assert "train: reads features of video" in said and "no features of audio there, so encoders run" in said
    _, _, clips = opened(config(copied, cached_views=0))
    assert isinstance(clips, ClipSource)


@pytest.mark.slow
def test_bfloat16_takes_half_and_moves_the_loss_by_less_than_a_thousandth(
    copied: Path, losses: tuple[Losses, np.ndarray]
) -> None:
    make_features(config(copied), splits=["train"], dtype="bfloat16", overwrite=True)
    _, _, clips = opened(config(copied))
    assert str(clips.outputs[Modality.VIDEO][1]) == "bfloat16"
    of, expected = losses
    np.testing.assert_allclose(of(clips), expected, rtol=1e-3)
    with pytest.raises(UserError, match="are bfloat16; --overwrite makes them float32"):
        make_features(config(copied), splits=["train"], dtype="float32")


def test_recipes_whose_encoders_learn_or_that_take_no_features_are_refused(tiny_data: Path) -> None:
    asked = config(tiny_data)
    asked.trainable = [".*"]
    with pytest.raises(UserError, match=r"cached_views: audio/encoder/\S+ learns"):
        make_features(asked)
    with pytest.raises(UserError, match="cached_views is 0"):
        make_features(config(tiny_data, cached_views=0))
    with pytest.raises(UserError, match="nothing to encode"):
        make_features(config(tiny_data, modalities="transcript"))
