"""A real SLURM on this machine, in a folder of its own: one node, no accounting, gone when its tests are.

On Debian: apt-get install slurm-wlm munge. Nothing of an installed cluster is read or changed.
"""

import dataclasses
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

ROOT = Path(__file__).parents[2]
PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch", "srun", "scontrol", "scancel", "squeue")
# A job that is requeued waits until the credential of its last start is no longer valid: 2 minutes where SLURM is not
# told otherwise.
CREDENTIAL_S = 5
# Tasks that run at a time, whatever the machine has.
TASKS = 4
CONF = """\
ClusterName=tests
SlurmctldHost={host}(127.0.0.1)
SlurmUser={user}
SlurmdUser={user}
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket,cred_expire={credential}
SlurmctldPort={ports[0]}
SlurmdPort={ports[1]}
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
MpiDefault=none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
SlurmdParameters=config_overrides
SchedulerParameters=batch_sched_delay=1,sched_interval=2
NodeName={host} NodeAddr=127.0.0.1 CPUs={tasks} State=UNKNOWN
PartitionName=all Nodes=ALL Default=YES MaxTime=INFINITE State=UP
"""


class NoSlurmError(Exception):
    """SLURM cannot be run here; the message says why."""


@dataclasses.dataclass(frozen=True)
class Cluster:
    """A running SLURM."""

    folder: Path

    def run(self, *command: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """A command of SLURM, from the root of the repository."""
        env = os.environ | {"SLURM_CONF": str(self.folder / "slurm.conf")} | environment
        return subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, timeout=120, check=False)

    def submit(self, *arguments: str, log: Path, **environment: str) -> str:
        """`sbatch`; the number of the job, whose output goes to `log`."""
        done = self.run("sbatch", "--parsable", f"--output={log}", *arguments, **environment)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def job(self, number: str) -> dict[str, str]:
        """What SLURM knows of a job: names of `scontrol show job` and their values."""
        said = self.run("scontrol", "show", "--oneliner", "job", number).stdout
        return dict(word.split("=", 1) for word in said.split() if "=" in word)

    def ended(self, number: str, timeout_s: float = 300) -> dict[str, str]:
        """The same, once it has ended."""

        def over() -> bool:
            return self.job(number)["JobState"] in ("COMPLETED", "FAILED", "CANCELLED", "TIMEOUT", "NODE_FAIL")

        wait_until(over, f"job {number} has not ended", timeout_s)
        return self.job(number)


@contextmanager
def cluster(folder: Path) -> Iterator[Cluster]:
    """Starts munged, slurmctld and slurmd, and stops them.

    Raises:
        NoSlurmError: they are not installed, or do not start.
    """
    # Debian keeps daemons where users do not look.
    path = f"{os.environ['PATH']}:/usr/sbin:/sbin"
    programs = {name: shutil.which(name, path=path) for name in PROGRAMS}
    if absent := [name for name, found in programs.items() if not found]:
        raise NoSlurmError(f"no {', '.join(absent)}; on Debian: apt-get install slurm-wlm munge")
    for name in ("state", "spool"):
        (folder / name).mkdir()
    key = folder / "munge.key"
    key.write_bytes(os.urandom(1024))
    key.chmod(0o400)
    host, user = socket.gethostname().split(".")[0], subprocess.check_output(["id", "-un"], text=True).strip()
    words = {"host": host, "user": user, "folder": folder, "credential": CREDENTIAL_S, "tasks": TASKS}
    (folder / "slurm.conf").write_text(CONF.format(ports=_free_ports(2), **words))
    munged = [
        f"--{name}={folder}/munge.{name.split('-')[0]}" for name in ("socket", "pid-file", "log-file", "seed-file")
    ]
    env = os.environ | {"SLURM_CONF": str(folder / "slurm.conf")}
    started: list[Path] = []
    try:
        for name, *flags in (
            ("munged", "--force", f"--key-file={key}", *munged),
            ("slurmctld", "-c"),
            ("slurmd", "-c"),
        ):
            pid = folder / ("munge.pid" if name == "munged" else f"{name}.pid")
            done = subprocess.run(
                [programs[name] or name, *flags], env=env, capture_output=True, text=True, check=False
            )
            if done.returncode:
                raise NoSlurmError(f"{name} does not start: {done.stderr.strip()[-300:]}")
            started.append(pid)
        found = Cluster(folder)
        try:
            wait_until(
                lambda: "idle" in found.run("sinfo", "--noheader", "--format=%T").stdout, "the node is not idle", 30
            )
        except AssertionError as error:
            raise NoSlurmError(str(error)) from error
        try:
            yield found
        finally:  # jobs outlive the daemons
            found.run("scancel", "--state=PENDING,RUNNING", f"--user={user}")
            with suppress(AssertionError):
                wait_until(lambda: not found.run("squeue", "--noheader").stdout, "jobs do not leave", 60)
    finally:
        _stop(started)


def wait_until(true: Callable[[], bool], otherwise: str, timeout_s: float = 300) -> None:
    """Waits until something is true.

    Raises:
        AssertionError: it is not, in time.
    """
    end = time.monotonic() + timeout_s
    while not true():
        assert time.monotonic() < end, f"{otherwise} after {timeout_s:g} s"
        time.sleep(0.2)


def _stop(pid_files: list[Path]) -> None:
    """Ends the daemons, the last one first."""
    for file in reversed(pid_files):
        with suppress(OSError, ValueError):
            pid = int(file.read_text())
            os.kill(pid, signal.SIGTERM)
            end = time.monotonic() + 20
            while time.monotonic() < end:
                os.kill(pid, 0)
                time.sleep(0.1)
            os.kill(pid, signal.SIGKILL)


def _free_ports(count: int) -> list[int]:
    sockets = [socket.socket() for _ in range(count)]
    for one in sockets:
        one.bind(("127.0.0.1", 0))
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports
