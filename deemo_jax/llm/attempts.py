"""Settles one request: sends it until there is a reply that fits, or a reason to give up."""

import dataclasses
import random
import threading

from deemo_jax.llm.answer import Answer
from deemo_jax.llm.budget import Budget
from deemo_jax.llm.chat import Chat, Trouble
from deemo_jax.llm.dialect import Dialect, first_dialect
from deemo_jax.llm.endpoint import Endpoint
from deemo_jax.llm.keeper import Keeper
from deemo_jax.llm.options import Options
from deemo_jax.llm.outcome import Failure, Outcome, Usage
from deemo_jax.llm.pace import Pace
from deemo_jax.llm.prices import estimated_usage
from deemo_jax.llm.request import Request
from deemo_jax.llm.store import Store

# The longest wait between attempts where the server names none, and the longest that it may name; seconds.
MAX_BACKOFF_S = 60.0
MAX_ASKED_S = 600.0


class StoppedError(Exception):
    """The run is to end before this request was settled."""


@dataclasses.dataclass(frozen=True, slots=True)
class Settled:
    """An outcome, and whether it holds for whatever is asked.

    Attributes:
        outcome: of the request.
        everywhere: the key or the address is wrong, so that other requests fare no better.
        not_taken: the server rejected what was asked, and nothing else was tried.
    """

    outcome: Outcome
    everywhere: bool = False
    not_taken: bool = False


class Attempts:
    """What the requests of a run share.

    Args:
        endpoint: who is asked.
        options: how.
        chat: its connections.
        store: where answers are kept.
        stop: ends the run.
    """

    def __init__(self, endpoint: Endpoint, options: Options, chat: Chat, store: Store, stop: threading.Event) -> None:
        self._endpoint, self._options, self._chat, self._store, self._stop = endpoint, options, chat, store, stop
        self._pace = Pace(options.requests_per_minute, stop)
        self._budget = Budget(options.max_cost, options.prices)
        self._keeper = Keeper(endpoint, store, options.max_answers, chat.hide)
        self._dialect = first_dialect(endpoint)
        # Answers to any request, so that each can see whether others are let in; not exact, since threads race.
        self._answered = 0

    @property
    def dialect(self) -> Dialect:
        """How the last request was put that the server took."""
        return self._dialect

    def settle(self, request: Request, of: str) -> Settled:
        """Sends a request, whose hash is `of`, as often as it takes.

        Raises:
            StoppedError: the run is to end.
            UserError: the answer cannot be kept.
        """
        _, usage = self._store.misfits(of)
        sent = tries = waits = 0
        longer = 1
        dialect, others = self._dialect, self._answered
        while True:
            self._pace.wait()
            if self._stop.is_set():
                raise StoppedError
            body = dialect.body(request, self._endpoint.model, longer)
            estimate = estimated_usage(request)
            estimate = dataclasses.replace(estimate, completion_tokens=estimate.completion_tokens * longer)
            if not self._budget.take(estimate):
                return Settled(Failure("over_budget", "the money that may be spent is spent", sent, usage))
            paid = Usage()
            try:
                if self._stop.is_set():  # while it waited for money
                    raise StoppedError
                sent += 1
                came = self._chat.send(body)
                if isinstance(came, Answer):
                    # A server that counts nothing still wants to be paid.
                    paid = came.usage if came.usage.prompt_tokens else estimate
            finally:
                self._budget.give(estimate, paid)
            if isinstance(came, Answer):
                self._dialect, self._answered = dialect, self._answered + 1
                tries += 1
                last = tries >= self._options.max_attempts
                kept = self._keeper.keep(of, request, came, dialect, sent, last=last)
                if kept.settled:
                    return Settled(kept.outcome)
                usage = kept.outcome.usage
                longer *= 2 if came.cut else 1
                continue
            if came.said and (other := dialect.after(came.said, body)):
                dialect = other
                continue
            # Where others were let in since the last time, the turn of this one will come, and it is no failed attempt.
            tries += not (came.crowded and self._answered > others)
            others = self._answered
            outcome = Failure(came.kind, came.detail, sent, usage)
            if not came.again or tries >= self._options.max_attempts:
                return Settled(outcome, came.everywhere, bool(came.said))
            if came.wait_s is not None and came.wait_s > MAX_ASKED_S:
                detail = f"the server asks to wait {came.wait_s:.0f} s; give the same command again then"
                return Settled(dataclasses.replace(outcome, detail=detail))
            self._wait(came, waits)
            waits += 1

    def _wait(self, came: Trouble, waits: int) -> None:
        """Waits as long as the server asks, or else twice as long as the last time."""
        if came.wait_s is not None:
            self._pace.hold(came.wait_s)  # for all: limits are those of the account
            return
        longest = min(self._options.backoff_s * 2**waits, MAX_BACKOFF_S)
        self._stop.wait(longest * random.uniform(0.5, 1.0))
