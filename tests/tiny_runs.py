"""One tiny dataset and one uninterrupted run, shared by all rooms.

Libraries are imported where they are used: pytest imports this file before it starts its workers.
"""

import dataclasses
import resource
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest


@pytest.fixture
def small_files() -> Iterator[Callable[[int], None]]:
    """Sets how many bytes a file of this process may have, in place of a disk that is full."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    yield lambda size: resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.fixture(scope="session")
def tiny_data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data_dir with twelve training and four test clips; not to be changed."""
    from tests.training import tiny

    return tiny.write_tiny_dataset(tmp_path_factory.mktemp("tiny_data"))


_TRACED: dict[str, Any] = {}


def _trace_once(monkeypatch: pytest.MonkeyPatch) -> None:
    import jax

    from deemo_jax.models import from_recipe
    from deemo_jax.training import loop

    draw, check, lower = from_recipe._draw, from_recipe.check_shapes, loop.lower_step

    def drawn(model: Any, seed: int, wanted: dict[str, Any]) -> dict[str, jax.Array]:
        key = f"draw {model} {seed} {wanted}"
        if key not in _TRACED:
            _TRACED[key] = draw(model, seed, wanted)
        return jax.tree.map(lambda leaf: leaf.copy(), _TRACED[key])  # a step eats what it is given

    def checked(model: Any, recipe: Any) -> None:
        key = f"check {model} {recipe.data.frames} {recipe.data.clips}"
        if key not in _TRACED:
            check(model, recipe)
            _TRACED[key] = None

    def lowered(model: Any, recipe: Any, mesh: Any, *arguments: Any) -> Any:
        # What a step does not know.
        data = dataclasses.replace(recipe.data, data_dir="", validation_split="")
        saves = dataclasses.replace(recipe.train, checkpoint_every=1)
        shapes = jax.tree.map(lambda leaf: jax.typeof(leaf), arguments)
        key = f"step {dataclasses.replace(recipe, data=data, train=saves, init='')} {mesh} {shapes}"
        if key not in _TRACED:
            _TRACED[key] = lower(model, recipe, mesh, *arguments).compile()
        return SimpleNamespace(compile=lambda: _TRACED[key])

    monkeypatch.setattr(from_recipe, "_draw", drawn)
    monkeypatch.setattr(from_recipe, "check_shapes", checked)
    monkeypatch.setattr(loop, "lower_step", lowered)


@pytest.fixture
def traced_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Runs of this test take the compiled step, and the random weights, of an earlier run of the same recipe."""
    _trace_once(monkeypatch)


@pytest.fixture(scope="session")
def tiny_run(tiny_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The workdir of `tiny.get_config`, trained without interruption; not to be changed."""
    from deemo_jax.training.loop import train
    from tests.training import tiny

    workdir = tmp_path_factory.mktemp("run") / "whole"
    with pytest.MonkeyPatch.context() as monkeypatch:
        _trace_once(monkeypatch)
        outcome = train(tiny.get_config(str(tiny_data)), workdir)
    assert outcome.finished and outcome.step == tiny.STEPS
    return workdir


# The last checkpoint of `tiny_run` but one.
KEPT = 35
# Tokens of answers where any number will do: another one is compiled anew.
NEW = 6


@pytest.fixture
def killed_run(tiny_run: Path, tmp_path: Path) -> Path:
    """A copy of `tiny_run` as it is left by who is killed while saving step 40, with a checkpoint of step 35."""
    folder = Path(shutil.copytree(tiny_run, tmp_path / "killed"))
    checkpoints = folder / "checkpoints"
    half = (checkpoints / "40").rename(checkpoints / "40.orbax-checkpoint-tmp")
    shutil.rmtree(half / "opt_state")
    rows = (folder / "metrics.jsonl").read_bytes().splitlines(keepends=True)
    (folder / "metrics.jsonl").write_bytes(b"".join(rows[:39]) + rows[39][:30])
    return folder


@pytest.fixture(scope="session")
def untrained_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The workdir of a run that has learnt nothing yet, beside its `data`; not to be changed."""
    from tests.training import tiny

    return tiny.write_tiny_run(tmp_path_factory.mktemp("untrained"))


@pytest.fixture
def one_length(monkeypatch: pytest.MonkeyPatch) -> None:
    """All prompts are padded to the longest that a run reads, so that tests share what is compiled for it."""
    from deemo_jax.generation import buckets

    monkeypatch.setattr(buckets, "SHORTEST", 1 << 20)


@pytest.fixture
def few_lengths(monkeypatch: pytest.MonkeyPatch) -> list[tuple[tuple[int, int], int]]:
    """Of each batch that is answered from here on: its [B, T], in usual lengths, and how many shapes were compiled."""
    from deemo_jax.generation import answers, buckets

    seen, respond = [], answers.respond

    def watched(model: Any, params: Any, batch: Any, *rest: Any, **more: Any) -> Any:
        found = respond(model, params, batch, *rest, **more)
        seen.append((batch.token_ids.shape, respond._cache_size()))
        return found

    monkeypatch.setattr(buckets, "SHORTEST", 64)
    monkeypatch.setattr(answers, "respond", watched)
    return seen
