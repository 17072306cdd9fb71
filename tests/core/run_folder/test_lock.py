"""The lock of a workdir: one holder, none after a death, and a word where a file system knows none."""

import errno
import fcntl
import os
import subprocess
import sys
from pathlib import Path

import pytest

from deemo_jax.core.errors import UserError
from deemo_jax.core.run_folder.lock import Lock

HOLD = """
import sys, time
from pathlib import Path
from deemo_jax.core.run_folder.lock import Lock
lock = Lock(Path(sys.argv[1]))
lock.take()
print("held", flush=True)
time.sleep(60)
"""


def test_a_process_that_is_killed_leaves_no_lock(tmp_path: Path) -> None:
    path = tmp_path / ".lock"
    command = [sys.executable, "-c", HOLD, str(path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=Path(__file__).parents[3]) as holder:
        assert holder.stdout is not None and holder.stdout.readline() == b"held\n"
        with Lock(path) as lock:
            try:
                with pytest.raises(UserError, match=rf"is in use by another run \(process {holder.pid} on "):
                    lock.take()
            finally:
                holder.kill()
                holder.wait()
            lock.take()
            assert lock.held and str(os.getpid()) in path.read_text()


@pytest.mark.parametrize("written", ["[" * 100_000, '{"pid": 1e999, "host": "", "since": ""}', "[]", "\ufffd"])
def test_a_holder_who_has_written_nonsense_is_not_named(written: str, tmp_path: Path) -> None:
    path = tmp_path / ".lock"
    with Lock(path) as holder, Lock(path) as lock:
        holder.take()
        path.write_text(written)
        with pytest.raises(UserError, match="is in use by another run; wait for it"):
            lock.take()


def test_it_may_be_taken_again_after_its_end(tmp_path: Path) -> None:
    for _ in range(2):
        with Lock(tmp_path / ".lock") as lock:
            lock.take()
            lock.take()
            assert lock.held
        assert not lock.held


def test_a_lock_that_does_not_stay_leaves_no_file_and_is_on_the_file_that_is_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, folder, locked = tmp_path / ".a.lock", tmp_path / "a", fcntl.flock

    def removed(handle: int, how: int) -> None:  # by its holder, between opening and locking
        monkeypatch.setattr(fcntl, "flock", locked)
        path.unlink()
        locked(handle, how)

    monkeypatch.setattr(fcntl, "flock", removed)
    with Lock(path, "wait", folder, stays=False) as lock, Lock(path, "wait", folder, stays=False) as other:
        lock.take()
        with pytest.raises(UserError, match=rf"{folder}: is in use by another run .*wait"):
            other.take()
    assert not path.exists()


@pytest.mark.parametrize("number", [errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP])
def test_a_file_system_without_locks_is_told_and_used(
    number: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: int) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(fcntl, "flock", refuse)
    with Lock(tmp_path / ".lock") as lock:
        lock.take()
        assert not lock.held and "knows no locks" in lock.note


def test_a_folder_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    with Lock(tmp_path / "absent" / ".lock") as lock, pytest.raises(UserError, match=r"\.lock: cannot be written"):
        lock.take()
