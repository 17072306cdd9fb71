import os
import threading
import time

import cv2
import pytest

from deemo_jax.core.errors import UserError
from deemo_jax.core.parallel import ahead, each


def threads(item):
    return item, os.getpid(), cv2.getNumThreads()


def die(item):
    os._exit(9)


def complain(item):
    raise UserError(f"{item}: is wrong")


@pytest.mark.slow
def test_results_come_in_order_from_single_threaded_processes():
    found = list(each(threads, range(20), 2))
    assert [item for item, _, _ in found] == list(range(20))
    assert os.getpid() not in {pid for _, pid, _ in found} and {count for _, _, count in found} == {1}
    assert [pid for _, pid, _ in each(threads, [1, 2], 1)] == [os.getpid()] * 2


def test_a_worker_that_dies_is_one_line_and_a_mistake_arrives():
    with pytest.raises(UserError, match="fewer --workers"):
        list(each(die, [1, 2], 2))
    with pytest.raises(UserError, match="7: is wrong"):
        list(each(complain, [7, 8], 2))


def test_threads_work_ahead_but_not_far_and_in_order():
    drawn, names = [], set()

    def items():
        for item in range(30):
            drawn.append(item)
            yield item

    def job(item):
        names.add(threading.current_thread().name)
        time.sleep(0.002 * (item % 3))
        return item

    seen = []
    for item in ahead(job, items(), 3):
        seen.append(item)
        assert len(drawn) <= len(seen) + 3
    assert seen == list(range(30))
    assert len(names) == 3 and threading.current_thread().name not in names
    names.clear()
    assert list(ahead(job, range(3), 1)) == [0, 1, 2] and names == {threading.current_thread().name}


def test_a_job_that_takes_long_keeps_no_other_thread_idle_while_there_is_room():
    drawn, tenth = [], threading.Event()

    def items():
        for item in range(30):
            drawn.append(item)
            yield item

    def job(item):
        if item == 10:
            tenth.set()
        return item, item > 0 or tenth.wait(10)

    seen = []
    for item, others_went_on in ahead(job, items(), 2, lambda item: 5, 60):
        seen.append(item)
        assert others_went_on and len(drawn) <= len(seen) + 60 // 5
    assert seen == list(range(30))


def test_a_mistake_of_a_thread_arrives_and_what_waits_is_not_begun():
    begun = []

    def job(item):
        begun.append(item)
        if item == 2:
            raise UserError(f"{item}: is wrong")

    with pytest.raises(UserError, match="2: is wrong"):
        list(ahead(job, range(1000), 2))
    assert len(begun) < 10
