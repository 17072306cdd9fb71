"""Signatures that name an array are checked while tests run: its shape and dtype, and the types beside it."""

import re
from pathlib import Path
from typing import Any

import jaxtyping
import pytest
from beartype import BeartypeConf, beartype

ROOT = Path(__file__).parents[1]
# A whole number may stand where a float is asked for, as in static checking.
_CHECK: Any = beartype(conf=BeartypeConf(is_pep484_tower=True))


def _names_an_array(annotated: Any) -> bool:
    """Whether a function, or what makes a dataclass, does; of hints that are text it is not known, so they do."""
    made = annotated.__init__ if isinstance(annotated, type) else annotated
    hints = getattr(made, "__annotations__", {}).values()
    return any(isinstance(hint, str) or "jaxtyping." in repr(hint) for hint in hints)


def checked(annotated: Any) -> Any:
    """The type checker of jaxtyping's import hook."""
    return _CHECK(annotated) if _names_an_array(annotated) else annotated


def _modules() -> list[str]:
    """Those whose text names jaxtyping, or a type such as `Box = Float[np.ndarray, "4"]` of one that does."""
    texts = {file: file.read_text(encoding="utf-8") for file in ROOT.glob("deemo_jax/**/*.py")}
    named = {
        name for text in texts.values() if "jaxtyping" in text for name in re.findall(r"^(\w+) = \w+\[", text, re.M)
    }
    word = re.compile(rf"\b({'|'.join(['jaxtyping', *named])})\b")
    return [".".join(file.relative_to(ROOT).with_suffix("").parts) for file, text in texts.items() if word.search(text)]


def install() -> None:
    """Has the hook put over all of deemo_jax that names an array: to wrap what names none costs at each call."""
    wrap = jaxtyping.jaxtyped

    def wrapped(*, typechecker: Any) -> Any:
        return lambda annotated: wrap(annotated, typechecker=typechecker) if _names_an_array(annotated) else annotated

    pytest.MonkeyPatch().setattr(jaxtyping, "jaxtyped", wrapped)
    jaxtyping.install_import_hook(_modules(), f"{__name__}.{checked.__name__}")
