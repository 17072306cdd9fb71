"""The command: what it says of mistakes, and how it ends."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


def run(*flags: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "deemo_jax.train", *flags]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (["--config.optimizer.warmup_step=3"], 'Did you mean "warmup_steps"'),
        (["--config.train.steps=many"], "many"),
        (["--resume", "--overwrite"], "exclude each other"),
        (["--resum"], "--help lists the flags"),
        (["stray"], "'stray' is no flag"),
        (["--config.trainable=[.*/projector/.*]"], "no list of quoted strings"),
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


def test_show_batch_needs_no_workdir_and_a_dataset() -> None:
    done = run("--config", "configs/sample.py", "--show_batch", "--config.data.data_dir=nowhere")
    assert done.returncode == 2 and done.stderr.startswith("error: nowhere/deemo_mer: no dataset there")


@pytest.mark.parametrize(("finished", "code"), [(True, 0), (False, 75)])
def test_a_run_that_was_stopped_has_an_exit_code_of_its_own(finished: bool, code: int, tmp_path: Path) -> None:
    main = (
        "import runpy; from deemo_jax.training import loop;"
        f"loop.train = lambda *_, **__: loop.Ended(11, {finished});"
        "runpy.run_module('deemo_jax.train', run_name='__main__')"
    )
    flags = ["--config", "configs/sample.py", "--workdir", str(tmp_path)]
    assert subprocess.run([sys.executable, "-c", main, *flags], cwd=ROOT, check=False).returncode == code


def test_help_is_short_and_says_how(tmp_path: Path) -> None:
    done = run("--help")
    assert "python -m deemo_jax.train --config configs/sample.py" in done.stdout
