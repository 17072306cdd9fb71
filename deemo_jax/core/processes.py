"""Work on files of unknown origin in child processes: an exception, or a crash of the process, costs that file only."""

import collections
import concurrent.futures
import contextlib
import dataclasses
import faulthandler
import functools
import multiprocessing
import multiprocessing.connection
import os
import pickle
import queue
import signal
import threading
import traceback
from collections.abc import Callable, Iterable, Iterator
from typing import Any, TypeVar

from deemo_jax.core import cli
from deemo_jax.core.errors import UserError
from deemo_jax.core.parallel import AHEAD, one_thread

Item = TypeVar("Item")
Result = TypeVar("Result")
# Seconds that a process has to remove its temporary files before it is killed.
GRACE_S = 5.0
# Environment variable that names a file to which the tracebacks behind `Failure`s are appended.
TRACES = "DEEMO_TRACEBACKS"


@dataclasses.dataclass(frozen=True, slots=True)
class Failure:
    """Why an item has no result.

    Attributes:
        reason: one line for a person; does not name the item.
        error: what the job raised, where that was a `UserError`. None where a library or this program failed, or the
            process died.
    """

    reason: str
    error: UserError | None = None


def settled(
    job: Callable[[Item], Result],
    items: Iterable[Item],
    workers: int = 1,
    told: Callable[[Item, Any], None] | None = None,
) -> Iterator[tuple[Item, Result | Failure]]:
    """Yields, in order, every item with `job(item)`, or with a `Failure` where the job failed on it.

    The job runs in child processes, also with one worker, since a damaged file may crash the process that decodes it.
    A child works on one item at a time, so it is known which item it crashed on; a new child takes its place. An item
    on which a child crashed that had worked on others before is tried once more in a new child, since those may be the
    cause. Children ignore Ctrl-C, end with this process (also when it is killed), and keep OpenCV to one thread.

    A `UserError` of the job becomes a `Failure` too. What must stop all work, such as a violation of the privacy gate,
    is for the caller to check beforehand.

    Args:
        job: a function that can be pickled; any function with `workers` 0.
        items: drawn one by one in the caller's thread, a few ahead of what is yielded; they can be pickled.
        workers: processes; with 0 the work is done in this process, which a damaged file may crash.
        told: called with an item and what its job says by `tell`; from other threads, one call at a time.

    Raises:
        UserError: no process can be started.
    """
    if workers < 1:
        for item in items:
            with _heard(functools.partial(told, item) if told else _nobody):
                made = _attempt(job, item)
            yield item, _noted(item, *made)
        return
    one_at_a_time = threading.Lock()

    def hear(item: Item, what: Any) -> None:
        if told is not None:
            with one_at_a_time:
                told(item, what)

    pool = [_Worker(job, hear) for _ in range(workers)]
    idle: queue.SimpleQueue[_Worker] = queue.SimpleQueue()
    for worker in pool:
        idle.put(worker)

    def ask(item: Item) -> Any:
        worker = idle.get()
        try:
            return worker.ask(item)
        finally:
            idle.put(worker)

    waiting: collections.deque[tuple[Item, concurrent.futures.Future[Any]]] = collections.deque()
    threads = concurrent.futures.ThreadPoolExecutor(workers)
    try:
        for item in items:
            waiting.append((item, threads.submit(ask, item)))
            if len(waiting) > AHEAD * workers:
                yield waiting[0][0], _noted(waiting[0][0], *waiting[0][1].result())
                waiting.popleft()
        while waiting:
            yield waiting[0][0], _noted(waiting[0][0], *waiting[0][1].result())
            waiting.popleft()
    finally:
        threads.shutdown(wait=False, cancel_futures=True)
        for worker in pool:
            worker.end()
        concurrent.futures.wait([future for _, future in waiting if not future.cancelled()], GRACE_S)
        for worker in pool:
            worker.bury()
        threads.shutdown()


def tell(what: Any) -> None:
    """Called in a job of `settled`: hands `what`, such as a `Stage`, to the caller's `told`. No effect elsewhere."""
    _tell(what)


