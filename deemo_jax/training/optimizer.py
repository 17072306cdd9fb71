"""AdamW with linear warmup and cosine decay of the learning rate, as in LAVIS and Video-LLaMA."""

import re
from typing import Any

import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Float, Int

from deemo_jax.core.recipe import OptimizerRecipe

# Paths without weight decay: norms, biases, and ImageBind's extra key and value (`bias_k` and `bias_v` in PyTorch).
# They are known by name, since in scanned stacks they have a dimension more.
NOT_DECAYED = re.compile(r"(.*/)?([^/]*norm[^/]*/.*|bias|scale|extra_key|extra_value)")


def learning_rate(recipe: OptimizerRecipe, steps: int, step: Int[Array, ""] | int) -> Float[Array, ""]:
    """The learning rate of the update behind `step` finished steps, float32.

    Warmup is linear from `warmup_start` to `lr`. The cosine counts from step 0, not from the end of the warmup:
    (lr - lr_min) * 0.5 * (1 + cos(pi * step / steps)) + lr_min (LAVIS, common/optims.py).

    Args:
        recipe: `config.optimizer`.
        steps: of the whole run.
        step: number of finished steps.
    """
    s = jnp.asarray(step, jnp.float32)
    cosine = (recipe.lr - recipe.lr_min) * 0.5 * (1 + jnp.cos(jnp.pi * s / steps)) + recipe.lr_min
    linear = recipe.warmup_start + (recipe.lr - recipe.warmup_start) * s / max(recipe.warmup_steps, 1)
    return jnp.where(s < recipe.warmup_steps, jnp.minimum(linear, recipe.lr), cosine)


def decayed(params: Any) -> Any:
    """The tree of whether a parameter has weight decay: matrices, query tokens and position tables have."""

    def one(path: Any, leaf: Any) -> bool:
        return leaf.ndim >= 2 and not NOT_DECAYED.fullmatch("/".join(str(key.key) for key in path))

    return jax.tree_util.tree_map_with_path(one, params)


def make_optimizer(recipe: OptimizerRecipe) -> optax.GradientTransformation:
    """AdamW without its learning rate and sign: the training step multiplies the updates by -`learning_rate`.

    The rate depends on the number of steps, and optax's own count does not grow in a skipped step.
    """
    clip = [optax.clip_by_global_norm(recipe.clip_norm)] if recipe.clip_norm else []
    adam = optax.scale_by_adam(recipe.b1, recipe.b2, recipe.eps)
    return optax.chain(*clip, adam, optax.add_decayed_weights(recipe.weight_decay, mask=decayed))
