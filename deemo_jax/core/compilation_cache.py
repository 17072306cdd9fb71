"""Keeps compiled functions between processes, in a folder that a person can find and remove."""

import os
from pathlib import Path
from typing import Any

# Environment variable of JAX that names another folder.
VARIABLE = "JAX_COMPILATION_CACHE_DIR"


def default_folder() -> str:
    """The folder that JAX's variable names, else `deemo_jax/compiled` in the user's cache."""
    cache = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return os.environ.get(VARIABLE) or str(Path(cache, "deemo_jax", "compiled"))


def keep_compiled(folder: str) -> str:
    """Has JAX keep what it compiles in `folder`; an empty text keeps nothing. Must be called before JAX compiles.

    Returns:
        A remark for a person where nothing can be kept; else empty.
    """
    import jax

    remark = ""
    try:
        if folder:
            Path(folder).mkdir(parents=True, exist_ok=True)
            if not os.access(folder, os.W_OK):
                raise PermissionError(13, "Permission denied")
    except OSError as error:
        remark = f"{folder}: compiled steps cannot be kept here ({error.strerror}); name another --compilation_cache"
        folder = ""
    jax.config.update("jax_enable_compilation_cache", bool(folder))
    if folder:
        jax.config.update("jax_compilation_cache_dir", folder)
    return remark


def kept_in() -> str:
    """The folder in which JAX keeps what it compiles; empty for none."""
    import jax

    config: Any = jax.config
    return config.jax_compilation_cache_dir or "" if config.jax_enable_compilation_cache else ""
