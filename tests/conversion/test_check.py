"""`--check`: a checkpoint beside its record, its recipe, and all, some or none of its sources."""

import json

import pytest

from deemo_jax.conversion import engine
from deemo_jax.core.errors import UserError
from deemo_jax.models.weights import CONVERSION, WEIGHTS, load_tree, save_tree
from tests.conversion import tiny

OTHER_CONNECTOR = {**tiny.MODEL["video"], "connector": tiny.JOINT}


@pytest.fixture(scope="module")
def public(tmp_path_factory):
    return tiny.write_public(tmp_path_factory.mktemp("public"), tiny.recipe(), tiny.TOWERS + tiny.CONNECTORS)


@pytest.fixture
def out(public, tmp_path):
    engine.convert(tiny.recipe(), {name: public[name] for name in tiny.TOWERS}, tmp_path / "out")
    return tmp_path / "out"


def compare(out, recipe, sources):
    from deemo_jax.conversion.parity import verdict

    return verdict.compare(recipe, out, sources)


@pytest.fixture(params=[engine.check, compare], ids=["check", "parity"])
def command(request):
    if request.param is compare:
        pytest.importorskip("torch")
    return request.param


def refused(command, out, recipe, sources):
    with pytest.raises(UserError) as error:
        command(out, recipe, sources)
    return str(error.value)


def test_some_of_the_sources_verify_those(public, out, tmp_path):
    assert engine.check(out, tiny.recipe(), {"imagebind": public["imagebind"]}) == ()
    others = tiny.write_public(tmp_path, tiny.recipe(), ("imagebind",), tiny.random(tiny.recipe(), seed=1))
    assert engine.check(out, tiny.recipe(), others)[0].startswith("audio/encoder/")


def test_what_does_not_belong_to_the_checkpoint(command, public, out):
    recipe, llama = tiny.recipe(), {"llama": public["llama"]}
    assert "was not made of video_llama, video_llama_audio, but of eva" in refused(command, out, recipe, public)
    other = tiny.recipe(video=OTHER_CONNECTOR)
    assert "made with other config.model" in refused(command, out, other, llama)
    deeper = tiny.recipe(decoder={**tiny.DECODER, "depth": 4})
    assert "made with other config.model" in refused(command, out, deeper, llama)
    swapped = {"eva_vit_g": public["blip2"], "blip2": public["eva_vit_g"]}
    assert "disagree" in refused(command, out, recipe, swapped)
    assert "--source foo: unknown" in refused(command, out, recipe, {"foo": public["llama"]})
    assert "cannot be read" in refused(command, out.with_name("absent"), recipe, llama)


@pytest.mark.parametrize("missing", ["config", "sources", "tokenizer", "weights_sha256"])
def test_a_record_that_is_none(command, public, out, missing):
    record = json.loads((out / CONVERSION).read_text())
    del record[missing]
    (out / CONVERSION).write_text(json.dumps(record))
    assert "no record of a conversion" in refused(command, out, tiny.recipe(), {"llama": public["llama"]})
    with pytest.raises(UserError, match="no record of a conversion"):
        engine.convert(tiny.recipe(), {name: public[name] for name in tiny.TOWERS}, out)


def test_weights_of_another_model(public, out):
    pytest.importorskip("torch")
    tree = load_tree(out)
    tree["decoder"]["blocks"]["up"]["kernel"] = tree["decoder"]["blocks"]["up"]["kernel"][:2]
    save_tree(out / WEIGHTS, tree)
    said = refused(compare, out, tiny.recipe(), {"llama": public["llama"]})
    assert "decoder/blocks/up/kernel is missing or has another shape" in said
    assert "hash" in engine.check(out, tiny.recipe(), {})[0]
