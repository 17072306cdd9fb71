"""Public weight files, read one tensor at a time: safetensors without PyTorch, pickles through its safe loader."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import safetensors

from deemo_jax.conversion.io.pickles import open_pickle, verify_pickle
from deemo_jax.conversion.io.tensor_entry import Entry
from deemo_jax.conversion.io.wrapper_names import ADAPTER, MERGE, unwrapped
from deemo_jax.core.errors import UserError
from deemo_jax.core.files import open_input, read_json

PICKLES = (".pth", ".pt", ".bin")
INDICES = ("model.safetensors.index.json", "pytorch_model.bin.index.json")
# What a download leaves where the weights should be.
STAND_INS = (
    (b"version https://git-lfs", "a Git-LFS pointer; run git lfs pull in its folder"),
    (b"<", "a web page; download it again, and log in where the page asks for it"),
)
SINGLES = ("model.safetensors", "pytorch_model.bin")
MAX_TENSORS = 100_000


class PublicFile:
    """Named tensors in one file or many shards.

    Attributes:
        path: as named by a person: a file, or a folder in Hugging Face's layout.
        files: every file that holds tensors.
        shapes: public key -> shape; nothing is read yet.
        dtypes: public key -> the file's name of its dtype.
    """

    def __init__(self, path: Path, files: tuple[Path, ...], tensors: Mapping[str, Entry]):
        self.path, self.files = path, files
        self.shapes = {key: entry.shape for key, entry in tensors.items()}
        self.dtypes = {key: entry.dtype for key, entry in tensors.items()}
        self._tensors = tensors

    def read(self, key: str) -> np.ndarray:
        """One tensor, in the file's dtype (bfloat16 as ml_dtypes').

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
        """Reads what has checksums against them; safetensors has none.

        Raises:
            UserError: a file is damaged.
        """
        for file in self.files:
            if file.suffix in PICKLES:
                verify_pickle(file)


def open_public(path: str | Path) -> PublicFile:
    """Opens a weight file, or a folder of shards, far enough to know every key and shape.

    Names that DDP, PEFT, torch.compile or FSDP put around the model's own are taken off.

    Raises:
        UserError: missing, truncated, of an unknown kind, a pickle with more than tensors in it, shards that
            disagree with their index, or an adapter that is not merged.
    """
    path = Path(path)
    shards, index = _shards(path)
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
    return PublicFile(path, shards, unwrapped(tensors, path))


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
        # A safetensors file starts with the length of its header: any byte, and zeros soon after.
        if start.startswith(sign) and b"\0" not in start:
            raise UserError(f"{path}: not a {kind} file but {what}")


def _open_safetensors(path: Path) -> dict[str, Entry]:
    def read(key: str) -> np.ndarray:
        # Opened for each tensor: the library maps the file, and pages of a mapping count as memory while it lasts.
        with safetensors.safe_open(path, framework="numpy") as handle:
            return handle.get_tensor(key)

    try:
        with safetensors.safe_open(path, framework="numpy") as handle:
            parts = {key: handle.get_slice(key) for key in handle.keys()}  # noqa: SIM118 - the handle is no dict
            return {key: Entry(path, tuple(part.get_shape()), part.get_dtype(), read) for key, part in parts.items()}
    except (safetensors.SafetensorError, OSError) as error:
        raise UserError(f"{path}: not a whole safetensors file ({error}); is the download complete?") from error
