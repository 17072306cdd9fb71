"""How many clips a processor core of this machine prepares in a second where features are not kept: it is timed.

A clip of a recipe's frames and spectrograms is drawn, and read as from a shard, decoded and cropped, again and again.
Left out are the disk, the prompt and the copy into a batch. Axes: H height, W width.
"""

import time

import cv2
import numpy as np
from jaxtyping import UInt8

from deemo_jax.core.recipe import DataRecipe
from deemo_jax.core.schema import DEEMO_LABELS, Modality
from deemo_jax.data.build.records import encode_jpeg
from deemo_jax.data.clip_source import read_record
from deemo_jax.data.frame_views import cropped, drawn_box
from deemo_jax.data.record_features import IMAGE_SIZE, clip_features
from deemo_jax.media.imagebind_mel import MEL_BINS, MEL_FRAMES

# Processor seconds that are timed.
TIMED_S = 0.5
# Of the drawn frame: cells of colour a side, and the standard deviation of noise on them. As JPEG it has some 20 kB, as
# frames of films have.
CELLS, NOISE = 28, 2.0


def decode_rate(data: DataRecipe, timed_s: float = TIMED_S) -> float:
    """Clips that one core prepares in a second of processor time.

    Args:
        data: how many frames and spectrograms a clip shows, and whether frames are cropped.
        timed_s: processor seconds to measure for; the first clip is not counted.
    """
    rng = np.random.default_rng(0)
    shown = data.shown
    frames, clips = (data.frames if Modality.VIDEO in shown else 0), (data.clips if Modality.AUDIO in shown else 0)
    features, stored = clip_features(), _stored(frames, clips, rng)
    done, start = 0, 0.0
    while not done or time.process_time() - start < timed_s:
        record = read_record(features, stored, DEEMO_LABELS)
        if frames:
            pictures = record.read(Modality.VIDEO, frames)
            if data.frame_crop:
                cropped(pictures, drawn_box(IMAGE_SIZE, rng))
        if clips:
            record.read(Modality.AUDIO, clips)
        done, start = (done + 1, start) if start else (0, time.process_time())
    return done / (time.process_time() - start)


def _stored(frames: int, clips: int, rng: np.random.Generator) -> bytes:
    texts = dict.fromkeys(("clip_id", "video_id", "person_id", "transcript", "reasoning"), "")
    provenance = dict.fromkeys(("video", "audio", "transcript", "source", "settings", "software"), "")
    features = clip_features()
    example = {
        **texts,
        "start_s": 0.0,
        "end_s": 0.0,
        "frames": [encode_jpeg(_drawn(rng)) for _ in range(frames)],
        "mel": rng.normal(size=(clips, MEL_BINS, MEL_FRAMES)).astype(np.float32),
        "nfbl": [],
        "emotion": 0,
        "provenance": provenance,
    }
    return features.serialize_example(features.encode_example(example))


def _drawn(rng: np.random.Generator) -> UInt8[np.ndarray, "H W 3"]:
    cells = rng.integers(0, 256, (CELLS, CELLS, 3)).astype(np.uint8)
    picture = cv2.resize(cells, (IMAGE_SIZE, IMAGE_SIZE), interpolation=cv2.INTER_CUBIC)
    return np.clip(picture + rng.normal(0, NOISE, picture.shape), 0, 255).astype(np.uint8)
