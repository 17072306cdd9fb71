"""Writing an MP4 as a phone would: H.264, AAC, and metadata that gives the speaker away.

`media.video.write_clip` writes clean files; this writer exists to plant what de-identification has to remove.
"""

import dataclasses
import os
from collections.abc import Iterable
from fractions import Fraction

import av
import numpy as np
from av.video.reformatter import VideoReformatter
from jaxtyping import Float, UInt8


@dataclasses.dataclass(frozen=True, slots=True)
class Metadata:
    """Keys and values of the container, and each track's handler name."""

    container: tuple[tuple[str, str], ...]
    video_handler: str
    audio_handler: str


def write_mp4(
    path: str | os.PathLike[str],
    frames: Iterable[UInt8[np.ndarray, "H W 3"]],
    frame_rate: Fraction | int,
    samples: Float[np.ndarray, " n"],
    rate: int,
    metadata: Metadata,
    crf: int = 20,
) -> None:
    """Writes RGB frames at a constant rate and mono float32 samples.

    One thread, so that the same input gives the same file.
    """
    options = {"movflags": "use_metadata_tags"}
    with av.open(str(path), "w", format="mp4", options=options) as output:
        output.metadata.update(dict(metadata.container))
        picture = output.add_stream(
            "libx264", rate=frame_rate, options={"crf": str(crf), "preset": "superfast", "threads": "1"}
        )
        picture.pix_fmt = "yuv420p"
        picture.metadata["handler_name"] = metadata.video_handler
        sound = output.add_stream("aac", rate=rate, layout="mono", bit_rate=64_000, options={"aac_coder": "fast"})
        sound.metadata["handler_name"] = metadata.audio_handler
        frame_s, convert = Fraction(1) / frame_rate, VideoReformatter().reformat
        for index, image in enumerate(frames):
            if index == 0:
                picture.height, picture.width = image.shape[:2]
            frame = av.VideoFrame.from_numpy_buffer(np.ascontiguousarray(image), format="rgb24")
            frame.pts, frame.time_base = index, frame_s
            output.mux(picture.encode(convert(frame, format="yuv420p", threads=1)))
        output.mux(picture.encode(None))
        track = av.AudioFrame.from_ndarray(np.ascontiguousarray(samples[None], np.float32), "fltp", "mono")
        track.sample_rate, track.pts, track.time_base = rate, 0, Fraction(1, rate)
        output.mux(sound.encode(track))
        output.mux(sound.encode(None))
