"""Turns an admitted clip into the record that a dataset stores; runs in worker processes, with one clip at a time."""

import dataclasses
import functools
import io
from collections.abc import Generator, Iterable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from jaxtyping import Float, UInt8

from deemo_jax.core import processes
from deemo_jax.core.errors import UserError
from deemo_jax.core.schema import ABSENT, Clip, Provenance
from deemo_jax.media import SAMPLE_RATE, audio, image_file, imagebind_mel, video
from deemo_jax.media.container.media_file import open_media
from deemo_jax.media.container.picture_track import video_stream
from deemo_jax.media.container.truncation import refuse_cut_wav

# Height and width of stored frames, pixels.
SIZE = 224
# Of 100.
JPEG_QUALITY = 95
# The most 2-second clips of a mel array that is given.
MAX_MEL_CLIPS = 1024
# The greatest magnitude in a mel array that is given; in ImageBind's normalisation silence is -1.3 and loud sound 3.
MAX_MEL = 1000.0
# Mel bins and columns of one clip.
MEL_SHAPE = (imagebind_mel.MEL_BINS, imagebind_mel.MEL_FRAMES)


@dataclasses.dataclass(frozen=True, slots=True)
class Admitted:
    """A clip that has passed the privacy gate (`deemo_jax.data.build.gate`, `deemo_jax.data.build.attestation`).

    Attributes:
        clip: its annotation.
        provenance: its paper trail.
        hashes: (relative path, SHA-256) of every file that it is made from, which were verified.
        movie: the de-identified film; None where there are `images` instead.
        images: extracted frames in order.
        sound: a WAV file, or a mel array as .npy, used in place of the film's own sound; None without one.
        span: of the film, clip times, seconds; None for all of it.
        lasts_s: length of the clip, seconds; 0 where it is not known.
    """

    clip: Clip
    provenance: Provenance
    hashes: tuple[tuple[str, str], ...]
    movie: Path | None = None
    images: tuple[Path, ...] = ()
    sound: Path | None = None
    span: tuple[float, float] | None = None
    lasts_s: float = 0.0


# A clip, and its record or why it has none.
Made = tuple[Admitted, dict[str, Any] | processes.Failure]


def make_record(admitted: Admitted, frames: int, clips: int) -> dict[str, Any]:
    """The features of `deemo_jax.data.record_features` for one clip, frames as JPEG bytes.

    Args:
        admitted: the clip.
        frames: F, frames that are stored.
        clips: M, audio clips of 2 seconds that are stored; a mel array that is given keeps its own number.

    Raises:
        UserError: a file cannot be decoded.
    """
    clip = admitted.clip
    pixels = _pixels(admitted, frames)
    sound = _mel(admitted, clips)
    # Whether a film has sound is known only when it is read.
    trail = admitted.provenance if len(sound) else dataclasses.replace(admitted.provenance, audio=ABSENT)
    return {
        "clip_id": clip.clip_id,
        "video_id": clip.video_id,
        "person_id": clip.person_id,
        "start_s": clip.start_s,
        "end_s": clip.end_s,
        "frames": [encode_jpeg(image) for image in pixels],
        "mel": sound,
        "transcript": clip.transcript,
        "nfbl": [dataclasses.asdict(segment) for segment in clip.nfbl],
        "emotion": clip.emotion,
        "reasoning": clip.reasoning,
        "provenance": dataclasses.asdict(trail),
    }


def make_records(admitted: Iterable[Admitted], frames: int, clips: int, workers: int) -> Generator[Made]:
    """Yields every clip in order with its record, or with why it has none; few are in memory at a time.

    Records are made in `workers` child processes, so that a damaged file which ends one costs its own clip only; with 0
    they are made in this process.
    """
    yield from processes.settled(functools.partial(make_record, frames=frames, clips=clips), admitted, workers)


class _Floats(np.ndarray):
    """Floats that TFDS hands to protobuf as a list, which that copies six times as fast as NumPy's numbers."""

    @property
    def flat(self) -> list[float]:  # type: ignore[override]
        return self.ravel().tolist()


