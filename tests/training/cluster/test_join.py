"""Where the other processes are: by flags, by the environment, and what is said where that makes no sense."""

import socket

import pytest

from deemo_jax.core.errors import UserError
from deemo_jax.training.cluster import join as joining
from deemo_jax.training.cluster.join import ByHand

ALL = {"JAX_COORDINATOR_ADDRESS": "a:1234", "JAX_NUM_PROCESSES": "4", "JAX_PROCESS_ID": "3"}


def test_the_environment_says_what_flags_do_not() -> None:
    assert ByHand().or_environment(ALL) == ByHand("a:1234", 4, 3)
    assert ByHand("b:1", 2, 0).or_environment(ALL) == ByHand("b:1", 2, 0)
    assert ByHand().or_environment({}) == ByHand()


def test_a_launcher_may_give_the_address_alone() -> None:
    assert ByHand().or_environment({"JAX_COORDINATOR_ADDRESS": "a:1"}) == ByHand("a:1")


@pytest.mark.parametrize(
    ("given", "environment", "said"),
    [
        (ByHand("a:1", 2), {}, "--process or JAX_PROCESS_ID is missing"),
        (ByHand("a:1"), {}, "--processes or JAX_NUM_PROCESSES is missing"),
        (ByHand(), {"JAX_NUM_PROCESSES": "2", "JAX_PROCESS_ID": "0"}, "--coordinator or JAX_COORDINATOR_ADDRESS"),
        (ByHand("a:1", 2, 2), {}, "2 of 2 processes; they are numbered 0 to 1"),
        (ByHand("a", 2, 1), {}, "'a' must be HOST:PORT"),
        (ByHand("a:99999", 2, 1), {}, "must be HOST:PORT"),
        (ByHand("a:1", 2), {"JAX_PROCESS_ID": "first"}, "JAX_PROCESS_ID: 'first' must be a number"),
    ],
)
def test_what_makes_no_sense_is_one_line(given: ByHand, environment: dict[str, str], said: str) -> None:
    with pytest.raises(UserError, match=said):
        given.or_environment(environment)


def test_a_port_that_is_taken_is_named() -> None:
    with socket.socket(socket.AF_INET6 if socket.has_dualstack_ipv6() else socket.AF_INET) as taken:
        taken.bind(("", 0))
        taken.listen()
        with pytest.raises(UserError, match=f"port {taken.getsockname()[1]} cannot be listened at here"):
            joining._check_port(f"localhost:{taken.getsockname()[1]}")


def test_a_coordinator_that_is_not_there_is_told_from_one_that_is_silent() -> None:
    assert "has no address here" in joining._late("nowhere.invalid:1", 1, 5)
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        where = f"127.0.0.1:{listening.getsockname()[1]}"
        assert "nobody answers" in joining._late(where, 1, 5)
        listening.listen()
        assert "somebody answers" in joining._late(where, 1, 5)
