import jax
import jax.numpy as jnp
import numpy as np
import pytest

from deemo_jax.training.loss import answer_loss
from tests.models import tiny
from tests.training.test_step import example, toy


def test_it_is_the_mean_over_targets_predicted_from_the_token_before() -> None:
    """Not over rows: these have one target and three."""
    model, params = toy()
    batch = example()
    mask = np.array(batch.loss_mask)
    mask[1, np.flatnonzero(mask[1])[:2]] = 0
    batch = batch.replace(loss_mask=jnp.asarray(mask))
    loss, targets = jax.jit(lambda tree: answer_loss(model, tree, batch, None))(params)
    hidden = jax.jit(lambda tree: model.apply({"params": tree}, batch))(params)
    logp = np.asarray(jax.nn.log_softmax(model.apply({"params": params}, hidden, method="logits")))
    picked = [
        -logp[row, t - 1, batch.token_ids[row, t]] for row in range(2) for t in np.flatnonzero(batch.loss_mask[row])
    ]
    assert float(targets) == len(picked) == 4
    assert float(loss) == pytest.approx(np.mean(picked), rel=1e-5)


@pytest.mark.slow
def test_chunks_change_neither_loss_nor_gradient() -> None:
    model, params = tiny.part("media")
    params = jax.tree.map(jnp.asarray, params)
    batch = example().replace(slots=np.full((2, 16), -1, np.int32))
    mask = np.array(batch.loss_mask)
    mask[0, 2] = 0.5  # targets apart from each other, and weights that are no ones
    batch = batch.replace(loss_mask=jnp.asarray(mask))

    def run(chunk: int) -> tuple[float, np.ndarray]:
        def loss(head: jax.Array) -> jax.Array:
            tree = {**params, "decoder": {**params["decoder"], "head": head}}
            return answer_loss(model, tree, batch, None, chunk)[0]

        value, gradient = jax.jit(jax.value_and_grad(loss))(params["decoder"]["head"])
        return float(value), np.asarray(gradient)

    whole, slope = run(15)
    for chunk in (1, 4, 64):
        value, gradient = run(chunk)
        assert value == pytest.approx(whole, rel=1e-6)
        np.testing.assert_allclose(gradient, slope, rtol=1e-4, atol=1e-7)


@pytest.mark.slow
def test_no_logits_of_a_whole_sequence_are_made() -> None:
    model, params = toy()
    batch = example()
    vocab, length = model.config.decoder.config.vocab, batch.token_ids.shape[1]
    text = jax.jit(jax.grad(lambda tree: answer_loss(model, tree, batch, None, 4)[0])).lower(params).as_text()
    assert f"x4x{vocab}xf32" in text
    assert not any(f"x{rows}x{vocab}xf32" in text for rows in (length - 1, length))
