"""Numbers of a judge as cells of a table."""

import math

from deemo_jax.core.stats import Interval


def number(value: float, digits: int = 2) -> str:
    """A number; "-" where it is not known."""
    return "-" if math.isnan(value) else f"{value:.{digits}f}"


def with_interval(found: Interval, digits: int = 2) -> str:
    """A number with its 95 % interval, where there is one."""
    value, low, high = (number(each, digits) for each in (found.value, found.low, found.high))
    return f"{value} [{low}, {high}]" if found.known else value


def known(value: float) -> float | None:
    """A number for JSON; None where it is not known."""
    return None if math.isnan(value) else value


def interval_json(found: Interval) -> dict[str, float | None]:
    """A number and its interval for JSON."""
    return {"value": known(found.value), "low": known(found.low), "high": known(found.high)}
