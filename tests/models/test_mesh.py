"""Meshes and rule tables. Steps on several devices are in training/test_eight_devices.py, runs in test_loop.py."""

import dataclasses
import random

import jax
import numpy as np
import pytest
from jax.sharding import PartitionSpec as P

from deemo_jax.core.errors import UserError
from deemo_jax.core.recipe import MeshRecipe, Recipe
from deemo_jax.models import mesh as mesh_lib
from deemo_jax.models.deemo_llama import param_axes
from deemo_jax.models.weights import flatten
from deemo_jax.training import step as step_lib
from tests.models import tiny as model_lib
from tests.training import tiny


@pytest.mark.parametrize(
    "recipe", [MeshRecipe(data=3), MeshRecipe(tensor=2), MeshRecipe(data=-1, fsdp=-1), MeshRecipe(data=0)]
)
def test_meshes_that_do_not_fit_the_devices(recipe: MeshRecipe) -> None:
    with pytest.raises(UserError, match=r"config\.mesh: data "):
        mesh_lib.make_mesh(recipe, jax.devices()[:1])


def test_axes_are_auto() -> None:
    mesh = mesh_lib.make_mesh(MeshRecipe(), jax.devices()[:1])
    assert mesh.axis_names == ("data", "fsdp", "tensor")
    assert set(mesh.axis_types) == {jax.sharding.AxisType.Auto}


class FakeMesh:
    """Sizes only: rules and divisibility need no devices."""

    shape = {"data": 1, "fsdp": 2, "tensor": 4}


@pytest.fixture
def specs(monkeypatch: pytest.MonkeyPatch):
    """Path -> PartitionSpec of the toy model on `FakeMesh`."""
    monkeypatch.setattr(mesh_lib, "NamedSharding", lambda mesh, spec: spec)

    def make(replicated_below: int = 0, **shape: int) -> dict[str, P]:
        monkeypatch.setattr(FakeMesh, "shape", {**FakeMesh.shape, **shape})
        model, params = model_lib.built()
        shapes = {path: leaf.shape for path, leaf in flatten(params).items()}
        return mesh_lib.param_shardings(FakeMesh(), flatten(param_axes(model)), shapes, replicated_below)  # type: ignore[arg-type]

    return make


def test_each_tower_has_its_rules(specs) -> None:
    found = specs(tensor=2)
    assert found["decoder/blocks/query/kernel"] == P(None, "fsdp", "tensor", None)
    assert found["decoder/blocks/down/kernel"] == P(None, "tensor", "fsdp")
    assert found["decoder/head"] == P("fsdp", "tensor")
    audio = {axis for path, spec in found.items() if path.startswith("audio/encoder/") for axis in spec}
    assert audio == {None, "fsdp", "tensor"}
    heads = [spec for path, spec in found.items() if path.startswith("audio/") and "query/kernel" in path]
    assert heads and all("tensor" not in spec for spec in heads)
    assert all(set(spec) == {None} for path, spec in found.items() if "/projector/" in path)


def test_small_parameters_stay_whole(specs) -> None:
    assert {axis for spec in specs(1 << 20, tensor=2).values() for axis in spec} == {None}


def test_what_an_axis_does_not_divide_is_split_along_another_dimension(specs) -> None:
    found = specs(fsdp=1, tensor=4)
    assert found["decoder/blocks/query/kernel"] == P(None, None, "tensor", None)
    # Two key heads are not for four devices; of what is left, the embedding is the largest.
    assert found["decoder/blocks/key/kernel"] == P(None, "tensor", None, None)
    # Layers are never split: one at a time is read.
    assert all(spec[0] is None for path, spec in found.items() if "/blocks/" in path)


def test_too_much_that_nothing_divides_is_refused(specs) -> None:
    with pytest.raises(UserError, match=r"fsdp 7 and tensor 1 divide no dimension of \d\d+% of the parameters"):
        specs(fsdp=7, tensor=1)


def test_the_published_sizes_over_256_devices(monkeypatch: pytest.MonkeyPatch) -> None:
    """ViT-g's width is no multiple of 256: its projections are whole on every device, and the rest is split."""
    monkeypatch.setattr(mesh_lib, "NamedSharding", lambda mesh, spec: spec)
    monkeypatch.setattr(FakeMesh, "shape", {"data": 1, "fsdp": 256, "tensor": 1})
    shapes = {
        "video/encoder/blocks/attention/query/kernel": (39, 1408, 16, 88),
        "video/encoder/blocks/mlp/up/kernel": (39, 1408, 6144),
        "decoder/blocks/gate/kernel": (32, 4096, 11008),
        "decoder/embedding": (32001, 4096),
    }
    names = (
        ("layers", "embed", "heads", "head_dim"),
        ("layers", "embed", "mlp"),
        ("layers", "embed", "mlp"),
        ("vocab", "embed"),
    )
    found = mesh_lib.param_shardings(FakeMesh(), dict(zip(shapes, names, strict=True)), shapes, 1 << 20)  # type: ignore[arg-type]
    assert list(found.values()) == [
        P(None, None, None, None),
        P(None, None, "fsdp"),
        P(None, "fsdp", None),
        P(None, "fsdp"),
    ]


