"""The line between the processes of one run: they compare what must be alike, and each hears at once of another's end.

JAX notices that a process is gone after minutes, and then the others crash without a reason. So each process holds a
connection to the first one. Who fails says why; whose connection breaks was killed, or has lost its host.
"""

import contextlib
import dataclasses
import json
import os
import queue
import secrets
import socket
import sys
import threading
import time
from collections.abc import Callable, Mapping
from multiprocessing import AuthenticationError
from multiprocessing.connection import Client, Connection, Listener, wait
from pathlib import Path
from types import TracebackType
from typing import Any

from deemo_jax.core.cli import EXIT_INTERRUPTED, EXIT_STOPPED, EXIT_USAGE
from deemo_jax.core.device_errors import device_trouble
from deemo_jax.core.errors import UserError, plain
from deemo_jax.core.files import decode_json, read_json, write_json

# File in the workdir that says where the first process listens; it is there while the others connect.
FILE = ".line.json"
# Seconds within which a host that no longer answers counts as lost: idle seconds before the first question, seconds
# between two, and their number.
KEEPALIVE = (10, 5, 4)
# Seconds that a process which ends waits for the others to have heard of it.
HEARD_S = 3.0
# Facts that processes compare: name -> value.
Facts = Mapping[str, Any]


@dataclasses.dataclass(frozen=True)
class _Name:
    """Number and host of a process."""

    process: int
    host: str

    def __str__(self) -> str:
        return f"process {self.process} on {self.host}"


def _say_last(reason: str) -> None:
    """Prints the reason for which this process ends.

    Another thread may be training still, and libraries tell of a lost process too: what is said behind it is dropped.
    """
    with contextlib.suppress(Exception):
        stderr = os.dup(sys.stderr.fileno())
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stderr.fileno())
        os.write(stderr, f"error: {plain(reason)}\n".encode(errors="backslashreplace"))


class Alone:
    """The line of a run of one process: there is nobody to agree with, or to tell."""

    def agree(self, what: str, facts: Facts | None = None) -> None:
        """Waits until all processes call this with the same `what`, and compares their facts with the first one's.

        Raises:
            UserError: facts differ, or some process has not come in time.
        """

    def end(self, reason: str, code: int = EXIT_USAGE) -> None:
        """Prints the reason, tells it to the others, and ends this process at once; may be called in any thread."""
        print(f"error: {plain(reason)}", file=sys.stderr, flush=True)
        os._exit(code)

    def __enter__(self) -> "Alone":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        pass


class _Peer(Alone):
    """What the ends of the line have in common: how a failure is told, and how this process ends for it.

    Where the `with` statement ends with an exception, the others are told, and this process ends: a usual end would
    wait for them.
    """

    def __init__(self, me: _Name, patience_s: float) -> None:
        self._me = me
        self._patience_s = patience_s
        self._over = False
        self._ending = threading.Lock()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is None:
            self.agree("the end")
            self._over = True
            self.say_over()
            return
        if isinstance(error, UserError):
            reason, code = " ".join(str(error).split()), EXIT_USAGE
        elif isinstance(error, KeyboardInterrupt):
            reason, code = "interrupted", EXIT_INTERRUPTED
        elif trouble := device_trouble(error):
            reason, code = trouble, EXIT_USAGE
        else:
            # An operation over all processes fails when one of them ends, and may do so before the line tells of it.
            time.sleep(HEARD_S)
            sys.excepthook(kind or type(error), error, trace)
            reason, code = f"{type(error).__name__}: {str(error)[:300]}; its own output says more", 1
        self.end(reason, code)

    def end(self, reason: str, code: int = EXIT_USAGE) -> None:
        self._end(reason, f"{self._me}: {reason}", code)

    def _end(self, reason: str, told: str, code: int) -> None:
        with self._ending:  # the first reason counts, whichever thread has it
            with contextlib.suppress(Exception):
                self.tell_failure(told, code)
            _say_last(reason)
            os._exit(code)

    def tell_failure(self, reason: str, code: int) -> None:
        """Tells the others why this process ends."""
        raise NotImplementedError

    def say_over(self) -> None:
        """Tells the others that the run has ended without a failure."""


