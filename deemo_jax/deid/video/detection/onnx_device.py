"""Networks in ONNX Runtime, on the CPU or on a GPU; one device for all networks of a process that may use one.

On the CPU every thread runs a network for itself, on one core. On a GPU the pictures of all threads of a process go
through it in batches. A GPU that fails is told, and never replaced by the CPU in silence.
"""

from collections.abc import Sequence
from typing import Any

import onnxruntime
from onnxruntime.capi.onnxruntime_pybind11_state import EPFail, Fail, RuntimeException

from deemo_jax.core.errors import UserError, plain
from deemo_jax.deid.video.detection.batched_network import Arrays, BatchedNetwork, Network

# Where a network may run -> what of ONNX Runtime runs it there.
DEVICES = {"cpu": "CPUExecutionProvider", "cuda": "CUDAExecutionProvider"}
# How it runs on a GPU.
OPTIONS = {
    "cuda": {
        # As on the CPU, all 24 bits of a float32 count; of TF32's 11 scores and boxes would differ more.
        "use_tf32": "0",
        # How cuDNN chooses a way to convolve. EXHAUSTIVE, the default, searches long at each new size of pictures and
        # of batches, of which a film has dozens; DEFAULT takes what always works, which may be very slow.
        "cudnn_conv_algo_search": "HEURISTIC",
        # Memory of a network in a process, bytes, at most, and taken as it is needed rather than doubled: processes
        # share a GPU. A picture of 4K at full size takes 2 GB.
        "gpu_mem_limit": str(4 << 30),
        "arena_extend_strategy": "kSameAsRequested",
    }
}
# What ONNX Runtime raises where a GPU cannot be reached, has no memory left, or fails.
FAILURES = (EPFail, Fail, RuntimeException)
# Characters of its message that are told.
TOLD = 200

_device = "cpu"


def device() -> str:
    """Where the networks of this process run that may use a GPU, one of `DEVICES`."""
    return _device


def run_on(device: str) -> None:
    """Has the networks of this process that are loaded from here on run on one of `DEVICES`.

    Raises:
        UserError: the installed ONNX Runtime cannot run them there.
    """
    global _device
    if DEVICES[device] not in onnxruntime.get_available_providers():
        raise UserError(
            f"--device {device}: the installed ONNX Runtime cannot use it; install onnxruntime-gpu in place of"
            " onnxruntime (docs/deidentify.md), or take --device cpu"
        )
    _device = device


def session(model: bytes) -> "onnxruntime.InferenceSession":
    """A network in ONNX on the CPU; any number of threads may run it at once, each on one core."""
    return onnxruntime.InferenceSession(model, _one_thread(), providers=[DEVICES["cpu"]])


def network_on(device: str, model: bytes) -> Network:
    """A network in ONNX on one of `DEVICES`; any number of threads may run it at once.

    Raises:
        UserError: the device cannot be reached.
    """
    if device == "cpu":
        return session(model)
    onnxruntime.preload_dlls(directory="")  # CUDA and cuDNN where pip has put them, else where the system has
    # What a GPU cannot compute is computed on the CPU, a layer at a time.
    providers = [(DEVICES[device], OPTIONS[device]), DEVICES["cpu"]]
    unreached = UserError(
        f"--device {device}: it cannot be reached; mend its driver, or the libraries that onnxruntime-gpu needs"
        " (docs/deidentify.md), or take --device cpu"
    )
    try:
        loaded = onnxruntime.InferenceSession(model, _one_thread(), providers=providers, enable_fallback=0)
    except FAILURES as error:
        raise unreached from error
    # Without the libraries ONNX Runtime goes on on the CPU, and only logs it.
    if DEVICES[device] not in loaded.get_providers():
        raise unreached
    return BatchedNetwork(_Told(loaded, device))


def _one_thread() -> "onnxruntime.SessionOptions":
    onnxruntime.disable_telemetry_events()
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3  # it warns of weights that a network does not use
    return options


class _Told:
    """A network on a device whose failures a person can mend."""

    def __init__(self, network: Network, device: str):
        self._network, self._device = network, device

    def run(self, outputs: Sequence[str] | None, inputs: Arrays) -> Sequence[Any]:
        try:
            return self._network.run(outputs, inputs)
        except FAILURES as error:
            raise UserError(
                f"--device {self._device}: it failed, perhaps for want of memory ({plain(str(error))[:TOLD]}); give it"
                " fewer --workers, or take --device cpu"
            ) from error
