import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from deemo_jax.models.batch import Batch
from deemo_jax.models.decoding import Prompted, Stops, proceed, read_prompt, score
from deemo_jax.models.deemo_llama import DeemoLlama
from deemo_jax.models.sampling import Sampling
from tests.models import tiny

ROWS = tiny.THREE


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
def read(model: DeemoLlama, params: Any, batch: Batch) -> Prompted:
    return read_prompt(model, params, batch, room=6)


@functools.partial(jax.jit, static_argnames=("model", "stops", "vocab"))
def six(
    model: DeemoLlama,
    params: Any,
    prompted: Prompted,
    sampling: Sampling | None,
    *,
    eos_id: int,
    pad_id: int,
    stops: Stops,
    vocab: int | None,
) -> jax.Array:
    ends: dict[str, Any] = {"eos_id": eos_id, "pad_id": pad_id, "stops": stops, "vocab": vocab}
    return proceed(model, params, prompted, max_new_tokens=6, sampling=sampling, **ends)


def continued(
    model: DeemoLlama,
    params: Any,
    batch: Batch,
    sampling: Sampling | None = None,
    *,
    eos_id: int = -1,
    pad_id: int = 0,
    stops: Stops = (),
    vocab: int | None = None,
) -> jax.Array:
    """Six tokens behind every prompt."""
    prompted = read(model, params, batch)
    return six(model, params, prompted, sampling, eos_id=eos_id, pad_id=pad_id, stops=stops, vocab=vocab)


def decode(batch: Batch, eos_id: int = -1, pad_id: int = 0) -> np.ndarray:
    return np.asarray(continued(*tiny.built(), batch, eos_id=eos_id, pad_id=pad_id))


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


def test_a_row_ends_at_a_stop_of_several_tokens_and_at_no_part_of_it() -> None:
    batch = tiny.batch(*ROWS)
    free = decode(batch)
    stop = tuple(free[0, 1:4].tolist())
    never = (int(free[0, 1]), 39, int(free[0, 3]))
    said = np.asarray(continued(*tiny.built(), batch, None, stops=(never, stop)))
    assert said[0].tolist() == [*free[0, :4].tolist(), 0, 0]
    np.testing.assert_array_equal(said[1:], free[1:])
    # The first token alone is a stop: nothing of the prompt counts towards a longer one.
    said = np.asarray(continued(*tiny.built(), batch, None, stops=((8, int(free[0, 0])), (int(free[1, 0]),))))
    np.testing.assert_array_equal(said[0], free[0])
    assert said[1].tolist() == [int(free[1, 0]), 0, 0, 0, 0, 0]


def test_temperature_zero_is_greedy_and_one_key_says_one_thing() -> None:
    batch = tiny.batch(*ROWS)
    cold = continued(*tiny.built(), batch, Sampling.of_seed(0, 3, 0.0, 0.9))
    np.testing.assert_array_equal(cold, decode(batch))
    warm = [np.asarray(continued(*tiny.built(), batch, Sampling.of_seed(seed, 3, 1.0, 1.0))) for seed in (1, 1, 2)]
    np.testing.assert_array_equal(warm[0], warm[1])
    assert (warm[0] != warm[2]).any() and (warm[0] != decode(batch)).any()
    # A nucleus that holds one token only.
    np.testing.assert_array_equal(continued(*tiny.built(), batch, Sampling.of_seed(1, 3, 1.0, 1e-6)), decode(batch))


def test_rows_behind_the_tokenizers_ids_are_never_said() -> None:
    batch, free = tiny.batch(*ROWS), decode(tiny.batch(*ROWS))
    vocab, hot = int(np.median(free)), Sampling.of_seed(3, 3, 3.0, 1.0)
    for sampling in (None, hot):
        said = np.asarray(continued(*tiny.built(), batch, sampling, vocab=vocab))
        assert said.max() < vocab and said.min() >= 0
    assert np.asarray(continued(*tiny.built(), batch, hot)).max() >= vocab  # else the draws would say little
    np.testing.assert_array_equal(continued(*tiny.built(), batch, vocab=int(free.max()) + 1), free)


@pytest.mark.slow
def test_what_a_row_draws_does_not_depend_on_its_neighbours() -> None:
    text, keys = tiny.part("media"), jax.random.split(jax.random.key(7), 3)
    batch = tiny.batch([1, 5, 7, 8], [1, 9, 10], [1, 4])
    hot = Sampling(keys=keys, temperature=jnp.float32(1.5), top_p=jnp.float32(0.95))
    order = np.array([2, 0, 1])
    turned = jax.tree.map(lambda leaf: leaf[order], batch)
    there = continued(*text, batch, hot)
    assert len({tuple(row) for row in there.tolist()}) == 3  # else the comparison would say little
    np.testing.assert_array_equal(there[order], continued(*text, turned, hot.replace(keys=keys[order])))
    # No neighbour.
    alone = continued(*text, jax.tree.map(lambda leaf: leaf[:1], batch), hot.replace(keys=keys[:1]))
    np.testing.assert_array_equal(there[:1], alone)


def test_candidates_are_scored_as_by_full_passes_and_leave_the_prompt_as_it_was() -> None:
    batch = tiny.batch(*ROWS)
    candidates, lengths = np.array([[3, 4, 5], [6, 7, 0]]), (3, 2)
    valid = np.arange(3) < np.array(lengths)[:, None]

    @functools.partial(jax.jit, static_argnums=0)
    def scored(model: DeemoLlama, params: Any, prompted: Prompted) -> tuple[jax.Array, Prompted]:
        return score(model, params, prompted, jnp.asarray(candidates), jnp.asarray(valid))

    model, params = tiny.built()
    found, prompted = scored(model, params, read(model, params, batch))
    said = six(model, params, prompted, None, eos_id=-1, pad_id=0, stops=(), vocab=None)
    np.testing.assert_array_equal(said, decode(batch))
    run, logits = tiny.jitted(model), tiny.jitted(model, "logits")
    for row, end in enumerate(batch.valid.sum(axis=1)):
        for index, (ids, count) in enumerate(zip(candidates, lengths, strict=True)):
            whole = jax.tree.map(np.array, batch)
            whole.token_ids[row, end : end + count] = ids[:count]
            whole.positions[row, end : end + count] = np.arange(end, end + count)
            whole.valid[row, end : end + count] = True
            log_p = jax.nn.log_softmax(logits(params, run(params, whole)))[row, end - 1 : end - 1 + count]
            expected = sum(float(log_p[k, ids[k]]) for k in range(count))
            np.testing.assert_allclose(found[row, index], expected, rtol=1e-5, atol=1e-5)
