"""Sends a judge's requests through the client of language models, with one budget over several calls."""

import dataclasses
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from deemo_jax.core.errors import UserError
from deemo_jax.evaluation.judge.protocols.judgement import Asker
from deemo_jax.llm.batch import ask_batch
from deemo_jax.llm.client import ask
from deemo_jax.llm.cost import Plan, bill, plan
from deemo_jax.llm.endpoint import Endpoint
from deemo_jax.llm.options import Options
from deemo_jax.llm.outcome import Outcome, Reply, Usage
from deemo_jax.llm.request import Decoding, Request

# What stands for a reply where requests are only counted: it fits the schema of every protocol.
IMAGINED: dict[str, Any] = {"reason": "", "reference": "", "prediction": "", "clue": 1, "label": 1, "score": 1}
IMAGINED |= {"better": "tie", "words": ["disappointed", "tired", "sad"]}


class Judge:
    """A model that is asked.

    Args:
        endpoint: who is asked.
        store: the file of answers.
        options: how requests are sent; `max_cost` is for all calls together.
        batch: whether `later` sends requests through the Batch API.
    """

    def __init__(self, endpoint: Endpoint, store: Path, options: Options, *, batch: bool = False) -> None:
        self._endpoint, self._store, self._options, self._batch = endpoint, store, options, batch
        self._outcomes: list[Outcome] = []

    def at_once(self, requests: Sequence[Request]) -> dict[str, Outcome]:
        """Sends requests with different keys, one by one; the outcome of each by its key.

        Raises:
            UserError: no key, a server that cannot be asked, a file that cannot be used, or no money left.
        """
        return self._settled(ask(requests, self._endpoint, store=self._store, options=self._left()))

    def later(self, requests: Sequence[Request]) -> dict[str, Outcome]:
        """The same, through the Batch API where that was chosen.

        Raises:
            UserError: as `at_once`; or the server has no batches.
        """
        if not self._batch:
            return self.at_once(requests)
        return self._settled(ask_batch(requests, self._endpoint, store=self._store, options=self._left()))

    def told(self) -> str:
        """What was asked and what it cost, in a sentence."""
        found = bill(self._outcomes, self._options.prices)
        kept = sum(outcome.cached for outcome in self._outcomes)
        tokens = f"{found.usage.prompt_tokens:,} tokens of prompts and {found.usage.completion_tokens:,} of replies"
        money = "" if found.cost is None else f", which cost {found.cost:.4g}"
        asked = f"{len(self._outcomes) - kept} requests asked and {kept} answered before or equal to others"
        return f"{asked}: {tokens}{money}"

    def estimate(self, plans: Sequence[Callable[[Asker], Any]]) -> Plan:
        """What is to be paid for, before anything is sent; questions that follow from answers count as new.

        Args:
            plans: each asks an `Asker`, as the real work will.
        """
        planned: list[Request] = []

        def imagine(requests: Sequence[Request]) -> dict[str, Outcome]:
            planned.extend(requests)
            return {request.key: Reply(dict(IMAGINED), Usage(), "", 0, True) for request in requests}

        for work in plans:
            work(imagine)
        return plan(planned, self._endpoint, store=self._store, prices=self._options.prices)

    def _settled(self, outcomes: Iterable[tuple[Request, Outcome]]) -> dict[str, Outcome]:
        found: dict[str, Outcome] = {}
        for request, outcome in outcomes:
            found[request.key] = outcome
            self._outcomes.append(outcome)
        if over := bill(found.values()).outcomes.get("over_budget"):
            raise UserError(
                f"--max_cost {self._options.max_cost:g} does not suffice: {over} requests were not sent; what is "
                "answered is kept: give a higher --max_cost to go on"
            )
        return found

    def _left(self) -> Options:
        """The options, with what is left of the money."""
        most, spent = self._options.max_cost, bill(self._outcomes, self._options.prices).cost
        left = None if most is None or spent is None else max(most - spent, 0.0)
        return dataclasses.replace(self._options, max_cost=left)


def decoding_json(decoding: Decoding | None) -> dict[str, Any] | None:
    """Settings as a row of scores has them."""
    return dataclasses.asdict(decoding) if decoding else None
