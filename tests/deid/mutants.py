"""Damaged media files, and a child process that de-identifies them and tells what became of each.

libav is C: what crashes or hangs takes the process along, so mutants run in a process of their own. Run as a script it
reads a list of files and prints one line before and one after each.
"""

import dataclasses
import faulthandler
import json
import resource
import subprocess
import sys
import tempfile
from pathlib import Path

import av
import numpy as np

from deemo_jax.audit.clip_check import MOST_DEVIATION
from deemo_jax.core.errors import UserError
from deemo_jax.deid.clip import deidentify_clip
from deemo_jax.deid.keys import VoiceKey
from deemo_jax.deid.manifest import load_manifest, load_masks, verify
from deemo_jax.deid.settings import Settings
from deemo_jax.deid.video import masks
from deemo_jax.deid.voice.likeness import MOST_SI_SNR_DB, si_snr
from deemo_jax.media.audio import read_audio
from deemo_jax.media.probe import contains, probe
from deemo_jax.media.video import read_frames

LONGEST_S = 60
MOST_MEMORY = 8 << 30
EXTREMES = (0, 1, 0x7F, 0xFF, 0x7FFF_FFFF, 0x8000_0000, 0xFFFF_FFFF)
# Below this mean difference in grey levels a picture still shows what the undamaged one showed.
STILL_SEEN = 25.0


@dataclasses.dataclass(frozen=True)
class Verdict:
    """What became of a mutant: "made", "refused" (one line), or "broken" with what is wrong."""

    name: str
    status: str
    detail: str = ""


