"""The tokenizer beside a decoder: opened before anything is written, copied, hashed and verified."""

import json
from pathlib import Path

import pytest

from deemo_jax.conversion import engine
from deemo_jax.core.errors import UserError
from deemo_jax.models.weights import CONVERSION
from tests.conversion import tiny

WORDS = ("<unk>", "<s>", "</s>", "what", "why", "feel")


def write_tokenizer(folder: Path, words: tuple[str, ...] = WORDS) -> None:
    tokenizers = pytest.importorskip("tokenizers")
    model = tokenizers.models.WordLevel({word: index for index, word in enumerate(words)}, unk_token="<unk>")
    made = tokenizers.Tokenizer(model)
    made.add_special_tokens([word for word in WORDS[:3] if word in words])
    made.save(str(folder / "tokenizer.json"))


@pytest.fixture
def sources(tmp_path):
    found = tiny.write_public(tmp_path, tiny.recipe())
    write_tokenizer(tmp_path / "llama")
    return found


def convert(sources, out):
    return engine.convert(tiny.recipe(), sources, out)


def test_it_travels_along_and_a_changed_one_is_another_conversion(sources, tmp_path):
    file, out = tmp_path / "llama" / "tokenizer.json", tmp_path / "out"
    (tmp_path / "llama" / "special_tokens_map.json").write_text("{}")
    convert(sources, out)
    assert (out / "tokenizer.json").read_bytes() == file.read_bytes()
    record = json.loads((out / CONVERSION).read_text())
    assert record["version"] == 2 and record["tokenizer"].keys() == {"tokenizer.json", "special_tokens_map.json"}
    assert convert(sources, out)["already"] is True
    write_tokenizer(tmp_path / "llama", (*WORDS, "new"))
    with pytest.raises(UserError, match="other tokenizer; name another --out or remove it"):
        convert(sources, out)
    assert "another tokenizer" in " ".join(engine.check(out, tiny.recipe(), sources))
    assert engine.check(out, tiny.recipe(), {"imagebind": sources["imagebind"]}) == ()


@pytest.mark.parametrize("damage", [lambda file: file.write_text("damaged"), Path.unlink])
def test_damage_to_the_copy_is_found(sources, tmp_path, damage):
    convert(sources, tmp_path / "out")
    file = tmp_path / "out" / "tokenizer.json"
    damage(file)
    assert engine.check(tmp_path / "out", tiny.recipe(), {}) == (f"{file}: is missing or not as recorded",)
    with pytest.raises(UserError, match=r"tokenizer\.json: its hash is not the recorded one; remove"):
        convert(sources, tmp_path / "out")


@pytest.mark.parametrize(
    "spoil,said",
    [
        (lambda folder: (folder / "tokenizer.json").write_text("{broken"), r"tokenizer\.json: not a tokenizer"),
        (lambda folder: write_tokenizer(folder, tuple(map(str, range(41))) + WORDS), "40 rows for a tokenizer of 47"),
        (lambda folder: write_tokenizer(folder, ("<unk>", "a", "b")), "no token <s>"),
    ],
)
def test_a_broken_one_and_a_foreign_one(sources, tmp_path, spoil, said):
    spoil(tmp_path / "llama")
    tiny.change(sources["eva_vit_g"], cls_token=None)
    with pytest.raises(UserError, match=said) as error:
        convert(sources, tmp_path / "out")
    assert "llama: " in str(error.value) and "eva_vit_g: cls_token is missing" in str(error.value)
    assert not (tmp_path / "out").exists()
