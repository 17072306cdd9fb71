"""The command: what it says of mistakes, and how it ends."""

import functools
import shutil
from pathlib import Path

import pytest

from deemo_jax.training import loop
from tests import commands

run = functools.partial(commands.run, "train")


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (
            ["--config.optimizer.warmup_step=3"],
            "config.optimizer.warmup_step: not a key of config.optimizer; did you mean 'warmup_steps'?",
        ),
        (["--config.train.steps=many"], "many"),
        (["--resume", "--overwrite"], "exclude each other"),
        (["--resum"], "--help lists the flags"),
        (["stray"], "'stray' is no flag"),
        (["--config.trainable=[.*/projector/.*]"], "no list of quoted strings"),
        (["--profile=3"], "--profile: '3' must be START:STOP"),
        (["--process=1"], "give --distributed, too"),
        (["--distributed", "--coordinator=a:1", "--processes=2"], "--process or JAX_PROCESS_ID is missing"),
        (["--distributed", "--coordinator=a:1", "--processes=2", "--process=2"], "numbered 0 to 1"),
        (["--distributed"], "no cluster of SLURM, TPU, GKE or Open MPI was found here"),
    ],
)
def test_mistakes_are_one_line_and_exit_code_2(flags: list[str], said: str, tmp_path: Path) -> None:
    done = run("--config", "configs/sample.py", "--workdir", str(tmp_path / "run"), *flags)
    assert done.returncode == 2 and said in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1 and done.stderr.startswith("error: ")
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("flags", [[], ["--config", "configs/absent.py", "--workdir", "x"], ["--workdir", "x"]])
def test_a_recipe_must_be_named_and_be_there(flags: list[str]) -> None:
    done = run(*flags)
    assert done.returncode == 2 and done.stderr.startswith("error: ") and "Traceback" not in done.stderr


@pytest.mark.slow
def test_show_batch_needs_no_workdir_and_a_dataset() -> None:
    done = run("--config", "configs/sample.py", "--show_batch", "--config.data.data_dir=nowhere")
    assert done.returncode == 2 and done.stderr.startswith("error: nowhere/deemo_mer: no dataset there")


@pytest.mark.parametrize(("finished", "code"), [(True, 0), (False, 75)])
def test_a_run_that_was_stopped_has_an_exit_code_of_its_own(
    finished: bool, code: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loop, "train", lambda *_, **__: loop.Ended(11, finished))
    assert run("--config", "configs/sample.py", "--workdir", tmp_path).returncode == code


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("nvidia-smi") is not None, reason="there may be a GPU")
def test_a_gpu_that_is_not_there_is_one_line(tiny_data: Path, tmp_path: Path) -> None:
    config = f"tests/training/tiny.py:{tiny_data}"
    done = commands.run_alone("train", "--config", config, "--workdir", tmp_path / "run", JAX_PLATFORMS="cuda")
    assert done.returncode == 2 and "no device of the platform 'cuda'" in done.stderr.splitlines()[-1], done.stderr
    assert not (tmp_path / "run").exists()


def test_help_is_short_and_says_how(tmp_path: Path) -> None:
    done = commands.run_alone("train", "--help")
    assert "python -m deemo_jax.train --config configs/sample.py" in done.stdout
