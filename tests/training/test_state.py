"""What learns, as a table; and a state as the parts of a checkpoint."""

import re

import jax
import jax.numpy as jnp
import numpy as np

from deemo_jax.models.params import split
from deemo_jax.training import state
from tests.models.test_params import PARAMS, chosen


def test_a_state_is_its_parts() -> None:
    one = state.TrainState(jnp.int32(3), {"a": jnp.ones(2)}, (jnp.zeros(2),), jnp.zeros(2, jnp.uint32), jnp.int32(1))
    again = state.TrainState.of(one.parts())
    assert jax.tree.structure(again) == jax.tree.structure(one)
    assert jax.tree.all(jax.tree.map(np.array_equal, again, one))


def test_the_table_counts_both_halves() -> None:
    trainable, frozen = split(PARAMS, chosen("video/connector/.*"))
    rows = [line.split() for line in state.table(trainable, frozen).splitlines()]
    assert ["video/connector", "trainable", "float32", "9"] in [[r[0], r[1], "float32", r[-1]] for r in rows]
    assert ["total", "trainable", "9"] in rows and ["total", "frozen", "23"] in rows


def test_the_table_tells_what_learns_from_what_is_never_shown() -> None:
    trainable, frozen = split(PARAMS, chosen("video/connector/.*", "decoder/head"))
    lines = state.table(trainable, frozen, {"video"}).splitlines()
    said = {(cells[0], cells[1]): cells[-1] for cells in (re.split(r"\s{2,}", line) for line in lines)}
    assert said["video/connector", "not shown"] == "9" and ("video/connector", "trainable") not in said
    assert said["video/encoder", "frozen"] == "8" and said["decoder", "trainable"] == "15"
    assert [said["total", state] for state in ("trainable", "frozen", "not shown")] == ["15", "8", "9"]
