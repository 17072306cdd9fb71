"""The script of SLURM under a real SLURM, with a stand-in for training: preemption, arrays, and mistakes."""

from pathlib import Path

import pytest

from tests.launch.slurm import Cluster, wait_until

pytestmark = pytest.mark.slow
SCRIPT = "launch/slurm/train.sbatch"
# Prints its flags, and is asked to stop as training is; the job's next start finishes.
STAND_IN = """\
#!/bin/bash
trap 'echo "saved $RUN"; exit 75' TERM USR1
echo "begun $RUN $SLURM_PROCID: $*"
[[ ${SLURM_RESTART_COUNT:-0} -gt 0 || $* == *--finish* ]] && exit 0
while true; do sleep 0.1; done
"""


@pytest.fixture
def python(tmp_path: Path) -> str:
    file = tmp_path / "python"
    file.write_text(STAND_IN)
    file.chmod(0o755)
    return str(file)


def wait_for(log: Path, words: str, count: int = 1) -> None:
    wait_until(lambda: log.exists() and log.read_text().count(words) >= count, f"no {words!r} in {log}")


@pytest.mark.parametrize("signal", ["TERM", "USR1"])
def test_a_job_that_saved_is_requeued(slurm: Cluster, python: str, tmp_path: Path, signal: str) -> None:
    log = tmp_path / "log"
    number = slurm.submit("--ntasks-per-node=2", SCRIPT, "a.py", "--workdir", "w", log=log, PYTHON=python)
    wait_for(log, "begun", 2)
    slurm.run("scancel", f"--signal={signal}", number)
    found = slurm.ended(number)
    said = log.read_text()
    assert (found["JobState"], found["Restarts"], found["ExitCode"]) == ("COMPLETED", "1", "0:0"), said
    assert (
        said.count("begun") == 4 and said.count("saved") == 2
    )  # two tasks, twice; the second output is behind the first
    assert "-m deemo_jax.train --config a.py --workdir w --resume --distributed" in said


def test_a_job_that_is_cancelled_is_not_requeued(slurm: Cluster, python: str, tmp_path: Path) -> None:
    log = tmp_path / "log"
    number = slurm.submit(SCRIPT, "a.py", log=log, PYTHON=python)
    wait_for(log, "begun")
    slurm.run("scancel", number)
    assert slurm.ended(number)["JobState"] == "CANCELLED"
    wait_until(lambda: not slurm.run("squeue", "--noheader").stdout, "the job does not leave")
    assert slurm.job(number)["Restarts"] == "0" and "saved" in log.read_text()


def test_tasks_of_a_sweep_have_their_flags_and_folders_and_are_requeued_alone(
    slurm: Cluster, python: str, tmp_path: Path
) -> None:
    sweep = tmp_path / "sweep.txt"
    sweep.write_text("# two runs\n\nslow --config.a=1\nfast '--config.b=[\"x y\"]'\n")
    job = slurm.submit(
        "--array=0-1", SCRIPT, "a.py", "--workdir=w", log=tmp_path / "%a.log", PYTHON=python, SWEEP=str(sweep)
    )
    slow, fast = tmp_path / "0.log", tmp_path / "1.log"
    wait_for(slow, "begun")
    wait_for(fast, "begun")
    slurm.run("scancel", "--signal=TERM", f"{job}_1")
    assert slurm.ended(f"{job}_1")["Restarts"] == "1"
    assert (slurm.job(f"{job}_0")["JobState"], slow.read_text().count("begun")) == ("RUNNING", 1)
    slurm.run("scancel", "--signal=TERM", f"{job}_0")
    assert [slurm.ended(f"{job}_{task}")["Restarts"] for task in (0, 1)] == ["1", "1"]
    assert "--workdir w/slow --resume --config.a=1 --distributed" in slow.read_text()
    assert '--workdir w/fast --resume --config.b=["x y"] --distributed' in fast.read_text()


def test_an_index_without_a_run_is_one_line_and_exit_code_2(slurm: Cluster, python: str, tmp_path: Path) -> None:
    sweep, log = tmp_path / "sweep.txt", tmp_path / "log"
    sweep.write_text("only\n")
    number = slurm.submit("--array=9", SCRIPT, "a.py", log=log, PYTHON=python, SWEEP=str(sweep))
    found = slurm.ended(f"{number}_9")
    assert (found["ExitCode"], found["Restarts"]) == ("2:0", "0")
    assert log.read_text() == f"error: SWEEP={sweep}: no run 9 is there, but 0 to 0; see --array\n"


def test_a_mistake_ends_the_job(slurm: Cluster, python: str, tmp_path: Path) -> None:
    log = tmp_path / "log"
    number = slurm.submit(SCRIPT, "--finish", log=log, PYTHON=python)
    found = slurm.ended(number)
    assert (found["JobState"], found["ExitCode"], found["Restarts"]) == ("FAILED", "2:0", "0")
    assert "name a recipe first" in log.read_text()


def test_it_is_submitted_from_the_root(slurm: Cluster, tmp_path: Path) -> None:
    for script, missing in ((SCRIPT, "launch/run.sh"), ("launch/slurm/sweep.sbatch", "deemo_jax")):
        log = tmp_path / missing.replace("/", "_")
        number = slurm.submit(f"--chdir={tmp_path}", script, "a.py", log=log)
        assert slurm.ended(number)["ExitCode"] == "2:0"
        assert log.read_text() == f"error: {tmp_path} has no {missing}: submit from the root of the repository\n"


def test_tasks_of_a_sweeps_array_do_one_run_each_and_are_requeued_alone(
    slurm: Cluster, python: str, tmp_path: Path
) -> None:
    flags = ("launch/slurm/sweep.sbatch", "--config=a.py", "--workdir=w", "--seeds=2")
    job = slurm.submit("--array=0-1", *flags, log=tmp_path / "%a.log", PYTHON=python)
    logs = [tmp_path / f"{task}.log" for task in (0, 1)]
    for task, log in enumerate(logs):
        wait_for(log, f"-m deemo_jax.sweep --config=a.py --workdir=w --seeds=2 --run={task}")
    for task in (1, 0):
        slurm.run("scancel", "--signal=USR1", f"{job}_{task}")
        found = slurm.ended(f"{job}_{task}")
        assert (found["JobState"], found["Restarts"], found["ExitCode"]) == ("COMPLETED", "1", "0:0")
    whole = slurm.submit(*flags, "--finish", log=tmp_path / "whole", PYTHON=python)
    assert slurm.ended(whole)["ExitCode"] == "0:0" and "--run" not in (tmp_path / "whole").read_text()
