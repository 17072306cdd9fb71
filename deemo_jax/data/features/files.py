"""The files of features: DATA_DIR/features/MODALITY-KEY/, ArrayRecord shards with a record for each clip.

key.json                                    what they are a function of, see `FeatureKey`
SPLIT.split.json                            how many clips, in which shards, and whether all of them are written
SPLIT-00000-of-00004.array_record, ...      a record: the bytes of one clip's array, or those of `Gap`

The parts of SPLIT stand in %-notation where they are no plain file name, as in 'train[:10%]'.
"""

import contextlib
import dataclasses
import enum
import os
import urllib.parse
from collections.abc import Callable, Iterator
from pathlib import Path

import ml_dtypes
import numpy as np
from jaxtyping import Float

from deemo_jax.core.errors import UserError
from deemo_jax.core.files import atomic, check_writable, read_json, write_json
from deemo_jax.data.features.key import FeatureKey

ROOT = "features"
KEY = "key.json"
DTYPES = {"float32": np.dtype(np.float32), "bfloat16": np.dtype(ml_dtypes.bfloat16)}
# A shard has about so many bytes: a run that is stopped loses what it has of one, and few files hold a large dataset.
SHARD_BYTES = 256 << 20
# `group_size:1` lets each record be read by itself; floats are not worth compressing.
WRITER = "group_size:1,uncompressed"
MEND = "make the features again: python -m deemo_jax.cache ... --overwrite"


class Gap(enum.Enum):
    """Why a clip has no array; the value is its record's bytes.

    ABSENT: it lacks the modality. UNREADABLE: it has it, but it could not be read when the features were made.
    """

    ABSENT = b""
    UNREADABLE = b"?"


# What is stored of a clip, an array [F P E].
Stored = Float[np.ndarray, "F P E"] | Gap


