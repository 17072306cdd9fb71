"""Signals before there is anything to save, while training, a second one, and those that are ignored."""

import os
import signal
from collections.abc import Iterator

import pytest

from deemo_jax.training.stop_signals import Stop, Stopped

NUMBERS = [signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2]


@pytest.fixture
def arrived() -> Iterator[list[int]]:
    """Signals that nobody noted; without it they would end the tests."""
    found: list[int] = []
    before = {number: signal.signal(number, lambda got, _: found.append(got)) for number in (*NUMBERS, signal.SIGINT)}
    yield found
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.parametrize("number", NUMBERS)
def test_the_first_is_noted_and_the_second_obeyed(number: signal.Signals, arrived: list[int]) -> None:
    with Stop() as stop:
        stop.saves()
        assert not stop.after(1)
        os.kill(os.getpid(), number)
        assert stop.after(2) and stop.signal == number and not arrived
        os.kill(os.getpid(), signal.SIGTERM)
        assert arrived == [signal.SIGTERM]


@pytest.mark.parametrize("number", [*NUMBERS, signal.SIGINT])
def test_where_there_is_nothing_to_save_it_ends_at_once(number: signal.Signals, arrived: list[int]) -> None:
    kind = KeyboardInterrupt if number == signal.SIGINT else Stopped
    with pytest.raises(kind), Stop():
        os.kill(os.getpid(), number)
        raise AssertionError("went on")
    os.kill(os.getpid(), number)
    assert arrived == [number]


def test_what_is_ignored_stays_ignored(arrived: list[int]) -> None:
    signal.signal(signal.SIGHUP, signal.SIG_IGN)  # as nohup does
    with Stop() as stop:
        stop.saves()
        os.kill(os.getpid(), signal.SIGHUP)
        assert not stop.after(1)
    assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
