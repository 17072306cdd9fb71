"""Texts of a person's in UTF-8 or UTF-16, as editors and spreadsheets save them: whole, or line by line."""

import codecs
import os
import re
from collections.abc import Iterator

from deemo_jax.core.errors import UserError
from deemo_jax.core.files import open_input

# The most bytes that are read of a text, where the caller gives no limit.
MAX_TEXT_BYTES = 1 << 20
# Bytes at the beginning of a file by which its encoding is told.
_HEAD = 200
# What stands for bytes that are no text of the encoding.
_NO_TEXT = re.compile("[\ud800-\udfff]")
MEND = "save it as UTF-8"


def read_text(path: str | os.PathLike[str], limit: int = MAX_TEXT_BYTES) -> str:
    """Reads a text of at most `limit` bytes; line ends become "\\n".

    Raises:
        UserError: missing, too large, or in another encoding than UTF-8 and UTF-16.
    """
    with open_input(path) as handle:
        data = handle.read(limit + 1)
    if len(data) > limit:
        raise UserError(f"{path}: larger than {limit} bytes, which no such file should be")
    try:
        text: str = data.decode(_encoding(data[:_HEAD], path))
    except UnicodeDecodeError as error:
        raise UserError(f"{path}: not UTF-8 or UTF-16 text ({error.reason}); {MEND}") from error
    return text.replace("\r\n", "\n").replace("\r", "\n")


def read_lines(path: str | os.PathLike[str], longest: int) -> Iterator[str]:
    """Yields the lines of a text of any size, each with its end as it stands there.

    Args:
        path: of the file.
        longest: characters of a line, at most.

    Raises:
        UserError: missing, a line too long, or in another encoding than UTF-8 and UTF-16; it names the line.
    """
    with open_input(path) as handle:
        encoding = _encoding(handle.peek(_HEAD)[:_HEAD], path)
    number = 1
    with open(path, encoding=encoding, errors="surrogateescape", newline="") as handle:
        try:
            while line := handle.readline(longest + 1):
                if len(line) > longest:
                    raise UserError(f"{path}:{number}: the line is longer than {longest} characters")
                if not line.isascii() and _NO_TEXT.search(line):
                    raise UserError(f"{path}:{number}: is no UTF-8 text; {MEND}")
                yield line
                number += 1
        except UnicodeDecodeError as error:
            raise UserError(f"{path}: is no UTF-16 text behind line {number} ({error.reason}); {MEND}") from error


def _encoding(head: bytes, path: str | os.PathLike[str]) -> str:
    """The name of the encoding of a text that begins so."""
    if head.startswith((codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE)):
        raise UserError(f"{path}: is UTF-32 text; {MEND}")
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    if b"\0" in head:
        return "utf-16-le" if head[1:2] == b"\0" else "utf-16-be"
    return "utf-8-sig"
