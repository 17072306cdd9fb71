"""A run's folder: what lies where, when it may be written to, and how a finished run is opened again.

config.json   metrics.jsonl   checkpoints/   tensorboard/   evaluation/
"""

import dataclasses
import importlib.metadata
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jax
from ml_collections import ConfigDict

from deemo_jax.data.prompts import INSTRUCTION_VERSION
from deemo_jax.errors import UserError
from deemo_jax.files import read_json, write_json
from deemo_jax.models.deemo_llama import DeemoLlama, param_shapes
from deemo_jax.models.weights import CONVERSION, flatten, open_tensors
from deemo_jax.training.checkpoint import Checkpoints
from deemo_jax.training.mesh import make_mesh
from deemo_jax.training.recipe import MeshRecipe, Recipe
from deemo_jax.training.setup import build, make_model
from deemo_jax.training.state import Tree, content_hash, merge

PACKAGES = ("deemo-jax", "jax", "jaxlib", "flax", "optax", "orbax-checkpoint", "grain", "numpy")
# What may change between a run and its continuation: where it runs and what it tells, not what it computes. Other
# `steps` bend the rest of the learning-rate curve, which is what whoever asks for them wants.
CHANGEABLE = ("name", "mesh.", "data.data_dir", "data.workers", "data.test_split", "train.", "init")


@dataclasses.dataclass(frozen=True)
class Workdir:
    """Paths of a run."""

    path: Path

    @property
    def config(self) -> Path:
        return self.path / "config.json"

    @property
    def metrics(self) -> Path:
        return self.path / "metrics.jsonl"

    @property
    def checkpoints(self) -> Path:
        return self.path / "checkpoints"

    @property
    def tensorboard(self) -> Path:
        return self.path / "tensorboard"

    @property
    def evaluation(self) -> Path:
        return self.path / "evaluation"

    def holds_run(self) -> bool:
        """Whether a run was begun here."""
        return any(path.exists() for path in (self.config, self.metrics, self.checkpoints))


def check(workdir: Workdir, config: dict[str, Any], *, resume: bool, overwrite: bool) -> list[str]:
    """Whether a run may begin here, before anything is touched.

    Args:
        workdir: of the run.
        config: resolved.
        resume, overwrite: the flags.

    Returns:
        A line for each harmless change since the run was begun, when it is resumed.

    Raises:
        UserError: both flags; or a run is there and neither is given, or its config computes otherwise.
    """
    if resume and overwrite:
        raise UserError("--resume and --overwrite exclude each other; give one")
    if workdir.path.exists() and not workdir.path.is_dir():
        raise UserError(f"{workdir.path}: is no folder; name another --workdir")
    if not workdir.holds_run() or overwrite:
        return []
    if not resume:
        raise UserError(
            f"{workdir.path}: already holds a run; give --resume to go on, --overwrite to begin anew, or another "
            "--workdir"
        )
    if not workdir.config.exists():
        raise UserError(f"{workdir.config}: is missing, so the run cannot go on; give --overwrite or another --workdir")
    before, now = _leaves(read_json(workdir.config)), _leaves(config)
    changed = [key for key in sorted(before | now) if before.get(key, _ABSENT) != now.get(key, _ABSENT)]
    lines = [f"config.{key}: {before.get(key, _ABSENT)} -> {now.get(key, _ABSENT)}" for key in changed]
    refused = [line for key, line in zip(changed, lines, strict=True) if not key.startswith(CHANGEABLE)]
    if refused:
        raise UserError(
            f"{workdir.path}: the run was begun with another config ({'; '.join(refused)}); use that one, or another "
            "--workdir"
        )
    return lines


def begin(workdir: Workdir, config: dict[str, Any], *, overwrite: bool) -> None:
    """Writes the config; with `overwrite`, removes the files of an earlier run first, and no others.

    Raises:
        UserError: the folder cannot be written.
    """
    if overwrite:
        for path in (workdir.checkpoints, workdir.tensorboard, workdir.evaluation):
            shutil.rmtree(path, ignore_errors=True)
        for path in (workdir.config, workdir.metrics):
            path.unlink(missing_ok=True)
    write_json(workdir.config, config)


def describe(config: dict[str, Any], frozen: Tree) -> dict[str, Any]:
    """What a checkpoint says of itself, beside its arrays."""
    return {
        "config": config,
        "frozen_sha256": content_hash(frozen),
        "instructions": INSTRUCTION_VERSION,
        "versions": versions(),
    }


