"""Sequences of a recipe on the command line."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from absl import flags

from deemo_jax.core.config import define_config

RECIPE = """
from ml_collections import ConfigDict

def get_config():
    return ConfigDict({"trainable": ["a", "b"], "sizes": (1, 2), "inner": {"rates": [0.5], "none": []}, "lr": 1.0})
"""


@pytest.fixture
def read(tmp_path: Path) -> Callable[..., dict[str, Any]]:
    """From flags to the config that they give."""
    (tmp_path / "recipe.py").write_text(RECIPE)

    def parse(*given: str) -> dict[str, Any]:
        values, argv = flags.FlagValues(), ["command", "--config", str(tmp_path / "recipe.py"), *given]
        holder = define_config("a recipe", values, argv)
        values(argv)
        return holder.value.to_dict()

    return parse


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
