"""Opens a run, or a converted checkpoint, for inference."""

import dataclasses
from pathlib import Path
from typing import Any

import jax
from jax.sharding import Mesh

from deemo_jax.core.errors import UserError
from deemo_jax.core.files import read_json, sha256
from deemo_jax.core.recipe import MeshRecipe, Recipe
from deemo_jax.core.run_folder.checkpoint import Checkpoints, choose, saved_steps
from deemo_jax.core.run_folder.workdir import Workdir, anchored
from deemo_jax.data.prompts import INSTRUCTION_VERSION
from deemo_jax.data.tokenizer_fit import check_text_fits
from deemo_jax.models.checkpoint_origin import check_origin
from deemo_jax.models.deemo_llama import DeemoLlama, DeemoLlamaConfig, param_shapes
from deemo_jax.models.from_recipe import build
from deemo_jax.models.mesh import make_mesh
from deemo_jax.models.params import Tree, content_hash, merge
from deemo_jax.models.weights import CONVERSION, flatten, open_tensors


def read_recipe(workdir: str | Path, data_dir: str = "") -> Recipe:
    """The recipe of a run, or the one that a converted checkpoint was made for; no weights are read.

    Args:
        workdir: of the run, or the folder of a converted checkpoint.
        data_dir: where the dataset lies; empty for the folder that the config names.

    Raises:
        UserError: there is no run, or its config cannot be read.
    """
    folder = _opened(workdir)
    config = _converted_config(folder.path) if _converted(folder) else read_json(folder.config)
    Recipe.from_config(config)
    recipe = Recipe.from_config(anchored(config, folder.path))
    return dataclasses.replace(recipe, data=dataclasses.replace(recipe.data, data_dir=data_dir or recipe.data.data_dir))


def chosen_step(workdir: str | Path, step: int | None = None) -> int | None:
    """The step of the checkpoint that `load_run` opens; None for a converted checkpoint, which has no steps.

    Raises:
        UserError: no run, or it has no checkpoint, or not that one.
    """
    folder = _opened(workdir)
    if _converted(folder):
        return None
    step = choose(folder.checkpoints, saved_steps(folder.checkpoints), step)
    if step is None:
        raise UserError(f"{folder.checkpoints}: holds no whole checkpoint; train on with --resume")
    return step


def checkpoint_identity(workdir: str | Path, step: int | None) -> str:
    """A text that identifies the weights of a checkpoint: other weights of the same step have another one.

    Args:
        workdir: see `read_recipe`.
        step: of the checkpoint; None for a converted one.

    Raises:
        UserError: the checkpoint is not there.
    """
    folder = _opened(workdir)
    if step is None:
        return sha256(folder.path / CONVERSION)
    with Checkpoints(folder.checkpoints, read_only=True) as checkpoints:
        return checkpoints.identity(step)


def load_run(
    workdir: str | Path, step: int | None = None, data_dir: str = "", devices: int = 1
) -> tuple[Recipe, DeemoLlama, Tree]:
    """Opens a run, or a converted checkpoint.

    The frozen parameters of a run are built as they were for training, from the seed and `config.init`; the others are
    read from the checkpoint.

    Args:
        workdir: of the run, or the folder of a converted checkpoint that holds all parameters.
        step: of the checkpoint; None for the newest.
        data_dir: see `read_recipe`.
        devices: of this process, that each hold all parameters.

    Returns:
        The recipe, the model, and all parameters as a nested dict.

    Raises:
        UserError: no run, no such checkpoint, a damaged one, or they do not belong together; a conversion without its
            connectors.
    """
    folder = Workdir(Path(workdir))
    recipe = read_recipe(workdir, data_dir)
    step = chosen_step(workdir, step)
    mesh = make_mesh(MeshRecipe(), jax.local_devices()[:devices])
    if step is None:
        return _load_converted(folder.path, recipe, mesh)
    with Checkpoints(folder.checkpoints, read_only=True) as checkpoints:
        check_text_fits(recipe)
        setup = build(recipe, mesh, with_trainable=False)
        where = folder.checkpoints / str(step)
        check_origin(checkpoints.metadata(step), content_hash(setup.frozen), INSTRUCTION_VERSION, where)
        trainable = checkpoints.restore(step, {"trainable": setup.trainable})["trainable"]
    return recipe, setup.model, merge(trainable, setup.frozen)


def _opened(workdir: str | Path) -> Workdir:
    folder = Workdir(Path(workdir))
    if not _converted(folder) and not folder.config.exists():
        raise UserError(f"{folder.path}: holds no run (no config.json); train first, or name another --workdir")
    return folder


def _converted(folder: Workdir) -> bool:
    return (folder.path / CONVERSION).is_file()


def _converted_config(folder: Path) -> dict[str, Any]:
    """The config that a checkpoint was converted for, with the weights and the tokenizer of its folder."""
    record = read_json(folder / CONVERSION)
    config = record.get("config") if isinstance(record, dict) else None
    if not isinstance(config, dict):
        raise UserError(f"{folder / CONVERSION}: holds no config; convert again")
    tokenizer = config.get("tokenizer", {})
    if tokenizer.get("name") == "llama" and not tokenizer.get("path"):
        config["tokenizer"] = {**tokenizer, "path": str(folder)}
    config["init"] = str(folder)
    return config


def _load_converted(folder: Path, recipe: Recipe, mesh: Mesh) -> tuple[Recipe, DeemoLlama, Tree]:
    """The model and all parameters of a conversion.

    Raises:
        UserError: the conversion lacks some.
    """
    check_text_fits(recipe)
    model = DeemoLlama(DeemoLlamaConfig.from_config(recipe.model))
    random = flatten(param_shapes(model)).keys() - open_tensors(folder).keys()
    if random:
        parts = ", ".join(sorted({"/".join(path.split("/")[:2]) for path in random}))
        raise UserError(
            f"{folder}: has no {parts}; train them ({folder} as config.init), or convert with sources that hold them"
        )
    setup = build(recipe, mesh)
    return recipe, setup.model, merge(setup.trainable, setup.frozen)
