"""The flag --config, and the flags that change keys of a recipe."""

import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from absl import flags

from deemo_jax.core.config import leaves
from deemo_jax.core.recipe import Recipe
from deemo_jax.core.recipe_flag import define_config

RECIPE = """
from ml_collections import ConfigDict

def get_config():
    return ConfigDict({"trainable": ["a", "b"], "sizes": (1, 2), "inner": {"rates": [0.5], "none": []}, "lr": 1.0})
"""


@pytest.fixture
def read(tmp_path: Path) -> Callable[..., dict[str, Any]]:
    """From flags to the config that they give."""
    (tmp_path / "recipe.py").write_text(RECIPE)

    return lambda *given: changed(tmp_path / "recipe.py", *given)


def changed(recipe: Path, *given: str) -> dict[str, Any]:
    """A recipe with the changes of a command line."""
    values, argv = flags.FlagValues(), ["command", "--config", str(recipe), *given]
    holder = define_config("a recipe", values, argv)
    values(argv)
    return holder.value.to_dict()


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ((), ["a", "b"]),
        (("--config.trainable=['video/.*', \"!x{1,2}\"]",), ["video/.*", "!x{1,2}"]),
        (("--config.trainable=('video/.*', 'x')",), ["video/.*", "x"]),
        (("--config.trainable='video/.*', 'x'",), ["video/.*", "x"]),
        (("--config.trainable", "[ 'x y' ]"), ["x y"]),
        (("--config.trainable='video/.*'",), ["video/.*"]),
        (("--config.trainable=[^/]+/(connector|projector)/.*",), ["[^/]+/(connector|projector)/.*"]),
        (("--config.trainable=!.*/encoder/.*", "--config.trainable=.*"), ["!.*/encoder/.*", ".*"]),
        (("--config.trainable=['x']", "--config.lr=2", "--config.trainable=['y', 'z']"), ["x", "y", "z"]),
        (("--config.trainable=[]",), []),
    ],
)
def test_a_list_of_strings_is_given_in_any_usual_form(given: tuple[str, ...], expected: list[str], read: Any) -> None:
    assert list(read(*given)["trainable"]) == expected


def test_every_sequence_of_a_recipe_can_be_given(read: Any) -> None:
    found = read("--config.sizes=[3]", "--config.inner.rates=(0.25, 1e-3)", "--config.inner.none=['x']")
    assert list(found["sizes"]) == [3]
    assert {key: list(value) for key, value in found["inner"].items()} == {"rates": [0.25, 1e-3], "none": ["x"]}


@pytest.mark.parametrize(
    "text",
    [
        "[video/.*]",
        "[a, b]",
        "(a, b)",
        "a, b",
        "a,b",
        "a b",
        "",
        "{'a': 1}",
        "{'a'}",
        "['a'",
        "__import__('os').mkdir('made'), 1",
        "[" * 5000,
        "[__import__('os').mkdir('made')]",
    ],
)
def test_what_is_no_sequence_says_what_is_wanted(
    text: str, read: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(flags.Error, match=r'; give \'\["first", "second"\]\''):
        read(f"--config.trainable={text}")
    assert [path.name for path in tmp_path.iterdir()] == ["recipe.py"]


OPTIONAL = {
    "prompt.conversation": "video_llama",
    "prompt.question": "What is felt?",
    "mesh.replicated_below": 7,
    "train.keep_best": 2,
    "data.mixing": "row",
    "data.masked_batch": 0.25,
    "optimizer.lr": 0.5,
    "frozen_dtype": "float32",
}


@pytest.mark.parametrize("name", ["sample", "sample_pretrain", "pretrain_7b", "deemo_llama_7b", "affectgpt_7b"])
def test_what_a_recipe_may_leave_out_can_be_given_whether_it_does_or_not(name: str) -> None:
    found = changed(Path(f"configs/{name}.py"), *(f"--config.{key}={value}" for key, value in OPTIONAL.items()))
    recipe = Recipe.from_config(found).resolved()
    assert {key: leaves(recipe)[key] for key in OPTIONAL} == OPTIONAL


def test_what_is_not_given_is_not_added(read: Any) -> None:
    assert read("--config.mesh.fsdp=2")["mesh"] == {"fsdp": 2} and "mesh" not in read()
    assert read("--config.data.mixture={'a': 1}")["data"] == {"mixture": {"a": 1}}


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("--config.prompt.conversations=x", "config.prompt.conversations: not a key of config.prompt; did you mean"),
        ("--config.promt.task=x", "config.promt: not a key of config; did you mean 'prompt'?"),
        ("--config.sead=1", "config.sead: not a key of config; did you mean 'seed'?"),
        ("--config.inner.rate=1", "config.inner.rate: not a key of config.inner; did you mean 'rates'?"),
        ("--config.lr.x=1", "config.lr: is no dictionary, so it has no key 'x'"),
        ("--config.data.mixture.web=1", "config.data.mixture: not a key of config.data"),
    ],
)
def test_a_key_that_no_recipe_has_is_one_line(given: str, said: str, read: Any) -> None:
    with pytest.raises(flags.Error, match=re.escape(said)):
        read(given)


def test_a_file_that_is_no_recipe_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "config_config", raising=False)  # a recipe that was read here before
    (tmp_path / "a.py").write_text("x = 1")
    (tmp_path / "a.md").write_text("# A page")
    with pytest.raises(flags.Error, match=r"a\.md: is no recipe, which is a file of Python"):
        changed(tmp_path / "a.md")
    with pytest.raises(flags.Error, match=r"a\.py: has no function get_config"):
        changed(tmp_path / "a.py")
