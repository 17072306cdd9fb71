"""How requests are sent: how many at once, how often, how long, and for how much money."""

import dataclasses
import math

from deemo_jax.core.errors import UserError
from deemo_jax.llm.prices import Prices

# Threads, and attempts of a request, at most.
MAX_WORKERS = 256
MAX_ATTEMPTS = 20


@dataclasses.dataclass(frozen=True, slots=True)
class Options:
    """How requests are sent.

    Attributes:
        workers: requests that are under way at once.
        requests_per_minute: begun by all workers together; 0 for as many as they can.
        timeout_s: from sending a request to the last byte of its reply, seconds.
        max_attempts: how often a request is sent at most.
        max_answers: how many answers that do not fit their schema are paid for before a request is given up.
        max_cost: money that this run may spend, in the currency of `prices`; None for no bound.
        prices: of the model; None where the cost does not matter.
        backoff_s: the wait before the second attempt, seconds; it doubles with each, up to a minute, less a random
            part of up to a half. A server's Retry-After goes before it.

    Raises:
        UserError: a number is out of its range, or there are no prices for `max_cost`.
    """

    workers: int = 8
    requests_per_minute: float = 0.0
    timeout_s: float = 60.0
    max_attempts: int = 5
    max_answers: int = 2
    max_cost: float | None = None
    prices: Prices | None = None
    backoff_s: float = 1.0

    def __post_init__(self) -> None:
        for name, least, most in (
            ("workers", 1, MAX_WORKERS),
            ("requests_per_minute", 0, 1e6),
            ("timeout_s", 1e-3, 86_400),
            ("max_attempts", 1, MAX_ATTEMPTS),
            ("max_answers", 1, MAX_ATTEMPTS),
            ("backoff_s", 0, 3600),
        ):
            value = getattr(self, name)
            if not least <= value <= most:  # false for NaN
                raise UserError(f"--{name} {value:g}: give a number from {least:g} to {most:g}")
        if self.max_cost is not None and not (math.isfinite(self.max_cost) and self.max_cost >= 0):
            raise UserError(f"--max_cost {self.max_cost:g}: give an amount of money, 0 or more")
        if self.max_cost is not None and self.prices is None:
            raise UserError("--max_cost needs the prices of the model; give them with --prices FILE.json")
