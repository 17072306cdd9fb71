"""What JAX raises when devices are missing or their memory is full, in words that a person can act on."""

import re

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
    if isinstance(error, RuntimeError) and (
        missing := re.search(r"[Uu]nable to initialize backend '(\w+)'|Unknown backend:? '?(\w+)'?", said)
    ):
        name = missing[1] or missing[2]
        extra = EXTRAS.get(name)
        mend = f"install the extra (make setup EXTRAS={extra}) and check the driver, or unset" if extra else "unset"
        return f"JAX finds no device of the platform {name!r} that JAX_PLATFORMS asks for; {mend} JAX_PLATFORMS"
    return ""
