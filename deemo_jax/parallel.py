"""Work on many items in several processes, results in order."""

import concurrent.futures
import multiprocessing
from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

import cv2

Item = TypeVar("Item")
Result = TypeVar("Result")


def each(job: Callable[[Item], Result], items: Sequence[Item], workers: int = 1) -> Iterator[Result]:
    """Yields `job(item)` for every item, in order; in this process when one worker is enough.

    Args:
        job: a function that can be pickled.
        items: what it is called with.
        workers: processes, one thread of OpenCV each.
    """
    if workers <= 1 or len(items) <= 1:
        yield from map(job, items)
        return
    # Fresh interpreters: libraries with threads of their own do not survive a fork.
    context = multiprocessing.get_context("spawn")
    with concurrent.futures.ProcessPoolExecutor(
        min(workers, len(items)), context, initializer=cv2.setNumThreads, initargs=(1,)
    ) as pool:
        try:
            yield from pool.map(job, items)
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
