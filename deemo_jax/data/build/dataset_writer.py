"""Writes a TFDS dataset whole or not at all, and only when it is not there already. No TensorFlow."""

import contextlib
import hashlib
import io
import json
import re
import shutil
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import tensorflow_datasets as tfds

from deemo_jax.core.errors import UserError
from deemo_jax.core.files import open_output
from deemo_jax.data.clip_source import check_features
from deemo_jax.data.fingerprint import write as write_fingerprint

FILE_FORMAT = "array_record"


def fingerprint(value: Any) -> str:
    """sha256 of the canonical JSON of everything that a dataset is made from."""
    return hashlib.sha256(json.dumps(value, sort_keys=True, ensure_ascii=False).encode()).hexdigest()


def already_built(target: Path, wanted: str) -> Mapping[str, Any] | None:
    """The metadata of the dataset in `target`, if that has the fingerprint that is wanted; None where there is none.

    Raises:
        UserError: it holds another one.
    """
    if not target.exists():
        return None
    try:
        builder = tfds.builder_from_directory(target)
    except Exception as error:  # TFDS raises whatever its JSON and protobuf readers raise
        raise UserError(
            f"{target}: is there but is no dataset ({error}); remove it or choose another --data_dir"
        ) from error
    check_features(builder.info.features, target)
    metadata: Mapping[str, Any] = builder.info.metadata or {}
    if metadata.get("fingerprint") == wanted:
        return metadata
    raise UserError(
        f"{target}: holds a dataset made from other inputs or settings; choose another --data_dir or give --overwrite"
    )


def write_dataset(make_builder: Callable[[Path], tfds.core.DatasetBuilder], data_dir: Path, *, overwrite: bool) -> Path:
    """Builds into a folder beside and renames it into `data_dir/<name>/<version>`.

    Args:
        make_builder: the builder for a given data_dir.
        data_dir: the root of datasets.
        overwrite: replace what is there.

    Returns:
        Where the dataset lies.

    Raises:
        UserError: what the records raise; or the folder cannot be written.
    """
    open_output(data_dir, "--data_dir")
    tfds.disable_progress_bar()
    settings = tfds.download.DownloadConfig(compute_stats=tfds.download.ComputeStatsMode.SKIP)
    try:
        with tempfile.TemporaryDirectory(dir=data_dir, prefix=".building-") as scratch:
            builder = make_builder(Path(scratch))
            with contextlib.redirect_stdout(io.StringIO()):  # TFDS would print the scratch folder as the dataset's home
                builder.download_and_prepare(download_config=settings, file_format=FILE_FORMAT)
            write_fingerprint(builder)
            target = data_dir / Path(builder.data_path).relative_to(scratch)
            target.parent.mkdir(parents=True, exist_ok=True)
            if overwrite and target.exists():
                shutil.rmtree(target)
            Path(builder.data_path).rename(target)
    except OSError as error:
        raise _unwritable(data_dir, error.strerror or str(error)) from error
    except RuntimeError as error:
        if failure := _WRITER_FAILURE.search(str(error)):
            raise _unwritable(data_dir, failure[1]) from error
        raise
    return target


# ArrayRecord's C++ writer tells of a full disk in the text of a RuntimeError only.
_WRITER_FAILURE = re.compile(r"\b(?:open|write|fsync|close)\(\) failed: ([^;]+)")


def _unwritable(folder: Path, why: str) -> UserError:
    return UserError(f"{folder}: cannot be written ({why}); check space and permissions")
