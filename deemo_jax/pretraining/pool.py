"""Independent jobs over worker processes, in order."""

import concurrent.futures
import multiprocessing
from collections.abc import Callable, Sequence
from typing import TypeVar

from deemo_jax.cli import progress

Job = TypeVar("Job")
Result = TypeVar("Result")


def spread(function: Callable[[Job], Result], jobs: Sequence[Job], workers: int, name: str) -> list[Result]:
    """`[function(job) for job in jobs]` in `workers` processes; both must pickle."""
    if workers <= 1:
        return [function(job) for job in progress(jobs, name)]
    # Workers start afresh: a fork of a process that runs JAX's threads may hang.
    context = multiprocessing.get_context("spawn")
    with concurrent.futures.ProcessPoolExecutor(workers, mp_context=context) as pool:
        return list(progress(pool.map(function, jobs, chunksize=16), name, total=len(jobs)))
