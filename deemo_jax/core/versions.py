"""Which version of a package is installed."""

import importlib.metadata


def version(package: str, absent: str = "unknown") -> str:
    """As its metadata has it; `absent` where there is none."""
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return absent
