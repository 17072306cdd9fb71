"""Money that may be spent: set aside before a request is sent, by an estimate, and counted when it is answered."""

import threading

from deemo_jax.llm.outcome import Usage
from deemo_jax.llm.prices import Prices


class Budget:
    """Money for one run.

    Args:
        most: that may be spent; None for no bound.
        prices: of the model; None where there is no bound.
    """

    def __init__(self, most: float | None, prices: Prices | None) -> None:
        self._most, self._prices = most, prices
        self._spent = self._aside = 0.0
        self._under_way = 0
        self._changed = threading.Condition()

    def take(self, estimate: Usage) -> bool:
        """Sets money aside for a request; where it does not suffice, waits for what others leave over.

        Returns:
            Whether there was enough; if so, `give` follows.
        """
        if self._most is None or self._prices is None:
            return True
        cost = self._prices.cost(estimate)
        with self._changed:
            while self._spent + self._aside + cost > self._most:
                if not self._under_way:
                    return False
                self._changed.wait()
            self._aside += cost
            self._under_way += 1
        return True

    def give(self, estimate: Usage, paid: Usage) -> None:
        """Counts what a request cost in place of what was set aside for it."""
        if self._most is None or self._prices is None:
            return
        with self._changed:
            self._aside -= self._prices.cost(estimate)
            self._spent += self._prices.cost(paid)
            self._under_way -= 1
            if not self._under_way:
                self._aside = 0.0  # without what rounding left
            self._changed.notify_all()
