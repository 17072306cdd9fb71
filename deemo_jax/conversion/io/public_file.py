"""Public weight files, read one tensor at a time: safetensors without PyTorch, pickles with its safe loader."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import safetensors

from deemo_jax.conversion.io.pickles import open_pickle, verify_pickle
from deemo_jax.conversion.io.tensor_entry import Entry
from deemo_jax.conversion.io.wrapper_names import MERGE, unwrapped
from deemo_jax.conversion.tables.peft_adapter import ADAPTER
from deemo_jax.core.errors import UserError
from deemo_jax.core.files import open_input, read_json

# Suffixes of PyTorch's files.
PICKLES = (".pth", ".pt", ".bin")
# In a Hugging Face folder: the list of the shards, or the only file.
INDICES = ("model.safetensors.index.json", "pytorch_model.bin.index.json")
SINGLES = ("model.safetensors", "pytorch_model.bin")
# In the folder of a PEFT adapter.
ADAPTERS = ("adapter_model.safetensors", "adapter_model.bin")
# First bytes of what a failed download leaves in place of the weights, and what it is.
STAND_INS = (
    (b"version https://git-lfs", "a Git-LFS pointer; run git lfs pull in its folder"),
    (b"<", "a web page; download it again, and log in where the page asks for it"),
)
# More tensors than any model has.
MAX_TENSORS = 100_000


class PublicFile:
    """Named tensors in one file or many shards.

    Attributes:
        path: as a person named it: a file, or a folder in Hugging Face's layout.
        files: every file that holds tensors.
        shapes: public key -> shape.
        dtypes: public key -> the file's name of the dtype.
    """

    def __init__(self, path: Path, files: tuple[Path, ...], tensors: Mapping[str, Entry]):
        self.path, self.files = path, files
        self.shapes = {key: entry.shape for key, entry in tensors.items()}
        self.dtypes = {key: entry.dtype for key, entry in tensors.items()}
        self._tensors = tensors

    def read(self, key: str) -> np.ndarray:
        """One tensor, in the file's dtype (bfloat16 as that of ml_dtypes).

        Raises:
            UserError: it cannot be read.
        """
        try:
            return self._tensors[key].read(key)
        except (safetensors.SafetensorError, OSError, RuntimeError, ValueError) as error:
            raise UserError(f"{self.where(key)}: {key} cannot be read ({error}); is the download complete?") from error

    def where(self, key: str) -> Path:
        """The file that holds a tensor."""
        return self._tensors[key].file

    def verify(self) -> None:
        """Compares the files with their checksums; safetensors files have none.

        Raises:
            UserError: a file is damaged.
        """
        for file in self.files:
            if file.suffix in PICKLES:
                verify_pickle(file)


def open_public(path: str | Path) -> PublicFile:
    """Opens a weight file, or a folder of shards, and reads every key and shape.

    Prefixes that DDP, PEFT, torch.compile or FSDP add to the model's own names are removed.

    Raises:
        UserError: missing, truncated, of an unknown kind, a pickle with more than tensors in it, shards that
            disagree with their index, or an adapter that is not merged.
    """
    path = Path(path)
    return _opened(path, *_shards(path))


def open_adapter(path: str | Path) -> PublicFile:
    """Opens the folder of a PEFT adapter; names are without PEFT's prefix.

    Raises:
        UserError: there is no adapter, or see `open_public`.
    """
    path = Path(path)
    file = next((path / name for name in ADAPTERS if (path / name).is_file()), None)
    if file is None:
        raise UserError(f"{path}: holds none of {', '.join(ADAPTERS)}; give the folder of a PEFT adapter")
    return _opened(path, (file,), {}, adapter=True)


def _opened(path: Path, shards: tuple[Path, ...], index: Mapping[str, Path], *, adapter: bool = False) -> PublicFile:
    tensors: dict[str, Entry] = {}
    for shard in shards:
        _refuse_stand_ins(shard)
        opened = open_pickle(shard) if shard.suffix in PICKLES else _open_safetensors(shard)
        for key in opened.keys() & tensors.keys():
            raise UserError(f"{shard}: holds {key}, which another shard holds as well")
        tensors |= opened
    if not tensors or len(tensors) > MAX_TENSORS:
        raise UserError(f"{path}: holds {len(tensors)} tensors; a model has between 1 and {MAX_TENSORS}")
    for key, shard in index.items():
        if key not in tensors:
            raise UserError(f"{shard}: lacks {key}, which the folder's index promises; is the download complete?")
    return PublicFile(path, shards, unwrapped(tensors, path, adapter=adapter))


def _shards(path: Path) -> tuple[tuple[Path, ...], dict[str, Path]]:
    """The files that hold tensors, and key -> file where there is an index."""
    if path.is_file():
        if path.suffix not in (*PICKLES, ".safetensors"):
            raise UserError(f"{path}: not a weight file; expected {', '.join(PICKLES)} or .safetensors")
        return (path,), {}
    if not path.is_dir():
        raise UserError(f"{path}: there is no such file or folder; give the path of the public weights")
    for name in INDICES:
        if (path / name).is_file():
            return _from_index(path / name)
    for name in SINGLES:
        if (path / name).is_file():
            return (path / name,), {}
    if (path / ADAPTER).is_file():
        raise UserError(f"{path}: is an adapter, not a model; {MERGE}")
    raise UserError(f"{path}: holds none of {', '.join((*INDICES, *SINGLES))}; give the folder of the weights")


def _from_index(path: Path) -> tuple[tuple[Path, ...], dict[str, Path]]:
    content = read_json(path)
    weights = content.get("weight_map") if isinstance(content, dict) else None
    if not isinstance(weights, dict) or not all(isinstance(name, str) for name in weights.values()):
        raise UserError(f"{path}: no index of shards (it lacks 'weight_map')")
    if any(Path(name).name != name for name in weights.values()):
        raise UserError(f"{path}: names shards outside its folder")
    index = {key: path.parent / name for key, name in weights.items()}
    shards = tuple(dict.fromkeys(index.values()))
    for shard in shards:
        if not shard.is_file():
            raise UserError(f"{shard}: is missing, though {path.name} names it; is the download complete?")
    return shards, index


def _refuse_stand_ins(path: Path) -> None:
    kind = "PyTorch" if path.suffix in PICKLES else "safetensors"
    with open_input(path) as handle:
        start = handle.read(64).lstrip()
    for sign, what in STAND_INS:
        # A safetensors file begins with the length of its header in 8 bytes, which may look like one of these signs,
        # but has zeros among them.
        if start.startswith(sign) and b"\0" not in start:
            raise UserError(f"{path}: not a {kind} file but {what}")


def _open_safetensors(path: Path) -> dict[str, Entry]:
    def read(key: str) -> np.ndarray:
        # Opened anew for each tensor: the library maps the file, and the pages that were read count as this process'
        # memory until it is closed.
        with safetensors.safe_open(path, framework="numpy") as handle:
            return handle.get_tensor(key)

    try:
        with safetensors.safe_open(path, framework="numpy") as handle:
            parts = {key: handle.get_slice(key) for key in handle.keys()}  # noqa: SIM118 - the handle is no dict
            return {key: Entry(path, tuple(part.get_shape()), part.get_dtype(), read) for key, part in parts.items()}
    except (safetensors.SafetensorError, OSError) as error:
        raise UserError(f"{path}: not a whole safetensors file ({error}); is the download complete?") from error
