import os

import cv2
import pytest

from deemo_jax.errors import UserError
from deemo_jax.parallel import each


def threads(item):
    return item, os.getpid(), cv2.getNumThreads()


def die(item):
    os._exit(9)


def complain(item):
    raise UserError(f"{item}: is wrong")


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
