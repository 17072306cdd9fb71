"""Configs of a sweep's runs: the recipe's, with keys changed; and in what its rows differ."""

import json
from collections.abc import Mapping
from typing import Any

from deemo_jax.core.config import suggestion
from deemo_jax.core.errors import UserError

# Columns of a table at most; where rows differ in more keys, one column has what each changes.
MOST_COLUMNS = 4
CHANGES = "changes"


def overridden(config: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """The config with dotted keys changed; neither argument is.

    Args:
        config: plain nested dicts.
        changes: 'a.b.c' -> value; all but the last part of a key must be there. A dictionary as a value takes the place
            of the whole one that is there.

    Raises:
        UserError: a part of a key is not there.
    """
    for key, value in changes.items():
        config = _changed(config, key.split("."), value, "config")
    return dict(config)


def differing(config: Mapping[str, Any], rows: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, str]]:
    """In what the rows of a sweep differ, as short texts.

    Args:
        config: that all rows change, as plain nested dicts.
        rows: name of a row -> its changes.

    Returns:
        Name of a row -> dotted key -> its value there, for each key that not all rows have alike; or, where these are
        more than `MOST_COLUMNS`, name of a row -> `CHANGES` -> what it changes in them.
    """
    keys = list(dict.fromkeys(key for changes in rows.values() for key in changes))
    values = {name: {key: changes.get(key, _at(config, key)) for key in keys} for name, changes in rows.items()}
    varied = [key for key in keys if len({json.dumps(of_row[key], sort_keys=True) for of_row in values.values()}) > 1]
    if len(varied) <= MOST_COLUMNS:
        return {name: {key: _short(of_row[key]) for key in varied} for name, of_row in values.items()}
    told = {
        name: [f"{key}={_short(value)}" for key, value in changes.items() if key in varied]
        for name, changes in rows.items()
    }
    return {name: {CHANGES: " ".join(changes)} for name, changes in told.items()}


def _changed(config: Any, parts: list[str], value: Any, where: str) -> dict[str, Any]:
    first, *rest = parts
    if not isinstance(config, Mapping):
        raise UserError(f"{where}: {config!r} is no dictionary, so it has no key {first!r}")
    if not rest:
        return {**config, first: value}
    if first not in config:
        raise UserError(f"{where}.{first}: not a key of {where}{suggestion(first, config)}")
    return {**config, first: _changed(config[first], rest, value, f"{where}.{first}")}


def _at(config: Any, key: str) -> Any:
    for part in key.split("."):
        config = config.get(part) if isinstance(config, Mapping) else None
    return config


def _short(value: Any) -> str:
    """A value as a cell of a table: a part of the model by its name alone."""
    if isinstance(value, Mapping) and isinstance(value.get("name"), str):
        return value["name"]
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
