"""A step that is quick to trace, in the place of the real one."""

from typing import Any

import jax
import jax.numpy as jnp
import pytest

from deemo_jax.training.fit.step_shapes import StepShapes


@pytest.fixture
def quickly_traced(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a share computes is a stack of products that grows with its rows, kept where nothing is recomputed."""

    def traced(step: StepShapes) -> Any:
        rows = step.recipe.data.batch_size // step.shares // step.recipe.optimizer.accumulate
        kept = 1 if step.recipe.model["decoder"].get("remat") == "block" else 8
        kernel = jnp.zeros((128, 128))

        def layer(x: Any, _: Any) -> Any:
            with jax.named_scope("decoder/blocks/out"):
                x = x @ kernel
            return x, x

        def loss(x: Any) -> Any:
            return jax.lax.scan(layer, x, None, length=kept)[1].sum()

        return jax.make_jaxpr(jax.value_and_grad(loss))(jnp.zeros((rows, 512, 128)))

    monkeypatch.setattr(StepShapes, "trace_share", traced)