@dataclasses.dataclass(frozen=True)
class FakeDevice:
    """A GPU, of which there is one in each process."""

    id: int
    slice_index: int
    platform: str = "gpu"
    device_kind: str = "fake"

    @property
    def process_index(self) -> int:
        return self.id


def fake_hosts(*sizes: int) -> list[FakeDevice]:
    hosts = [host for host, size in enumerate(sizes) for _ in range(size)]
    return [FakeDevice(number, host) for number, host in enumerate(hosts)]


@pytest.mark.parametrize(("data", "fsdp", "tensor"), [(2, 8, 1), (2, 4, 2), (8, 2, 1), (-1, 1, 2)])
def test_only_data_reaches_from_one_fast_network_to_the_next(
    data: int, fsdp: int, tensor: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mesh_lib, "Mesh", lambda devices, axes, axis_types: devices)
    mixed = random.Random(0).sample(fake_hosts(8, 8), 16)
    grid = mesh_lib.make_mesh(MeshRecipe(data=data, fsdp=fsdp, tensor=tensor), mixed)  # type: ignore[arg-type]
    assert len({device.id for device in grid.flat}) == 16 and grid.shape[1:] == (fsdp, tensor)
    for part in grid:
        assert len({device.slice_index for device in part.flat}) == 1


def test_hosts_of_one_slice_share_a_fast_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """TPUs that are only compiled for have no number of a slice, and GPUs of several hosts may share one."""

    class CompiledFor:
        platform = "tpu"

        def __init__(self, host: int) -> None:
            self.process_index = host

    monkeypatch.setattr(mesh_lib.jax, "make_mesh", lambda shape, *_, **__: shape)
    assert mesh_lib.make_mesh(MeshRecipe(data=1, fsdp=8), [CompiledFor(n // 4) for n in range(8)]) == (1, 8, 1)  # type: ignore[arg-type]
    assert mesh_lib.make_mesh(MeshRecipe(data=1, fsdp=8), [FakeDevice(n, 0) for n in range(8)]) == (1, 8, 1)  # type: ignore[arg-type]


def test_what_does_not_fit_into_a_fast_network_is_refused() -> None:
    with pytest.raises(UserError, match=r"fsdp 16 x tensor 1 do not fit into the 8 devices of a fast network"):
        mesh_lib.make_mesh(MeshRecipe(data=1, fsdp=16), fake_hosts(8, 8))  # type: ignore[arg-type]
    with pytest.raises(UserError, match=r"2 fast networks .* have 8, 4 devices"):
        mesh_lib.make_mesh(MeshRecipe(fsdp=4), fake_hosts(8, 4))  # type: ignore[arg-type]


def test_rows_lie_over_data_and_fsdp_and_moments_where_their_parameters_do() -> None:
    mesh = jax.sharding.AbstractMesh((2, 4, 3), mesh_lib.AXES)
    assert mesh_lib.batch_sharding(mesh).shard_shape((16, 5)) == (2, 5)
    place = jax.sharding.NamedSharding(mesh, P("fsdp", "tensor"))
    kernel = {"video": {"kernel": jax.ShapeDtypeStruct((8, 6), "float32", sharding=place)}}
    places = step_lib.state_shardings(Recipe.from_config(tiny.get_config("nowhere")), kernel, mesh)
    assert [leaf.spec for leaf in jax.tree.leaves(places.opt_state)] == [P(), place.spec, place.spec]
    assert places.trainable["video"]["kernel"] == place and places.rng.spec == P()


def test_a_batch_must_divide() -> None:
    mesh = mesh_lib.make_mesh(MeshRecipe(), jax.devices()[:1])
    assert mesh_lib.rows_of_process(mesh, 6) == (0, 1)
    with pytest.raises(UserError, match=r"batch_size: 6 does not divide over 4 shares .*smallest that fits is 8"):
        mesh_lib.rows_of_process(FakeMesh2(), 6)  # type: ignore[arg-type]
    mesh_lib.check_batch(FakeMesh2(), 24, accumulate=3)  # type: ignore[arg-type]
    with pytest.raises(UserError, match=r"batch_size: 2 does not divide over 12 shares .*smallest that fits is 12"):
        mesh_lib.check_batch(FakeMesh2(), 2, accumulate=3)  # type: ignore[arg-type]


def test_an_array_that_is_padded_on_its_way_to_the_device() -> None:
    place = mesh_lib.replicated(mesh_lib.make_mesh(MeshRecipe(), jax.devices()[:1]))
    rows = np.arange(6.0).reshape(3, 2)
    np.testing.assert_array_equal(mesh_lib.put_param(rows, place, (5, 2)), np.pad(rows, ((0, 2), (0, 0))))
    np.testing.assert_array_equal(mesh_lib.put_param(rows, place), rows)


class FakeMesh2:
    shape = {"data": 2, "fsdp": 2, "tensor": 1}