class _Worker:
    """A child process that works on one item at a time; started with its first item, and again after a crash.

    The child sends "ready" once; then, for every item, any number of "told" and one "done".
    """

    _starting = threading.Lock()

    def __init__(self, job: Callable[[Any], Any], hear: Callable[[Any, Any], None]) -> None:
        self._job, self._hear = job, hear
        self._process: Any = None
        self._pipe: Any = None
        self._ended = False

    def ask(self, item: Any) -> tuple[Any, str]:
        """The result or `Failure` of an item, and the traceback of a failure."""
        while True:
            fresh = self._process is None
            if fresh:
                self._start()
            try:
                self._pipe.send(item)
                while (heard := self._pipe.recv())[0] == "told":
                    self._hear(item, heard[1])
            except (EOFError, OSError):
                code = self.bury()
                # A child that is not new may have crashed for what an earlier item did to its memory: try again.
                if fresh or self._ended:
                    return Failure(_death(code)), ""
            else:
                return heard[1]

    def _start(self) -> None:
        # Fresh interpreters, since libraries with threads of their own do not work after a fork.
        context = multiprocessing.get_context("spawn")
        with self._starting:
            if self._ended:
                raise UserError("the work was ended")
            self._pipe, other = context.Pipe()
            self._process = context.Process(target=_serve, args=(self._job, other), daemon=True)
            try:
                self._process.start()
            except OSError as error:
                self._process = None
                raise UserError(f"no worker process can be started ({error.strerror}); free some memory") from error
            finally:
                other.close()
        try:
            self._pipe.recv()
        except (EOFError, OSError) as error:
            raise UserError(
                f"no worker process can be started ({_how(self.bury())}): what it said is above; is there memory left?"
            ) from error

    def end(self) -> None:
        """Sends SIGTERM to the process, and lets no other be started."""
        with self._starting:
            self._ended = True
            if self._process is not None:
                self._process.terminate()

    def bury(self) -> int:
        """Waits `GRACE_S` for the process to end, kills it if it does not, and returns its exit code."""
        process, self._process = self._process, None
        if process is None:
            return 0
        process.join(GRACE_S)
        if process.exitcode is None:
            process.kill()
            process.join()
        return int(process.exitcode)


def _how(code: int) -> str:
    return signal.Signals(-code).name if code < 0 else f"exit code {code}"


def _death(code: int) -> str:
    mend = "a codec fails on what is in it; convert it with another program and try the copy"
    if code == -signal.SIGKILL:
        mend = "perhaps for want of memory; give it more, or use fewer --workers"
    elif code in (-signal.SIGTERM, cli.EXIT_TERMINATED):
        mend = "by somebody; run again"
    return f"the process that worked on it died ({_how(code)}): {mend}"


def _attempt(job: Callable[[Any], Any], item: Any) -> tuple[Any, str]:
    """The job's result or `Failure`, and the traceback of a failure that is no mistake of a person."""
    try:
        return job(item), ""
    except UserError as error:
        return Failure(str(error), error), ""
    except Exception as error:
        return _raised(error)


def _raised(error: Exception) -> tuple[Failure, str]:
    said = " ".join(str(error).split())[:300]
    reason = f"{type(error).__name__}{f': {said}' * bool(said)}; a library, or this program, fails on what is in it"
    return Failure(reason), "".join(traceback.format_exception(error))


def _noted(item: Any, made: Any, trace: str) -> Any:
    """`made`; its traceback, if it has one, is appended to the file that the environment names."""
    if trace and (path := os.environ.get(TRACES)):
        with contextlib.suppress(OSError), open(path, "a", encoding="utf-8") as log:
            log.write(f"{item}\n{trace}\n")
    return made


def _nobody(what: Any) -> None:
    pass


_tell: Callable[[Any], None] = _nobody


@contextlib.contextmanager
def _heard(listener: Callable[[Any], None]) -> Iterator[None]:
    """Within this context, `listener` is called with what jobs of this process `tell`."""
    global _tell
    before, _tell = _tell, listener
    try:
        yield
    finally:
        _tell = before


def _serve(job: Callable[[Any], Any], pipe: Any) -> None:
    """The main loop of a child process: receives items, sends results."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the parent too, which then sends SIGTERM
    cli.tidy_when_terminated()
    threading.Thread(target=_end_with_parent, daemon=True).start()
    if path := os.environ.get(TRACES):
        with contextlib.suppress(OSError):
            faulthandler.enable(open(path, "a"))  # noqa: SIM115 - for as long as the process lives
    one_thread()
    sending = threading.Lock()

    def say(what: str, said: Any = None) -> None:
        with sending:
            pipe.send((what, said))

    with _heard(functools.partial(say, "told")):
        say("ready")
        while True:
            try:
                item = pipe.recv()
            except EOFError:
                return
            made, trace = _attempt(job, item)
            if isinstance(made, Failure) and made.error is not None:
                made = dataclasses.replace(made, error=_sendable(made.error))
            try:
                say("done", (made, trace))
            except (pickle.PicklingError, AttributeError, TypeError, ValueError) as error:
                say("done", _raised(error))


def _sendable(error: UserError) -> UserError:
    """The error, or one with the same message where it cannot be pickled."""
    try:
        pickle.loads(pickle.dumps(error))
    except Exception:  # its class may raise anything when it is unpickled
        return UserError(str(error))
    return error


def _end_with_parent() -> None:
    """Ends this process as soon as its parent has ended, also when that was killed."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        multiprocessing.connection.wait([parent.sentinel])
        os._exit(1)
