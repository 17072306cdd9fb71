"""PyTorch's older form of a file is read without PyTorch, and nothing that hides in one is run."""

import io
import os
import pickle
import sys

import numpy as np
import pytest

from deemo_jax.conversion.io.old_pickles import read_old_form
from deemo_jax.conversion.io.public_file import open_public
from deemo_jax.core.errors import UserError
from tests import old_torch_file as old

TENSORS = {
    "a.weight": np.arange(6, dtype=np.float32).reshape(2, 3),
    "b": np.array([1.5, -2], np.float16),
    "count": np.array(3, np.int64),
}


def refused(data: bytes) -> str:
    with pytest.raises(ValueError) as error:
        read_old_form(io.BytesIO(data))
    return str(error.value)


@pytest.mark.parametrize("wrapper", ["model_state", "state_dict"])
def test_tensors_beside_those_of_an_optimizer(wrapper, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)  # importing it is an error
    (tmp_path / "x.pt").write_bytes(old.state_file(TENSORS, wrapper))
    file = open_public(tmp_path / "x.pt")
    assert file.shapes == {key: value.shape for key, value in TENSORS.items()}
    assert file.dtypes == {"a.weight": "float32", "b": "float16", "count": "int64"}
    for key, value in TENSORS.items():
        np.testing.assert_array_equal(file.read(key), value)


def test_pytorch_reads_and_writes_the_same(tmp_path):
    torch = pytest.importorskip("torch")
    (tmp_path / "x.pt").write_bytes(old.state_file(TENSORS))
    theirs = torch.load(tmp_path / "x.pt", weights_only=True)["model_state"]
    assert {key: value.numpy().tolist() for key, value in theirs.items()} == {k: v.tolist() for k, v in TENSORS.items()}
    net = torch.nn.LSTM(3, 4)
    whole = torch.arange(12.0).reshape(3, 4)
    state = {**net.state_dict(), "column": whole[:, 1], "turned": whole.T, "own": torch.nn.Parameter(whole)}
    torch.save({"model": state}, tmp_path / "x.pt", _use_new_zipfile_serialization=False)
    ours = open_public(tmp_path / "x.pt")
    for key, value in state.items():
        np.testing.assert_array_equal(ours.read(key), value.detach().numpy())


class Code:
    def __reduce__(self):
        return os.mkdir, ("stolen",)


HOSTILE = {
    "a call": old.name("os", "mkdir") + old.row(old.text("stolen")) + b"R",
    "a name of torch": old.name("torch", "load") + old.row(old.text("stolen")) + b"R",
    "a builtin": old.name("builtins", "getattr") + old.row(old.text("stolen")) + b"R",
    "state of what may be called": old.name("torch._utils", "_rebuild_tensor_v2")
    + old.row(b"N", old.table({"_parameter": b"\x88"}))
    + b"b",
    "state of a class": old.name("collections", "OrderedDict") + old.table({"update": b"N"}) + b"b",
    "a new object": old.name("collections", "OrderedDict") + b")\x81",
    "a note far away": b"Nr\xff\xff\xff\xff",
    "bytes without end": b"\x96" + b"\xff" * 8,
    "deep": b"l" * 100,
}


@pytest.mark.parametrize("what", HOSTILE)
def test_what_could_run_is_refused_and_not_run(what, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert refused(old.old_file(old.table({"model": HOSTILE[what]}), {}))
    for data in (pickle.dumps(Code(), 2), old.MAGIC + pickle.dumps(Code(), 2)):
        assert "mkdir) and was not loaded" in refused(data)
    assert not (tmp_path / "stolen").exists()
    assert read_old_form(io.BytesIO(old.state_file(TENSORS)))["count"] == 3  # nothing of the reader was changed


def test_a_note_far_away_takes_no_memory():
    assert "is damaged" in refused(old.old_file(old.table({"model": HOSTILE["a note far away"]}), {}))


def test_claims_that_the_numbers_do_not_keep(tmp_path):
    a = TENSORS["a.weight"]
    for claimed, said in (
        (old.tensor("a", a, shape=(7,)), "more numbers than its storage"),
        (old.tensor("a", a, shape=(-1, -6)), "strange shape"),
        (old.tensor("a", a, count=2**31 - 1), "ends early"),
        (old.number(1), "no state dict"),
    ):
        assert said in refused(old.old_file(old.table({"a": claimed}), {"a": a}))
    whole = old.state_file(TENSORS)
    for cut in (5, 40, len(whole) // 2, len(whole) - 1):
        assert refused(whole[:cut])
    (tmp_path / "cut.pt").write_bytes(whole[:-1])
    with pytest.raises(
        UserError, match=r"cut\.pt: not a whole PyTorch file \(it ends early\); is the download complete"
    ):
        open_public(tmp_path / "cut.pt")
