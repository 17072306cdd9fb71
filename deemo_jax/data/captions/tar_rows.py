"""Webdataset tars: members of one sample follow each other and share their name up to its first dot.

Members are read from where they lie in the tar, and never unpacked under their names.
"""

import dataclasses
import itertools
import tarfile
from collections.abc import Iterator
from pathlib import Path

from deemo_jax.core.errors import UserError
from deemo_jax.core.files import decode_json, open_input
from deemo_jax.data.captions.caption_file import CAPTION
from deemo_jax.data.captions.rows import CaptionRow, Entry, SkippedRow, leads_out
from deemo_jax.data.captions.skips import SkipKind

# Endings of members that are a sample's media, the first one found is taken; and of those that hold its caption.
MEDIA = ("mp4", "webm", "mkv", "mov", "avi", "gif", "jpg", "jpeg", "png", "webp")
TEXTS = ("txt", "caption", "json")
# Bytes of a member that holds a caption, at most.
MOST_TEXT = 1 << 20


@dataclasses.dataclass(frozen=True, slots=True)
class _Member:
    """A member of a tar: its sample, its ending, and where its bytes lie."""

    sample: str
    ending: str
    info: tarfile.TarInfo


def read_tar(path: Path) -> Iterator[Entry]:
    """Yields a row for each sample that has media.

    A caption is the text of `.txt` or `.caption`, or the key `caption` or `text` of `.json`.

    Raises:
        UserError: the file cannot be read, or is no tar, or is a compressed one.
    """
    with open_input(path) as handle:
        start = handle.read(2)
        handle.seek(0)
        if start == b"\x1f\x8b":
            raise UserError(f"{path}: is compressed, and members cannot be read from their places; gunzip it first")
        members = _members(path, handle)
        for sample, group in itertools.groupby(members, lambda one: one.sample if isinstance(one, _Member) else None):
            parts = list(group)
            if sample is None:
                yield from (part for part in parts if isinstance(part, SkippedRow))
            else:
                yield from _row(
                    path, handle, sample, {part.ending: part for part in parts if isinstance(part, _Member)}
                )


def _members(path: Path, handle: "tarfile._Fileobj") -> "Iterator[_Member | SkippedRow]":
    found = 0
    try:
        with tarfile.open(fileobj=handle, mode="r:") as archive:
            while (info := archive.next()) is not None:
                found += 1
                if not info.isdir():
                    yield _member(path, info)
            # tarfile ends without a word at a header that is damaged or cut; a whole tar ends with zeros, or its file.
            handle.seek(archive.offset)
            rest = handle.read(tarfile.BLOCKSIZE)
            if found and rest and (len(rest) < tarfile.BLOCKSIZE or rest.strip(b"\0")):
                raise tarfile.ReadError("a damaged header")
    except (tarfile.TarError, EOFError, OverflowError, ValueError) as error:
        if not found:
            raise UserError(f"{path}: is no tar ({error}); give plain .tar files") from error
        yield SkippedRow(path.name, SkipKind.BROKEN_ARCHIVE, f"it breaks off after {found} members ({error})")


def _member(path: Path, info: tarfile.TarInfo) -> "_Member | SkippedRow":
    where = f"{path.name}:{info.name}"
    if leads_out(info.name):
        return SkippedRow(where, SkipKind.UNSAFE_PATH, f"the member {info.name[:255]!r} leads out of its folder")
    if not info.isreg() or info.sparse is not None:
        return SkippedRow(where, SkipKind.NO_FILE_MEMBER, "it is a link, a device or a file with holes")
    folder, _, name = info.name.rpartition("/")
    stem, _, ending = name.partition(".")
    return _Member(f"{folder}/{stem}" if folder else stem, ending.lower(), info)


def _row(path: Path, handle: "tarfile._Fileobj", sample: str, parts: dict[str, _Member]) -> Iterator[Entry]:
    media = next((parts[ending] for ending in MEDIA if ending in parts), None)
    if media is None:
        return
    clip_id = f"{path.stem}/{sample}"
    try:
        caption = next((text for e in TEXTS if e in parts and (text := _caption(handle, parts[e])) is not None), "")
    except UserError as error:
        yield SkippedRow(clip_id, SkipKind.BROKEN_CAPTION, str(error))
        return
    info = media.info
    yield CaptionRow(clip_id, info.name, caption, path.name, info.offset_data, info.size)


def _caption(handle: "tarfile._Fileobj", member: _Member) -> str | None:
    """The caption in a member; None where its JSON has none.

    Raises:
        UserError: it is too large, no UTF-8, or no JSON.
    """
    if member.info.size > MOST_TEXT:
        raise UserError(f"{member.info.name}: {member.info.size} bytes; a caption has at most {MOST_TEXT}")
    handle.seek(member.info.offset_data)
    data = handle.read(member.info.size)
    if member.ending == "json":
        content = decode_json(data, member.info.name)
        found = next((content[k] for k in CAPTION if k in content), None) if isinstance(content, dict) else None
        return found if isinstance(found, str) else None
    try:
        return str(data.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        raise UserError(f"{member.info.name}: no UTF-8 text ({error.reason})") from error
