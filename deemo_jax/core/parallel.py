"""Work on many items in several processes (`each`) or threads (`ahead`), results in order, few of them in memory.

An error of any item stops all work. For files of unknown origin, which may make a process crash, see
`deemo_jax.core.processes`.
"""

import collections
import concurrent.futures
import concurrent.futures.process
import functools
import multiprocessing
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, TypeVar

from deemo_jax.core import cli
from deemo_jax.core.errors import UserError

Item = TypeVar("Item")
Result = TypeVar("Result")
# For each worker, so many items may be under way, or done and waiting for an earlier one; this bounds the memory.
AHEAD = 4


def each(job: Callable[[Item], Result], items: Sequence[Item], workers: int = 1) -> Iterator[Result]:
    """Yields `job(item)` for every item, in order; in this process when one worker is enough.

    Args:
        job: a function that can be pickled.
        items: what it is called with.
        workers: processes, one thread of OpenCV and of BLAS each.

    Raises:
        UserError: a process died.
    """
    if workers <= 1 or len(items) <= 1:
        yield from map(job, items)
        return
    # Fresh interpreters, since libraries with threads of their own do not work after a fork.
    context = multiprocessing.get_context("spawn")
    waiting: collections.deque[concurrent.futures.Future[Any]] = collections.deque()
    with concurrent.futures.ProcessPoolExecutor(
        min(workers, len(items)), context, initializer=_start, initargs=(job,)
    ) as pool:
        try:
            for item in items:
                waiting.append(pool.submit(_work, item))
                if len(waiting) > AHEAD * workers:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        except concurrent.futures.process.BrokenProcessPool as error:
            raise UserError(
                "a worker process was killed, perhaps for want of memory; run again, with fewer --workers: what is done"
                " is kept"
            ) from error
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def ahead(
    job: Callable[[Item], Result],
    items: Iterable[Item],
    threads: int = 1,
    size: Callable[[Item], int] = lambda item: 0,
    room: int = 0,
) -> Iterator[Result]:
    """Yields `job(item)` for every item, in order, while `threads` of this process work on what comes next.

    Args:
        job: a function that releases the GIL for most of its time, as OpenCV, ONNX Runtime and PyAV do.
        items: drawn one by one, in the caller's thread.
        threads: with 1, the caller's thread does all work.
        size: bytes of an item.
        room: bytes of items that may wait, beside one item a thread, while an item before them takes long.
    """
    if threads <= 1:
        yield from map(job, items)
        return
    waiting: collections.deque[tuple[int, concurrent.futures.Future[Result]]] = collections.deque()
    held = 0
    with concurrent.futures.ThreadPoolExecutor(threads) as pool:
        try:
            for item in items:
                waiting.append((size(item), pool.submit(job, item)))
                held += waiting[-1][0]
                while len(waiting) > threads and held >= room:
                    held -= waiting[0][0]
                    yield waiting.popleft()[1].result()
            while waiting:
                yield waiting.popleft()[1].result()
        finally:
            pool.shutdown(cancel_futures=True)


def kept_by_thread(most: int) -> Callable[[Callable[..., Result]], Callable[..., Result]]:
    """A decorator, `functools.lru_cache(most)` with a cache for each thread: for objects that threads cannot share."""

    def decorate(make: Callable[..., Result]) -> Callable[..., Result]:
        of_thread = threading.local()

        @functools.wraps(make)
        def kept(*args: Any) -> Result:
            if not hasattr(of_thread, "make"):
                of_thread.make = functools.lru_cache(most)(make)
            made: Result = of_thread.make(*args)
            return made

        return kept

    return decorate


_job: Callable[[Any], Any]


def _start(job: Callable[[Any], Any]) -> None:
    """Begins a worker process; the job is sent once, and not with every item."""
    global _job
    _job = job
    cli.tidy_when_terminated()
    one_thread()


def _work(item: Any) -> Any:
    return _job(item)


def one_thread() -> None:
    """Keeps OpenCV and NumPy's BLAS to one thread each: of several, those of small work mostly wait for one another."""
    import cv2
    from threadpoolctl import threadpool_limits

    cv2.setNumThreads(1)
    threadpool_limits(1, "blas")
