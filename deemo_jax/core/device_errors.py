"""What JAX raises when devices are missing or their memory is full, in words that a person can act on."""

import os
import re
import traceback
from pathlib import Path

# Extra of this package that brings a platform to JAX.
EXTRAS = {"cuda": "cuda", "gpu": "cuda", "tpu": "tpu"}


def device_trouble(error: BaseException) -> str:
    """One line about a device that is missing or full; empty where the error is about something else.

    JAX is not imported: commands that do without it stay quick.
    """
    said = str(error)
    if type(error).__name__ in ("JaxRuntimeError", "XlaRuntimeError") and re.search(
        r"RESOURCE_EXHAUSTED|[Oo]ut of memory", said
    ):
        asked = re.search(r"(?:allocat\w*|Used)\s+([\d.]+ ?[KMGT]?i?B?(?:ytes|bytes)?)", said)
        size = f" ({asked[1].strip()} more were asked for)" if asked else ""
        return (
            f"the devices' memory is full{size}; lower config.data.batch_size or config.data.max_length, or spread the "
            "model over more devices (config.mesh.fsdp)"
        )
    missing = re.search(r"[Uu]nable to initialize backend '(\w+)'|Unknown backend:? '?(\w+)'?", said)
    name = (missing[1] or missing[2]) if missing and isinstance(error, RuntimeError) else _asked_in_vain(error)
    if name:
        extra = EXTRAS.get(name)
        mend = f"install the extra (make setup EXTRAS={extra}) and check the driver, or unset" if extra else "unset"
        return f"JAX finds no device of the platform {name!r} that JAX_PLATFORMS asks for; {mend} JAX_PLATFORMS"
    return ""


def _asked_in_vain(error: BaseException) -> str:
    """The platform of JAX_PLATFORMS where the error is the assertion with which JAX 0.10 ends if none is there."""
    frames = traceback.extract_tb(error.__traceback__)
    in_jax = bool(frames) and Path(frames[-1].filename).name == "xla_bridge.py"
    return os.environ.get("JAX_PLATFORMS", "").split(",")[0] if in_jax and isinstance(error, AssertionError) else ""
