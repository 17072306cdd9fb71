"""Twenty faults at random moments of two runs: each ends in a recovery or in one clear line, and no state is wrong.

The order and the moments are drawn from SEED; the variable CHAOS_SEED sets another one.
"""

import os
import random
import re
import resource
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any

import jax
import numpy as np
import pytest

from deemo_jax.core.files import read_jsonl
from deemo_jax.core.run_folder.checkpoint import saved_steps
from deemo_jax.generation.load import load_run
from deemo_jax.models.weights import flatten
from deemo_jax.training import loop
from deemo_jax.training.loop import train
from tests.training import tiny
from tests.training.two_processes import free_port, processes, reached

pytestmark = pytest.mark.slow
ROOT = Path(__file__).parents[2]
SEED = int(os.environ.get("CHAOS_SEED", "20"))
# Longer than the faults let a run become: the rate of a step depends on the length of the run.
STEPS = 100_000
FLAGS = [f"--config.train.steps={STEPS}", "--config.train.checkpoint_every=10", "--resume"]
# Fault -> how often it comes; those of `PEERS` hit runs of two processes.
FAULTS = {"kill": 5, "stop": 3, "full disk": 3, "cut checkpoint": 3, "lost shard": 2}
PEERS = {"killed peer": 2, "killed first": 2}


class EnoughError(Exception):
    """The reference has done all steps that are compared."""


def begun(data: Path, workdir: Path, *flags: str) -> subprocess.Popen:
    command = [sys.executable, "-m", "deemo_jax.train", "--config", f"tests/training/tiny.py:{data}"]
    return subprocess.Popen(
        [*command, "--workdir", workdir, *FLAGS, *flags], cwd=ROOT, stderr=subprocess.PIPE, text=True
    )


def lines(path: Path) -> int:
    return path.read_bytes().count(b"\n") if path.exists() else 0


def last_line(one: subprocess.Popen, code: int) -> str:
    """What a command says at its end, with which exit code; it must not be a traceback."""
    said = one.communicate(timeout=300)[1]
    assert one.returncode == code and "Traceback" not in said, said
    return said.strip().splitlines()[-1]


def state_of(params: Any) -> str:
    """A hash of all trainable parameters."""
    found = sha256()
    for path, leaf in sorted(flatten(params).items()):
        if "/encoder/" not in path:
            found.update(path.encode() + np.asarray(leaf).tobytes())
    return found.hexdigest()


def kill(one: subprocess.Popen, data: Path, rng: random.Random) -> None:
    one.kill()
    assert one.wait() == -signal.SIGKILL


def stop(one: subprocess.Popen, data: Path, rng: random.Random) -> None:
    one.send_signal(rng.choice([signal.SIGTERM, signal.SIGUSR1, signal.SIGHUP]))
    assert "stopped and saved at step" in last_line(one, 75)


def full_disk(one: subprocess.Popen, data: Path, rng: random.Random) -> None:
    resource.prlimit(one.pid, resource.RLIMIT_FSIZE, (rng.choice([500, 20_000, 60_000]), resource.RLIM_INFINITY))
    said = last_line(one, 2)
    assert re.search(r"cannot be written \(File too large\); the last whole checkpoint is \d+", said), said


def lost_shard(one: subprocess.Popen, data: Path, rng: random.Random) -> None:
    shard = next(path for path in data.rglob("*train*") if path.is_file())
    hidden = shard.rename(data / "hidden")
    assert str(shard) in last_line(one, 2)
    hidden.rename(shard)


INFLICT: dict[str, Callable[[subprocess.Popen, Path, random.Random], None]] = {
    "kill": kill,
    "stop": stop,
    "full disk": full_disk,
    "cut checkpoint": kill,
    "lost shard": lost_shard,
}


