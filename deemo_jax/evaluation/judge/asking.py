"""Sends a judge's requests through the client of language models, and counts what they cost over several calls."""

import dataclasses
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from deemo_jax.core.errors import UserError
from deemo_jax.evaluation.judge.protocols.judgement import Asker
from deemo_jax.llm.client import ask
from deemo_jax.llm.endpoint import Endpoint
from deemo_jax.llm.options import Options
from deemo_jax.llm.outcome import Failure, Outcome, Reply, Usage
from deemo_jax.llm.prices import estimated_usage
from deemo_jax.llm.request import Decoding, Request, content_hash
from deemo_jax.llm.store import Store

# What stands for a reply where requests are only counted: it fits the schema of every protocol.
IMAGINED: dict[str, Any] = {"reason": "", "reference": "", "prediction": "", "clue": 1, "label": 1, "score": 1}
IMAGINED |= {"better": "tie", "words": ["disappointed", "tired", "sad"]}


@dataclasses.dataclass
class Spent:
    """What a judge's requests came to.

    Attributes:
        requests: in all, equal ones included.
        cached: of these, answered before, or by an equal request.
        usage: tokens that this run paid for.
        failures: kind -> requests without a reply.
    """

    requests: int = 0
    cached: int = 0
    usage: Usage = dataclasses.field(default_factory=Usage)
    failures: dict[str, int] = dataclasses.field(default_factory=dict)


class Judge:
    """A model that is asked, with one budget over all calls.

    Args:
        endpoint: who is asked.
        store: the file of answers.
        options: how requests are sent; `max_cost` is for all calls together.

    Attributes:
        spent: so far.
    """

    def __init__(self, endpoint: Endpoint, store: Path, options: Options) -> None:
        self.endpoint, self._store, self._options = endpoint, store, options
        self.spent = Spent()

    def __call__(self, requests: Sequence[Request]) -> dict[str, Outcome]:
        """Sends requests with different keys; the outcome of each by its key.

        Raises:
            UserError: no key, a server that cannot be asked, a file that cannot be used, or no money left.
        """
        outcomes: dict[str, Outcome] = {}
        options = dataclasses.replace(self._options, max_cost=self._left())
        for request, outcome in ask(requests, self.endpoint, store=self._store, options=options):
            outcomes[request.key] = outcome
            self._count(outcome)
        if over := self.spent.failures.get("over_budget"):
            raise UserError(
                f"--max_cost {self._options.max_cost:g} was reached, and {over} requests were not sent; what is "
                "answered is kept: give a higher --max_cost to go on"
            )
        return outcomes

    def told(self) -> str:
        """What was asked and what it cost, in a sentence."""
        spent, cost = self.spent, self.cost()
        money = "" if cost is None else f", which cost {cost:.4g}"
        tokens = f"{spent.usage.prompt_tokens:,} tokens read and {spent.usage.completion_tokens:,} written"
        return f"{spent.requests - spent.cached} questions asked and {spent.cached} answered before; {tokens}{money}"

    def cost(self) -> float | None:
        """Money that this run spent; None without prices."""
        prices = self._options.prices
        return prices.cost(self.spent.usage) if prices else None

    def estimate(self, plans: Sequence[Callable[[Asker], Any]]) -> tuple[int, Usage]:
        """What is to be paid for, before anything is sent.

        Args:
            plans: each asks an `Asker`, as the real work will.

        Returns:
            How many requests no kept answer settles, and about how many tokens they take. Questions that follow from
            answers count as new.
        """
        planned: dict[str, Request] = {}

        def imagine(requests: Sequence[Request]) -> dict[str, Outcome]:
            planned.update((content_hash(request, self.endpoint), request) for request in requests)
            return {request.key: Reply(dict(IMAGINED), Usage(), "", 0, True) for request in requests}

        for plan in plans:
            plan(imagine)
        if self._store.exists():
            with Store(self._store) as kept:
                planned = {of: request for of, request in planned.items() if kept.outcome(of) is None}
        return len(planned), sum(map(estimated_usage, planned.values()), Usage())

    def _left(self) -> float | None:
        most, spent = self._options.max_cost, self.cost()
        return None if most is None or spent is None else max(most - spent, 0.0)

    def _count(self, outcome: Outcome) -> None:
        self.spent.requests += 1
        if outcome.cached:
            self.spent.cached += 1
        else:
            self.spent.usage += outcome.usage
        if isinstance(outcome, Failure):
            self.spent.failures[outcome.kind] = self.spent.failures.get(outcome.kind, 0) + 1


def decoding_json(decoding: Decoding | None) -> dict[str, Any] | None:
    """Settings as a row of scores has them."""
    return dataclasses.asdict(decoding) if decoding else None
