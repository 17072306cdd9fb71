"""A built dataset as a sequence of clips, which are read by their index."""

import dataclasses
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import tensorflow_datasets as tfds
from jaxtyping import Float, Shaped, UInt8

from deemo_jax.core.errors import UserError
from deemo_jax.core.files import refuse_other_bytes, refuse_remote
from deemo_jax.core.schema import (
    DEEMO_LABELS,
    Clip,
    Conversation,
    Labels,
    Modality,
    NFBLSegment,
    Provenance,
    Turn,
)
from deemo_jax.data import fingerprint
from deemo_jax.data.file_watch import FileWatch
from deemo_jax.data.record_features import IMAGE_SIZE, RecordKind, features_of, kind_of, labels_of
from deemo_jax.media.imagebind_mel import MEL_BINS, MEL_FRAMES
from deemo_jax.media.video import uniform_indices

# The features of a record that are large.
MEDIA = ("frames", "mel")
# What `build` calls its datasets; one of another name was built with --name.
KINDS = frozenset({"deemo_mer", "webvid", "cc3m", "captions", "instructions"})


@dataclasses.dataclass(frozen=True, slots=True)
class Record:
    """One clip as it is stored.

    Attributes:
        clip: ids, texts and label.
        provenance: how it was de-identified.
        jpegs: frames, encoded; empty where there is no video.
        mel: float32; M = 0 where there is no audio.
    """

    clip: Clip
    provenance: Provenance
    jpegs: tuple[bytes, ...]
    mel: Float[np.ndarray, "M 128 204"]

    @property
    def media(self) -> frozenset[Modality]:
        """Which of video and audio it has."""
        has = {Modality.VIDEO: bool(self.jpegs), Modality.AUDIO: len(self.mel) > 0}
        return frozenset(modality for modality, there in has.items() if there)

    def read(self, modality: Modality, count: int) -> Shaped[np.ndarray, "count ..."]:
        """What the model is shown of a modality that the record has.

        Args:
            modality: video or audio.
            count: of frames or spectrograms, taken at even distances; where there are fewer, the last is repeated.

        Returns:
            UInt8[count 224 224 3], or Float32[count 128 204].

        Raises:
            ValueError: pixels or samples are damaged.
        """
        if modality is Modality.VIDEO:
            return np.stack([decode_jpeg(self.jpegs[i]) for i in uniform_indices(len(self.jpegs), count)])
        mel = self.mel[uniform_indices(len(self.mel), count)]
        if not np.isfinite(mel).all():
            raise ValueError("the spectrogram is not finite")
        return mel


class ClipSource:
    """The records of one split, by index; may be read from several threads.

    Args:
        data_dir: the root that holds `<dataset>/<version>/`.
        dataset: e.g. 'deemo_mer'.
        split: a split of TFDS; slices such as 'train[:10%]' are possible.

    Attributes:
        files: the shards of the split, which must not change while they are read.
        labels: of the dataset; DEEMO's own where its records have no emotion.
        kind: what its records are; only those of clips have an emotion.

    Raises:
        UserError: no such dataset or split, it was built with other features, or a shard is missing or damaged.
    """

    def __init__(self, data_dir: str | Path, dataset: str, split: str) -> None:
        cv2.setNumThreads(1)  # several threads read; more threads in each of them would take turns with the model's
        builder = open_builder(data_dir, dataset)
        self.kind = kind_of(builder.info.features)
        self.labels = _labels(builder)
        fingerprint.check_files(builder)
        try:
            self._stored = builder.as_data_source(split, deserialize_method=tfds.decode.DeserializeMethod.RAW_BYTES)
            self._length = len(self._stored)
            paths = {Path(part.filename) for part in builder.info.splits[split].file_instructions}
        except (ValueError, KeyError, OSError) as error:
            known = ", ".join(builder.info.splits) or "none"
            raise UserError(
                f"{builder.data_path}: split {split!r} cannot be opened; it has: {known} ({error})"
            ) from error
        self._features = builder.info.features
        self._texts = tfds.features.FeaturesDict({key: of for key, of in self._features.items() if key not in MEDIA})
        recorded = fingerprint.stored(builder)
        shards = recorded.shards if recorded else {}
        self.files = FileWatch({path: shards[path.name].sha256 if shards else None for path in sorted(paths)})

    def __len__(self) -> int:
        return self._length

    def __getitem__(self, index: int) -> Record:
        return read_record(self._features, self._stored[index], self.labels)

    def without_media(self, index: int) -> Record:
        """The record without frames and spectrograms; most of the time to read one is theirs."""
        return _record(self._texts.deserialize_example_np(self._stored[index]), self.labels)

    def __iter__(self) -> Iterator[Record]:
        return (self[index] for index in range(len(self)))


def open_builder(data_dir: str | Path, dataset: str) -> tfds.core.DatasetBuilder:
    """Opens the newest version in `<data_dir>/<dataset>/`, or the one in `data_dir` itself, and checks its features.

    Raises:
        UserError: there is none, it is damaged, or its features differ from `clip_features`.
    """
    refuse_remote(data_dir)
    refuse_other_bytes(data_dir)
    root = Path(data_dir) / dataset
    kind = dataset if dataset in KINDS else f"captions (or instructions) --name {dataset}"
    mend = f"build it with: python -m deemo_jax.build {kind} --data_dir {shlex.quote(str(data_dir))} ..."
    one = Path(data_dir) / "dataset_info.json"
    versions = [path.parent for path in (one, *root.glob("*/dataset_info.json")) if path.is_file()]
    if not versions:
        raise UserError(f"{root}: no dataset there; {mend} or, if it was moved, name the folder that holds it")
    newest = one.parent if one.is_file() else max(versions, key=_version)
    try:
        builder = tfds.builder_from_directory(newest)
        stored = builder.info.features
    except Exception as error:  # TFDS raises whatever its JSON and protobuf readers raise
        raise UserError(f"{newest}: a damaged dataset ({type(error).__name__}: {error}); {mend}") from error
    check_features(stored, newest)
    return builder


