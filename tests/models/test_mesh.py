"""Meshes and rule tables. Steps on several devices are in training/test_eight_devices.py, runs in test_loop.py."""

import jax
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


def test_what_does_not_divide_is_named(specs) -> None:
    with pytest.raises(UserError, match=r"config\.mesh\.tensor: 4 does not divide the 2 '(kv_)?heads' of "):
        specs(tensor=4)


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
    with pytest.raises(UserError, match=r"batch_size: 6 does not divide over 4 shares"):
        mesh_lib.rows_of_process(FakeMesh2(), 6)  # type: ignore[arg-type]


class FakeMesh2:
    shape = {"data": 2, "fsdp": 2, "tensor": 1}
