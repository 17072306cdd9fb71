import functools
from typing import Any

import jax
import numpy as np

from deemo_jax.models.batch import Batch
from deemo_jax.models.decoding import generate
from deemo_jax.models.deemo_llama import DeemoLlama
from tests.models import tiny

ROWS = [1, 5, tiny.AUDIO, 6, tiny.VIDEO, 7, 8], [1, 9, 10], [1, tiny.VIDEO]


def without_cache(batch: Batch, row: int, count: int) -> list[int]:
    """Greedy continuation of one row by full passes over the ever longer sequence."""
    model, params = tiny.built()
    run, logits = tiny.jitted(model), tiny.jitted(model, "logits")
    fields = ("token_ids", "slots", "positions", "valid")
    batch = batch.replace(**{name: np.array(getattr(batch, name)) for name in fields})
    said = []
    for _ in range(count):
        length = int(batch.valid[row].sum())
        said.append(int(logits(params, run(params, batch))[row, length - 1].argmax()))
        batch.token_ids[row, length], batch.positions[row, length], batch.valid[row, length] = said[-1], length, True
    return said


@functools.partial(jax.jit, static_argnames="model")
def compiled(model: DeemoLlama, params: Any, batch: Batch, eos_id: int, pad_id: int) -> jax.Array:
    return generate(model, params, batch, max_new_tokens=6, eos_id=eos_id, pad_id=pad_id)


def decode(batch: Batch, eos_id: int = -1, pad_id: int = 0) -> np.ndarray:
    return np.asarray(compiled(*tiny.built(), batch, eos_id, pad_id))


def test_uneven_prompts_continue_as_if_alone() -> None:
    batch = tiny.batch(*ROWS)
    said = decode(batch)
    assert said.shape == (3, 6) and said.dtype == np.int32
    assert said.tolist() == [without_cache(batch, row, 6) for row in range(3)]
    assert len({tuple(row) for row in said.tolist()}) == 3  # else the comparison would say little


def test_a_row_ends_at_its_end_token() -> None:
    batch = tiny.batch(*ROWS)
    free = decode(batch)
    eos = int(free[0, 2])
    said = decode(batch, eos, pad_id=39)
    for row, expected in zip(said.tolist(), free.tolist(), strict=True):
        end = expected.index(eos) + 1 if eos in expected else 6
        assert row == expected[:end] + [39] * (6 - end)


def test_an_unreadable_record_does_not_disturb_the_others() -> None:
    batch = tiny.batch(ROWS[0], [], ROWS[1])
    batch = batch.replace(mel=tiny.batch(*ROWS).mel[[0, 2, 1]], frames=tiny.batch(*ROWS).frames[[0, 2, 1]])
    np.testing.assert_array_equal(decode(batch)[[0, 2]], decode(tiny.batch(*ROWS))[:2])
