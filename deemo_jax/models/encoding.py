"""The stems of a model's branches by themselves, for outputs that are kept.

Axes: B clips, F frames or spectrograms of each, P tokens of each of those, E their width.
"""

import functools
from collections.abc import Callable, Mapping
from typing import Any

import jax
import numpy as np
from jax.sharding import Mesh
from jaxtyping import Float, Shaped

from deemo_jax.models import mesh as mesh_lib
from deemo_jax.models.deemo_llama import DeemoLlama, DeemoLlamaConfig
from deemo_jax.models.params import Tree

# (modality, raw inputs) -> the encoder's tokens, on the host.
Encode = Callable[[str, Shaped[np.ndarray, "B F ..."]], Float[np.ndarray, "B F P E"]]


def encoder(model: DeemoLlama, params: Mapping[str, Any], mesh: Mesh | None = None) -> Encode:
    """The compiled stems of a model.

    Args:
        model: the model.
        params: its parameters, those of the stems at least.
        mesh: that the parameters lie on; None where they lie on one device.
    """
    run = _compiled(model, mesh)

    def encode(modality: str, raw: Any) -> Any:
        towers = stem_params(params, model.config, modality)
        if mesh is None:
            return np.asarray(run(modality, towers, raw))
        with mesh_lib.scope(mesh):
            return np.asarray(run(modality, towers, mesh_lib.put_batch(raw, mesh)))

    return encode


@functools.lru_cache(maxsize=8)
def _compiled(model: DeemoLlama, mesh: Mesh | None) -> Any:
    return jax.jit(
        lambda modality, params, raw: model.apply({"params": params}, modality, raw, method="encode"),
        static_argnums=0,
        out_shardings=None if mesh is None else mesh_lib.replicated(mesh),
    )


def stem_params(params: Mapping[str, Any], config: DeemoLlamaConfig, modality: str) -> Tree:
    """The parameters of a branch's stem, nested as in the model.

    Args:
        params: of the model, those of the stem at least.
        config: of the model.
        modality: 'audio' or 'video'.
    """
    stem, found = getattr(config, modality).stem, {"encoder": params[modality]["encoder"]}
    if stem != "encoder":
        found["connector"] = {stem: params[modality]["connector"][stem]}
    return {modality: found}


def encoded_shape(
    model: DeemoLlama, modality: str, shape: tuple[int, ...], dtype: Any
) -> tuple[tuple[int, ...], np.dtype]:
    """Shape and dtype of what an encoder makes of the inputs of one clip; nothing is computed.

    Args:
        model: the model.
        modality: 'audio' or 'video'.
        shape, dtype: of the inputs, [F ...].
    """
    raw = jax.ShapeDtypeStruct((1, *shape), dtype)
    found = jax.eval_shape(lambda x: model.init_with_output(jax.random.key(0), modality, x, method="encode")[0], raw)
    return found.shape[1:], np.dtype(found.dtype)
