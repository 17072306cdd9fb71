"""From public files to a checkpoint: what is written, and every way in which files and model can disagree."""

import os

import jax
import ml_dtypes
import numpy as np
import pytest
import safetensors.numpy

from deemo_jax.conversion import checkpoint_record, engine, plan, tokenizer_files
from deemo_jax.core import files
from deemo_jax.core.errors import UserError
from deemo_jax.core.files import read_json
from deemo_jax.core.recipe import MeshRecipe, Recipe
from deemo_jax.data.tokenizer_fit import check_text_fits
from deemo_jax.models.from_recipe import build
from deemo_jax.models.mesh import make_mesh
from deemo_jax.models.weights import CONVERSION, WEIGHTS, flatten, load_tree
from tests.conversion import tiny

ZEROS = np.zeros((2, 3), np.float32)


@pytest.fixture(scope="module")
def public(tmp_path_factory):
    return tiny.write_public(tmp_path_factory.mktemp("public"), tiny.recipe(), tiny.TOWERS + tiny.CONNECTORS)


def towers(public):
    return {name: public[name] for name in tiny.TOWERS}


def refused(recipe, sources, out, **options):
    with pytest.raises(UserError) as error:
        engine.convert(recipe, sources, out, **options)
    assert not out.exists() and not list(out.parent.glob(".*"))
    return str(error.value)


def test_every_parameter_comes_from_its_source(public, tmp_path):
    recipe = tiny.recipe()
    done = engine.convert(recipe, public, tmp_path / "out")
    tiny.same(flatten(load_tree(tmp_path / "out")), tiny.random(recipe))
    assert done["drawn_at_random"] == [] and done["already"] is False
    assert done["sources"]["imagebind"].keys() == {"imagebind.safetensors"}
    assert len(done["report"]) == 6 and "peak memory" in checkpoint_record.report(done)
    assert engine.check(tmp_path / "out", recipe, public) == ()


def test_frozen_weights_are_cast_and_trained_ones_are_not(public, tmp_path):
    recipe = tiny.recipe("bfloat16")
    engine.convert(recipe, public, tmp_path / "out")
    kinds = {path: leaf.dtype for path, leaf in flatten(load_tree(tmp_path / "out")).items()}
    assert kinds["decoder/embedding"] == kinds["video/connector/frame_qformer/queries"] == ml_dtypes.bfloat16
    assert kinds["video/projector/linear/kernel"] == np.float32
    values, stored = tiny.random(recipe), load_tree(tmp_path / "out")
    np.testing.assert_array_equal(stored["decoder"]["head"], values["decoder/head"].astype(ml_dtypes.bfloat16))
    assert engine.check(tmp_path / "out", recipe, public) == ()


@pytest.mark.slow
def test_a_run_starts_from_a_checkpoint_and_draws_what_is_not_in_it(public, tmp_path):
    recipe = tiny.recipe()
    done = engine.convert(recipe, towers(public), tmp_path / "out")
    assert done["drawn_at_random"] == ["audio/connector", "audio/projector", "video/connector", "video/projector"]
    config = tiny.get_config("precision=float32")
    config.model, config.init, config.tokenizer = tiny.MODEL, str(tmp_path / "out"), {"name": "bytes"}
    config.data.frames = config.data.clips = 2
    with pytest.raises(UserError, match="259 ids"):
        check_text_fits(Recipe.from_config(config))
    # Fewer ids than the tokenizer has is what the recipe refuses; the weights' own shapes are compared as well.
    config.model.decoder.vocab = 259
    with pytest.raises(UserError, match="decoder/embedding has shape"):
        build(Recipe.from_config(config), make_mesh(MeshRecipe()))


def test_a_second_conversion_does_nothing_and_another_one_is_refused(public, tmp_path):
    out = tmp_path / "out"
    engine.convert(tiny.recipe(), public, out)
    before = (out / WEIGHTS).stat().st_mtime_ns
    assert engine.convert(tiny.recipe(), public, out)["already"] is True
    assert (out / WEIGHTS).stat().st_mtime_ns == before
    with pytest.raises(UserError, match="other sources, dtypes"):
        engine.convert(tiny.recipe("bfloat16"), towers(public), out)
    (tmp_path / "file").mkdir()
    with pytest.raises(UserError, match="no converted checkpoint"):
        engine.convert(tiny.recipe(), public, tmp_path / "file")