def check_origin(metadata: Mapping[str, Any], found: str, where: Path) -> None:
    """Whether a checkpoint was trained beside these frozen weights, with the instructions that it would be given now.

    Raises:
        UserError: it was not.
    """
    told = metadata.get("instructions", INSTRUCTION_VERSION)
    if told != INSTRUCTION_VERSION:
        raise UserError(
            f"{where}: was trained with version {told} of the instructions, here is version {INSTRUCTION_VERSION};"
            f" use deemo_jax {dict(metadata.get('versions', {})).get('deemo-jax', 'of then')}"
        )
    expected = metadata.get("frozen_sha256")
    if expected != found:
        then = {key: value for key, value in dict(metadata.get("versions", {})).items() if value != versions().get(key)}
        hint = f" It was made with {', '.join(f'{k} {v}' for k, v in then.items())}." if then else ""
        raise UserError(
            f"{where}: was trained beside other frozen weights (sha256 {str(expected)[:12]}, now {found[:12]}).{hint} "
            "Put back the file that config.init named, and the same seed"
        )


def versions() -> dict[str, str]:
    """Of the packages that a number can depend on, and of the platform."""
    found = {}
    for package in PACKAGES:
        try:
            found[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            found[package] = "unknown"
    return found | {"platform": jax.default_backend()}


def load_run(workdir: str | Path, step: int | None = None) -> tuple[ConfigDict, DeemoLlama, Tree]:
    """Opens a run, or a converted checkpoint, on one device: (config, model, all parameters).

    Of a run, the frozen part is built as it was for training (seed, then `config.init`), the trainable part is read.

    Args:
        workdir: of the run; or the folder of a converted checkpoint that lacks nothing.
        step: which checkpoint of a run; default: the newest.

    Raises:
        UserError: no run, no such checkpoint, a damaged one, or they do not belong together; a conversion without its
            connectors.
    """
    folder = Workdir(Path(workdir))
    if (folder.path / CONVERSION).is_file():
        return _load_converted(folder.path)
    if not folder.config.exists():
        raise UserError(f"{folder.path}: holds no run (no config.json); train first, or name another --workdir")
    config = read_json(folder.config)
    recipe = Recipe.from_config(config)
    with Checkpoints(folder.checkpoints, read_only=True) as checkpoints:
        step = checkpoints.choose(step)
        if step is None:
            raise UserError(f"{folder.checkpoints}: holds no whole checkpoint; train on with --resume")
        setup = build(recipe, make_mesh(MeshRecipe(), jax.local_devices()[:1]), with_trainable=False)
        check_origin(checkpoints.metadata(step), content_hash(setup.frozen), folder.checkpoints / str(step))
        trainable = checkpoints.restore_trainable(step, setup.trainable)
    return ConfigDict(config), setup.model, merge(trainable, setup.frozen)


def _load_converted(folder: Path) -> tuple[ConfigDict, DeemoLlama, Tree]:
    """All parameters of a conversion, with the config that it was made for."""
    record = read_json(folder / CONVERSION)
    config = record.get("config") if isinstance(record, dict) else None
    if not isinstance(config, dict):
        raise UserError(f"{folder / CONVERSION}: holds no config; convert again")
    tokenizer = config.get("tokenizer", {})
    if tokenizer.get("name") == "llama" and not tokenizer.get("path"):
        config["tokenizer"] = {**tokenizer, "path": str(folder)}
    config["init"] = str(folder)
    recipe = Recipe.from_config(config)
    model = make_model(recipe)
    random = flatten(param_shapes(model)).keys() - open_tensors(folder).keys()
    if random:
        parts = ", ".join(sorted({"/".join(path.split("/")[:2]) for path in random}))
        raise UserError(
            f"{folder}: has no {parts}; train them ({folder} as config.init), or convert with sources that hold them"
        )
    setup = build(recipe, make_mesh(MeshRecipe(), jax.local_devices()[:1]))
    return ConfigDict(config), setup.model, merge(setup.trainable, setup.frozen)


_ABSENT = "absent"


def _leaves(config: Any, prefix: str = "") -> dict[str, Any]:
    if not isinstance(config, dict) or not config:
        return {prefix: config}
    flat: dict[str, Any] = {}
    for key, value in config.items():
        flat |= _leaves(value, f"{prefix}.{key}" if prefix else key)
    return flat
