"""Joins the processes of one run: as SLURM, Open MPI, a TPU slice or GKE starts them, or by hand."""

import dataclasses
import os
import socket
import sys
from collections.abc import Mapping
from pathlib import Path

import jax

from deemo_jax.core.cli import EXIT_USAGE
from deemo_jax.core.errors import UserError
from deemo_jax.training.cluster.roll_call import Entry, RollCall

# Environment variables that say of a process what the flags of the same meaning say. JAX reads the first one only.
ADDRESS, COUNT, NUMBER = "JAX_COORDINATOR_ADDRESS", "JAX_NUM_PROCESSES", "JAX_PROCESS_ID"
# Variables in which launchers tell a process its number and how many there are, for the roll call. JAX finds them too.
LAUNCHERS = (("SLURM_PROCID", "SLURM_NTASKS"), ("OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_SIZE"))
# Seconds that JAX waits longer than the roll call: its own end is a crash without a reason.
LONGER_S = 3600
# Seconds that a process which ends waits for the others to end, too: they have told each other that they will.
SHUTDOWN_S = 60


@dataclasses.dataclass(frozen=True)
class ByHand:
    """Where the processes of a run are, as a person says it; None is left to JAX.

    Attributes:
        coordinator: HOST:PORT of process 0; the port is free on its host.
        processes: how many there are.
        process: number of this one, from 0.
    """

    coordinator: str | None = None
    processes: int | None = None
    process: int | None = None

    def or_environment(self, environment: Mapping[str, str]) -> "ByHand":
        """With the values of the environment where there is none.

        Raises:
            UserError: a value is senseless, or one is missing beside others.
        """
        coordinator = self.coordinator or environment.get(ADDRESS) or None
        processes = self.processes if self.processes is not None else _number(environment, COUNT)
        process = self.process if self.process is not None else _number(environment, NUMBER)
        given = {
            f"--coordinator or {ADDRESS}": coordinator,
            f"--processes or {COUNT}": processes,
            f"--process or {NUMBER}": process,
        }
        absent = [name for name, value in given.items() if value is None]
        # The address alone may come from a launcher whose numbers JAX finds.
        by_hand = self.coordinator is not None or processes is not None or process is not None
        if by_hand and absent:
            raise UserError(f"--distributed: {absent[0]} is missing beside the others; give all three, or none")
        if processes is not None and process is not None and not 0 <= process < processes:
            raise UserError(f"--process: {process} of {processes} processes; they are numbered 0 to {processes - 1}")
        if coordinator is not None:
            host, _, port = coordinator.rpartition(":")
            if not host or not port.isdigit() or not 0 < int(port) < 1 << 16:
                raise UserError(f"--coordinator: {coordinator!r} must be HOST:PORT, such as node1:12345")
        return ByHand(coordinator, processes, process)


def join(workdir: Path, by_hand: ByHand, timeout_s: float) -> tuple[int, int] | None:
    """Meets the other processes of this run; must be called before JAX computes anything.

    When they are not all there after `timeout_s`, the process ends with one line that says who is missing, and exit
    code 2.

    Returns:
        The number of this process and how many there are; None where only JAX knows.

    Raises:
        UserError: nothing says where they are, or the coordinator's port is in use.
    """
    found = by_hand.or_environment(os.environ)
    if found.process == 0 and found.coordinator is not None:
        _check_port(found.coordinator)

    def late(roll: str) -> None:
        print(f"error: {_late(found.coordinator, found.process, timeout_s)}; {roll}", file=sys.stderr, flush=True)
        call.leave(failed=True)
        os._exit(EXIT_USAGE)  # JAX, which waits in the main thread, cannot be interrupted

    number, count = found.process, found.processes
    for rank, size in LAUNCHERS:
        if number is None and count is None:
            number, count = _number(os.environ, rank), _number(os.environ, size)
    with RollCall(workdir, Entry(socket.gethostname(), number, count), timeout_s, late) as call:
        call.wait()
        try:
            jax.distributed.initialize(
                found.coordinator,
                found.processes,
                found.process,
                initialization_timeout=int(timeout_s) + LONGER_S,
                shutdown_timeout_seconds=SHUTDOWN_S,
                cluster_detection_method="deactivate" if found.process is not None else None,
            )
        except (ValueError, KeyError, RuntimeError, OSError) as error:
            said = next(iter(str(error).splitlines()), "")
            raise UserError(
                f"--distributed: no cluster of SLURM, TPU, GKE or Open MPI was found here ({said}); start the command "
                "through one of them, e.g. with srun; or give --coordinator HOST:PORT, --processes and --process; or "
                "leave the flag out to train in one process"
            ) from error
    return None if number is None or count is None else (number, count)


def _late(coordinator: str | None, process: int | None, timeout_s: float) -> str:
    """What is wrong when the processes have not met in time."""
    waited = f"--distributed: the processes have not met within {timeout_s:g} s (--join_timeout_s)"
    if coordinator is None or process == 0:
        return waited
    host, _, port = coordinator.rpartition(":")
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=3).close()
    except socket.gaierror:
        return f"{waited}: the coordinator's host {host!r} has no address here; check --coordinator"
    except OSError as error:
        return (
            f"{waited}: nobody answers at the coordinator {coordinator} ({error.strerror or error}); is process 0 up?"
        )
    return f"{waited}: at the coordinator {coordinator} somebody answers"


def _check_port(coordinator: str) -> None:
    """Checks that the coordinator can listen: where it cannot, JAX crashes.

    Raises:
        UserError: its port is in use.
    """
    port = int(coordinator.rpartition(":")[2])
    family = socket.AF_INET6 if socket.has_dualstack_ipv6() else socket.AF_INET
    with socket.socket(family) as trial:
        trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            trial.bind(("", port))
            trial.listen(1)
        except OSError as error:
            raise UserError(
                f"--coordinator: port {port} cannot be listened at here ({error.strerror}); choose another for all "
                "processes"
            ) from error


def _number(environment: Mapping[str, str], name: str) -> int | None:
    """A number in the environment; None where it is not set.

    Raises:
        UserError: it is no number.
    """
    text = environment.get(name, "")
    if not text:
        return None
    if not text.isdecimal():
        raise UserError(f"{name}: {text!r} must be a number")
    return int(text)