def encodable(record: dict[str, Any]) -> dict[str, Any]:
    """The record as TFDS takes it: an encoded image must be a file object."""
    return record | {"frames": [io.BytesIO(jpeg) for jpeg in record["frames"]], "mel": record["mel"].view(_Floats)}


def read_mel(path: Path) -> Float[np.ndarray, "M 128 204"]:
    """A mel array that was made elsewhere.

    Raises:
        UserError: the file is no .npy of floats of shape (M, 128, 204) with 0 < M <= 1024, or holds numbers beyond
            `MAX_MEL`.
    """
    wanted = f"(M, {MEL_SHAPE[0]}, {MEL_SHAPE[1]}) with 1 <= M <= {MAX_MEL_CLIPS}"
    try:
        array = np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise UserError(f"{path}: not a plain .npy array, or cut off ({error}); export it again as floats") from error
    if not isinstance(array, np.ndarray) or array.ndim != 3 or array.shape[1:] != MEL_SHAPE:
        raise UserError(f"{path}: has shape {getattr(array, 'shape', None)}; a mel array is {wanted}")
    if not 0 < len(array) <= MAX_MEL_CLIPS or array.dtype.kind != "f":
        raise UserError(f"{path}: {array.dtype}{array.shape}; a mel array holds floats of shape {wanted}")
    if not bool((np.abs(array) <= MAX_MEL).all()):
        raise UserError(
            f"{path}: holds values that are no number or beyond {MAX_MEL:g}, as no log-mel has; make it anew"
        )
    return np.array(array, np.float32)


def _pixels(admitted: Admitted, frames: int) -> UInt8[np.ndarray, "F 224 224 3"] | list[UInt8[np.ndarray, "224 224 3"]]:
    if admitted.movie is not None:
        return video.sample_frames(admitted.movie, frames, SIZE, *(admitted.span or ()))[0]
    if not admitted.images:
        return []
    for path in admitted.images:
        image_file.read_whole(path)  # also those that are not sampled
    return [_image(admitted.images[index]) for index in video.uniform_indices(len(admitted.images), frames)]


def _mel(admitted: Admitted, clips: int) -> Float[np.ndarray, "M 128 204"]:
    if admitted.sound is not None and admitted.sound.suffix.lower() == ".npy":
        return read_mel(admitted.sound)
    source = admitted.sound or admitted.movie
    if source is None or (admitted.sound is None and not video.video_info(source).has_audio):
        return np.zeros((0, *MEL_SHAPE), np.float32)
    if admitted.sound is not None:
        refuse_cut_wav(admitted.sound)
        _refuse_film(admitted.sound)
    # Films of this project have one channel; in others the voice may be in any channel, so all are mixed.
    start_s, end_s = admitted.span or (0.0, None)
    mix = admitted.provenance.source == "external"
    waveform, _ = audio.read_audio(source, SAMPLE_RATE, start_s, end_s, mix)
    return imagebind_mel.mel_clips(waveform, clips)


def _refuse_film(path: Path) -> None:
    with open_media(path) as container:
        if video_stream(container) is not None:
            raise UserError(f"{path}: is a film by what is in it; call it one (.mp4), or export its sound as WAV")


def _image(path: Path) -> UInt8[np.ndarray, "224 224 3"]:
    """An image in the stored size. Being decoded and encoded again, it loses EXIF and all other tags."""
    image = image_file.read_still(path)
    if image.shape[:2] != (SIZE, SIZE):
        image = cv2.resize(image, (SIZE, SIZE), interpolation=cv2.INTER_AREA)
    return image


def encode_jpeg(image: UInt8[np.ndarray, "224 224 3"]) -> bytes:
    """A stored frame as JPEG of quality `JPEG_QUALITY`."""
    done, encoded = cv2.imencode(
        ".jpg", cv2.cvtColor(image, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY]
    )
    if not done:
        raise RuntimeError("OpenCV cannot encode a JPEG")
    return encoded.tobytes()