def test_of_two_conversions_into_one_folder_the_second_is_refused(public, tmp_path, monkeypatch):
    out, rest, copy = tmp_path / "out", tmp_path / ".out.abcd_123.partial", tokenizer_files.TokenizerFiles.copy
    other = tmp_path / ".out.b.abcd_123.partial"  # of a conversion into out.b
    rest.mkdir()
    other.mkdir()

    def meanwhile(files, folder):
        assert not rest.exists() and other.exists() and {path.name for path in tmp_path.iterdir()} > {".out.lock"}
        with pytest.raises(UserError, match=rf"{out}: is in use by another run \(process {os.getpid()} .*--out"):
            engine.convert(tiny.recipe(), public, out)
        copy(files, folder)

    monkeypatch.setattr(tokenizer_files.TokenizerFiles, "copy", meanwhile)
    engine.convert(tiny.recipe(), public, out)
    assert engine.check(out, tiny.recipe(), {}) == ()
    assert {path.name for path in tmp_path.iterdir()} == {"out", other.name}
    assert out.stat().st_mode & 0o777 == 0o777 & ~files.current_umask()


@pytest.mark.parametrize("end", [SystemExit(143), KeyboardInterrupt()])
def test_a_conversion_that_is_ended_leaves_nothing(public, tmp_path, monkeypatch, end):
    def ended(*_):
        assert len(list(tmp_path.glob(".out.*.partial"))) == 1
        raise end

    monkeypatch.setattr(tokenizer_files.TokenizerFiles, "copy", ended)
    with pytest.raises(type(end)):
        engine.convert(tiny.recipe(), towers(public), tmp_path / "out")
    assert not list(tmp_path.iterdir())


def test_check_finds_damage_and_other_sources(public, tmp_path):
    recipe, out = tiny.recipe(), tmp_path / "out"
    engine.convert(recipe, public, out)
    others = tiny.write_public(tmp_path, recipe, ("llama",), tiny.random(recipe, seed=1))
    wrong = engine.check(out, recipe, {**public, **others})
    assert "decoder/embedding: differs from its source" in wrong and "decoder/blocks/up/kernel[2]: differs" in " ".join(
        wrong
    )
    data = bytearray((out / WEIGHTS).read_bytes())
    data[-1] ^= 1
    (out / WEIGHTS).write_bytes(data)
    assert "hash" in engine.check(out, recipe, {})[0]
    with pytest.raises(UserError, match="hash"):
        engine.convert(recipe, public, out)


def test_all_disagreements_are_named_together(tmp_path):
    recipe = tiny.recipe()
    sources = tiny.write_public(tmp_path, recipe)
    tiny.change(sources["eva_vit_g"], blocks__1__mlp__fc1__bias=None, blocks__0__gamma_1=ZEROS)
    tiny.change(sources["imagebind"], modality_trunks__audio__blocks__0__mlp__fc1__weight=ZEROS)
    said = refused(recipe, sources, tmp_path / "out")
    assert "disagree in 3 things" in said and "no source fills" not in said
    assert "eva_vit_g: blocks.1.mlp.fc1.bias is missing" in said
    assert "eva_vit_g: blocks.0.gamma_1 (2, 3) is not known" in said
    assert "imagebind: modality_trunks.audio.blocks.0.mlp.fc1.weight has shape (2, 3) instead of (40, 24)" in said


def test_extra_tensors_can_be_allowed_by_name(tmp_path):
    recipe = tiny.recipe()
    sources = tiny.write_public(tmp_path, recipe)
    tiny.change(sources["eva_vit_g"], blocks__0__gamma_1=ZEROS, blocks__39__norm1__weight=ZEROS, head__bias=ZEROS)
    assert "gamma_1" in refused(recipe, sources, tmp_path / "out", allow_extra="gamma")  # whole names are matched
    with pytest.raises(UserError, match="no regular expression"):
        engine.convert(recipe, sources, tmp_path / "out", allow_extra="(")
    done = engine.convert(recipe, sources, tmp_path / "out", allow_extra=r"blocks\.\d+\.gamma_\d")
    ignored = done["report"][0]["ignored"]
    assert ignored["allowed by --allow_extra"] == 1 and sum(ignored.values()) == 3