@dataclasses.dataclass(frozen=True)
class SplitFiles:
    """The features of one split.

    Attributes:
        folder: of the features.
        split: in TFDS's notation.
        clips: in the split.
        a_shard: clips in each shard but the last.
        shape: of one clip's array, [F P E].
        dtype: as stored, a key of `DTYPES`.
        sizes: bytes of each shard; empty until all are written.
    """

    folder: Path
    split: str
    clips: int
    a_shard: int
    shape: tuple[int, ...]
    dtype: str
    sizes: tuple[int, ...] = ()

    @property
    def shards(self) -> int:
        """How many shards there are, or will be."""
        return -(-self.clips // self.a_shard)

    @property
    def clip_bytes(self) -> int:
        """Bytes of one clip."""
        return int(np.prod(self.shape)) * DTYPES[self.dtype].itemsize

    @property
    def facts(self) -> Path:
        """The file that describes the shards."""
        return _facts(self.folder, self.split)

    def shard(self, number: int) -> Path:
        """The path of a shard."""
        return self.folder / f"{_plain(self.split)}-{number:05d}-of-{self.shards:05d}.array_record"

    def clips_of(self, number: int) -> range:
        """The clips in a shard."""
        return range(number * self.a_shard, min((number + 1) * self.a_shard, self.clips))

    def missing(self) -> list[int]:
        """The shards that are not written yet. One that is there is whole: it is renamed when it is."""
        return [number for number in range(self.shards) if not self.shard(number).exists()]

    def begin(self, key: FeatureKey) -> None:
        """Describes a split of which nothing is written yet, and removes shards of an earlier description.

        Raises:
            UserError: the folder cannot be written.
        """
        check_writable(self.folder)
        for path in self.folder.glob(f"{_plain(self.split)}-?????-of-?????.array_record"):
            path.unlink()
        write_json(self.folder / KEY, dataclasses.asdict(key))
        self.save()

    def save(self) -> None:
        """Writes the description; when all shards are written, with their sizes.

        Raises:
            UserError: the folder cannot be written.
        """
        write_json(self.facts, {key: value for key, value in dataclasses.asdict(self).items() if key != "folder"})

    def finished(self) -> "SplitFiles":
        """The description with the sizes of all shards."""
        return dataclasses.replace(self, sizes=tuple(self.shard(n).stat().st_size for n in range(self.shards)))

    @contextlib.contextmanager
    def writing(self, number: int) -> Iterator[Callable[[Stored], None]]:
        """Yields a function that adds one clip to a shard, which is there only when all of its clips are.

        Raises:
            UserError: the disk is full, or the folder cannot be written.
        """
        from array_record.python.array_record_module import ArrayRecordReader, ArrayRecordWriter

        path, dtype = self.shard(number), DTYPES[self.dtype]

        def add(clip: Stored) -> None:
            writer.write(clip.value if isinstance(clip, Gap) else np.ascontiguousarray(clip, dtype).tobytes())

        try:
            with atomic(path) as temporary:
                writer = ArrayRecordWriter(str(temporary), WRITER)
                yield add
                writer.close()
                reader = ArrayRecordReader(str(temporary))
                written = reader.num_records() if reader.ok() else 0
                reader.close()
                if written != len(self.clips_of(number)):
                    raise OSError(f"{written} of {len(self.clips_of(number))} records arrived")
        except (RuntimeError, ValueError) as error:
            raise UserError(f"{path}: cannot be written ({error}); check space and permissions") from error

    @classmethod
    def read(cls, folder: Path, split: str) -> "SplitFiles | None":
        """The description in a folder; None where the split was never begun.

        Raises:
            UserError: it is malformed.
        """
        path = _facts(folder, split)
        if not path.exists():
            return None
        content = read_json(path)
        try:
            content |= {"shape": tuple(map(int, content["shape"])), "sizes": tuple(map(int, content["sizes"]))}
            found = cls(folder=folder, **content)
            sound = found.split == split and found.clips >= 0 and found.a_shard > 0 and found.dtype in DTYPES
            sound = sound and min(found.shape) > 0 and len(found.sizes) in (0, found.shards)
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise UserError(f"{path}: describes no features ({error!r}); {MEND}") from error
        if not sound:
            raise UserError(f"{path}: describes no features; {MEND}")
        return found


class Features:
    """The arrays of a split's clips, by index; may be read from several threads.

    Attributes:
        shape, dtype: of one clip's array.

    Raises:
        UserError: not all shards are written, or one is missing or has another size.
    """

    def __init__(self, files: SplitFiles) -> None:
        from array_record.python.array_record_data_source import ArrayRecordDataSource

        if len(files.sizes) != files.shards:
            raise UserError(
                f"{files.folder}: the features of split {files.split!r} are half made; give the same "
                "`python -m deemo_jax.cache ...` again, which goes on, or remove the folder"
            )
        self._files, self.shape, self.dtype = files, files.shape, DTYPES[files.dtype]
        instructions = []
        for number, size in enumerate(files.sizes):
            path, clips = files.shard(number), len(files.clips_of(number))
            found = path.stat().st_size if path.is_file() else None
            if found != size:
                wrong = f"has {found} bytes, not {size}" if found else "is missing or empty"
                raise UserError(f"{path}: {wrong}; {MEND}")
            instructions.append(_WholeFile(os.fspath(path), 0, clips, clips))
        self._records = ArrayRecordDataSource(instructions) if instructions else []

    def __len__(self) -> int:
        return self._files.clips

    def __getitem__(self, index: int) -> Stored:
        """What is stored of a clip.

        Raises:
            UserError: the shard is damaged.
        """
        try:
            data = self._records[index]
            if data in (Gap.ABSENT.value, Gap.UNREADABLE.value):
                return Gap(data)
            return np.frombuffer(data, self.dtype).reshape(self.shape)
        except (RuntimeError, ValueError, OSError) as error:
            path = self._files.shard(index // self._files.a_shard)
            raise UserError(f"{path}: damaged at clip {index} ({error}); {MEND}") from error


def find(root: Path, key: FeatureKey, split: str) -> Features | None:
    """The features of a split; None where nobody has made any of this dataset and modality, or not of this split.

    Args:
        root: the folder of the dataset, `config.data.data_dir`.
        key: what they must be a function of.
        split: in TFDS's notation.

    Raises:
        UserError: they are half made or damaged; or there are only such as have another key.
    """
    folder = root / ROOT / key.folder
    if (folder / KEY).exists():
        files = SplitFiles.read(folder, split)
        return None if files is None else Features(files)
    others = [(path.parent, FeatureKey.from_json(read_json(path), path)) for path in known(root, key.modality)]
    others = [(folder, other) for folder, other in others if other.dataset == key.dataset]
    if not others:
        return None
    where, nearest = min(others, key=lambda other: len(key.differences(other[1])))
    raise UserError(
        f"{where}: features of {'; '.join(key.differences(nearest))}; make this recipe's with `python -m "
        "deemo_jax.cache`, remove those, or have encoders run in every step with --config.data.cached_views=0"
    )


def known(root: Path, modality: str) -> list[Path]:
    """The keys of all features of a modality beside a dataset."""
    return sorted((root / ROOT).glob(f"{modality}-*/{KEY}"))


@dataclasses.dataclass(frozen=True)
class _WholeFile:
    """All records of a file, as `ArrayRecordDataSource` wants to be told."""

    filename: str
    skip: int
    take: int
    examples_in_shard: int


def _plain(split: str) -> str:
    return urllib.parse.quote(split, safe="")


def _facts(folder: Path, split: str) -> Path:
    return folder / f"{_plain(split)}.split.json"
