"""A recipe's model at step 0: every parameter is drawn or read from a file directly onto its devices."""

import dataclasses
import functools
import re
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
from jax.sharding import Mesh

from deemo_jax.core.errors import UserError
from deemo_jax.core.recipe import BRANCHES, INT8, Recipe
from deemo_jax.models import mesh as mesh_lib
from deemo_jax.models.deemo_llama import (
    DeemoLlama,
    DeemoLlamaConfig,
    example_batch,
    init_params,
    param_axes,
    param_shapes,
)
from deemo_jax.models.initial_weights import initial_tensors
from deemo_jax.models.int8 import SCALE, quantize_all, quantize_on, quantized
from deemo_jax.models.params import Tree, is_trainable, split, trainable_paths
from deemo_jax.models.parts.llama import Storage
from deemo_jax.models.weights import flatten, overlay, unflatten

# Paths of the encoders' parameters.
ENCODERS = r"[^/]+/encoder/.*"


@dataclasses.dataclass(frozen=True)
class Setup:
    """A model at step 0.

    Attributes:
        model: the modules.
        trainable: float32 parameters that learn; where they are still to be read from a checkpoint,
            `jax.ShapeDtypeStruct`s with shardings.
        frozen: the other parameters, in the recipe's `frozen_dtype`.

    Shapes are those in memory: see `deemo_jax.models.parts.llama.Storage`.
    """

    model: DeemoLlama
    trainable: Tree
    frozen: Tree


def make_model(recipe: Recipe, mesh: Mesh | None = None) -> DeemoLlama:
    """The modules.

    Args:
        recipe: of the run.
        mesh: that the parameters are to lie on; None for parameters on one device.

    Raises:
        UserError: the model's config is wrong, or the decoder cannot take sequences as long as the recipe's.
    """
    config = DeemoLlamaConfig.from_config(recipe.model)
    decoder, longest = config.decoder.config, recipe.data.max_length
    if longest > decoder.context:
        raise UserError(
            f"config.data.max_length: {longest} tokens, but the decoder's context is {decoder.context}; lower it, or "
            "set config.model.decoder.context to what its weights were trained on"
        )
    storage = Storage(mesh.shape["tensor"] if mesh else 1, recipe.frozen_dtype == INT8)
    return DeemoLlama(with_stems(config, recipe.trainable), storage)


def with_stems(config: DeemoLlamaConfig, trainable: Sequence[str]) -> DeemoLlamaConfig:
    """The config with the stem of each branch: its encoder, or that and the part of its connector that works on each
    frame by itself, where that part neither learns nor drops out.

    Args:
        config: of the model.
        trainable: `config.trainable` of the recipe.
    """
    stems = {}
    for name in BRANCHES:
        branch = getattr(config, name)
        part = branch and branch.connector.config.steady_part
        if part:
            paths = flatten(param_shapes(DeemoLlama(config))[name]["connector"][part[0]])
            if not any(is_trainable(f"{name}/connector/{part[0]}/{path}", trainable) for path in paths):
                stems[name] = dataclasses.replace(branch, stem=part[0])
    return dataclasses.replace(config, **stems)


def check_shapes(model: DeemoLlama, recipe: Recipe) -> None:
    """Checks that the model takes as many frames and audio clips as `config.data` names.

    Raises:
        UserError: it does not.
    """
    example = example_batch(model.config, frames=recipe.data.frames, clips=recipe.data.clips)
    try:
        jax.eval_shape(lambda batch: model.init(jax.random.key(0), batch, method="embed"), example)
    except ValueError as error:
        raise UserError(f"config.data: {error}") from error


def abstract_params(model: DeemoLlama, recipe: Recipe, mesh: Mesh) -> tuple[dict[str, Any], frozenset[str]]:
    """Dtypes and places of all parameters; nothing is allocated.

    Returns:
        Path -> `jax.ShapeDtypeStruct` with dtype and sharding, and the paths that learn.

    Raises:
        UserError: `config.trainable` or `config.mesh` do not fit the model, an encoder learns whose outputs are to be
            kept, or a parameter that is to be int8.
    """
    shapes = flatten(param_shapes(model))
    chosen = trainable_paths(shapes, recipe.trainable)
    learning = min((path for path in chosen if re.fullmatch(ENCODERS, path)), default="")
    if learning and recipe.data.cached_views:
        raise UserError(
            f"config.data.cached_views: {learning} learns, so that the encoders' outputs change with every step; set "
            "it to 0, or put '!.*/encoder/.*' in front of config.trainable"
        )
    rounded = min((path for path in chosen if quantized(path.removesuffix(SCALE), shapes)), default="")
    if rounded:
        raise UserError(
            f"config.frozen_dtype: int8 is for a decoder whose blocks are frozen, but {rounded} learns; choose "
            "bfloat16, or put '!decoder/blocks/.*' in front of config.trainable"
        )
    places = mesh_lib.param_shardings(
        mesh,
        flatten(param_axes(model)),
        {path: leaf.shape for path, leaf in shapes.items()},
        recipe.mesh.replicated_below,
    )
    abstract = {
        path: jax.ShapeDtypeStruct(leaf.shape, _dtype(path, chosen, shapes, recipe.frozen_dtype), sharding=places[path])
        for path, leaf in shapes.items()
    }
    return abstract, chosen


