"""The two halves: patterns, split, merge, hash."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from deemo_jax.core.errors import UserError
from deemo_jax.models import params
from deemo_jax.models.weights import flatten

PARAMS = {
    "video": {"connector": {"kernel": np.ones((2, 3)), "bias": np.zeros(3)}, "encoder": {"kernel": np.ones((4, 2))}},
    "decoder": {"head": np.ones((3, 5), np.float32)},
}
PATHS = list(flatten(PARAMS))


def chosen(*patterns: str) -> list[str]:
    return sorted(params.trainable_paths(PATHS, patterns))


def test_the_first_pattern_that_matches_a_whole_path_decides() -> None:
    assert chosen("video/connector/.*") == ["video/connector/bias", "video/connector/kernel"]
    assert chosen("!.*/bias", "video/.*") == ["video/connector/kernel", "video/encoder/kernel"]
    assert chosen("video/.*", "!.*/bias") == ["video/connector/bias", "video/connector/kernel", "video/encoder/kernel"]


@pytest.mark.parametrize(
    ("patterns", "said"),
    [
        (("video/conector/.*",), "matches no parameter; they begin with decoder/head, video/connector"),
        (("video/connector",), "matches no parameter"),
        (("(",), "no regular expression"),
        (("!.*",), "nothing is left to learn"),
        ((), "nothing is left to learn"),
    ],
)
def test_patterns_that_do_nothing_are_refused(patterns: tuple[str, ...], said: str) -> None:
    with pytest.raises(UserError, match=said):
        params.trainable_paths(PATHS, patterns)


def test_what_is_no_regular_expression_is_refused_by_each_reader() -> None:
    with pytest.raises(UserError, match="no regular expression"):
        params.is_trainable("decoder/head", ["("])


def test_merge_undoes_split() -> None:
    trainable, frozen = params.split(PARAMS, chosen("video/connector/.*"))
    assert list(trainable) == ["video"] and "connector" not in frozen["video"]
    merged = params.merge(trainable, frozen)
    assert jax.tree.structure(merged) == jax.tree.structure(PARAMS)
    assert jax.tree.all(jax.tree.map(np.array_equal, merged, PARAMS))


def test_the_hash_knows_values_names_shapes_and_dtypes() -> None:
    base = {"a": {"b": jnp.arange(6, dtype=jnp.bfloat16).reshape(2, 3), "c": jnp.float32(1)}}
    others = [
        {"a": {"b": base["a"]["b"].at[0, 0].set(9), "c": base["a"]["c"]}},
        {"a": {"b": base["a"]["b"].reshape(3, 2), "c": base["a"]["c"]}},
        {"a": {"b": base["a"]["b"].astype(jnp.float16), "c": base["a"]["c"]}},
        {"a": {"d": base["a"]["b"], "c": base["a"]["c"]}},
        {"a": {"b": base["a"]["b"], "c": jnp.float32(2)}},
    ]
    hashes = {params.content_hash(tree) for tree in [base, *others]}
    assert len(hashes) == len(others) + 1
    assert params.content_hash({"a": dict(reversed(base["a"].items()))}) == params.content_hash(base)
