"""Turns a record into a row of a batch: the modalities that it shows, its sequence, pixels and spectrograms."""

import dataclasses
from collections.abc import Collection, Mapping

import numpy as np

from deemo_jax.core.schema import Modality
from deemo_jax.data.clip_source import Record, decode_jpeg
from deemo_jax.data.frame_views import FrameViews, cropped, drawn_box, drawn_indices
from deemo_jax.data.prompts import PromptSpec, build_example
from deemo_jax.data.record_features import IMAGE_SIZE
from deemo_jax.media.imagebind_mel import MEL_BINS, MEL_FRAMES
from deemo_jax.models.media_tokens import MediaTokens

# Field of `Batch` -> its value for one row.
Row = dict[str, np.ndarray]
# Shape and dtype of what a row holds of a modality; it is zeros where a record has none.
Blank = tuple[tuple[int, ...], np.dtype]
# Modality -> field of `Batch` with its input, or with its encoder's output.
INPUTS = {Modality.VIDEO: "frames", Modality.AUDIO: "mel"}
ENCODED = {Modality.VIDEO: "encoded_video", Modality.AUDIO: "encoded_audio"}


@dataclasses.dataclass(frozen=True, kw_only=True)
class RowSpec(PromptSpec):
    """How records become rows.

    Attributes:
        frames: F, frames of a row.
        clips: M, audio clips of a row.
        modalities: those that may be shown.
        dropout: modality -> probability that a record does not show it, in training.
        views: which frames of a clip are shown; drawn, so that there are none of its encoder's outputs.
        encoded: modality -> shape and dtype of its encoder's output, where records have that in place of the input.
    """

    frames: int
    clips: int
    modalities: frozenset[Modality]
    dropout: Mapping[Modality, float]
    views: FrameViews = dataclasses.field(default_factory=FrameViews)
    encoded: Mapping[Modality, Blank] = dataclasses.field(default_factory=dict)

    @property
    def inputs(self) -> dict[Modality, Blank]:
        """What the model's encoders are given of a clip."""
        return input_blanks(self.tokens, self.frames, self.clips)


def input_blanks(tokens: MediaTokens, frames: int, clips: int) -> dict[Modality, Blank]:
    """What encoders are given of a clip: of each modality for which the model has a branch."""
    blanks: dict[Modality, Blank] = {
        Modality.VIDEO: ((frames, IMAGE_SIZE, IMAGE_SIZE, 3), np.dtype(np.uint8)),
        Modality.AUDIO: ((clips, MEL_BINS, MEL_FRAMES), np.dtype(np.float32)),
    }
    return {modality: blank for modality, blank in blanks.items() if getattr(tokens, modality)}


def shown(record: Record, spec: RowSpec, rng: np.random.Generator) -> frozenset[Modality]:
    """The modalities that a record has, the recipe allows, and dropout leaves; of some that are there at least one.

    A random number is drawn for every modality, whether the record has it or not, so that the draw for one modality
    does not depend on which others are there.
    """
    has = {modality: modality in record.media and modality in spec.inputs for modality in INPUTS}
    has |= {Modality.TRANSCRIPT: bool(record.clip.transcript.strip()), Modality.NFBL: bool(record.clip.nfbl)}
    draws = dict(zip(Modality, rng.random(len(Modality)), strict=True))
    keep_one = rng.random()
    present = [modality for modality in Modality if has[modality] and modality in spec.modalities]
    kept = [modality for modality in present if draws[modality] >= spec.dropout.get(modality, 0.0)]
    if present and not kept:
        kept = [present[int(keep_one * len(present))]]
    return frozenset(kept)


def make_row(record: Record, spec: RowSpec, rng: np.random.Generator, index: int) -> tuple[Row, bool]:
    """A record's row, and whether its transcript was shortened.

    Args:
        record: the record.
        spec: how records become rows.
        rng: for modality dropout, and for frames that are drawn.
        index: of the record in its split.

    Raises:
        UserError: the prompt does not fit.
        ValueError: the record's frames or spectrograms are damaged.
    """
    modalities = shown(record, spec, rng)
    row = blank_row(spec, index)
    for modality in modalities & INPUTS.keys():
        count = spec.inputs[modality][0][0]
        drawn = spec.views.random and modality is Modality.VIDEO
        row[_field(spec, modality)] = _drawn(record, count, spec.views, rng) if drawn else record.read(modality, count)
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
    """The row of a masked record, which has no targets. Its first token is valid: attention over no token gives NaN."""
    length = spec.max_length
    row: Row = {
        "token_ids": np.full(length, spec.tokenizer.pad_id, np.int32),
        "slots": np.full(length, -1, np.int32),
        "positions": np.zeros(length, np.int32),
        "valid": np.zeros(length, bool),
        "loss_mask": np.zeros(length, np.float32),
        "index": np.array(index, np.int32),
    }
    row["token_ids"][0] = spec.tokenizer.pad_id if spec.tokenizer.bos_id is None else spec.tokenizer.bos_id
    row["valid"][0] = True
    blanks = {**spec.inputs, **spec.encoded}
    row |= {_field(spec, modality): np.zeros(*blank) for modality, blank in blanks.items()}
    return row | _flags((), readable=False)


def _drawn(record: Record, count: int, views: FrameViews, rng: np.random.Generator) -> np.ndarray:
    """UInt8[count 224 224 3]: frames of a record as they are drawn."""
    indices = drawn_indices(len(record.jpegs), count, views.sampling, rng)
    one = {index: decode_jpeg(record.jpegs[index]) for index in dict.fromkeys(indices)}
    frames = np.stack([one[index] for index in indices])
    return cropped(frames, drawn_box(IMAGE_SIZE, rng)) if views.crop else frames


def _field(spec: RowSpec, modality: Modality) -> str:
    return (ENCODED if modality in spec.encoded else INPUTS)[modality]


def _flags(modalities: Collection[Modality], readable: bool) -> Row:
    flags = {f"has_{modality}": np.array(modality in modalities) for modality in Modality}
    return flags | {"record_valid": np.array(readable)}
