"""Files written whole or not at all, checks of paths that a person gives, and JSON read up to a size."""

import atexit
import collections
import contextlib
import functools
import hashlib
import json
import math
import os
import re
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from deemo_jax.core.errors import UserError, plain

# The most bytes that are read of a JSON file, or of a line of JSON lines, where the caller gives no limit.
MAX_JSON_BYTES = 64 << 20
# Digits of a whole number in JSON, at most: as many as Python converts. What must fit into a float or a size is checked
# by whoever reads the field, with its name.
MAX_DIGITS = 4300
# What JSON lines are, for messages.
ROWS = "write one JSON object a line, in UTF-8"
# Bytes of a file name that are not UTF-8 are written as escapes of JSON; reading the JSON gives the same name again.
ESCAPED = "backslashreplace"
# Characters of a path that storage libraries take for a pattern or an escape, and bytes that are not UTF-8.
NOT_PLAIN = re.compile(r"[\[\]*?\\\ud800-\udfff]")

# Schemes of addresses that lie on no disk of this machine: taken for a path, 'gs://b' would make a folder called 'gs:'.
SCHEMES: tuple[str, ...] = ("gs", "gcs", "s3", "s3a", "s3n", "r2", "oci", "az", "azure", "abfs", "abfss", "adl", "wasb")
SCHEMES += ("wasbs", "hdfs", "viewfs", "dbfs", "hf", "cns", "bigstore", "file")
# `pathlib` turns two slashes into one.
_REMOTE = re.compile(rf"({'|'.join(SCHEMES)}):/+[^/].*", re.IGNORECASE | re.DOTALL)
# Without blanks: an argument that only begins with a web address may be a text, such as a transcript.
_WEB = re.compile(r"(https?|ftps?|sftp|scp|ssh|smb|nfs):/+[^/]\S*", re.IGNORECASE)


