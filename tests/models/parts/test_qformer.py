import jax
import jax.numpy as jnp
import numpy as np
import pytest

from deemo_jax.core.errors import UserError
from deemo_jax.models.parts.attention import Backend
from deemo_jax.models.parts.layers import axis_names
from deemo_jax.models.parts.qformer import QFormer, QFormerConfig
from tests.models.tiny import initialised, jitted

CONFIG = QFormerConfig(queries=3, width=16, depth=4, heads=2, mlp=32, cross_every=2, init_std=0.3)
TOKENS = np.random.default_rng(0).standard_normal((2, 5, 12), np.float32)
PARAMS = initialised(QFormer(CONFIG), TOKENS)


def run(tokens: np.ndarray, valid: np.ndarray | None = None, model: QFormer = QFormer(CONFIG)) -> np.ndarray:  # noqa: B008
    return np.asarray(jitted(model)(PARAMS, tokens, valid))


def test_cross_attention_sits_in_every_second_layer() -> None:
    groups = PARAMS["groups"]
    assert groups.keys() == {"cross", "plain1"}
    assert "cross_attention" in groups["cross"] and "cross_attention" not in groups["plain1"]
    assert groups["cross"]["cross_attention"]["key"]["kernel"].shape == (2, 12, 2, 8)
    names = axis_names(jax.eval_shape(QFormer(CONFIG).init, jax.random.key(0), TOKENS)["params"])
    assert names["groups"]["cross"]["cross_attention"]["key"]["kernel"] == ("layers", "embed", "heads", "head_dim")


def test_hidden_tokens_cannot_be_seen() -> None:
    valid = np.array([[1, 1, 1, 0, 0], [1, 1, 1, 1, 1]], bool)
    out = run(TOKENS, valid)
    np.testing.assert_array_equal(out, run(np.where(valid[..., None], TOKENS, 1e6), valid))
    np.testing.assert_allclose(out[:1], run(TOKENS[:1, :3]), rtol=1e-4, atol=1e-5)
    moved = np.abs(run(TOKENS) - out)
    assert moved[0].max() > 1e-3 > moved[1].max()


def test_without_positions_the_order_of_tokens_is_invisible() -> None:
    np.testing.assert_allclose(run(TOKENS), run(TOKENS[:, ::-1]), rtol=1e-4, atol=1e-5)


@pytest.mark.slow
def test_dropout_only_in_training() -> None:
    def train(seed: int, model: QFormer) -> np.ndarray:
        return np.asarray(jitted(model, train=True)(PARAMS, TOKENS, dropout=jax.random.key(seed)))

    fused = QFormer(CONFIG, backend=Backend.XLA)
    assert not np.allclose(train(0, QFormer(CONFIG)), run(TOKENS), atol=1e-3)
    assert not np.allclose(train(0, fused), train(1, fused), atol=1e-3)
    np.testing.assert_array_equal(train(0, QFormer(CONFIG)), train(0, fused))


def test_bfloat16_computes_on_float32_parameters() -> None:
    out = jitted(QFormer(CONFIG, dtype=jnp.bfloat16))(PARAMS, TOKENS)
    assert out.dtype == jnp.bfloat16
    np.testing.assert_allclose(out.astype(np.float32), run(TOKENS), atol=0.1)


def test_bad_dimensions_are_named() -> None:
    with pytest.raises(UserError, match="cross_every"):
        QFormerConfig(depth=3)
    with pytest.raises(UserError, match="heads"):
        QFormerConfig(heads=5)
    with pytest.raises(UserError, match="dropout"):
        QFormerConfig(dropout=1.0)
