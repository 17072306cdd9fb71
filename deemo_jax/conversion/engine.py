"""Makes one checkpoint of many public files: all are compared with the model, then tensors are copied one by one.

A checkpoint is a folder: weights.safetensors (by this model's parameter paths), checkpoint.json (config, hashes,
    report)
and the decoder's tokenizer where its folder has one. A recipe starts from it with `config.init=FOLDER`.
"""

import math
import re
import resource
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from deemo_jax.conversion import checkpoint_record as records
from deemo_jax.conversion.io.new_folder import new_folder
from deemo_jax.conversion.io.row_writer import RowWriter
from deemo_jax.conversion.plan import ConversionPlan, Opened, planned
from deemo_jax.conversion.sources import SOURCES
from deemo_jax.core import files
from deemo_jax.core.errors import UserError
from deemo_jax.core.files import open_output
from deemo_jax.core.recipe import Recipe
from deemo_jax.models.checkpoint_origin import versions
from deemo_jax.models.weights import CONVERSION, LORA_PARTS, WEIGHTS, Stored, open_tensors


def convert(recipe: Recipe, sources: Mapping[str, str], out: Path, allow_extra: str | None = None) -> dict[str, Any]:
    """Writes a checkpoint, unless the same one is there already.

    Args:
        recipe: chooses the model.
        sources: name (see `SOURCES`) -> path of a public file.
        out: the folder of the checkpoint.
        allow_extra: regular expression for whole public keys that are ignored, besides those that a table ignores.

    Returns:
        The content of checkpoint.json, and 'already': whether the checkpoint was there.

    Raises:
        UserError: see `planned`; or `out` holds something else, is being written by another process, or cannot be
            written; or a number is out of the range of the dtype that it is stored as.
    """
    out = open_output(out, make=False)
    plan = planned(recipe, sources, allow_extra)
    if out.exists():
        return _already(out, recipe, _identity(recipe, plan)) | {"already": True}
    with new_folder(out) as folder:
        wanted = _identity(recipe, plan)
        weights = folder / WEIGHTS
        kinds = {path: (tuple(leaf.shape), np.dtype(leaf.dtype)) for path, leaf in plan.filled().items()}
        with RowWriter(weights, kinds, {"format": "deemo_jax"}) as writer:
            for path, row, values in plan.rows():
                writer.write(path, row, values)
        record = wanted | {
            "weights_sha256": files.sha256(weights),
            "bytes": weights.stat().st_size,
            "report": [_summary(source) for source in plan.sources],
            "drawn_at_random": sorted({_part(path) for path in plan.left}),
            "peak_memory_bytes": peak_memory(),
            "versions": versions(),
        }
        plan.tokenizer.copy(folder)
        files.write_json(folder / CONVERSION, record)
    return record | {"already": False}


def check(out: Path, recipe: Recipe, sources: Mapping[str, str], allow_extra: str | None = None) -> tuple[str, ...]:
    """Compares a checkpoint's files with their recorded hashes, and its values with those of its sources, bit for bit.

    Args:
        out: the checkpoint.
        recipe: the one that it was made with.
        sources: all of its sources, some, or none.
        allow_extra: as for the conversion.

    Returns:
        The differences, a sentence each; empty where there are none.

    Raises:
        UserError: see `reopened`.
    """
    record, plan = reopened(out, recipe, sources, allow_extra)
    weights = Path(out) / WEIGHTS
    if files.sha256(weights) != record["weights_sha256"]:
        return (f"{weights}: its hash is not the recorded one; it was changed or damaged",)
    wrong = [f"{file}: is missing or not as recorded" for file in _changed_tokenizer(Path(out), record)]
    if not sources:
        return tuple(wrong)
    if "llama" in sources and plan.tokenizer.hashes() != record["tokenizer"]:
        wrong.append(f"{sources['llama']}: has another tokenizer than the checkpoint was made with")
    stored = stored_weights(out, plan)
    for path, row, values in plan.rows():
        ours = stored[path][:] if row is None else stored[path][row]
        if ours.shape != values.shape or not np.array_equal(_bits(ours), _bits(values.astype(ours.dtype))):
            wrong.append(f"{path}{'' if row is None else f'[{row}]'}: differs from its source")
    return tuple(wrong)