@contextlib.contextmanager
def atomic(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Yields a path in the same folder to write to; renames it to `path` on success, removes it on any failure.

    Raises:
        UserError: the folder cannot be written, or the disk is full.
    """
    path = Path(path)
    temporary: Path | None = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.stem}.", suffix=path.suffix)
        os.close(handle)
        temporary = Path(name)
        yield temporary
        temporary.chmod(0o666 & ~current_umask())
        temporary.replace(path)
    except OSError as error:
        raise UserError(
            f"{path}: cannot be written ({error.strerror or error}); check space and permissions"
        ) from error
    finally:
        if temporary is not None:
            temporary.unlink(missing_ok=True)


def current_umask() -> int:
    """The bits that new files of this process lack; those of the library `tempfile` lack more."""
    mask = os.umask(0)
    os.umask(mask)
    return mask


def check_writable(folder: str | os.PathLike[str]) -> None:
    """Makes a folder where it is absent, and writes to it on trial; no file stays.

    Raises:
        UserError: the folder cannot be made, or not be written to.
    """
    try:
        Path(folder).mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise UserError(
            f"{folder}: cannot be written ({error.strerror or error}); check space and permissions"
        ) from error


def check_place(folder: str | os.PathLike[str]) -> None:
    """Checks that files can be written to a folder, or that it could be made; nothing stays.

    Raises:
        UserError: they cannot.
    """
    folder = Path(folder).absolute()
    check_writable(next(path for path in (folder, *folder.parents) if path.exists()))


def open_output(folder: str | os.PathLike[str], flag: str = "--out", *, links: bool = True, make: bool = True) -> Path:
    """Checks a folder that a person names for results, and returns its path.

    Args:
        folder: need not exist.
        flag: the flag that it was given with, for messages.
        links: whether it may be a symbolic link.
        make: whether it is made, and written to on trial.

    Raises:
        UserError: it is an address, a file, a link that may not be one, or cannot be written.
    """
    refuse_remote(folder)
    folder = Path(folder)
    if not links:
        refuse_links([folder])
    try:
        if folder.is_symlink() and not folder.exists():
            raise UserError(f"{folder}: is a link that leads nowhere; give a folder as {flag}")
    except OSError as error:  # links in a circle
        raise UserError(f"{folder}: cannot be written ({error.strerror}); give a folder as {flag}") from error
    if folder.exists() and not folder.is_dir():
        raise UserError(f"{folder}: is a file; give a folder as {flag}")
    if make:
        check_writable(folder)
    return folder


def refuse_links(paths: Iterable[Path]) -> None:
    """Refuses paths that are symbolic links.

    Raises:
        UserError: one is.
    """
    for path in paths:
        if path.is_symlink():
            raise UserError(f"{path.name}: is a symbolic link, which may lead out of the folder; remove it")


def refuse_remote(path: str | os.PathLike[str], what: str = "") -> None:
    """Refuses an address of another machine in place of a path of this one; a path need not exist.

    Args:
        path: as a person gave it.
        what: the flag or key of a config that it was given in, for the message.

    Raises:
        UserError: it is an address of a bucket, of the web or of another machine, or a URL of a file.
    """
    text = os.fspath(path)
    if found := _REMOTE.fullmatch(text) or _WEB.fullmatch(text):
        scheme = found[1].lower()
        if scheme == "file":
            mend = "give the plain path, without 'file:'"
        elif _WEB.fullmatch(text):
            mend = "copy what is needed to this machine, and give that path"
        else:
            mend = "mount the bucket (gcsfuse, mountpoint-s3, blobfuse) or copy what is needed, and give that path"
        named = f"{what}: " if what else ""
        raise UserError(
            f"{named}{text}: is no folder or file of this machine, and only those are read and written; {mend}"
        )


def refuse_remote_words(words: Iterable[str]) -> None:
    """`refuse_remote` for the words of a command line and for what stands behind a '=' in one (--flag=PATH, NAME=PATH).

    Raises:
        UserError: one is an address.
    """
    for word in words:
        for start in (0, *(at.end() for at in re.finditer("=", word))):
            refuse_remote(word[start:])


def remove_rests(path: str | os.PathLike[str]) -> None:
    """Removes temporary files that a killed process left of `atomic(path)`, nested uses included.

    Raises:
        UserError: one cannot be removed.
    """
    path = Path(path)
    random = "?" * 8
    for pattern in (f".{path.stem}.{random}{path.suffix}", f"..{path.stem}.{random}.{random}{path.suffix}"):
        for rest in path.parent.glob(pattern):
            try:
                rest.unlink(missing_ok=True)
            except OSError as error:
                raise UserError(f"{rest}: cannot be removed ({error.strerror})") from error


def refuse_other_bytes(path: str | os.PathLike[str]) -> None:
    """Refuses a path that is not UTF-8, which array_record cannot open.

    Raises:
        UserError: it, or a folder above it, has a name with other bytes.
    """
    whole = str(Path(path).absolute())
    if any("\ud800" <= letter <= "\udfff" for letter in whole):
        raise UserError(
            f"{path}: its whole name ({plain(whole)}) is not UTF-8, which datasets need; give another folder"
        )


def plain_path(path: str | os.PathLike[str]) -> Path:
    """`path` itself, or, where it has characters that storage libraries take for a pattern, a link to it without them.

    The link lies in a temporary folder that is removed when the process ends.

    Args:
        path: of a file or folder that exists.
    """
    path = Path(path).absolute()
    if not NOT_PLAIN.search(str(path)):
        return path
    link = _links() / hashlib.sha256(os.fsencode(path)).hexdigest()[:16]
    if not link.is_symlink():
        link.symlink_to(path)
    return link


@functools.cache
def _links() -> Path:
    folder = tempfile.mkdtemp(prefix="deemo_jax_")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return Path(folder)


def sha256(path: str | os.PathLike[str]) -> str:
    """Hex digest of a file, read in blocks.

    Raises:
        UserError: it does not exist or cannot be read.
    """
    with open_input(path) as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


def open_input(path: str | os.PathLike[str]) -> Any:
    """Opens a file that a person named, for reading bytes; close it as any file.

    Raises:
        UserError: it does not exist or cannot be read.
    """
    try:
        return open(path, "rb")
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror or error})") from error
    except ValueError as error:  # a NUL in it
        raise UserError(f"{str(path)!r}: is no path ({error})") from error


def write_json(path: str | os.PathLike[str], value: Any) -> None:
    """Writes JSON, indented, whole or not at all; a number that is not finite, which JSON lacks, becomes null."""
    with atomic(path) as temporary:
        temporary.write_text(_dumps(value, indent=2) + "\n", encoding="utf-8", errors=ESCAPED)


def write_jsonl(path: str | os.PathLike[str], rows: Iterable[Any]) -> None:
    """Writes one JSON object a line, whole or not at all; numbers as `write_json` writes them."""
    with atomic(path) as temporary, open(temporary, "w", encoding="utf-8", errors=ESCAPED) as handle:
        for row in rows:
            handle.write(_dumps(row) + "\n")


def _dumps(value: Any, indent: int | None = None) -> str:
    try:
        return json.dumps(value, indent=indent, ensure_ascii=False, allow_nan=False)
    except ValueError:
        plain = json.loads(json.dumps(value), parse_constant=lambda _: None)
        return json.dumps(plain, indent=indent, ensure_ascii=False)


def append_line(path: str | os.PathLike[str], line: str, *, synced: bool = False) -> None:
    """Adds a line to a file, whole or not at all.

    Args:
        path: made when missing.
        line: without its end.
        synced: whether it is on the disk when this returns.

    Raises:
        OSError: it cannot be written, or the disk is full.
    """
    data = line.encode() + b"\n"
    with open(path, "ab", buffering=0) as handle:
        end = handle.seek(0, os.SEEK_END)
        try:
            while data:  # a full disk may take a part of it and refuse the rest
                data = data[handle.write(data) :]
            if synced:
                os.fsync(handle.fileno())
        except OSError:
            with contextlib.suppress(OSError):
                handle.truncate(end)
            raise


def read_json(path: str | os.PathLike[str], limit: int = MAX_JSON_BYTES) -> Any:
    """Reads JSON of at most `limit` bytes.

    Raises:
        UserError: missing, too large, or not JSON.
    """
    with open_input(path) as handle:
        data = handle.read(limit + 1)
    if len(data) > limit:
        raise UserError(f"{path}: larger than {limit} bytes, which no such file should be")
    return decode_json(data, str(path))


def read_jsonl(path: str | os.PathLike[str], limit: int = MAX_JSON_BYTES) -> Iterator[dict[str, Any]]:
    """Yields the objects of a JSON-lines file; a line may have at most `limit` bytes.

    Raises:
        UserError: missing, a line too long, or a line that is no JSON object.
    """
    with open_input(path) as handle:
        number = 0
        while line := handle.readline(limit + 1):
            number += 1
            if len(line) > limit:
                raise UserError(f"{path}:{number}: the line is longer than {limit} bytes")
            if line.strip():
                try:
                    row = decode_json(line, f"{path}:{number}")
                except UserError as error:
                    raise UserError(f"{error}; {ROWS}") from error
                if not isinstance(row, dict):
                    raise UserError(f"{path}:{number}: not a JSON object; {ROWS}")
                yield row


def decode_json(data: bytes, where: str) -> Any:
    """Reads JSON of unknown origin.

    Args:
        data: as many bytes as the caller bears.
        where: they come from, for the message.

    Raises:
        UserError: as `parse_json` raises a ValueError.
    """
    try:
        return parse_json(data)
    except ValueError as error:
        raise UserError(f"{where}: not valid JSON ({error})") from error


def parse_json(text: bytes | str) -> Any:
    """Reads JSON of unknown origin; every number in it is finite and fits into a float.

    Raises:
        ValueError: no JSON, nested too deeply, an object that has a key twice, or a number that is none in JSON (NaN,
            Infinity) or too large.
    """
    try:
        return json.loads(
            text, object_pairs_hook=_table, parse_constant=_constant, parse_float=_finite, parse_int=_whole
        )
    except RecursionError as error:
        raise ValueError("nested too deeply") from error


def _constant(name: str) -> float:
    raise ValueError(f"{name} is no number; write a number or null")


def _finite(digits: str) -> float:
    if not math.isfinite(number := float(digits)):
        raise ValueError(f"the number {digits[:20]} is too large")
    return number


def _whole(digits: str) -> int:
    if len(digits) > MAX_DIGITS:
        raise ValueError("a number has too many digits")
    return int(digits)


def _table(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """A JSON object as a dict; one that has a key twice is refused."""
    table = dict(pairs)
    if len(table) < len(pairs):
        twice = collections.Counter(key for key, _ in pairs).most_common(1)[0][0]
        raise ValueError(f"the key {twice!r} comes twice")
    return table
