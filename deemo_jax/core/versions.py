"""Which version of a package is installed, and which code of this one runs."""

import hashlib
import importlib.metadata
from pathlib import Path


def version(package: str, absent: str = "unknown") -> str:
    """The version in the metadata of an installed package; `absent` where it is not installed."""
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return absent


def code_sha256() -> str:
    """A hash of all Python files of this package."""
    root, found = Path(__file__).parents[1], hashlib.sha256()
    for path in sorted(root.rglob("*.py")):
        found.update(f"{path.relative_to(root)}\0".encode() + path.read_bytes() + b"\0")
    return found.hexdigest()
