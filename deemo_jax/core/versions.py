"""Which version of a package is installed."""

import importlib.metadata


def version(package: str, absent: str = "unknown") -> str:
    """The version in the metadata of an installed package; `absent` where it is not installed."""
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return absent
