"""Two real processes: they train as one does, stop together, fail together, and go on as one process."""

import json
import os
import signal
from collections.abc import Callable
from pathlib import Path
from shutil import copytree

import pytest

from deemo_jax.core.files import read_jsonl
from deemo_jax.core.run_folder.checkpoint import saved_steps
from deemo_jax.training.loop import train
from deemo_jax.training.stop_signals import Stop
from tests.training import tiny
from tests.training.two_processes import Processes, free_port, processes, reached

pytestmark = pytest.mark.slow
# Seconds within which all end after one has; JAX by itself takes minutes.
SOON_S = 60


def both(group: Processes, config: str, workdir: Path, *flags: str, own: dict[int, list[str]] | None = None) -> None:
    port = free_port()
    for number in (0, 1):
        group.start(number, 2, port, config, workdir, *flags, *(own or {}).get(number, []))


def config_of(data: Path) -> str:
    return f"tests/training/tiny.py:{data}"


def losses(workdir: Path) -> list[float]:
    return [row["loss"] for row in read_jsonl(workdir / "metrics.jsonl")]


def stopping_at(step: int) -> Callable[[Stop, int], bool]:
    """In place of `Stop.after`: the run is stopped at `step`."""

    def after(self: Stop, done: int) -> bool:
        self.signal = signal.SIGTERM if done >= step else None
        return done >= step

    return after


