"""Face detection on a GPU beside the processor: `python -m benchmarks.deid_gpu [--device cuda] [--repeats 5]`.

Prints how many pictures a second the detector's network takes, by their size and by how many go through it together,
beside one after the other on one core; then frames a second of a whole de-identification of 720p with and without the
device, how many pictures it had at once, and how far the masks differ. With `--device cpu` the same batches go through
the processor, which shows that they change nothing; times are then of the processor.
"""

import os
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from jaxtyping import Float

from benchmarks.deid_scaling import DIM
from benchmarks.detector_calls import Watched, looking_with
from benchmarks.films import SIZE, write_film
from benchmarks.ratios import spread
from benchmarks.write_docs import machine
from deemo_jax.core import cli
from deemo_jax.core.tables import Table
from deemo_jax.deid.clip import deidentify_clip
from deemo_jax.deid.folder.deidentify_run import THREADS_OF_GPU
from deemo_jax.deid.keys import VoiceKey
from deemo_jax.deid.manifest import Rectangles, load_masks
from deemo_jax.deid.settings import Settings
from deemo_jax.deid.video.detection import face_network, onnx_device
from deemo_jax.deid.video.detection.batched_network import BatchedNetwork, Network
from deemo_jax.deid.video.detection.centerface import INPUT, OUTPUTS, input_size
from deemo_jax.deid.video.detection.close_up import SIDE

# Pictures that go through the network together.
BATCHES = (1, 2, 4, 8)
KEY = VoiceKey(b"the same voice on every device")


def main(arguments: list[str] | None = None) -> int:
    """Prints rates by batch, and a whole de-identification."""
    parser = cli.Parser("python -m benchmarks.deid_gpu", description=__doc__)
    parser.add_argument("--device", choices=onnx_device.DEVICES, default="cuda", help="(default %(default)s)")
    parser.add_argument("--repeats", type=int, default=5, help="pairs of runs (default %(default)s)")
    parser.add_argument("--seconds", type=float, default=8.0, help="of the film (default %(default)s)")
    flags = parser.parse_args(arguments)
    onnx_device.run_on(flags.device)
    model = face_network.without_claims(face_network.model_path().read_bytes())
    core, device = onnx_device.session(model), onnx_device.network_on(flags.device, model)
    by = "processor time" if flags.device == "cpu" else "the clock"
    print(f"{flags.device} beside a core, by {by}, n {flags.repeats} ({machine()}); load {os.getloadavg()[0]:.1f}\n")
    clock = _Clock(flags.device)
    print(rates(core, device, clock, flags.repeats).markdown())
    print(whole_command(core, device, clock, flags.seconds, flags.repeats))
    print(f"Load of the machine at the end: {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores.")
    return 0


def rates(core: Network, device: Network, clock: "_Clock", repeats: int) -> Table:
    """Milliseconds for a picture by size and batch, and how many times as fast that is as one by one on a core."""
    shown = {
        "close-up": (SIDE, SIDE),
        "720p, as by default": input_size(*SIZE, Settings().detection_scale(*SIZE)),
        "720p, full size": input_size(*SIZE, 1.0),
    }
    rows = []
    for name, (width, height) in shown.items():
        pixels = np.random.default_rng(0).uniform(0, 255, (max(BATCHES), 3, height, width)).astype(np.float32)
        for count in BATCHES:
            batch = {INPUT: pixels[:count]}
            alone = [{INPUT: pixels[n : n + 1]} for n in range(count)]
            device.run(OUTPUTS, batch)  # the first of a size is slower
            pairs = []
            for _ in range(repeats):
                with clock:
                    device.run(OUTPUTS, batch)
                ours = clock.seconds
                with clock:
                    for one in alone:
                        core.run(OUTPUTS, one)
                pairs.append((ours / count, clock.seconds / count))
            times: Float[np.ndarray, "n 2"] = np.array(pairs)
            each = [spread(1000 * times[:, k], ".1f") for k in (0, 1)]
            rows.append((f"{name}, {width}x{height}", str(count), *each, spread(times[:, 1] / times[:, 0])))
    return Table("", ("pictures", "together", "ms a picture", "ms on a core", "times as fast"), tuple(rows))


def whole_command(core: Network, device: Network, clock: "_Clock", seconds: float, repeats: int) -> str:
    """Frames a second of a film, one by one on the processor and in batches on the device; and both masks compared."""
    times, watched = [], Watched(device)
    with tempfile.TemporaryDirectory() as folder:
        film = Path(folder) / "film.mp4"
        frames = write_film(film, seconds, DIM, SIZE)

        def run(name: str, network: Network) -> float:
            (out := Path(folder) / name).mkdir()
            with looking_with(network), clock:
                deidentify_clip(film, out, "film", Settings(), KEY, threads=THREADS_OF_GPU)
            return clock.seconds

        for turn in range(repeats):
            batched = BatchedNetwork(watched)
            times.append((run(f"core{turn}", core), run(f"device{turn}", batched)))
        both = [load_masks(Path(folder) / f"{name}0" / "film.masks.json").rectangles for name in ("core", "device")]
    took = np.array(times)
    sizes = np.array([count for count, *_ in watched.runs])
    close = np.array([side == [SIDE, SIDE] for side in ([h, w] for _, h, w in watched.runs)])
    return (
        f"\nA film of {frames} frames, {THREADS_OF_GPU} threads: {spread(frames / took[:, 0], '.1f')} frames a second"
        f" without the device, {spread(frames / took[:, 1], '.1f')} with it, {spread(took[:, 0] / took[:, 1])} times as"
        f" fast. {sizes.sum() / repeats:.0f} pictures a film were looked at, {sizes.mean():.1f} together on average"
        f" ({sizes[~close].mean():.1f} of whole pictures, {sizes[close].mean() if close.any() else 0:.1f} of close-ups,"
        f" which are {sizes[close].sum() / sizes.sum():.0%}); {sizes[sizes > 1].sum() / sizes.sum():.0%} had company."
        f" One by one and in batches {farthest(*both)}."
    )


def farthest(ours: Rectangles, theirs: Rectangles) -> str:
    """In how many frames two films' masks differ, and the greatest distance of their edges."""
    differ = [pair for pair in zip(ours, theirs, strict=True) if pair[0] != pair[1]]
    if any(len(one) != len(other) for one, other in differ):
        most = "a rectangle or more"
    else:
        gaps = [np.abs(np.subtract(one, other)).max(initial=0) for one, other in differ]
        most = f"{max(gaps, default=0)} pixels at most"
    return f"masks differ in {len(differ)} of {len(ours)} frames, by {most}"


class _Clock:
    """Seconds of a block: on the CPU of processor time, which other work changes less; elsewhere by the clock.

    Attributes:
        seconds: of the last block.
    """

    def __init__(self, device: str):
        self._now, self.seconds = time.process_time if device == "cpu" else time.perf_counter, 0.0

    def __enter__(self) -> "_Clock":
        self._begin = self._now()
        return self

    def __exit__(self, *_: object) -> None:
        self.seconds = self._now() - self._begin


if __name__ == "__main__":
    sys.exit(cli.guarded(main))
