"""Paths that are no paths of this machine: refused by name, before a folder called 'gs:' is made."""

import os
import re
from collections.abc import Iterable

from deemo_jax.core.errors import UserError

SCHEMES: tuple[str, ...] = (
    "gs",
    "gcs",
    "s3",
    "s3a",
    "s3n",
    "r2",
    "oci",
    "az",
    "azure",
    "abfs",
    "abfss",
    "adl",
    "wasb",
    "wasbs",
)
SCHEMES += ("hdfs", "viewfs", "dbfs", "hf", "cns", "bigstore", "file")
# One slash is what `pathlib` leaves of two.
_REMOTE = re.compile(rf"({'|'.join(SCHEMES)}):/+[^/].*", re.IGNORECASE | re.DOTALL)
# Text, a transcript for one, may begin with an address; one alone is meant as a path.
_WEB = re.compile(r"(https?|ftps?|sftp|scp|ssh|smb|nfs):/+[^/]\S*", re.IGNORECASE)


def refuse_remote(path: str | os.PathLike[str], what: str = "") -> None:
    """Lets a path of this machine pass, whether it exists or not.

    Args:
        path: as a person gave it.
        what: the flag or key that it was given in.

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
    """`refuse_remote` for a command line: a word, or what stands behind a '=' in one (--flag=PATH, NAME=PATH).

    Raises:
        UserError: see there.
    """
    for word in words:
        for start in (0, *(at.end() for at in re.finditer("=", word))):
            refuse_remote(word[start:])
