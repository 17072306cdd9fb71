"""The whole of `python -m deemo_jax.fit`: a recipe and a topology in, a report out."""

import dataclasses
import sys

from deemo_jax.core.config import Config
from deemo_jax.core.errors import UserError
from deemo_jax.core.recipe import Recipe
from deemo_jax.models import mesh as mesh_lib
from deemo_jax.training.fit.advice import advice
from deemo_jax.training.fit.cost import Question, costs
from deemo_jax.training.fit.decode_rate import decode_rate
from deemo_jax.training.fit.plan import Planner
from deemo_jax.training.fit.report import Report
from deemo_jax.training.fit.search import search
from deemo_jax.training.fit.topology import Topology, parse


def fit_recipe(
    config: Config,
    topology: str,
    question: Question,
    *,
    compiles: bool = True,
    searches: bool = False,
    command: str = "",
) -> Report:
    """Whether a recipe fits on a topology, and what it costs there.

    Args:
        config: see `deemo_jax.core.recipe.Recipe`; data and weights need not be there.
        topology: see `deemo_jax.training.fit.topology.parse`.
        question: what is asked beside; a rate of decoding that it lacks is timed here.
        compiles: whether the step is compiled where that is possible.
        searches: whether other meshes, batch sizes and remat policies are tried; the report is then of the best.
        command: that was given, for the report.

    Raises:
        UserError: a mistake in the recipe or the topology, or no compiler for it.
    """
    recipe, place = Recipe.from_config(config), parse(topology)
    if not searches:
        _check_division(recipe, place)
    planner, found = Planner(place, compiles=compiles), []
    if searches:
        found = search(planner, recipe, _say)
    if found:
        plan = found[0]
    else:
        _say("traces the step" + (" and compiles it: minutes at full width" if planner.compiles else ""))
        plan = planner.plan(recipe)
    lines = [] if plan.fits else advice(planner, plan)
    if plan.bound is not None and question.decode_rate is None:
        question = dataclasses.replace(question, decode_rate=decode_rate(recipe.data))
    return Report(plan, costs(plan, question), lines, found, command)


def clips_of(config: Config) -> int | None:
    """The clips of the recipe's training split; None where its dataset is not there."""
    from deemo_jax.data.mixture import open_training

    data = Recipe.from_config(config).data
    if not data.data_dir:
        return None
    try:
        return len(open_training(data))
    except UserError:
        return None


def _check_division(recipe: Recipe, place: Topology) -> None:
    """Whether mesh and batch divide over the chips, which is known before a compiler is asked and anything is traced.

    Raises:
        UserError: they do not.
    """
    mesh = mesh_lib.abstract_mesh(recipe.mesh, place.networks)
    mesh_lib.check_batch(mesh, recipe.data.batch_size, recipe.optimizer.accumulate)


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