def mutate(data: bytes, rng: np.random.Generator) -> bytes:
    """One damaged copy: bits, bytes, fields, pieces or the end are changed."""
    mutant = np.frombuffer(data, np.uint8).copy()
    size = len(mutant)
    # Containers keep their tables at either end.
    edge = rng.choice([0, max(0, size - 4096)])
    header = slice(int(edge), int(min(size, edge + 4096)))
    kind = int(rng.integers(8))
    if kind == 0:
        at = rng.integers(size, size=int(rng.integers(1, 65)))
        mutant[at] ^= (1 << rng.integers(8, size=at.size)).astype(np.uint8)
    elif kind == 1:
        at = rng.integers(header.start, header.stop, size=int(rng.integers(1, 17)))
        mutant[at] = rng.integers(256, size=at.size)
    elif kind == 2:
        return data[: int(rng.integers(1, size))]
    elif kind == 3:
        length = int(rng.integers(4, max(5, size // 4)))
        a, b = sorted(rng.integers(0, size - length, size=2).tolist())
        if b - a >= length:
            mutant[a : a + length], mutant[b : b + length] = (
                mutant[b : b + length].copy(),
                mutant[a : a + length].copy(),
            )
    elif kind == 4:
        for _ in range(int(rng.integers(1, 5))):
            at = int(rng.integers(header.start, max(header.start + 1, header.stop - 4)))
            value = int(rng.choice(EXTREMES)).to_bytes(4, rng.choice(["big", "little"]))
            mutant[at : at + 4] = np.frombuffer(value, np.uint8)[: size - at]
    elif kind == 5:
        start = int(rng.integers(size))
        mutant[start : start + int(rng.integers(1, 4096))] = 0
    elif kind == 6:
        at, length = int(rng.integers(size)), int(rng.integers(1, 1024))
        return data[:at] + rng.bytes(length) + data[at:]
    else:
        at, length = int(rng.integers(size)), int(rng.integers(1, size // 2))
        return data[: at + length] + data[at:]
    return mutant.tobytes()


def write_seed(path: Path, images: list[np.ndarray], samples: np.ndarray, planted: tuple[str, ...]) -> Path:
    """A raw clip in the container that the name asks for, at 10 frames a second."""
    picture, sound = {
        ".mp4": ("libx264", "aac"),
        ".mkv": ("libx264", "pcm_s16le"),
        ".webm": ("libvpx", "libopus"),
        ".avi": ("mpeg4", "pcm_s16le"),
    }[path.suffix]
    with av.open(str(path), "w") as container:
        container.metadata.update({"title": planted[0], "comment": planted[1]})
        video = container.add_stream(picture, rate=10, options={"crf": "12", "b": "1500000"})
        video.height, video.width, video.pix_fmt = *images[0].shape[:2], "yuv420p"
        rate = 48_000 if sound == "libopus" else 16_000
        voice = container.add_stream(sound, rate=rate, layout="mono")
        for image in images:
            container.mux(video.encode(av.VideoFrame.from_ndarray(image, "rgb24")))
        container.mux(video.encode(None))
        frame = av.AudioFrame.from_ndarray((samples[None] * 32767).astype(np.int16), "s16", "mono")
        frame.sample_rate, frame.pts = 16_000, 0
        resampler = av.AudioResampler(voice.format, "mono", rate, voice.frame_size or 0)
        for block in [*resampler.resample(frame), *resampler.resample(None)]:
            container.mux(voice.encode(block))
        container.mux(voice.encode(None))
    return path


def run(folder: Path, files: list[Path], seed_of: dict[str, Path], faces: list[list[float]]) -> list[Verdict]:
    """De-identifies files in child processes; a child that dies or hangs costs the file it was at."""
    verdicts: list[Verdict] = []
    waiting = [(path.name, str(path), str(seed_of[path.name])) for path in files]
    while waiting:
        task = json.dumps({"folder": str(folder), "files": waiting, "faces": faces})
        child = subprocess.run([sys.executable, "-m", "tests.deid.mutants"], input=task, capture_output=True, text=True)
        told = [json.loads(line) for line in child.stdout.splitlines()]
        done = [Verdict(*line) for line in told if len(line) == 3]
        verdicts += done
        waiting = waiting[len(done) :]
        if waiting:
            verdicts.append(
                Verdict(waiting[0][0], "broken", f"process ended {child.returncode}: {child.stderr[-600:]}")
            )
            waiting = waiting[1:]
    return verdicts


def main() -> None:
    task = json.load(sys.stdin)
    resource.setrlimit(resource.RLIMIT_AS, (MOST_MEMORY, MOST_MEMORY))
    references = {}
    for name, path, seed in task["files"]:
        if seed not in references:
            references[seed] = ([f.image for f in read_frames(seed)], read_audio(seed)[0])
        faulthandler.dump_traceback_later(LONGEST_S, exit=True)
        verdict = _settle(name, Path(path), references[seed], task)
        faulthandler.cancel_dump_traceback_later()
        print(json.dumps(dataclasses.astuple(verdict)), flush=True)


def _settle(name: str, path: Path, reference: tuple[list[np.ndarray], np.ndarray], task: dict) -> Verdict:
    from tests.raw_clips import PLANTED

    with tempfile.TemporaryDirectory(dir=task["folder"]) as out:
        try:
            deidentify_clip(path, Path(out), "m", Settings(), VoiceKey(b"0123456789abcdef0123456789abcdef"))
        except UserError as error:
            left = [p.name for p in Path(out).iterdir()]
            wrong = f"left behind: {left}" if left else "" if str(error).strip() else "no message"
            return Verdict(name, "broken" if wrong else "refused", wrong or str(error).replace(str(path), "FILE"))
        except Exception as error:
            return Verdict(name, "broken", f"{type(error).__name__}: {error}")
        wrong = _promises(path, Path(out), reference, task["faces"], PLANTED)
        return Verdict(name, "broken" if wrong else "made", wrong)


def _promises(
    source: Path, out: Path, reference: tuple[list[np.ndarray], np.ndarray], faces: list, planted: tuple[str, ...]
) -> str:
    """What is wrong with an accepted mutant, empty if nothing is."""
    if sorted(p.name for p in out.iterdir()) != ["m.manifest.json", "m.masks.json", "m.mp4", "m.tracks.json"]:
        return "other files were left"
    manifest = load_manifest(out / "m.manifest.json")
    movie = verify(manifest, out)
    if found := contains(movie, planted):
        return f"carries {found}"
    # Damage may leave no sound track that anybody can read: then the copy has none, and says so.
    if sorted(probe(movie).streams) != ["audio/aac", "video/h264"][manifest.silent :]:
        return f"tracks {probe(movie).streams}"
    if manifest.silent and any(stream.startswith("audio/") for stream in probe(source).streams):
        return "without the sound of its source"
    recorded = load_masks(out / manifest.masks)
    pairs = zip(read_frames(source), read_frames(movie), recorded.rectangles, strict=True)
    for before, after, rectangles in pairs:
        hidden = masks.region(rectangles, recorded.width, recorded.height)
        if hidden.any() and np.abs(after.image[hidden].astype(int) - masks.FILL).mean() > MOST_DEVIATION:
            return f"frame {after.index}: masks are not filled"
        for image, (x0, y0, x1, y1) in zip(reference[0], np.round(faces).astype(int), strict=False):
            part = (slice(y0, y1), slice(x0, x1))
            if before.image.shape != image.shape or after.image.shape != image.shape:
                continue
            shown = np.abs(before.image[part].astype(int) - image[part]).mean() < STILL_SEEN
            if shown and np.abs(after.image[part].astype(int) - image[part]).mean() < STILL_SEEN:
                return f"frame {after.index} still shows a face"
    if not manifest.silent and not (level := si_snr(read_audio(movie)[0], reference[1])) < MOST_SI_SNR_DB:
        return f"voice at {level:.1f} dB of the original"
    return ""


if __name__ == "__main__":
    main()