def cut(checkpoint: Path, rng: random.Random) -> None:
    """Cuts a file of a checkpoint in half."""
    files = sorted(path for path in checkpoint.rglob("*") if path.is_file() and path.stat().st_size > 1)
    path = rng.choice(files)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def refused(data: Path, work: Path, newest: int, whole: int) -> bool:
    """Whether a run does not go on from its newest checkpoint; it then names the `whole` one before."""
    one, before = begun(data, work), lines(work / "metrics.jsonl")
    try:
        while one.poll() is None and lines(work / "metrics.jsonl") in range(newest + 1, before + 1):
            time.sleep(0.05)
        while one.poll() is None and lines(work / "metrics.jsonl") < newest + 3:
            time.sleep(0.05)
        if one.poll() is None:
            return False
        said = last_line(one, 2)
        assert f"{newest}: this checkpoint is damaged" in said and f"the newest whole one is {whole}:" in said, said
        return True
    finally:
        one.kill()


def test_sixteen_faults_lose_no_saved_state(
    tiny_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, traced_once: None
) -> None:
    rng = random.Random(SEED)
    faults = [fault for fault, times in FAULTS.items() for _ in range(times)]
    rng.shuffle(faults)
    data, work, states = Path(shutil.copytree(tiny_data, tmp_path / "data")), tmp_path / "w", dict[int, str]()
    metrics, flags = work / "metrics.jsonl", list[str]()
    for fault in faults:
        one, since = begun(data, work, *flags), max([lines(metrics), *saved_steps(work / "checkpoints")])
        flags = []
        try:
            reached(metrics, since + rng.randrange(11, 25), one)
            time.sleep(rng.random() * 0.3)
            saved = max(saved_steps(work / "checkpoints"))
            INFLICT[fault](one, data, rng)
        finally:
            one.kill()
        newest = max(saved_steps(work / "checkpoints"))
        assert newest >= saved, fault
        if fault == "cut checkpoint":
            cut(work / "checkpoints" / str(newest), rng)
            whole = max(step for step in saved_steps(work / "checkpoints") if step != newest)
            if not refused(data, work, newest, whole):  # what was cut is not needed
                continue
            flags, newest = [f"--from_step={whole}"], whole
        states[newest] = state_of(load_run(work, newest)[2])
    assert [row["step"] for row in read_jsonl(metrics)] == list(range(1, lines(metrics) + 1))
    # The same steps without interruption.
    true, lower = dict[int, str](), loop.lower_step

    def recorded(*arguments: Any) -> Any:
        compiled = lower(*arguments).compile()

        def step(state: Any, *rest: Any) -> Any:
            state, found = compiled(state, *rest)
            if int(state.step) in states:
                true[int(state.step)] = state_of(jax.device_get(state.trainable))
            if int(state.step) == max(states):
                raise EnoughError
            return state, found

        return type("Lowered", (), {"compile": lambda self: step})()

    monkeypatch.setattr(loop, "lower_step", recorded)
    config = tiny.get_config(str(data))
    config.train.steps, config.train.checkpoint_every = STEPS, STEPS
    with pytest.raises(EnoughError):
        train(config, tmp_path / "whole")
    assert true == states, f"seed {SEED}, {faults}"


def test_four_killed_peers_lose_no_saved_state(tiny_data: Path, tmp_path: Path) -> None:
    rng = random.Random(SEED)
    faults = [fault for fault, times in PEERS.items() for _ in range(times)]
    rng.shuffle(faults)
    work, config = tmp_path / "w", f"tests/training/tiny.py:{tiny_data}"
    for number, fault in enumerate(faults):
        with processes(tmp_path / f"logs{number}") as group:
            port, since = free_port(), max(saved_steps(work / "checkpoints"), default=0)
            for process in (0, 1):
                group.start(process, 2, port, config, work, *FLAGS)
            reached(work / "metrics.jsonl", since + rng.randrange(11, 25), group.begun[0], group.said)
            time.sleep(rng.random() * 0.3)
            saved, who = max(saved_steps(work / "checkpoints")), 1 if fault == "killed peer" else 0
            group.begun[who].kill()
            codes, said = group.ended(100)
        assert codes[who] == -signal.SIGKILL and codes[1 - who] == 75, (fault, said)
        assert f"error: process {who}" in said[1 - who].splitlines()[-1]
        newest = max(saved_steps(work / "checkpoints"))
        assert newest >= saved
        load_run(work, newest)
    rows = list(read_jsonl(work / "metrics.jsonl"))
    assert [row["step"] for row in rows] == list(range(1, len(rows) + 1))
