"""What a checkpoint states of its origin: versions of packages and instructions, and a hash of the frozen weights."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jax

from deemo_jax.core.errors import UserError
from deemo_jax.core.versions import version
from deemo_jax.models.params import Tree, content_hash

# Packages whose version can change the numbers of a run.
PACKAGES = ("deemo-jax", "jax", "jaxlib", "flax", "optax", "orbax-checkpoint", "grain", "numpy")


def describe(config: dict[str, Any], frozen: Tree, instructions: int) -> dict[str, Any]:
    """The statement of a checkpoint, as JSON has it.

    Args:
        config: the resolved config.
        frozen: the parameters that do not learn.
        instructions: `deemo_jax.data.prompts.INSTRUCTION_VERSION`.
    """
    return {
        "config": config,
        "frozen_sha256": content_hash(frozen),
        "instructions": instructions,
        "versions": versions(),
    }


def check_origin(metadata: Mapping[str, Any], found: str, instructions: int, where: Path) -> None:
    """Checks that a checkpoint was trained with the frozen weights and the instructions that it is to be used with.

    Args:
        metadata: of the checkpoint, by `describe`.
        found: `content_hash` of the frozen weights that it is to be used with.
        instructions: `deemo_jax.data.prompts.INSTRUCTION_VERSION`.
        where: the checkpoint, for the message.

    Raises:
        UserError: it was not.
    """
    told = metadata.get("instructions", instructions)
    if told != instructions:
        raise UserError(
            f"{where}: was trained with version {told} of the instructions, here is version {instructions};"
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
    """Package -> version of `PACKAGES`, and 'platform' -> what JAX runs on, e.g. 'cpu'."""
    return {package: version(package) for package in PACKAGES} | {"platform": jax.default_backend()}
