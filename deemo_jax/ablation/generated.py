"""The sweep that a recipe's file describes: its function `sweep()`, which yields named overrides of the config."""

import copy
import inspect
import itertools
import json
import re
import runpy
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from deemo_jax.ablation.overrides import overridden
from deemo_jax.core import cli
from deemo_jax.core.config import plain
from deemo_jax.core.errors import UserError
from deemo_jax.core.recipe import Recipe

# Rows of a sweep, at most; each is at least one run.
MOST = 1000
# A row's name is that of a folder.
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
FORM = 'yield ("few_queries", {"model.video.connector.frame.queries": 4})'


def read_sweep(file: Path, config: Mapping[str, Any], only: Collection[str] = ()) -> dict[str, dict[str, Any]]:
    """Calls a recipe's `sweep()` and checks what it yields.

    Args:
        file: of the recipe.
        config: the recipe's, as plain nested dicts. A `sweep` with a parameter is given it, changes by flags included.
        only: names of the rows that are wanted; empty for all.

    Returns:
        Name -> dotted key of the config -> value.

    Raises:
        UserError: the file has no such function, or it fails; or a row has a bad name, a name or a config that another
            row has, a key that the config lacks, or a value of a wrong type; or no row has a name in `only`.
    """
    found: dict[str, dict[str, Any]] = {}
    same: dict[str, str] = {}
    for pair in _yielded(file, config):
        where = f"{file}: sweep()"
        try:
            name, given = pair
            changes = {str(key): plain(value) for key, value in plain(given).items()}
        except (TypeError, ValueError, AttributeError) as error:
            raise UserError(f"{where} gives {str(pair)[:80]!r}; give pairs, as in {FORM}") from error
        if not isinstance(name, str) or not NAME.fullmatch(name):
            raise UserError(f"{where} calls a row {str(name)[:80]!r}; a name is up to 64 letters, digits and ._-")
        if name in found:
            raise UserError(f"{where} gives {name!r} twice; give each row a name of its own")
        if "seed" in changes:
            raise UserError(f"{where}, {name!r}: the seed is not for a row to change; --seeds takes several")
        try:
            resolved = json.dumps(_checked(overridden(config, changes)), sort_keys=True)
        except UserError as error:
            raise UserError(f"{where}, {name!r}: {error}") from error
        if other := same.get(resolved):
            raise UserError(f"{where}: {other!r} and {name!r} are one config; leave one out")
        found[name], same[resolved] = changes, name
    if not found or len(found) > MOST:
        raise UserError(f"{file}: sweep() gives {'no row' if not found else f'more than {MOST} rows'}; as in {FORM}")
    if unknown := [name for name in only if name not in found]:
        raise UserError(f"--rows {unknown[0]!r}: {file}: sweep() has no such row; it has {', '.join(found)}")
    return {name: changes for name, changes in found.items() if not only or name in only}


def _yielded(file: Path, config: Mapping[str, Any]) -> list[Any]:
    try:
        sweep = runpy.run_path(str(file)).get("sweep")
        if not callable(sweep):
            raise UserError(f"{file}: has no function sweep(), whose rows --generated is to take; as in {FORM}")
        given = [copy.deepcopy(dict(config))] if inspect.signature(sweep).parameters else []
        return list(itertools.islice(sweep(*given), MOST + 1))
    except UserError:
        raise
    except Exception as error:  # the recipe is a program of the user's
        raise UserError(cli.recipe_trouble(error)) from error


def _checked(config: Mapping[str, Any]) -> dict[str, Any]:
    """The config with all defaults.

    Raises:
        UserError: a key or value of it is wrong.
    """
    # It imports JAX, which reading a recipe does not need otherwise.
    from deemo_jax.models.deemo_llama import DeemoLlamaConfig

    recipe = Recipe.from_config(config)
    DeemoLlamaConfig.from_config(recipe.model)
    return recipe.resolved()