def test_two_processes_stop_together_have_the_losses_of_one_and_one_goes_on(
    tiny_data: Path, tmp_path: Path, traced_once: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    work, alone, config = tmp_path / "w", tmp_path / "alone", tiny.get_config(str(tiny_data))
    config.train.steps = 400
    with processes(tmp_path / "logs") as group:
        both(group, config_of(tiny_data), work, "--config.train.steps=400")
        reached(work / "metrics.jsonl", 20, group.begun[0], group.said)
        group.begun[1].send_signal(signal.SIGTERM)
        codes, said = group.ended()
    assert codes == [75, 75], said
    (step,) = {int(line.split("at step ")[1].split(";")[0]) for line in said[0].splitlines() if "stopped and" in line}
    assert max(saved_steps(work / "checkpoints")) == step == len(losses(work)) < 400
    monkeypatch.setattr(Stop, "after", stopping_at(20))
    assert train(config, alone).step == 20
    assert losses(work)[:20] == pytest.approx(losses(alone), rel=1e-3)
    monkeypatch.setattr(Stop, "after", stopping_at(step + 5))
    assert train(config, work, resume=True).step == step + 5 == len(losses(work))
    summary = json.loads((work / "goodput.json").read_text())
    assert [of["processes"] for of in summary["sessions"]] == [2, 1] and summary["steps"]["redone"] == 0


@pytest.mark.parametrize("who", [0, 1])
def test_a_killed_process_ends_the_other_and_the_run_goes_on(who: int, tiny_data: Path, tmp_path: Path) -> None:
    work = tmp_path / "w"
    with processes(tmp_path / "logs") as group:
        both(group, config_of(tiny_data), work, "--config.train.steps=4000")
        reached(work / "metrics.jsonl", 9, group.begun[0], group.said)
        group.begun[who].kill()
        codes, said = group.ended(SOON_S)
    assert codes[1 - who] == 75, said
    last = said[1 - who].splitlines()[-1]
    assert last.startswith(f"error: process {who}") and "has ended without a word" in last
    before = max(saved_steps(work / "checkpoints"))
    with processes(tmp_path / "logs") as group:
        both(group, config_of(tiny_data), work, "--resume", f"--config.train.steps={before + 10}")
        codes, said = group.ended()
    assert codes == [0, 0], said
    assert f"going on from step {before}" in said[0] and len(losses(work)) == before + 10


def test_a_process_whose_data_goes_away_ends_all_with_its_reason(tiny_data: Path, tmp_path: Path) -> None:
    work, own = tmp_path / "w", copytree(tiny_data, tmp_path / "own")
    with processes(tmp_path / "logs") as group:
        elsewhere = {1: [f"--config.data.data_dir={own}", f"--config.init={tiny_data / tiny.INIT}"]}
        same = ["--config.train.steps=4000", f"--config.init={tiny_data / tiny.INIT}"]
        both(group, config_of(tiny_data), work, *same, own=elsewhere)
        reached(work / "metrics.jsonl", 3, group.begun[0], group.said)
        shard = next(path for path in own.rglob("*train*") if path.is_file())
        shard.unlink()
        codes, said = group.ended()
    assert codes == [2, 2], said
    for text in said:
        assert str(shard) in text.splitlines()[-1] and "Traceback" not in text
    assert "process 1 on " in said[0].splitlines()[-1]


def test_processes_that_differ_do_not_begin(tiny_data: Path, tmp_path: Path) -> None:
    work = tmp_path / "w"
    with processes(tmp_path / "logs") as group:
        both(group, config_of(tiny_data), work, own={1: ["--config.optimizer.lr=0.5"]})
        codes, said = group.ended()
    assert codes == [2, 2], said
    assert all("config.optimizer.lr: 0.5 there, 0.01 here" in text.splitlines()[-1] for text in said)
    assert not work.exists() or not list(work.iterdir())


def test_data_that_differ_are_named_before_anything_is_written(tiny_data: Path, tmp_path: Path) -> None:
    work, other = tmp_path / "w", tmp_path / "other"
    tiny.write_tiny_dataset(other)
    source = next(path for path in other.rglob("*train*") if path.is_file())
    stored = next(other.rglob("fingerprint.json"))
    content = json.loads(stored.read_text())
    content["shards"][source.name]["sha256"] = "0" * 64
    stored.write_text(json.dumps(content))
    with processes(tmp_path / "logs") as group:
        init = [f"--config.init={tiny_data / tiny.INIT}"]
        both(group, config_of(tiny_data), work, *init, own={1: [f"--config.data.data_dir={other}"]})
        codes, said = group.ended()
    assert codes == [2, 2], said
    assert all("shards of the data (sha256)" in text.splitlines()[-1] for text in said)
    assert not (work / "config.json").exists()


def test_a_process_that_never_comes_is_named_and_so_is_a_dead_coordinator(tiny_data: Path, tmp_path: Path) -> None:
    for number, said_there in ((0, "process 1 of 2; there: process 0 on "), (1, "nobody answers at the coordinator")):
        with processes(tmp_path / f"logs{number}") as group:
            group.start(number, 2, free_port(), config_of(tiny_data), tmp_path / "w", "--join_timeout_s=5")
            (code,), (said,) = group.ended()
        assert code == 2 and said_there in said and len(said.strip().splitlines()) == 1, said
    assert not (tmp_path / "w").exists()


def test_workdirs_that_are_not_shared_are_named(tiny_data: Path, tmp_path: Path) -> None:
    port = free_port()
    with processes(tmp_path / "logs") as group:
        for number in (0, 1):
            work = tmp_path / f"w{number}"
            group.start(number, 2, port, config_of(tiny_data), work, "--join_timeout_s=8")
        codes, said = group.ended()
    assert codes == [2, 2], said
    assert all("or with another " in text.splitlines()[-1] for text in said)


def test_a_process_that_is_stuck_ends_all_with_its_stacks(tiny_data: Path, tmp_path: Path) -> None:
    work = tmp_path / "w"
    with processes(tmp_path / "logs") as group:
        both(group, config_of(tiny_data), work, "--config.train.steps=4000", "--stuck_after_s=20")
        reached(work / "metrics.jsonl", 3, group.begun[0], group.said)
        os.kill(group.begun[1].pid, signal.SIGSTOP)
        code = group.begun[0].wait(200)
        group.begun[1].kill()
        said = [log.read_text() for log in group.logs]
    assert code == 2, said
    assert "nothing has moved for 20 s" in said[0].splitlines()[-1]
    assert "File " in (work / "stacks" / "process_0.txt").read_text()
