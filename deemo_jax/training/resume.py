"""The state that a run begins with: that of step 0, of its newest checkpoint, or of an older one that is asked for."""

import dataclasses
from pathlib import Path
from typing import Any

import jax

from deemo_jax.core.errors import UserError
from deemo_jax.core.recipe import Recipe
from deemo_jax.core.run_folder.checkpoint import SET_ASIDE, Checkpoints, choose, saved_steps
from deemo_jax.data.prompts import INSTRUCTION_VERSION
from deemo_jax.models.checkpoint_origin import check_origin
from deemo_jax.models.from_recipe import Setup
from deemo_jax.models.vocabulary import cut_rows, pad_rows
from deemo_jax.training.state import TrainState
from deemo_jax.training.step import abstract_state, init_state, state_shardings


def first_step(folder: Path, from_step: int | None) -> int:
    """The step of the checkpoint to continue from; 0 where there is none.

    Args:
        folder: of the checkpoints.
        from_step: the step asked for; None for the newest.

    Raises:
        UserError: there is no checkpoint of that step.
    """
    return choose(folder, saved_steps(folder), from_step) or 0


def fresh(recipe: Recipe, mesh: jax.sharding.Mesh, setup: Setup) -> TrainState:
    """The state of step 0."""
    places = state_shardings(recipe, setup.trainable, mesh)
    return jax.jit(lambda tree: init_state(recipe, tree), out_shardings=places)(setup.trainable)


def restore(
    recipe: Recipe, mesh: jax.sharding.Mesh, setup: Setup, folder: Path, step: int, frozen: str
) -> tuple[TrainState, dict[str, Any]]:
    """The state of a checkpoint, and its metadata.

    Args:
        recipe: of the run; numbers of the optimizer may differ from the checkpoint's.
        mesh: of the devices that hold the state.
        setup: the model, with abstract trainable parameters.
        folder: of the checkpoints.
        step: of the checkpoint.
        frozen: `content_hash` of the frozen parameters.

    Raises:
        UserError: the checkpoint is damaged, or does not belong to this run.
    """
    with Checkpoints(folder, read_only=True) as checkpoints:
        metadata = checkpoints.metadata(step)
        check_origin(metadata, frozen, INSTRUCTION_VERSION, checkpoints.path / str(step))
        # Clipping has no state, but its empty node is part of the tree in which the optimizer's state is stored. So the
        # state is read with the checkpoint's `clip_norm`, and put into the tree of the recipe's below.
        clip = metadata.get("config", {}).get("optimizer", {}).get("clip_norm", recipe.optimizer.clip_norm)
        then = dataclasses.replace(recipe, optimizer=dataclasses.replace(recipe.optimizer, clip_norm=float(clip)))
        target = abstract_state(then, setup.trainable, mesh)
        vocab = setup.model.config.decoder.config.vocab
        parts = checkpoints.restore(step, cut_rows(target.parts(), vocab))
    state = TrainState.of(pad_rows(parts, target.parts()))
    now = jax.tree.structure(abstract_state(recipe, setup.trainable, mesh).opt_state)
    state = dataclasses.replace(state, opt_state=jax.tree.unflatten(now, jax.tree.leaves(state.opt_state)))
    position = metadata.get("data", {}).get("next_step")
    if not int(state.step) == step == position:
        raise UserError(
            f"{folder / str(step)}: is for step {int(state.step)} and data at {position}; name another with --from_step"
        )
    return state, metadata


def set_aside(folder: Path, step: int) -> list[int]:
    """Moves checkpoints newer than `step` into `set_aside/` beside them.

    Returns:
        Their steps.

    Raises:
        UserError: a checkpoint cannot be moved.
    """
    newer = [number for number in saved_steps(folder) if number > step]
    try:
        for number in newer:
            (folder / SET_ASIDE).mkdir(exist_ok=True)
            copies = range(1, 1000)
            names = (str(number), *(f"{number}.{copy}" for copy in copies))
            free = next(name for name in names if not (folder / SET_ASIDE / name).exists())
            (folder / str(number)).rename(folder / SET_ASIDE / free)
    except OSError as error:
        raise UserError(f"{error.filename}: cannot be moved into {folder / SET_ASIDE} ({error.strerror})") from error
    return newer