def test_one_source_cannot_take_the_whole_list(public, tmp_path):
    recipe = tiny.recipe()
    sources = tiny.write_public(tmp_path, recipe, ("eva_vit_g", "llama", "minigpt4"))
    tokens = safetensors.numpy.load_file(sources["eva_vit_g"])["cls_token"]
    safetensors.numpy.save_file({"cls_token": tokens}, sources["eva_vit_g"])
    tiny.change(f"{sources['llama']}/model.safetensors", planted__weight=ZEROS)
    absent = {"blip2": "nowhere.pth", "video_llama": public["video_llama"]}
    said = refused(recipe, {**sources, **absent}, tmp_path / "out")
    count = len(tiny.to_public(tiny.table("eva_vit_g", recipe, tmp_path), tiny.random(recipe))) - 1
    assert f"disagree in {count + 5} things" in said and f"eva_vit_g: and {count - plan.LISTED} more" in said
    assert "llama: planted.weight (2, 3) is not known" in said and "nowhere.pth: there is no such file" in said
    assert "is filled by minigpt4 and by video_llama" in said and "--source imagebind=PATH" in said


@pytest.mark.parametrize("name", tiny.TOWERS)
def test_a_tower_without_a_source_is_named(public, tmp_path, name):
    said = refused(tiny.recipe(), {k: v for k, v in towers(public).items() if k != name}, tmp_path / "out")
    assert f"--source {name}=PATH" in said


def test_a_layer_too_many_and_one_too_few(tmp_path):
    sources = tiny.write_public(tmp_path, tiny.recipe())
    decoder = {**tiny.DECODER, "depth": 2}
    said = refused(tiny.recipe(decoder=decoder), sources, tmp_path / "out")
    assert "config.model.decoder.depth is 2, there it is 3" in said
    tiny.write_llama_config(tmp_path / "llama", decoder)
    said = refused(tiny.recipe(decoder=decoder), sources, tmp_path / "out")
    assert "llama: model.layers.2.self_attn.q_proj.weight (32, 32) is not known" in said


def test_two_sources_of_one_parameter(public, tmp_path):
    projection = tiny.write_public(tmp_path, tiny.recipe(), ("minigpt4",))
    said = refused(tiny.recipe(), {**public, **projection}, tmp_path / "out")
    assert "video/projector/linear/kernel is filled by video_llama and by minigpt4" in said


def test_the_other_connector_takes_the_same_blip2(public, tmp_path):
    video = {**tiny.MODEL["video"], "connector": tiny.JOINT}
    recipe = tiny.recipe(video=video)
    engine.convert(recipe, towers(public), tmp_path / "out")
    connector = load_tree(tmp_path / "out")["video"]["connector"]
    expected = tiny.random(tiny.recipe())["video/connector/frame_qformer/queries"]
    np.testing.assert_array_equal(connector["qformer"]["queries"], expected)
    said = refused(recipe, public, tmp_path / "other")
    assert "video_llama: its connector belongs to connector=per_frame" in said


def test_hugging_faces_blip2_is_the_same(public, tmp_path):
    recipe = tiny.recipe()
    hugging_face = tiny.write_public(tmp_path, recipe, ("blip2_hf",))
    rest = {name: public[name] for name in ("imagebind", "llama")}
    engine.convert(recipe, {**rest, **hugging_face}, tmp_path / "out")
    video = {path: value for path, value in tiny.random(recipe).items() if path.startswith("video/encoder")}
    stored = flatten(load_tree(tmp_path / "out"))
    for path, value in video.items():
        np.testing.assert_array_equal(stored[path], value)
    bias = np.ones(72, np.float32)
    tiny.change(hugging_face["blip2_hf"], **{"vision_model__encoder__layers__1__self_attn__qkv__bias": bias})
    assert "key part must be zero" in refused(recipe, {**rest, **hugging_face}, tmp_path / "two")


def test_patch_tokens_leave_imagebinds_head_out(public, tmp_path):
    audio = tiny.MODEL["audio"]
    recipe = tiny.recipe(audio={**audio, "encoder": {**audio["encoder"], "output": "patches"}})
    done = engine.convert(recipe, towers(public), tmp_path / "out")
    assert "head" not in load_tree(tmp_path / "out")["audio"]["encoder"]
    assert done["report"][2]["ignored"] == {"the head, which patch tokens do not pass": 2}


def test_another_scale_of_the_audio_vectors_is_refused(tmp_path):
    sources = tiny.write_public(tmp_path, tiny.recipe())
    tiny.change(sources["imagebind"], modality_postprocessors__audio__1__log_logit_scale=np.full((), 2.0, np.float32))
    assert "log_logit_scale: it is 2" in refused(tiny.recipe(), sources, tmp_path / "out")


