"""One record to one row of a batch: which modalities it shows, its sequence, its pixels and spectrograms."""

import dataclasses
from collections.abc import Collection, Mapping

import numpy as np

from deemo_jax.core.schema import Modality
from deemo_jax.data.clip_source import Record, decode_jpeg
from deemo_jax.data.prompts import PromptSpec, build_example
from deemo_jax.data.record_features import IMAGE_SIZE
from deemo_jax.media.imagebind_mel import MEL_BINS, MEL_FRAMES
from deemo_jax.media.video import uniform_indices

Row = dict[str, np.ndarray]


@dataclasses.dataclass(frozen=True, kw_only=True)
class RowSpec(PromptSpec):
    """What a row looks like, the same for every record.

    Attributes:
        frames: F.
        clips: M.
        modalities: what may be shown at all.
        dropout: in training, the probability that a modality is withheld from a record.
    """

    frames: int
    clips: int
    modalities: frozenset[Modality]
    dropout: Mapping[Modality, float]


def shown(record: Record, spec: RowSpec, rng: np.random.Generator) -> frozenset[Modality]:
    """The modalities that a record has, the recipe allows, and dropout leaves; never none where there was one.

    The random numbers do not depend on what the record has, so that one record's lack does not shift another draw.
    """
    has = {
        Modality.AUDIO: len(record.mel) > 0 and spec.tokens.audio > 0,
        Modality.VIDEO: len(record.jpegs) > 0 and spec.tokens.video > 0,
        Modality.TRANSCRIPT: bool(record.clip.transcript.strip()),
        Modality.NFBL: bool(record.clip.nfbl),
    }
    draws = dict(zip(Modality, rng.random(len(Modality)), strict=True))
    keep_one = rng.random()
    present = [modality for modality in Modality if has[modality] and modality in spec.modalities]
    kept = [modality for modality in present if draws[modality] >= spec.dropout.get(modality, 0.0)]
    if present and not kept:
        kept = [present[int(keep_one * len(present))]]
    return frozenset(kept)


def make_row(record: Record, spec: RowSpec, rng: np.random.Generator, index: int) -> tuple[Row, bool]:
    """A record's row of every field of `Batch`, and whether its transcript was cut.

    Raises:
        UserError: the prompt cannot fit.
        ValueError: the record's pixels or samples are damaged.
    """
    modalities = shown(record, spec, rng)
    row = blank_row(spec, index)
    if Modality.VIDEO in modalities:
        row["frames"] = np.stack(
            [decode_jpeg(record.jpegs[i]) for i in uniform_indices(len(record.jpegs), spec.frames)]
        )
    if Modality.AUDIO in modalities:
        mel = record.mel[uniform_indices(len(record.mel), spec.clips)]
        if not np.isfinite(mel).all():
            raise ValueError("the spectrogram is not finite")
        row["mel"] = mel
    example = build_example(record.clip, modalities, spec)
    length = len(example.token_ids)
    row["token_ids"][:length] = example.token_ids
    row["slots"][:length] = example.slots
    row["positions"][:length] = np.arange(length)
    row["valid"][:length] = True
    row["loss_mask"][:length] = example.loss
    row |= _flags(modalities, readable=True)
    return row, example.cut


def blank_row(spec: RowSpec, index: int) -> Row:
    """A masked record: it teaches nothing and counts for nothing.

    Its bos is valid all the same, because attention over no token at all is not a number.
    """
    length = spec.max_length
    row: Row = {
        "token_ids": np.full(length, spec.tokenizer.pad_id, np.int32),
        "slots": np.full(length, -1, np.int32),
        "positions": np.zeros(length, np.int32),
        "valid": np.zeros(length, bool),
        "loss_mask": np.zeros(length, np.float32),
        "index": np.array(index, np.int32),
    }
    row["token_ids"][0] = spec.tokenizer.bos_id
    row["valid"][0] = True
    if spec.tokens.video:
        row["frames"] = np.zeros((spec.frames, IMAGE_SIZE, IMAGE_SIZE, 3), np.uint8)
    if spec.tokens.audio:
        row["mel"] = np.zeros((spec.clips, MEL_BINS, MEL_FRAMES), np.float32)
    return row | _flags((), readable=False)


def _flags(modalities: Collection[Modality], readable: bool) -> Row:
    flags = {f"has_{modality}": np.array(modality in modalities) for modality in Modality}
    return flags | {"record_valid": np.array(readable)}
