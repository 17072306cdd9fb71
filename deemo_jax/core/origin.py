"""Where the relative paths in a run's config lead: they count from the folder in which the run was begun.

That folder is on record beside the config (origin.json). Where it has gone, or lacks what a path names, and for runs
without the record, paths count from the current folder.
"""

from pathlib import Path
from typing import Any

from deemo_jax.core.files import read_json, write_json

FILE = "origin.json"
KEYS = (("data", "data_dir"), ("init",), ("tokenizer", "path"))


def record(workdir: Path) -> None:
    """Notes the current folder as the one that the paths of a run's config count from.

    Raises:
        UserError: the workdir cannot be written.
    """
    write_json(workdir / FILE, {"begun_in": str(Path.cwd())})


def anchored(config: dict[str, Any], workdir: Path) -> dict[str, Any]:
    """The config with the relative paths that lead somewhere from the run's origin made absolute.

    Args:
        config: of the run, as plain nested dicts.
        workdir: of the run.
    """
    known = read_json(workdir / FILE) if (workdir / FILE).is_file() else None
    origin = known.get("begun_in") if isinstance(known, dict) else None
    if not isinstance(origin, str):
        return config
    for *parents, key in KEYS:
        config = _replaced(config, parents, key, origin)
    return config


def _replaced(config: dict[str, Any], parents: list[str], key: str, origin: str) -> dict[str, Any]:
    if parents:
        inner = config.get(parents[0])
        return config | {parents[0]: _replaced(inner, parents[1:], key, origin)} if isinstance(inner, dict) else config
    path = config.get(key)
    if not isinstance(path, str) or not path or "://" in path or not (Path(origin) / path).exists():
        return config
    return config | {key: str(Path(origin) / path)}