def test_only_the_config_ties_a_head(tmp_path):
    sources = tiny.write_public(tmp_path, tiny.recipe())
    tiny.change(f"{sources['llama']}/model.safetensors", lm_head__weight=None)
    assert "llama: lm_head.weight is missing" in refused(tiny.recipe(), sources, tmp_path / "out")


def test_tied_heads_and_padded_vocabularies(public, tmp_path):
    recipe = tiny.recipe()
    sources = tiny.write_public(tmp_path, recipe)
    tiny.change(f"{sources['llama']}/model.safetensors", lm_head__weight=None)
    tiny.write_llama_config(tmp_path / "llama", tiny.DECODER, tie_word_embeddings=True)
    engine.convert(recipe, sources, tmp_path / "out")
    decoder = load_tree(tmp_path / "out")["decoder"]
    np.testing.assert_array_equal(decoder["head"], decoder["embedding"].T)
    rows = tiny.random(recipe)["decoder/embedding"]
    tied = tiny.recipe(decoder={**tiny.DECODER, "tied": True})
    for name, head in (("twice", rows), ("another", rows * 1.001)):
        tiny.change(f"{sources['llama']}/model.safetensors", lm_head__weight=head)
        if name == "another":
            said = refused(tied, sources, tmp_path / name)
            assert "llama: lm_head.weight differs from model.embed_tokens.weight" in said
        else:
            engine.convert(tied, sources, tmp_path / name)
            assert "head" not in load_tree(tmp_path / name)["decoder"]
    padded = tiny.recipe(decoder={**tiny.DECODER, "vocab": 41})
    said = refused(padded, sources, tmp_path / "padded")
    assert "config.model.decoder.vocab is 41, there it is 40" in said


def test_llama_3s_stretch_is_read(tmp_path):
    stretch = {"factor": 8.0, "low": 1.0, "high": 4.0, "original": 64}
    decoder = {**tiny.DECODER, "theta": 500000.0, "rope_scaling": stretch}
    recipe = tiny.recipe(decoder=decoder)
    theirs = {
        "rope_type": "llama3",
        "factor": 8.0,
        "low_freq_factor": 1.0,
        "high_freq_factor": 4.0,
        "original_max_position_embeddings": 64,
    }
    tiny.write_llama_config(tmp_path / "llama", decoder, rope_theta=500000.0, rope_scaling=theirs)
    sources = tiny.write_public(tmp_path, recipe)
    engine.convert(recipe, sources, tmp_path / "out")
    tiny.write_llama_config(tmp_path / "llama", decoder, rope_parameters={**theirs, "rope_theta": 500000.0})
    engine.convert(recipe, sources, tmp_path / "again")
    for name in ("out", "again"):  # both spellings of one stretch give one checkpoint
        tiny.same(flatten(load_tree(tmp_path / name)), flatten(load_tree(tmp_path / "out")))
        assert read_json(tmp_path / name / CONVERSION)["config"]["model"]["decoder"]["rope_scaling"] == stretch
    for key, value in (("factor", 4.0), ("low_freq_factor", 2.0), ("original_max_position_embeddings", 32)):
        other = {**theirs, key: value, "rope_theta": 500000.0}
        tiny.write_llama_config(tmp_path / "llama", decoder, rope_parameters=other)
        assert "rope" in refused(recipe, sources, tmp_path / key)


def test_unknown_sources_and_folders_that_cannot_be_written(public, tmp_path):
    assert "choose from eva_vit_g" in refused(tiny.recipe(), {"vit": "x"}, tmp_path / "out")
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="cannot be written"):
        engine.convert(tiny.recipe(), public, tmp_path / "file" / "out")


def test_several_devices_read_only_their_parts(public, tmp_path):
    from deemo_jax.models.weights import open_tensors

    engine.convert(tiny.recipe(), public, tmp_path / "out")
    stored = open_tensors(tmp_path / "out")["decoder/embedding"]
    whole = tiny.random(tiny.recipe())["decoder/embedding"]
    np.testing.assert_array_equal(stored[slice(8, 16), slice(None)], whole[8:16])
    sharding = jax.sharding.SingleDeviceSharding(jax.devices()[0])
    placed = jax.make_array_from_callback(stored.shape, sharding, lambda index: stored[index])
    np.testing.assert_array_equal(placed, whole)
