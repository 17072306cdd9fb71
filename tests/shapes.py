"""Signatures that name an array are checked while tests run: its shape and dtype, and the types beside it."""

from typing import Any

from beartype import BeartypeConf, beartype

# A whole number may stand where a float is asked for, as in static checking.
_CHECK: Any = beartype(conf=BeartypeConf(is_pep484_tower=True))


def checked(annotated: Any) -> Any:
    """The type checker of jaxtyping's import hook."""
    hints = getattr(annotated, "__annotations__", {}).values()
    return _CHECK(annotated) if any("jaxtyping." in repr(hint) for hint in hints) else annotated
