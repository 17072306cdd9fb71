"""The record of a converted checkpoint, checkpoint.json: read, compared with a recipe, and shown as a table."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from deemo_jax.core import files, tables
from deemo_jax.core.errors import UserError
from deemo_jax.core.recipe import Recipe
from deemo_jax.models.weights import CONVERSION

# Of the record's form; raised when an older record can no longer be read.
VERSION = 2
# Keys that every record has, and the type of their values.
PARTS = {"config": dict, "sources": dict, "tokenizer": dict, "dtypes": list, "weights_sha256": str}
# Parts of a config that a checkpoint depends on.
DECISIVE = ("model", "tokenizer", "prompt")


def read(out: Path) -> dict[str, Any]:
    """The record in a checkpoint's folder.

    Raises:
        UserError: there is none, or its form is of another version.
    """
    path = out / CONVERSION
    record = files.read_json(path)
    whole = isinstance(record, dict) and all(isinstance(record.get(key), kind) for key, kind in PARTS.items())
    if not whole or record.get("version") != VERSION:
        raise UserError(f"{path}: no record of a conversion by this version; convert again")
    return record


def other_config(record: Mapping[str, Any], recipe: Recipe) -> list[str]:
    """Names of the parts of a recipe that differ from those that a checkpoint was made with."""
    made_with = Recipe.from_config(record["config"])
    return [f"config.{part}" for part in DECISIVE if getattr(made_with, part) != getattr(recipe, part)]


def report(record: Mapping[str, Any]) -> str:
    """A record as text: for each source how many tensors were used, and how many were ignored for which reason."""
    rows = [("source", "mapped", "ignored", "public tensors", "dtype")]
    for row in record["report"]:
        counts = row["mapped"], sum(row["ignored"].values()), row["tensors"]
        rows.append((row["source"], *map(str, counts), ", ".join(row["dtypes"])))
        rows += [("", "", str(count), "", why) for why, count in row["ignored"].items()]
    lines = [tables.aligned(rows, right=(1, 2, 3))]
    if record["drawn_at_random"]:
        lines.append(f"in no source, drawn at random by training: {', '.join(record['drawn_at_random'])}")
    lines.append(
        f"weights {record['bytes'] / 1e9:.2f} GB, sha256 {record['weights_sha256'][:16]}; "
        f"peak memory {record['peak_memory_bytes'] / 1e9:.2f} GB"
    )
    return "\n".join(lines)