def dataset_labels(data_dir: str | Path, dataset: str) -> Labels:
    """The labels of a dataset.

    Raises:
        UserError: as `open_builder`, or its labels cannot be read.
    """
    builder = open_builder(data_dir, dataset)
    return _labels(builder)


def _labels(builder: tfds.core.DatasetBuilder) -> Labels:
    clips = kind_of(builder.info.features) is RecordKind.CLIPS
    return labels_of(builder.info.features, builder.data_path) if clips else DEEMO_LABELS


def check_features(stored: Any, where: str | Path) -> None:
    """Compares a dataset's features with those of its kind of records; the labels may be others.

    Raises:
        UserError: features differ; it names them.
    """
    found = _flat(stored) if isinstance(stored, tfds.features.FeaturesDict) else {}
    expected = _flat(features_of(kind_of({key.partition("/")[0] for key in found})))
    different = sorted(key for key in expected | found if expected.get(key) != found.get(key))
    if different:
        detail = "; ".join(
            f"{key}: {found.get(key, 'absent')}, not {expected.get(key, 'absent')}" for key in different[:3]
        )
        more = f"; and {len(different) - 3} more" if len(different) > 3 else ""
        raise UserError(
            f"{where}: was built with other features ({detail}{more}); build it anew into another --data_dir"
        )


def read_record(features: tfds.features.FeaturesDict, stored: bytes, labels: Labels) -> Record:
    """A record of `features` as it lies in a shard, its frames left encoded."""
    return _record(features.deserialize_example_np(stored, decoders={"frames": _KeepEncoded()}), labels)


def decode_jpeg(data: bytes) -> UInt8[np.ndarray, "224 224 3"]:
    """One stored frame as RGB.

    Raises:
        ValueError: not an image, or of another size.
    """
    image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR) if data else None
    if image is None or image.shape != (IMAGE_SIZE, IMAGE_SIZE, 3):
        raise ValueError("a frame is not a 224x224 JPEG")
    return cv2.cvtColor(image, cv2.COLOR_BGR2RGB)


def _version(path: Path) -> list[int]:
    return [int(part) if part.isdigit() else -1 for part in path.name.split(".")]


class _KeepEncoded(tfds.decode.SkipDecoding):
    """Leaves frames encoded, so that only frames that a row shows are decoded."""

    def decode_batch_example_np(self, example: Any, **_: Any) -> Any:
        return example


def _flat(features: tfds.features.FeaturesDict, prefix: str = "") -> dict[str, str]:
    flat: dict[str, str] = {}
    for key, feature in features.items():
        if isinstance(feature, tfds.features.FeaturesDict):
            flat |= _flat(feature, f"{prefix}{key}/")
        else:
            # Its text has the number of labels in it, in which datasets may differ.
            label = isinstance(feature, tfds.features.ClassLabel)
            flat[prefix + key] = "ClassLabel" if label else " ".join(repr(feature).split())
    return flat


def _record(stored: dict[str, Any], labels: Labels) -> Record:
    def text(value: Any) -> str:
        return bytes(value).decode("utf-8")

    provenance = Provenance(**{key: text(value) for key, value in stored["provenance"].items()})
    frames, mel = stored.get("frames", ()), stored.get("mel", np.zeros((0, MEL_BINS, MEL_FRAMES)))
    jpegs, mel = tuple(bytes(frame) for frame in frames), np.asarray(mel, np.float32)
    if kind_of(stored) is RecordKind.CAPTIONS:  # the caption is what the model is to say
        clip = Clip(text(stored["clip_id"]), text(stored["media"]), "", 0.0, 0.0, "", (), "", text(stored["caption"]))
        return Record(clip, provenance, jpegs, mel)
    if kind_of(stored) is RecordKind.INSTRUCTIONS:
        pairs = zip(stored["turns"]["question"], stored["turns"]["answer"], strict=True)
        turns = tuple(Turn(text(question), text(answer)) for question, answer in pairs)
        clip = Clip(
            *(text(stored["clip_id"]), text(stored["media"]), "", 0.0, 0.0, text(stored["transcript"]), (), ""),
            reasoning=turns[0].answer,
            conversation=Conversation(turns, int(stored["picture_at"])) if turns[0].question else None,
        )
        return Record(clip, provenance, jpegs, mel)
    nfbl = stored["nfbl"]
    segments = zip(nfbl["start_s"], nfbl["end_s"], nfbl["label"], strict=True)
    clip = Clip(
        clip_id=text(stored["clip_id"]),
        video_id=text(stored["video_id"]),
        person_id=text(stored["person_id"]),
        start_s=float(stored["start_s"]),
        end_s=float(stored["end_s"]),
        transcript=text(stored["transcript"]),
        nfbl=tuple(NFBLSegment(float(start), float(end), text(label)) for start, end, label in segments),
        emotion=labels.names[int(stored["emotion"])],
        reasoning=text(stored["reasoning"]),
    )
    return Record(clip, provenance, jpegs, mel)
