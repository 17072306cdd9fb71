"""What a recipe's sweep() may yield."""

import pytest

from deemo_jax.ablation.generated import read_sweep
from deemo_jax.core.config import plain
from deemo_jax.core.errors import UserError
from tests.training import tiny

CONFIG = plain(tiny.get_config("data"))


def recipe(folder, body):
    file = folder / "recipe.py"
    file.write_text(f"def sweep():\n    {body}\n")
    return file


def test_rows_may_depend_on_the_recipe_with_its_changes(tmp_path):
    file = tmp_path / "recipe.py"
    file.write_text("def sweep(recipe):\n    yield 'half', {'data.frames': recipe['data']['frames'] // 2}\n")
    config = {**CONFIG, "data": {**CONFIG["data"], "frames": 12}}
    assert read_sweep(file, config) == {"half": {"data.frames": 6}}


def test_some_rows_may_be_wanted(tmp_path):
    file = recipe(tmp_path, "yield from [('a', {}), ('b', {'data.frames': 1}), ('c', {'data.frames': 4})]")
    assert [*read_sweep(file, CONFIG, ["c", "a"])] == ["a", "c"]
    with pytest.raises(UserError, match="has no such row; it has a, b, c"):
        read_sweep(file, CONFIG, ["d", "a"])


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ("yield 'a', {'optimizer.lrr': 1.0}", r"'a': config.optimizer.lrr: not a key .* did you mean 'lr'"),
        ("yield 'a', {'model.video.conector.name': 'joint'}", "config.model.video.conector: not a key"),
        ("yield 'a', {'model.video.connector.querys': 4}", "querys: not a key"),
        ("yield 'a', {'data.frames': 'many'}", r"'a': config.data.frames: 'many' must be of type int"),
        ("yield 'a', {}; yield 'a', {'data.frames': 1}", "'a' twice"),
        ("yield 'a', {}; yield 'b', {'data.frames': 2}", "'a' and 'b' are one config"),
        ("yield 'a', {'seed': 2}", "--seeds takes several"),
        ("yield '../a', {}", "a name is up to 64 letters"),
        ("yield 'a'", "give pairs, as in yield"),
        ("yield 3, 4", "give pairs, as in yield"),
        ("return []", "gives no row"),
        ("return 1 / 0", "line 2: ZeroDivisionError"),
        ("i = 0\n    while True: yield f'a{i}', {'data.frames': (i := i + 1)}", "more than 1000 rows"),
    ],
)
def test_what_is_wrong_is_said(tmp_path, monkeypatch, body, says):
    monkeypatch.setattr("deemo_jax.ablation.generated.MOST", 1000 if "twice" in says else 3)
    with pytest.raises(UserError, match=says.replace("1000", "3")):
        read_sweep(recipe(tmp_path, body), CONFIG)


def test_a_recipe_without_it_is_refused(tmp_path):
    (tmp_path / "recipe.py").write_text("sweep = 3\n")
    with pytest.raises(UserError, match=r"has no function sweep\(\)"):
        read_sweep(tmp_path / "recipe.py", CONFIG)
