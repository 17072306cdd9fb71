import dataclasses
import math
from typing import Any

import flax.traverse_util
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import linen as nn

from deemo_jax.models import presets
from deemo_jax.models.deemo_llama import (
    BranchConfig,
    DeemoLlama,
    DeemoLlamaConfig,
    init_params,
    param_axes,
    param_shapes,
)
from tests.models import tiny, toy_values

ROWS, THREE, SEEN = tiny.ROWS, tiny.THREE, tiny.SEEN


def hidden(**changes: object) -> np.ndarray:
    model, params = tiny.built()
    return np.asarray(tiny.jitted(model)(params, tiny.batch(*THREE).replace(**changes)))


@pytest.mark.slow
def test_media_tokens_stand_where_the_slots_say() -> None:
    _, params = tiny.built()
    x, tokens, _ = tiny.embedded(params, tiny.batch(*ROWS))
    table = params["decoder"]["embedding"]
    said = [table[[1, 5]], tokens["audio"][0], table[[6]], tokens["video"][0], table[[7, 8]]]
    expected = np.concatenate(said)
    np.testing.assert_allclose(x[0, : len(expected)], expected, rtol=1e-4, atol=1e-5)
    np.testing.assert_array_equal(x[1, :3], table[[1, 9, 10]])


@pytest.mark.slow
def test_tokens_of_the_joint_connector_stand_where_the_slots_say() -> None:
    _, params = tiny.part("audio")
    x, tokens, _ = tiny.embedded(params, tiny.batch(*SEEN))
    table = params["decoder"]["embedding"]
    expected = np.concatenate([table[[1, 5]], tokens["video"][0], table[[7, 8]]])
    np.testing.assert_allclose(x[0, : len(expected)], expected, rtol=1e-4, atol=1e-5)
    np.testing.assert_array_equal(x[1, :3], table[[1, 9, 10]])


def test_every_part_gives_the_values_that_it_gave_when_the_published_ones_met_the_reference() -> None:
    """Those of full width are in test_golden.py, which is slow."""
    with np.load(toy_values.FILE) as stored:
        expected = dict(stored)
    found = toy_values.values()
    assert found.keys() == expected.keys()
    off = {name: np.linalg.norm(found[name] - old) / np.linalg.norm(old) for name, old in expected.items()}
    assert max(off.values()) < toy_values.TOLERANCE, off


@pytest.mark.slow
@pytest.mark.parametrize(
    "row",
    [[1, 5], [1, tiny.AUDIO, 5], [1, tiny.VIDEO, 5], [1, tiny.AUDIO, 6, tiny.VIDEO, 5]],
    ids=["T", "A", "V", "AV"],
)
def test_any_subset_of_modalities(row: list[int | range]) -> None:
    """What a row does not show cannot move it, and an input that no row shows can be left out altogether."""
    batch = tiny.batch(row, [1, 9], [1, 4])
    valid = batch.valid

    def run(**changes: Any) -> np.ndarray:
        model, params = tiny.built()
        return np.asarray(tiny.jitted(model)(params, batch.replace(**changes)))

    out = run()[valid]
    unseen = {}
    for name, slots in (("mel", tiny.AUDIO), ("frames", tiny.VIDEO)):
        other = getattr(tiny.batch(row, [1, 9], [1, 4], seed=1), name)
        assert (np.abs(run(**{name: other})[valid] - out).max() > 1e-6) == (slots in row), name
        if slots not in row:
            unseen[name] = None
    left_out = run(**unseen)
    assert np.isfinite(left_out).all()
    np.testing.assert_allclose(left_out[valid], out, rtol=1e-4, atol=1e-5)


def test_a_slot_without_its_input_is_not_silent() -> None:
    assert np.isfinite(hidden()).all()
    assert np.isnan(hidden(frames=None)[0]).any()
    assert np.isnan(hidden(mel=None)[0]).any()


def test_padding_and_rows_do_not_leak() -> None:
    batch = tiny.batch(*THREE)
    out = hidden()
    garbage = np.where(batch.valid, batch.token_ids, 39)
    np.testing.assert_array_equal(out[batch.valid], hidden(token_ids=garbage)[batch.valid])
    other = batch.token_ids.copy()
    other[1, 1] = 3
    np.testing.assert_array_equal(out[0], hidden(token_ids=other)[0])


@pytest.mark.slow
@pytest.mark.parametrize("missing", ["audio", "video"])
def test_a_model_may_lack_a_branch(missing: str) -> None:
    model, params = tiny.part(missing)
    config = model.config
    assert missing not in params and config.tokens.audio + config.tokens.video == {"audio": 4, "video": 3}[missing]
    shown = range(config.tokens.audio + config.tokens.video)
    assert np.isfinite(tiny.jitted(model)(params, tiny.batch([1, shown, 5], [1, 9]))).all()


@pytest.mark.slow
def test_dropout_needs_training_and_a_key() -> None:
    model, params = tiny.part("video")
    batch = tiny.batch([1, 5, tiny.AUDIO, 7, 8], [1, 9])
    still = tiny.jitted(model)(params, batch)
    trained = tiny.jitted(model, train=True)(params, batch, dropout=jax.random.key(0))
    assert not np.allclose(trained[0], still[0], atol=1e-4)
    np.testing.assert_allclose(trained[1], still[1], rtol=1e-4, atol=1e-5)  # no media, no dropout


