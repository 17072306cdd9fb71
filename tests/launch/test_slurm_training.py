"""Training in two processes under a real SLURM: preempted and requeued, it ends as if it had not been."""

from pathlib import Path

import numpy as np
import pytest

from deemo_jax.core.files import read_jsonl
from deemo_jax.generation.load import load_run
from deemo_jax.models.weights import flatten
from tests.launch.slurm import Cluster, wait_until

# Enough that a signal arrives while it trains.
STEPS = 150
# Seconds that a job may take where the machine has other work.
PATIENCE_S = 1800


@pytest.mark.slow
def test_a_preempted_job_ends_with_the_parameters_of_one_that_was_not(
    slurm: Cluster, tiny_data: Path, tmp_path: Path
) -> None:
    whole, preempted = tmp_path / "whole", tmp_path / "preempted"
    logs = {run: run.with_suffix(".log") for run in (whole, preempted)}
    steps = (f"--config.train.steps={STEPS}", f"--config.train.checkpoint_every={STEPS}")
    command = ["--ntasks-per-node=2", "launch/slurm/train.sbatch", f"tests/training/tiny.py:{tiny_data}", *steps]
    jobs = {run: slurm.submit(*command, f"--workdir={run}", log=logs[run]) for run in (preempted, whole)}

    wait_until(lambda: rows(preempted) > 10, "no step was made", PATIENCE_S)
    slurm.run("scancel", "--signal=TERM", jobs[preempted])
    wait_until(lambda: slurm.job(jobs[preempted])["Restarts"] == "1", "the job is not requeued", PATIENCE_S)
    reached = rows(preempted)
    assert 10 < reached < STEPS
    for run in (preempted, whole):
        found = slurm.ended(jobs[run], PATIENCE_S)
        assert (found["JobState"], found["ExitCode"]) == ("COMPLETED", "0:0"), logs[run].read_text()
    said = logs[preempted].read_text()
    assert f"stopped and saved at step {reached}" in said and f"going on from step {reached}" in said

    assert parameters(preempted) == parameters(whole)
    losses = [[row["loss"] for row in read_jsonl(run / "metrics.jsonl")] for run in (preempted, whole)]
    assert losses[0] == losses[1] and len(losses[0]) == STEPS


def rows(workdir: Path) -> int:
    metrics = workdir / "metrics.jsonl"
    return metrics.read_bytes().count(b"\n") if metrics.exists() else 0


def parameters(workdir: Path) -> dict[str, bytes]:
    return {path: np.asarray(leaf).tobytes() for path, leaf in flatten(load_run(workdir)[2]).items()}
