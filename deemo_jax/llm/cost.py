"""What asking will cost, by an estimate, and what it did cost, by the server's own count."""

import collections
import dataclasses
from collections.abc import Iterable
from pathlib import Path

from deemo_jax.llm.endpoint import Endpoint
from deemo_jax.llm.known import divide
from deemo_jax.llm.outcome import Failure, Outcome, Usage
from deemo_jax.llm.prices import Prices, estimated_usage
from deemo_jax.llm.request import Request
from deemo_jax.llm.store import Store


@dataclasses.dataclass(frozen=True, slots=True)
class Plan:
    """What is to be sent.

    Attributes:
        model: that is asked.
        requests: in all.
        sent: that are not kept, each once.
        usage: an estimate of their tokens, if each is answered once and replies are as long as they may be.
        cost: of these tokens; None without prices.
    """

    model: str
    requests: int
    sent: int
    usage: Usage
    cost: float | None

    def told(self) -> str:
        """In one line."""
        line = f"{self.requests} requests to {self.model}: {self.requests - self.sent} are answered already or equal to"
        line += f" others, {self.sent} are sent"
        if not self.sent:
            return line
        tokens = (
            f"{self.usage.prompt_tokens:,} tokens of prompts and at most {self.usage.completion_tokens:,} of replies"
        )
        money = "" if self.cost is None else f", which cost {self.cost:.4f}"
        return f"{line}: about {tokens}{money} (estimates)"


def plan(requests: Iterable[Request], endpoint: Endpoint, *, store: Path, prices: Prices | None = None) -> Plan:
    """What `ask` would send for the same requests, and an estimate of what it would cost.

    Raises:
        UserError: `store` cannot be used.
    """
    every = list(requests)
    with Store(store) as kept:
        left = divide(every, endpoint, kept).left
    usage = sum((estimated_usage(same[0]) for same in left.values()), Usage())
    return Plan(endpoint.model, len(every), len(left), usage, None if prices is None else prices.cost(usage))


@dataclasses.dataclass(frozen=True, slots=True)
class Bill:
    """What outcomes did cost.

    Attributes:
        outcomes: how many of each kind there are; replies are called "reply".
        usage: tokens of the answers of this run, by the server's count.
        kept: tokens of answers that were kept.
        cost: of `usage`; None without prices.
    """

    outcomes: dict[str, int]
    usage: Usage
    kept: Usage
    cost: float | None


def bill(outcomes: Iterable[Outcome], prices: Prices | None = None) -> Bill:
    """Adds up outcomes.

    What came too late, or was lost on its way, is not in it, since no count came with it, and may have to be paid for.
    """
    kinds: collections.Counter[str] = collections.Counter()
    usage = kept = Usage()
    for outcome in outcomes:
        kinds[outcome.kind if isinstance(outcome, Failure) else "reply"] += 1
        if outcome.cached:
            kept += outcome.usage
        else:
            usage += outcome.usage
    return Bill(dict(kinds), usage, kept, None if prices is None else prices.cost(usage))
