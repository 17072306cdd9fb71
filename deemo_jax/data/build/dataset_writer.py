"""Writes a TFDS dataset, without TensorFlow; it appears when it is complete, and not where it is there already."""

import contextlib
import hashlib
import io
import json
import re
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import tensorflow_datasets as tfds

from deemo_jax.core.errors import UserError
from deemo_jax.core.files import open_output
from deemo_jax.data.clip_source import check_features
from deemo_jax.data.fingerprint import write as write_fingerprint

FILE_FORMAT = "array_record"


def fingerprint(value: Any) -> str:
    """SHA-256 of a value as JSON with sorted keys; used for everything that a dataset is made from."""
    return hashlib.sha256(json.dumps(value, sort_keys=True, ensure_ascii=False).encode()).hexdigest()


def already_built(
    target: Path, wanted: str, check: Callable[[Any, Path], None] = check_features
) -> Mapping[str, Any] | None:
    """The metadata of the dataset in `target`; None where there is none.

    Args:
        target: the dataset's folder.
        wanted: the fingerprint that it should have.
        check: called with its features and the folder; raises a UserError where they are of another kind.

    Raises:
        UserError: the dataset has another fingerprint than `wanted`, or the folder holds something else.
    """
    if not target.exists():
        return None
    try:
        builder = tfds.builder_from_directory(target)
    except Exception as error:  # TFDS raises whatever its JSON and protobuf readers raise
        raise UserError(
            f"{target}: is there but is no dataset ({error}); remove it or choose another --data_dir"
        ) from error
    check(builder.info.features, target)
    metadata: Mapping[str, Any] = builder.info.metadata or {}
    if metadata.get("fingerprint") == wanted:
        return metadata
    raise UserError(
        f"{target}: holds a dataset made from other inputs or settings; choose another --data_dir or give --overwrite"
    )


def write_dataset(make_builder: Callable[[Path], tfds.core.DatasetBuilder], data_dir: Path, *, overwrite: bool) -> Path:
    """Builds in a temporary folder in `data_dir`, which then becomes `data_dir/<name>/<version>`.

    Args:
        make_builder: gives the builder for a data_dir.
        data_dir: the root of datasets.
        overwrite: replaces a dataset that is there.

    Returns:
        The dataset's folder.

    Raises:
        UserError: the folder cannot be written; and whatever is raised while records are made.
    """
    open_output(data_dir, "--data_dir")
    tfds.disable_progress_bar()
    settings = tfds.download.DownloadConfig(compute_stats=tfds.download.ComputeStatsMode.SKIP)
    with told_of_disk(data_dir), tempfile.TemporaryDirectory(dir=data_dir, prefix=".building-") as scratch:
        builder = make_builder(Path(scratch))
        with contextlib.redirect_stdout(io.StringIO()):  # TFDS prints the temporary folder as the dataset's
            builder.download_and_prepare(download_config=settings, file_format=FILE_FORMAT)
        write_fingerprint(builder)
        target = data_dir / Path(builder.data_path).relative_to(scratch)
        put_in_place(Path(builder.data_path), target, overwrite=overwrite)
    return target


def put_in_place(made: Path, target: Path, *, overwrite: bool) -> None:
    """Renames the folder of a whole dataset to where it belongs; one that is there is replaced with `overwrite`."""
    target.parent.mkdir(parents=True, exist_ok=True)
    if overwrite and target.exists():
        shutil.rmtree(target)
    made.rename(target)


@contextlib.contextmanager
def told_of_disk(folder: Path) -> Iterator[None]:
    """Makes a `UserError` of what is raised where `folder` cannot be written."""
    try:
        yield
    except OSError as error:
        raise _unwritable(folder, error.strerror or str(error)) from error
    except RuntimeError as error:
        if failure := _WRITER_FAILURE.search(str(error)):
            raise _unwritable(folder, failure[1]) from error
        raise


# ArrayRecord's C++ writer reports a full disk as a RuntimeError with this text.
_WRITER_FAILURE = re.compile(r"\b(?:open|write|fsync|close)\(\) failed: ([^;]+)")


def _unwritable(folder: Path, why: str) -> UserError:
    return UserError(f"{folder}: cannot be written ({why}); check space and permissions")
