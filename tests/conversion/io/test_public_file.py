"""Public weight files: what is read, and what is refused before anything is written."""

import json
import os
import pickle
import re

import ml_dtypes
import numpy as np
import pytest
import safetensors.numpy

from deemo_jax.conversion.io.public_file import open_public
from deemo_jax.conversion.io.row_writer import RowWriter
from deemo_jax.conversion.io.value_checks import dtype_problem
from deemo_jax.core.errors import UserError

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
    said = refused(tmp_path / "hostile.pth")
    assert "mkdir) and was not loaded, since a pickle can run code" in said and "weights_only" not in said
    (tmp_path / "bare.bin").write_bytes(pickle.dumps(Code()))
    said = refused(tmp_path / "bare.bin")
    assert "was not loaded" in said and "weights_only" not in said
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


@pytest.mark.parametrize(
    "content,said",
    [
        (b"<!DOCTYPE html><title>404</title>", "not a PyTorch file but a web page"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:ab\nsize 12\n", "but a Git-LFS pointer"),
        (b"", "not a PyTorch file"),
        (bytes(1000), "not a PyTorch file"),
        (b"PK\x03\x04" + b"\xff" * 300, "not a whole PyTorch file"),
        (b"\x80\x02" + b"\xff" * 300, "was not loaded: it is damaged"),
    ],
)
@pytest.mark.parametrize("name", ["file.bin", "file.pth"])
def test_what_a_failed_download_leaves(tmp_path, name, content, said):
    pytest.importorskip("torch")
    (tmp_path / name).write_bytes(content)
    found = refused(tmp_path / name)
    assert found.startswith(f"{tmp_path / name}: ") and said in found and "weights_only" not in found


def test_a_pointer_under_the_name_of_safetensors(tmp_path):
    (tmp_path / "x.safetensors").write_bytes(b"version https://git-lfs.github.com/spec/v1\noid sha256:ab\n")
    assert "git lfs pull" in refused(tmp_path / "x.safetensors")


def test_parameters_are_tensors_too(tmp_path):
    torch = pytest.importorskip("torch")
    torch.save({"a": torch.nn.Parameter(torch.full((2, 2), 3.0))}, tmp_path / "x.pth")
    np.testing.assert_array_equal(read_all(tmp_path / "x.pth")[0]["a"], np.full((2, 2), 3.0))


def test_tensors_that_are_no_plain_floats_are_told_by_their_dtype(tmp_path):
    torch = pytest.importorskip("torch")
    ones = torch.ones(2, 2)
    tensors = {"a": ones.to_sparse(), "b": ones.to(torch.float8_e4m3fn), "c": ones.to("meta"), "d": ones.to(torch.int8)}
    torch.save(tensors, tmp_path / "x.pth")
    dtypes = open_public(tmp_path / "x.pth").dtypes
    assert dtypes == {"a": "sparse float32", "b": "float8_e4m3fn", "c": "meta float32", "d": "int8"}
    assert all(dtype_problem(key, dtype) for key, dtype in dtypes.items())


def test_keys_that_are_no_names(tmp_path):
    torch = pytest.importorskip("torch")
    torch.save({"a": torch.ones(2), 0: torch.ones(2)}, tmp_path / "x.pth")
    assert "holds no state dict" in refused(tmp_path / "x.pth")


def test_damaged_bytes_in_a_pickle_are_found_by_their_checksum(tmp_path):
    torch = pytest.importorskip("torch")
    path = tmp_path / "x.pth"
    torch.save({"a": torch.ones(4000)}, path)
    open_public(path).verify()
    data = bytearray(path.read_bytes())
    start = data.find(b"\0\0\x80\x3f" * 8) + 800
    data[start : start + 4] = b"\0\0\x80\x3e"
    path.write_bytes(data)
    with pytest.raises(UserError, match=r"x\.pth: its part \S*data/0 is damaged"):
        open_public(path).verify()


def test_a_locked_pickle_is_one_line(tmp_path):
    """A zip that claims to be encrypted: what its reader raises is no damage, and no bug of ours either."""
    torch = pytest.importorskip("torch")
    path = tmp_path / "x.pth"
    torch.save({"a": torch.ones(4)}, path)
    verify = open_public(path).verify
    data = bytearray(path.read_bytes())
    for place in (found.start() for found in re.finditer(b"PK\x01\x02", data)):
        data[place + 8] |= 1
    path.write_bytes(data)
    with pytest.raises(UserError, match=r"x\.pth: not a whole PyTorch file .*encrypted"):
        verify()


WRAPPINGS = [
    "module.{}",
    "base_model.model.{}",
    "_orig_mod.{}",
    "module._orig_mod.{}",
    "_orig_mod.module.{}",
    "module.module.base_model.model._orig_mod.{}",
    "_fsdp_wrapped_module.{}",
    "_forward_module.module.{}",
    "_module.{}",
]


@pytest.mark.parametrize("wrapping", WRAPPINGS)
def test_names_that_training_tools_put_around_are_taken_off(wrapping, tmp_path):
    path = tmp_path / "wrapped.safetensors"
    safetensors.numpy.save_file({wrapping.format(key): value for key, value in TENSORS.items()}, path)
    tensors, file = read_all(path)
    assert file.shapes == {"a.weight": (2, 3), "b": (4,)} and file.where("b") == path
    for key, value in TENSORS.items():
        np.testing.assert_array_equal(tensors[key], value)


def test_modules_that_were_wrapped_one_by_one_have_their_own_names(tmp_path):
    path = tmp_path / "inside.safetensors"
    keys = ("head.weight", "layers.0._orig_mod.weight", "layers.1._checkpoint_wrapped_module._orig_mod.weight")
    safetensors.numpy.save_file({key: np.ones(1, np.float32) for key in keys}, path)
    assert sorted(open_public(path).shapes) == ["head.weight", "layers.0.weight", "layers.1.weight"]


def test_a_name_that_only_some_tensors_have_in_front_is_their_own(tmp_path):
    path = tmp_path / "own.safetensors"
    keys = ("module.a", "b", "my_orig_mod.c")
    safetensors.numpy.save_file({key: np.ones(1, np.float32) for key in keys}, path)
    assert sorted(open_public(path).shapes) == sorted(keys)


def test_the_counter_of_averaged_weights_is_none_of_them(tmp_path):
    path = tmp_path / "average.safetensors"
    keys = ("n_averaged", "module.a", "module.b.module.c")
    safetensors.numpy.save_file({key: np.ones(1, np.float32) for key in keys}, path)
    assert sorted(open_public(path).shapes) == ["a", "b.module.c"]


def test_one_name_for_two_tensors_is_refused(tmp_path):
    path = tmp_path / "twice.safetensors"
    safetensors.numpy.save_file({key: np.ones(1, np.float32) for key in ("a", "_orig_mod.a")}, path)
    assert "holds a twice" in refused(path)


@pytest.mark.parametrize(
    "key",
    [
        "base_model.model.a.lora_A.weight",
        "a.lora_B.default.weight",
        "a.lora_embedding_A",
        "a.base_layer.weight",
        "a.modules_to_save.default.weight",
    ],
)
def test_an_adapter_that_is_not_merged_is_refused_by_name(key, tmp_path):
    path = tmp_path / "lora.safetensors"
    safetensors.numpy.save_file(TENSORS | {key: np.ones((2, 2), np.float32)}, path)
    said = refused(path)
    assert f"(1 parts, e.g. {key})" in said and "merge_and_unload" in said


def test_a_folder_of_an_adapter_is_refused_by_name(tmp_path):
    (tmp_path / "adapter_config.json").write_text("{}")
    safetensors.numpy.save_file({"x.lora_A.weight": np.ones(1, np.float32)}, tmp_path / "adapter_model.safetensors")
    assert "is an adapter, not a model" in refused(tmp_path)