class _First(_Peer):
    """The end of the first process, to which all others are connected."""

    def __init__(self, me: _Name, others: Mapping[Connection, _Name], patience_s: float) -> None:
        super().__init__(me, patience_s)
        self._others, self._came = dict(others), threading.Condition()
        self._facts: dict[str, dict[_Name, Facts]] = {}
        threading.Thread(target=self._listen, daemon=True).start()

    def agree(self, what: str, facts: Facts | None = None) -> None:
        names, until = set(self._others.values()), time.monotonic() + self._patience_s
        with self._came:
            while not names <= self._facts.setdefault(what, {}).keys():
                if not self._came.wait(max(until - time.monotonic(), 0)) and time.monotonic() >= until:
                    absent = ", ".join(map(str, sorted(names - self._facts[what].keys(), key=str)))
                    raise UserError(f"{absent}: has not come to {what} within {self._patience_s:g} s; is it stuck?")
            came = self._facts.pop(what)
        mine = json.loads(json.dumps(dict(facts or {})))
        for name in sorted(came, key=lambda name: name.process):
            if different := _differences(self._me, mine, name, came[name]):
                raise UserError(different)
        for connection in list(self._others):
            with contextlib.suppress(OSError):  # `_listen` hears that it is gone
                _send(connection, agreed=what)

    def tell_failure(self, reason: str, code: int) -> None:
        for connection in list(self._others):
            with contextlib.suppress(OSError):
                _send(connection, failed=reason, code=code)
        until = time.monotonic() + HEARD_S  # the service of this process is what holds the others up
        while self._others and time.monotonic() < until:
            time.sleep(0.02)

    def _listen(self) -> None:
        while self._others and not self._over:
            for connection in wait(list(self._others), timeout=1.0):
                assert isinstance(connection, Connection)
                name = self._others[connection]
                try:
                    said = _receive(connection)
                except (EOFError, OSError, ValueError):
                    del self._others[connection]
                    if not self._over and not self._ending.locked():
                        self._pass_on(
                            f"{name}: has ended without a word; it was killed, or its host was lost", EXIT_STOPPED
                        )
                    continue
                if "failed" in said:
                    self._pass_on(said["failed"], int(said["code"]))
                elif "over" in said:
                    del self._others[connection]
                else:
                    with self._came:
                        self._facts.setdefault(said["what"], {})[name] = said["facts"]
                        self._came.notify_all()

    def _pass_on(self, reason: str, code: int) -> None:
        """Ends this process for another's failure. In a thread of its own, since `_listen` hears who has heard it."""
        threading.Thread(target=self._end, args=(reason, reason, code), daemon=True).start()


class _Other(_Peer):
    """The end of any other process."""

    def __init__(self, me: _Name, first: Connection, patience_s: float) -> None:
        super().__init__(me, patience_s)
        self._first = first
        self._agreed: queue.Queue[str] = queue.Queue()
        threading.Thread(target=self._listen, daemon=True).start()

    def agree(self, what: str, facts: Facts | None = None) -> None:
        # Facts that differ end this process: `_listen` hears it of the first one.
        with contextlib.suppress(OSError):  # `_listen` ends the process
            _send(self._first, what=what, facts=dict(facts or {}))
        try:
            self._agreed.get(timeout=self._patience_s + HEARD_S)
        except queue.Empty:
            raise UserError(f"process 0 has not come to {what} within {self._patience_s:g} s; is it stuck?") from None

    def tell_failure(self, reason: str, code: int) -> None:
        _send(self._first, failed=reason, code=code)

    def say_over(self) -> None:
        with contextlib.suppress(OSError):
            _send(self._first, over=True)

    def _listen(self) -> None:
        while True:
            try:
                said = _receive(self._first)
            except (EOFError, OSError, ValueError):
                if not self._over:
                    self._leave(
                        "process 0: has ended without a word; it was killed, or its host was lost", EXIT_STOPPED
                    )
                return
            if "failed" in said:
                self._leave(said["failed"], int(said["code"]))
            self._agreed.put(said["agreed"])

    def _leave(self, reason: str, code: int) -> None:
        with self._ending:
            _say_last(reason)
            os._exit(code)


def connect(workdir: Path, process: int, count: int, timeout_s: float, patience_s: float) -> Alone:
    """The line between the processes of a run; a context manager.

    Where they do not see the same workdir, or cannot reach the first one, the process ends with one line.

    Args:
        workdir: of the run, which all processes must see.
        process: number of this one, from 0.
        count: how many there are.
        timeout_s: how long processes wait for each other here.
        patience_s: how long they wait for each other in `agree`.
    """
    if count == 1:
        return Alone()
    me = _Name(process, socket.gethostname())
    if process:
        return _Other(me, _call(workdir / FILE, me, timeout_s), patience_s)
    return _First(me, _answered(workdir, count, timeout_s), patience_s)