@pytest.mark.slow
def test_bfloat16_agrees_coarsely() -> None:
    _, params = tiny.built()
    model = DeemoLlama(tiny.config(dtype="bfloat16"))
    out = tiny.jitted(model)(params, tiny.batch(*THREE))
    assert out.dtype == jnp.bfloat16
    logits = tiny.jitted(model, "logits")(params, out)
    assert logits.dtype == jnp.float32 and logits.shape == (3, 24, 40)
    np.testing.assert_allclose(out.astype(np.float32)[0, :14], hidden()[0, :14], atol=0.3)


def test_every_parameter_has_axis_names_and_every_stack_leads_with_layers() -> None:
    model, params = tiny.built()
    axes = flax.traverse_util.flatten_dict(param_axes(model), sep="/")
    leaves = flax.traverse_util.flatten_dict(params, sep="/")
    assert axes.keys() == leaves.keys()
    known = {"layers", "embed", "heads", "kv_heads", "head_dim", "mlp", "vocab", None}
    for key, names in axes.items():
        assert len(names) == leaves[key].ndim and set(names) <= known, key
        stacked = "/blocks/" in key or "/groups/" in key
        assert (names[0] == "layers") == stacked, key
    assert leaves["decoder/blocks/query/kernel"].shape == (2, 32, 4, 8)
    assert axes["decoder/blocks/key/kernel"] == ("layers", "embed", "kv_heads", "head_dim")
    assert axes["decoder/head"] == ("embed", "vocab")


def test_initial_values() -> None:
    """Layers start different, and each with the variance of its own fan-in."""
    model = DeemoLlama(tiny.config(audio=None, video=None))
    params = jax.jit(lambda key: init_params(model, key))(jax.random.key(0))
    first, second = params["decoder"]["blocks"]["up"]["kernel"]
    assert not np.array_equal(first, second)
    assert first.std() == pytest.approx(32**-0.5, rel=0.1)
    assert (params["decoder"]["norm"]["scale"] == 1).all()


def test_constraints_are_in_the_lowered_step() -> None:
    model, params = tiny.part("video")
    batch = tiny.batch([1, tiny.AUDIO, 5])
    mesh = jax.make_mesh((1,), ("data",), axis_types=(jax.sharding.AxisType.Auto,))

    def lowered() -> str:
        return jax.jit(lambda p, b: model.apply({"params": p}, b)).lower(params, batch).as_text()

    assert "sharding_constraint" not in lowered()
    with jax.set_mesh(mesh), nn.logical_axis_rules([("batch", "data")]):
        assert '"data"' in lowered() and "sharding_constraint" in lowered()


def count(tree: object) -> int:
    return sum(math.prod(leaf.shape) for leaf in jax.tree.leaves(tree))


def test_full_width_parameter_counts() -> None:
    """Abstract initialisation of the published sizes; the counts are those of the public files."""
    config = {"video": presets.VIDEO_BRANCH, "audio": presets.AUDIO_BRANCH, "decoder": presets.VICUNA_7B}
    model = DeemoLlama(DeemoLlamaConfig.from_config(config))
    params = param_shapes(model)
    video, audio = params["video"], params["audio"]
    norm = video["encoder"].pop("output_norm")
    assert count(video["encoder"]) == 985_894_528
    assert count(norm) == 2 * 1408
    frame = video["connector"].pop("frame_qformer")
    assert count(frame) - count(frame["queries"]) == 105_137_664
    assert count((video["connector"], video["projector"])) == 22_104_064
    assert count((audio["connector"], audio["projector"])) == 22_855_680
    assert count(audio["encoder"]) == 86_235_648
    assert count(params["decoder"]) == 6_738_415_616

    v0 = {**config, "video": presets.JOINT_VIDEO_BRANCH, "decoder": presets.VICUNA_7B_V0}
    model = DeemoLlama(DeemoLlamaConfig.from_config(v0))
    params = param_shapes(model)
    assert params["decoder"]["embedding"].shape == (32001, 4096)
    assert count(params["video"]["connector"]) == 105_137_664 + 32 * 768


def test_the_audio_branch_takes_patches_too() -> None:
    audio = {**tiny.CONFIG["audio"], "encoder": {**tiny.IMAGEBIND, "output": "patches"}}
    model, params = tiny.built_from(tiny.config(audio=audio, video=None))
    tokens = tiny.jitted(tiny.branch(model, "audio"))(params["audio"], tiny.batch([1, tiny.AUDIO]).mel)
    assert tokens.shape == (1, 3, 32)


def test_a_new_part_needs_no_change_here(monkeypatch: pytest.MonkeyPatch) -> None:
    """A connector that is not ours, registered and named, is all a new system takes."""
    from deemo_jax.models import deemo_llama

    @dataclasses.dataclass(frozen=True)
    class MeanConfig:
        tokens: int = 1

    class Mean(nn.Module):
        config: MeanConfig
        dtype: object
        backend: object

        def __call__(self, tokens: jax.Array, *, train: bool = False) -> jax.Array:
            return tokens.mean((1, 2))[:, None]

    monkeypatch.setitem(deemo_llama.CONNECTORS, "mean", (MeanConfig, Mean))
    video = {**tiny.CONFIG["video"], "connector": {"name": "mean"}}
    config = tiny.config(audio=None, video=video)
    assert isinstance(config.video, BranchConfig) and config.tokens.video == 1
    model, params = tiny.built_from(config)
    assert np.isfinite(tiny.jitted(model)(params, tiny.batch([1, range(1), 5]))).all()
