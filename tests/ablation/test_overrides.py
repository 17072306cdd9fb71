"""Changed configs, and in what rows differ."""

import pytest

from deemo_jax.ablation.overrides import differing, overridden
from deemo_jax.core.errors import UserError

CONFIG = {"a": {"b": {"name": "joint", "queries": 4}, "c": 1}, "trainable": ["x"]}


def test_only_what_is_named_changes():
    before = repr(CONFIG)
    found = overridden(CONFIG, {"a.b.queries": 8, "trainable": ["y"], "a.d": 2})
    assert found == {"a": {"b": {"name": "joint", "queries": 8}, "c": 1, "d": 2}, "trainable": ["y"]}
    assert repr(CONFIG) == before


@pytest.mark.parametrize(
    ("key", "says"), [("a.e.queries", r"config.a.e: not a key of config.a"), ("a.c.d", "1 is no dictionary")]
)
def test_keys_below_nothing_are_refused(key, says):
    with pytest.raises(UserError, match=says):
        overridden(CONFIG, {key: 1})


def test_columns_are_the_keys_in_which_rows_differ():
    rows = {"as_it_is": {}, "more": {"a.b.queries": 8, "a.c": 1}, "other": {"a.b": {"name": "each"}, "trainable": []}}
    assert differing(CONFIG, rows) == {
        "as_it_is": {"a.b.queries": "4", "a.b": "joint", "trainable": '["x"]'},
        "more": {"a.b.queries": "8", "a.b": "joint", "trainable": '["x"]'},
        "other": {"a.b.queries": "4", "a.b": "each", "trainable": "[]"},
    }


def test_where_rows_differ_in_many_keys_one_column_has_what_each_changes():
    rows = {"few": {"a.b.queries": 8, "a.b.x": 2}, "other": {"a.b": {"name": "each"}, "a.c": 2, "trainable": []}}
    assert differing(CONFIG, {**rows, "as_it_is": {}}) == {
        "few": {"changes": "a.b.queries=8 a.b.x=2"},
        "other": {"changes": "a.b=each a.c=2 trainable=[]"},
        "as_it_is": {"changes": ""},
    }
