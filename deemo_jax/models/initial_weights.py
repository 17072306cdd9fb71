"""The weights that a run begins with: of a file, of a converted checkpoint, or of a run, as a second stage has."""

from collections.abc import Collection
from pathlib import Path
from typing import Any

from deemo_jax.core.errors import UserError
from deemo_jax.core.files import read_json
from deemo_jax.core.recipe import BRANCHES, Recipe
from deemo_jax.core.run_folder.checkpoint import Checkpoints, choose, saved_steps
from deemo_jax.core.run_folder.workdir import Workdir, anchored
from deemo_jax.models.weights import CONVERSION, WEIGHTS, Stored, flatten, open_tensors

# Tensors that a recipe may choose not to use: ImageBind's head, which patch tokens do not pass.
UNUSED = "audio/encoder/head/"
# Runs that began with another run, one behind the other, at most.
MOST_STAGES = 16
# Endings of PyTorch's files, which `convert` reads.
TORCH_FILES = (".pt", ".pth", ".bin", ".ckpt")
# Names in a message, at most.
MOST_NAMED = 5


def initial_tensors(init: str | Path, paths: Collection[str]) -> dict[str, Stored]:
    """The tensors that `config.init` names; nothing is read of files.

    Those of a run are what it began with, and in their place what its newest checkpoint has learnt.

    Args:
        init: a safetensors file, the folder of a converted checkpoint, or the workdir of a run.
        paths: of the model's parameters. Tensors of a branch that it lacks, and of `UNUSED`, are left out.

    Raises:
        UserError: nothing of the kind is there, or it cannot be read.
    """
    optional = (*(f"{branch}/" for branch in BRANCHES), UNUSED)
    absent = tuple(part for part in optional if not any(path.startswith(part) for path in paths))
    found = _tensors(Path(init), MOST_STAGES)
    return {path: tensor for path, tensor in found.items() if not path.startswith(absent)}


def _tensors(path: Path, stages: int) -> dict[str, Stored]:
    if not _is_run(path):
        _refuse_other(path)
        return open_tensors(path)
    if not stages:
        raise UserError(f"{path}: more than {MOST_STAGES} runs began with one another; name a file of weights")
    folder = Workdir(path)
    recipe = Recipe.from_config(anchored(read_json(folder.config), path))
    step = choose(folder.checkpoints, saved_steps(folder.checkpoints), None)
    if step is None:
        raise UserError(f"{path}: this run has no whole checkpoint to begin with; train it on with --resume")
    before = _tensors(Path(recipe.init), stages - 1) if recipe.init else {}
    with Checkpoints(folder.checkpoints, read_only=True) as checkpoints:
        learnt = flatten(checkpoints.learnt(step))
    where = folder.checkpoints / str(step)
    return before | {key: _stored(f"{where}: {key}", value) for key, value in learnt.items()}


def _refuse_other(path: Path) -> None:
    """Refuses what can be no weights to begin with.

    Raises:
        UserError: it is missing, a folder of something else, or a file of PyTorch.
    """
    if (path.is_file() and path.suffix.lower() not in TORCH_FILES) or (path / WEIGHTS).is_file():
        return
    mend = "name one of these"
    if path.is_file() or _has_public_files(path):
        mend = "public files become a checkpoint with `python -m deemo_jax.convert`"
    elif not path.is_dir():
        mend = "it is not there; check the path"
    elif outer := next((one for one in path.absolute().parents[:2] if _is_run(one)), None):
        mend = f"name the run that it is of, {outer}"
    elif inside := sorted(one.name for one in path.iterdir() if _is_run(one) or (one / WEIGHTS).is_file()):
        mend = (
            f"name one that lies in it: {', '.join(inside[:MOST_NAMED])}{', ...' if len(inside) > MOST_NAMED else ''}"
        )
    raise UserError(
        f"config.init {path}: is no run (a folder with config.json), no converted checkpoint (a folder with {WEIGHTS})"
        f" and no .safetensors file; {mend}"
    )


def _is_run(folder: Path) -> bool:
    """Whether a folder is a run's; one of public weights, or of a converted checkpoint, may have a config.json, too."""
    return Workdir(folder).config.is_file() and not _has_public_files(folder) and not (folder / CONVERSION).is_file()


def _has_public_files(folder: Path) -> bool:
    endings = (*TORCH_FILES, ".safetensors")
    return folder.is_dir() and any(one.suffix.lower() in endings and one.name != WEIGHTS for one in folder.iterdir())


def _stored(name: str, value: Any) -> Stored:
    return Stored(name, value.__getitem__, value.shape, value.dtype)
