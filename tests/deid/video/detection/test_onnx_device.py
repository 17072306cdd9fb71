import types

import numpy as np
import onnxruntime
import pytest
from onnxruntime.capi.onnxruntime_pybind11_state import EPFail, RuntimeException

from deemo_jax.core.errors import UserError
from deemo_jax.deid.clip import software_of
from deemo_jax.deid.settings import Settings
from deemo_jax.deid.video.detection import face_network, onnx_device
from deemo_jax.deid.video.screen_text import text_network
from tests import commands


class OnnxRuntime:
    """Stands for an ONNX Runtime with CUDA.

    Attributes:
        asked: what sessions were asked for, beside the model.
        reached: providers that a session says it uses.
        fails: raised where a session is made.
        run: of sessions.
    """

    def __init__(self):
        self.asked, self.reached, self.fails, self.run = [], list(onnx_device.DEVICES.values())[::-1], None, None

    def session(self, model, options, **asked):
        self.asked.append(asked)
        if self.fails:
            raise self.fails
        return types.SimpleNamespace(get_providers=lambda: self.reached, run=self.run)


@pytest.fixture
def on_cuda(monkeypatch):
    fake = OnnxRuntime()
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: list(onnx_device.DEVICES.values()))
    monkeypatch.setattr(onnxruntime, "InferenceSession", fake.session)
    face_network._network.cache_clear()
    onnx_device.run_on("cuda")
    yield fake
    onnx_device.run_on("cpu")
    face_network._network.cache_clear()


def test_the_device_is_that_which_is_asked_for(on_cuda):
    assert face_network.network() is face_network.network()
    (asked,) = on_cuda.asked
    (provider, options), rest = asked["providers"]
    assert (provider, rest) == ("CUDAExecutionProvider", "CPUExecutionProvider") and asked["enable_fallback"] == 0
    assert options["use_tf32"] == "0" and all(isinstance(value, str) for value in options.values())
    used = software_of(Settings(text_in_picture="cover"))
    assert used["centerface_device"] == used["text_network_device"] == "cuda"
    assert "text_network_device" not in software_of(Settings())
    onnx_device.run_on("cpu")
    assert face_network.network() and on_cuda.asked[-1] == {"providers": ["CPUExecutionProvider"]}
    assert not any(name.endswith("_device") for name in software_of(Settings(text_in_picture="cover")))


def test_a_device_that_cannot_be_reached_is_never_replaced(on_cuda):
    on_cuda.reached = ["CPUExecutionProvider"]  # libraries are missing: ONNX Runtime would go on without the GPU
    with pytest.raises(UserError, match="--device cuda: it cannot be reached"):
        face_network.network()
    on_cuda.fails = EPFail("CUDA failure 100: no CUDA-capable device is detected")
    with pytest.raises(UserError, match="--device cuda: it cannot be reached"):
        face_network.network()


def test_a_device_that_fails_is_one_line_with_the_mend(on_cuda):
    def run(outputs, inputs):
        raise RuntimeException("BFCArena: Failed to allocate memory\nfor requested buffer" + "." * 999)

    on_cuda.run = run
    with pytest.raises(UserError, match=r"for want of memory .*Failed to allocate.* fewer --workers") as told:
        face_network.network().run(["a"], {"x": np.zeros((1, 3, 2, 2), np.float32)})
    assert "\n" not in str(told.value) and len(str(told.value)) < 400


def test_the_text_detector_runs_there_too(on_cuda, monkeypatch):
    monkeypatch.setattr(text_network, "MODEL", types.SimpleNamespace(read=lambda: b"model"))
    text_network.network.cache_clear()
    assert text_network.network() and on_cuda.asked[-1]["providers"][0][0] == "CUDAExecutionProvider"
    text_network.network.cache_clear()


def test_a_device_that_is_not_there_is_refused_before_anything_is_made(monkeypatch, tmp_path):
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: ["CPUExecutionProvider"])
    flags = ("--out", tmp_path / "out", "--device", "cuda", "--key_file", tmp_path / "key")
    done = commands.run("deidentify", tmp_path / "film.mp4", *flags)
    assert done.returncode == 2 and "onnxruntime-gpu" in done.stderr and not list(tmp_path.iterdir())
    assert onnx_device.device() == "cpu"