def _answered(workdir: Path, count: int, timeout_s: float) -> dict[Connection, _Name]:
    """The connections of all other processes to this one, which is the first."""
    key = secrets.token_bytes(32)
    others: dict[Connection, _Name] = {}
    workdir.mkdir(parents=True, exist_ok=True)
    with Listener(("", 0), authkey=key, backlog=count) as listener:
        listening: Any = listener
        write_json(workdir / FILE, {"addresses": _addresses(), "port": listener.address[1], "key": key.hex()})
        (workdir / FILE).chmod(0o600)
        alarm = _Alarm(
            timeout_s,
            lambda: (
                f"{_absent(others, count)}: cannot be reached by process 0 within {timeout_s:g} s; all processes must "
                f"see {workdir} (the same folder on every host), and ports between the hosts must be open"
            ),
        )
        with alarm:
            while len(others) < count - 1:
                with contextlib.suppress(OSError, EOFError, ValueError, KeyError, TypeError, AuthenticationError):
                    connection: Any = listening.accept()
                    said = _receive(connection)
                    others[connection] = _Name(int(said["process"]), str(said["host"])[:64])
    (workdir / FILE).unlink(missing_ok=True)
    for connection in others:
        with contextlib.suppress(OSError):  # gone already, which the line will notice
            _keep_alive(connection)
            _send(connection, welcome=True)
    return others


def _absent(others: Mapping[Connection, _Name], count: int) -> str:
    there = {name.process for name in others.values()}
    return "process " + ", ".join(str(process) for process in range(1, count) if process not in there)


def _call(file: Path, me: _Name, timeout_s: float) -> Connection:
    """The connection to the first process."""
    trouble = [f"{file.parent} is not the folder that process 0 sees; name one that all hosts share as --workdir"]
    with _Alarm(timeout_s, lambda: f"{me} does not reach process 0: {trouble[0]}"):
        while True:
            with contextlib.suppress(UserError, KeyError, TypeError, ValueError):
                at = read_json(file)
                for address in at["addresses"]:
                    try:
                        # A trial with a bound on its time, which `Client` lacks.
                        socket.create_connection((address, at["port"]), timeout=3).close()
                        connection: Any = Client((address, at["port"]), authkey=bytes.fromhex(at["key"]))
                        _send(connection, process=me.process, host=me.host)
                        _receive(connection)
                    except Exception as error:  # of an earlier run, or of another network
                        said = str(error) or type(error).__name__
                        trouble[0] = f"{address}:{at['port']} ({said}); open the ports between hosts"
                        continue
                    _keep_alive(connection)
                    return connection
            time.sleep(0.2)


class _Alarm:
    """Ends the process with one line when the `with` statement takes longer than `timeout_s`."""

    def __init__(self, timeout_s: float, reason: Callable[[], str]) -> None:
        self._timer = threading.Timer(timeout_s, self._ring)
        self._timer.daemon = True
        self._reason = reason

    def __enter__(self) -> None:
        self._timer.start()

    def __exit__(self, *_: object) -> None:
        self._timer.cancel()

    def _ring(self) -> None:
        print(f"error: {plain(self._reason())}", file=sys.stderr, flush=True)
        os._exit(EXIT_USAGE)


def _differences(mine: _Name, my_facts: Facts, other: _Name, facts: Facts) -> str:
    """What of the facts of two processes differs, as a message; empty where nothing does."""
    keys = [key for key in sorted({*my_facts, *facts}) if my_facts.get(key) != facts.get(key)]
    if not keys:
        return ""
    shown = "; ".join(f"{key}: {_short(facts.get(key))} there, {_short(my_facts.get(key))} here" for key in keys[:3])
    more = f"; and {len(keys) - 3} more" if len(keys) > 3 else ""
    return f"{other} is not like {mine} ({shown}{more}); all processes need the same command, code and data"


def _short(value: Any) -> str:
    text = "absent" if value is None else str(value)
    return text if len(text) < 80 else f"{text[:77]}..."


def _addresses() -> list[str]:
    """Names and addresses of this host by which others may reach it, the likeliest first."""
    found = []
    if coordinator := os.environ.get("JAX_COORDINATOR_ADDRESS", "").rpartition(":")[0]:
        found.append(coordinator.strip("[]"))
    for family, far in ((socket.AF_INET, "10.255.255.255"), (socket.AF_INET6, "2001:db8::1")):
        with contextlib.suppress(OSError), socket.socket(family, socket.SOCK_DGRAM) as trial:
            trial.connect((far, 1))  # sends nothing; it chooses the address that leads outwards
            found.append(trial.getsockname()[0])
    return list(dict.fromkeys([*found, socket.gethostname(), socket.getfqdn(), "localhost"]))


def _keep_alive(connection: Connection) -> None:
    """Has the kernel ask whether the other host is still there."""
    with socket.socket(fileno=os.dup(connection.fileno())) as end:
        end.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        for name, value in zip(("TCP_KEEPIDLE", "TCP_KEEPINTVL", "TCP_KEEPCNT"), KEEPALIVE, strict=True):
            if hasattr(socket, name):
                end.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)


def _send(connection: Connection, **said: Any) -> None:
    connection.send_bytes(json.dumps(said).encode())


def _receive(connection: Connection) -> dict[str, Any]:
    said = decode_json(connection.recv_bytes(1 << 24), "a message between processes")
    if not isinstance(said, dict):
        raise ValueError("no message of this line")
    return said