def reopened(
    out: Path, recipe: Recipe, sources: Mapping[str, str], allow_extra: str | None = None
) -> tuple[dict[str, Any], ConversionPlan]:
    """A checkpoint's record, and the plan of the given sources, where both belong to the recipe.

    Arguments as for `check`.

    Raises:
        UserError: no checkpoint, one of another recipe, a source that it was not made of, or see `planned`.
    """
    record = records.read(Path(out))
    # `planned` refuses a name that no table has, and lists the names that there are.
    if strangers := [name for name in sources if name in SOURCES and name not in record["sources"]]:
        raise UserError(
            f"{out}: was not made of {', '.join(strangers)}, but of {', '.join(record['sources'])}; leave the rest out"
        )
    changed, plan = records.other_config(record, recipe), None
    if not changed:
        plan = planned(recipe, sources, allow_extra, partial=True)
        changed = ["dtypes"] if record["dtypes"] != _dtypes(plan) else []
    if changed or plan is None:
        raise UserError(f"{out}: was made with other {', '.join(changed)}; name the recipe that it was made with")
    return record, plan


def stored_weights(out: Path, plan: ConversionPlan) -> dict[str, Stored]:
    """A checkpoint's tensors, unread.

    Raises:
        UserError: a tensor that the plan's sources fill is missing or has another shape.
    """
    stored = open_tensors(out)
    for path, leaf in plan.filled().items():
        if path not in stored or tuple(stored[path].shape) != tuple(leaf.shape):
            raise UserError(f"{out}: {path} is missing or has another shape; remove the folder and convert again")
    return stored


def peak_memory() -> int:
    """The most memory that this process has had, bytes, pages of mapped files included."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def _identity(recipe: Recipe, plan: ConversionPlan) -> dict[str, Any]:
    """The part of a record that two conversions share where they give the same checkpoint: model, files, tokenizer."""
    hashes = {source.name: {file.name: files.sha256(file) for file in source.file.files} for source in plan.sources}
    return {
        "version": records.VERSION,
        "config": recipe.resolved(),
        "sources": hashes,
        "tokenizer": plan.tokenizer.hashes(),
        "dtypes": _dtypes(plan),
    }


def _dtypes(plan: ConversionPlan) -> list[str]:
    return sorted({str(np.dtype(leaf.dtype)) for leaf in plan.params.values()})


def _already(out: Path, recipe: Recipe, wanted: Mapping[str, Any]) -> dict[str, Any]:
    if not (out / CONVERSION).is_file():
        raise UserError(f"{out}: exists and is no converted checkpoint; name another --out")
    record = records.read(out)
    changed = [name for name in ("sources", "tokenizer", "dtypes") if record[name] != wanted[name]]
    changed += records.other_config(record, recipe)
    if changed:
        raise UserError(f"{out}: holds a conversion with other {', '.join(changed)}; name another --out or remove it")
    damaged = _changed_tokenizer(out, record)
    if files.sha256(out / WEIGHTS) != record["weights_sha256"]:
        damaged = [out / WEIGHTS]
    if damaged:
        raise UserError(f"{damaged[0]}: its hash is not the recorded one; remove {out} and convert again")
    return record


def _changed_tokenizer(out: Path, record: Mapping[str, Any]) -> list[Path]:
    names = record["tokenizer"].items()
    return [out / name for name, sha in names if not (out / name).is_file() or files.sha256(out / name) != sha]


def _summary(source: Opened) -> dict[str, Any]:
    dtypes = sorted({source.file.dtypes[fill.key] for fill in source.match.fills})
    return {
        "source": source.name,
        "tensors": len(source.file.shapes),
        "mapped": len(source.match.fills),
        "ignored": dict(source.match.ignored),
        "dtypes": dtypes,
        "parameters": sum(math.prod(fill.shape) for fill in source.match.fills),
    }


def _part(path: str) -> str:
    return "decoder's LoRA" if re.fullmatch(LORA_PARTS, path) else "/".join(path.split("/")[:2])


def _bits(array: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(array).view(np.uint8)
