"""Public weight files: what is read, and what is refused before anything is written."""

import json
import os

import ml_dtypes
import numpy as np
import pytest
import safetensors.numpy

from deemo_jax.conversion.files import open_public
from deemo_jax.conversion.writer import RowWriter
from deemo_jax.errors import UserError

TENSORS = {"a.weight": np.arange(6, dtype=np.float32).reshape(2, 3), "b": np.ones(4, np.float16)}


class Code:
    """What a hostile pickle would run."""

    def __reduce__(self):
        return os.mkdir, ("stolen",)


def folder_of_shards(folder):
    for index, (key, value) in enumerate(TENSORS.items()):
        safetensors.numpy.save_file({key: value}, folder / f"model-{index}.safetensors")
    weights = {key: f"model-{index}.safetensors" for index, key in enumerate(TENSORS)}
    write_index(folder, weights)
    return folder


def write_index(folder, weights):
    (folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": weights}))


def read_all(path):
    file = open_public(path)
    return {key: file.read(key) for key in file.shapes}, file


def refused(path):
    with pytest.raises(UserError) as error:
        read_all(path)
    return str(error.value)


def test_one_file_and_a_folder_of_shards(tmp_path):
    single = tmp_path / "one.safetensors"
    safetensors.numpy.save_file(TENSORS, single)
    for path in (single, folder_of_shards(tmp_path)):
        tensors, file = read_all(path)
        assert file.shapes == {"a.weight": (2, 3), "b": (4,)} and file.dtypes == {"a.weight": "F32", "b": "F16"}
        for key, value in TENSORS.items():
            np.testing.assert_array_equal(tensors[key], value)


def test_shards_that_disagree_with_their_index(tmp_path):
    folder = folder_of_shards(tmp_path)
    write_index(folder, {"a.weight": "model-0.safetensors", "c": "model-1.safetensors"})
    assert "lacks c" in refused(folder)
    write_index(folder, {"a.weight": "model-0.safetensors", "b": "model-2.safetensors"})
    assert "model-2.safetensors: is missing" in refused(folder)
    write_index(folder, {"a.weight": "../model-0.safetensors"})
    assert "outside its folder" in refused(folder)
    safetensors.numpy.save_file(TENSORS, folder / "model-1.safetensors")
    write_index(folder, {"a.weight": "model-0.safetensors", "b": "model-1.safetensors"})
    assert "another shard" in refused(folder)
    (folder / "model.safetensors.index.json").write_text("[]")
    assert "weight_map" in refused(folder)


def test_a_corrupt_shard_in_the_middle_is_found_at_once(tmp_path):
    folder = folder_of_shards(tmp_path)
    shard = folder / "model-1.safetensors"
    shard.write_bytes(shard.read_bytes()[:-3])
    assert "model-1.safetensors: not a whole safetensors file" in refused(folder)


def test_paths_that_lead_nowhere(tmp_path):
    (tmp_path / "text.md").write_text("hello")
    assert "no such file" in refused(tmp_path / "absent.pth")
    assert "not a weight file" in refused(tmp_path / "text.md")
    assert "holds none of" in refused(tmp_path)


def test_rows_go_to_their_places_in_any_order(tmp_path):
    path, kinds = (
        tmp_path / "rows.safetensors",
        {"x": ((3, 2), np.dtype("float32")), "y": ((2,), np.dtype(ml_dtypes.bfloat16))},
    )
    rows = np.arange(6, dtype=np.float32).reshape(3, 2)
    with RowWriter(path, kinds, {"format": "test"}) as writer:
        writer.write("y", None, np.array([1.5, -2.0], np.float16))
        for row in (2, 0, 1):
            writer.write("x", row, rows[row])
        with pytest.raises(ValueError, match="belongs"):
            writer.write("x", 0, rows)
    stored = safetensors.numpy.load_file(path)
    np.testing.assert_array_equal(stored["x"], rows)
    assert stored["y"].dtype == ml_dtypes.bfloat16 and stored["y"].tolist() == [1.5, -2.0]


def test_pickles_of_tensors(tmp_path):
    torch = pytest.importorskip("torch")
    tensors = {key: torch.from_numpy(value) for key, value in TENSORS.items()}
    half = {**tensors, "c": torch.ones(2, dtype=torch.bfloat16)}
    torch.save({"model": half, "optimizer": {"state": {}}, "epoch": 4}, tmp_path / "wrapped.pth")
    torch.save(half, tmp_path / "flat.bin")
    torch.save(half, tmp_path / "old.pt", _use_new_zipfile_serialization=False)
    for name in ("wrapped.pth", "flat.bin", "old.pt"):
        read, file = read_all(tmp_path / name)
        np.testing.assert_array_equal(read["a.weight"], TENSORS["a.weight"])
        assert read["c"].dtype == ml_dtypes.bfloat16 and read["c"].tolist() == [1, 1]
        assert file.shapes["b"] == (4,)


def test_a_pickle_with_code_in_it_is_refused_and_not_run(tmp_path, monkeypatch):
    torch = pytest.importorskip("torch")
    monkeypatch.chdir(tmp_path)
    torch.save({"model": {"a": torch.ones(1)}, "config": Code()}, tmp_path / "hostile.pth")
    assert "can run code" in refused(tmp_path / "hostile.pth")
    assert not (tmp_path / "stolen").exists()


def test_a_truncated_pickle_and_one_without_tensors(tmp_path):
    torch = pytest.importorskip("torch")
    path = tmp_path / "cut.pth"
    torch.save({"a": torch.ones(1000)}, path)
    path.write_bytes(path.read_bytes()[:2000])
    assert "not a whole PyTorch file" in refused(path)
    torch.save({"a": 1}, path)
    assert "no state dict" in refused(path)
    torch.save({}, path)
    assert "holds 0 tensors" in refused(path)
