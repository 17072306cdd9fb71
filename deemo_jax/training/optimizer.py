"""AdamW with linear warmup and cosine, as the paper's lineage trains (LAVIS, Video-LLaMA)."""

import re
from typing import Any

import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Float, Int

from deemo_jax.core.recipe import OptimizerRecipe

# Norms and biases by name, since scanned stacks give them one dimension more; `extra_key` is torch's `bias_k`.
NOT_DECAYED = re.compile(r"(.*/)?([^/]*norm[^/]*/.*|bias|scale|extra_key|extra_value)")


def learning_rate(recipe: OptimizerRecipe, steps: int, step: Int[Array, ""] | int) -> Float[Array, ""]:
    """The rate of the update that follows `step` finished ones.

    Warmup is linear from `warmup_start` to `lr`. The cosine counts from step 0, not from the end of the warmup:
    (lr - lr_min) * 0.5 * (1 + cos(pi * step / steps)) + lr_min (LAVIS, common/optims.py).
    """
    s = jnp.asarray(step, jnp.float32)
    cosine = (recipe.lr - recipe.lr_min) * 0.5 * (1 + jnp.cos(jnp.pi * s / steps)) + recipe.lr_min
    linear = recipe.warmup_start + (recipe.lr - recipe.warmup_start) * s / max(recipe.warmup_steps, 1)
    return jnp.where(s < recipe.warmup_steps, jnp.minimum(linear, recipe.lr), cosine)


def decayed(params: Any) -> Any:
    """Which leaves weight decay pulls at: matrices, query tokens and position tables; no norm, no bias, no vector."""

    def one(path: Any, leaf: Any) -> bool:
        return leaf.ndim >= 2 and not NOT_DECAYED.fullmatch("/".join(str(key.key) for key in path))

    return jax.tree_util.tree_map_with_path(one, params)


def make_optimizer(recipe: OptimizerRecipe) -> optax.GradientTransformation:
    """AdamW's direction, uphill and of rate 1; the step multiplies by -`learning_rate`.

    The rate is left out because it follows the step, and Adam's own count stands still in a skipped step.
    """
    clip = [optax.clip_by_global_norm(recipe.clip_norm)] if recipe.clip_norm else []
    adam = optax.scale_by_adam(recipe.b1, recipe.b2, recipe.eps)
    return optax.chain(*clip, adam, optax.add_decayed_weights(recipe.weight_decay, mask=decayed))
