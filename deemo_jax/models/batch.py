"""The batch that `deemo_jax.data` makes and the model reads: arrays of fixed shapes, all modalities in one sequence.

Axes: B batch, T sequence, F frames, H height, W width, M audio clips, Ka audio tokens, Kv video tokens, P tokens that
an encoder makes of a frame or clip, E their width.
"""

from typing import Any

import flax.struct
import numpy as np


@flax.struct.dataclass
class Batch:
    """Arrays of NumPy or JAX.

    Attributes:
        token_ids: Int32[B T], ids of text; the pad id where a media token or padding stands.
        slots: Int32[B T]: -1 = text, k in [0, Ka) = the k-th audio token, Ka + j = the j-th video token.
        positions: Int32[B T], rotary positions: 0, 1, ... over the real tokens.
        valid: Bool[B T], False = padding on the right, which no token sees.
        loss_mask: Float32[B T], 1 where the token at t is a target, predicted from t - 1.
        frames: UInt8[B F H W 3], RGB, zeros where a record has none; None for a model without video, or
            beside `encoded_video`.
        mel: Float32[B M 128 204], zeros where a record has none; None for a model without audio, or
            beside `encoded_audio`.
        has_video, has_audio, has_transcript, has_nfbl: Bool[B], which modalities a row shows the model.
        record_valid: Bool[B], False = an unreadable record, whose loss_mask is all 0.
        index: Int32[B], the record's index in its split.
        encoded_video: Float[B F P E], what the video encoder makes of the frames, in the model's dtype, zeros where a
            record has none; None where the model encodes `frames`.
        encoded_audio: Float[B M P E], what the audio encoder makes of the spectrograms; None where it encodes `mel`.
    """

    token_ids: Any
    slots: Any
    positions: Any
    valid: Any
    loss_mask: Any
    frames: Any
    mel: Any
    has_video: Any
    has_audio: Any
    has_transcript: Any
    has_nfbl: Any
    record_valid: Any
    index: Any
    encoded_video: Any = None
    encoded_audio: Any = None

    @classmethod
    def zeros(cls, batch: int, length: int, frames: tuple[int, ...] | None, mel: tuple[int, ...] | None) -> "Batch":
        """A batch of the right shapes without content, e.g. for initialisation.

        Args:
            batch: B.
            length: T.
            frames: (F, H, W, 3), or None.
            mel: (M, 128, 204), or None.
        """

        def sequence(dtype: Any) -> np.ndarray:
            return np.zeros((batch, length), dtype)

        def flag() -> np.ndarray:
            return np.zeros((batch,), bool)

        return cls(
            token_ids=sequence(np.int32),
            slots=sequence(np.int32) - 1,
            positions=sequence(np.int32),
            valid=sequence(bool),
            loss_mask=sequence(np.float32),
            frames=None if frames is None else np.zeros((batch, *frames), np.uint8),
            mel=None if mel is None else np.zeros((batch, *mel), np.float32),
            has_video=flag(),
            has_audio=flag(),
            has_transcript=flag(),
            has_nfbl=flag(),
            record_valid=flag(),
            index=np.zeros((batch,), np.int32),
        )