def _dtype(path: str, chosen: Collection[str], shapes: Mapping[str, Any], frozen: str) -> jnp.dtype:
    """The dtype of a parameter in memory."""
    if path in chosen or path.endswith(f"kernel{SCALE}"):
        return jnp.dtype("float32")
    if frozen == INT8:
        return jnp.dtype("int8" if quantized(path, shapes) else "bfloat16")
    return jnp.dtype(frozen)


def build(recipe: Recipe, mesh: Mesh, *, with_trainable: bool = True, frozen_only: str = ".*") -> Setup:
    """The model with the weights of `config.init`, and with random ones where that file has none.

    Args:
        recipe: of the run.
        mesh: of the devices that hold the parameters.
        with_trainable: False leaves the parameters that learn abstract, to be read from a checkpoint.
        frozen_only: regular expression of the frozen parameters that are read from the file.

    Raises:
        UserError: see `make_model` and `abstract_params`; or the weights cannot be read or do not fit.
    """
    model = make_model(recipe, mesh)
    check_shapes(model, recipe)
    abstract, chosen = abstract_params(model, recipe, mesh)
    known: dict[str, Any] = _as_files_have_them(model, abstract)
    if recipe.init:
        found = initial_tensors(recipe.init, known)
        known = flatten(overlay(unflatten(known), unflatten(found)))
    params = {path: leaf for path, leaf in abstract.items() if path in chosen and not with_trainable}
    missing = {path for path, leaf in known.items() if isinstance(leaf, jax.ShapeDtypeStruct) and path not in params}
    # The two halves are drawn by two compiled functions, so that frozen values are the same bits with and without the
    # other half.
    for paths in (missing & chosen, missing - chosen):
        params |= _draw(model, recipe.seed, {path: abstract[path] for path in sorted(_with_scales(paths, abstract))})
    wanted = {path for path in known.keys() - params.keys() if path in chosen or re.fullmatch(frozen_only, path)}
    for path in sorted(wanted):
        params |= _put(path, known[path], abstract)
    return Setup(model, *split(unflatten(params), chosen))


def _as_files_have_them(model: DeemoLlama, abstract: Mapping[str, Any]) -> dict[str, jax.ShapeDtypeStruct]:
    """path -> shape in a file, and the dtype to read; float32 where it is made int8 afterwards."""
    shapes = flatten(param_shapes(DeemoLlama(model.config)))
    dtypes = {path: jnp.dtype("float32") if quantized(path, abstract) else abstract[path].dtype for path in shapes}
    return {path: jax.ShapeDtypeStruct(leaf.shape, dtypes[path]) for path, leaf in shapes.items()}


def _with_scales(paths: Collection[str], abstract: Mapping[str, Any]) -> set[str]:
    return {*paths, *(path + SCALE for path in paths if quantized(path, abstract))}


def _put(path: str, tensor: Any, abstract: Mapping[str, Any]) -> dict[str, jax.Array]:
    """A tensor of a file on its devices, padded or as int8 with its scale where it lies so in memory."""
    leaf = abstract[path]
    value = mesh_lib.put_param(tensor, leaf.sharding, leaf.shape)
    if not quantized(path, abstract):
        return {path: value}
    scale = abstract[path + SCALE]
    return dict(zip((path, path + SCALE), quantize_on(value, (leaf.sharding, scale.sharding), scale.ndim), strict=True))


def _draw(model: DeemoLlama, seed: int, wanted: dict[str, Any]) -> dict[str, jax.Array]:
    """Random values on their devices. The compiler leaves out what is not wanted, such as encoders read from a file."""
    if not wanted:
        return {}
    # On CPU, compiling hundreds of random draws with all optimisations takes longer than the draws gain by it.
    options = {"xla_backend_optimization_level": 1} if jax.default_backend() == "cpu" else {}
    places = {path: leaf.sharding for path, leaf in wanted.items()}

    @functools.partial(jax.jit, out_shardings=places, compiler_options=options)
    def draw(key: jax.Array) -> dict[str, jax.Array]:
        random = quantize_all(flatten(init_params(model, key)))
        return {path: random[path].astype(leaf.dtype) for path, leaf in wanted.items()}

    return draw(jax.random.key(seed))
