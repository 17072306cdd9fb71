"""Memory by kind beside what the compiler plans."""

import dataclasses

import jax
import pytest

from deemo_jax.core.recipe import MeshRecipe, Recipe
from deemo_jax.models.mesh import make_mesh
from deemo_jax.training.fit.compile_step import _refused
from deemo_jax.training.fit.memory import arguments, compiled
from deemo_jax.training.fit.step_shapes import StepShapes, step_shapes
from tests.training.fit import text_only


def step() -> StepShapes:
    return step_shapes(Recipe.from_config(text_only.get_config()), make_mesh(MeshRecipe(), jax.devices()[:1]))


def test_the_kinds_are_together_what_the_compiler_plans() -> None:
    of = step()
    analysis = of.lower().compile().memory_analysis()
    kinds = compiled(of, analysis)
    known = arguments(of)
    # The compiler leaves out what the step does not read of the batch: there are no pictures and no sound.
    assert known.total - known.batch < analysis.argument_size_in_bytes <= known.total and kinds.padding == 0
    new = analysis.output_size_in_bytes - analysis.alias_size_in_bytes
    assert kinds.working == analysis.temp_size_in_bytes + analysis.generated_code_size_in_bytes + new
    # Nothing of the state is held twice: its outputs lie where it lay.
    assert new < 0.01 * kinds.trainable and min(dataclasses.astuple(kinds)) >= 0


@pytest.mark.parametrize(
    ("message", "gib"),
    [
        ("RESOURCE_EXHAUSTED: Ran out of memory in memory space hbm. Used 20.37G of 15.75G hbm. Exceeded ...", 20.37),
        ("RESOURCE_EXHAUSTED: Used 1.5T of 15.75G hbm", 1536),
    ],
)
def test_the_memory_that_a_compiler_refuses_is_read(message: str, gib: float) -> None:
    found = _refused(step(), message)
    assert found and found.total == pytest.approx(gib * 2**30, rel=1e-6)
    assert _refused(step(), "RESOURCE_EXHAUSTED: no more") is None
    temporaries = "the total memory required for HLO temporaries (87.81G) exceeds available HBM (15.75G)."
    found = _refused(step(), temporaries)
    assert found and found.working == pytest.approx(87.81 * 2**30)
