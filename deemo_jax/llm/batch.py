"""Asks a language model through the Batch API: cheaper, within a day, and picked up where a process ended."""

import dataclasses
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, TypeVar

from deemo_jax.core.errors import UserError
from deemo_jax.core.progress import Stage, Within
from deemo_jax.llm.attempts import Attempts
from deemo_jax.llm.batch_log import Batch, BatchLog
from deemo_jax.llm.batch_rows import pieces, row_answer
from deemo_jax.llm.batch_server import BatchServer, PassingError, State
from deemo_jax.llm.chat import Chat
from deemo_jax.llm.client import settle_all
from deemo_jax.llm.dialect import Dialect
from deemo_jax.llm.endpoint import Endpoint, Key, read_key
from deemo_jax.llm.keeper import Keeper
from deemo_jax.llm.known import divide
from deemo_jax.llm.options import Options
from deemo_jax.llm.outcome import Failure, Outcome
from deemo_jax.llm.prices import estimated_usage
from deemo_jax.llm.request import Request
from deemo_jax.llm.store import Store
from deemo_jax.llm.workers import Workers

# Times in a row that a server may be out of reach.
MAX_MISSES = 20

# Hash -> the requests that have it.
Left = dict[str, list[Request]]
Outcomes = Iterator[tuple[Request, Outcome]]
Found = TypeVar("Found")


def ask_batch(
    requests: Iterable[Request],
    endpoint: Endpoint,
    *,
    store: Path,
    options: Options | None = None,
    poll_s: float = 60.0,
) -> Outcomes:
    """As `client.ask`, through the Batch API: yields one outcome for every request when the batches are over.

    The first request goes alone and at once, so that a wrong key is found, and settings that the model rejects. An
    answer that does not fit is not asked for again. What a batch did not answer is a `Failure`, and the same call again
    sends it in another batch. A batch goes on at the server when the process ends, and the same call again finds it.
    The server's files of a batch are removed when its answers are kept.

    Args:
        requests: read to their end before the first is sent.
        endpoint: who is asked.
        store: the file of answers; batches are noted beside it.
        options: `prices` are those of batches, and what does not fit into `max_cost` by the estimate is not sent; the
            rest holds for the first request.
        poll_s: seconds between two looks at a batch.

    Raises:
        UserError: as `client.ask`; the server has no batches; or it is out of reach for long.
    """
    options = options or Options()
    with Store(store) as kept:
        log = BatchLog(store)
        divided = divide(requests, endpoint, kept)
        yield from divided.known
        left = divided.left
        if not left:
            return
        run = _Run(endpoint, read_key(endpoint), kept, log, options, poll_s)
        try:
            for batch in log.open(endpoint.address):
                yield from run.finish(batch, left)
            within, over = _affordable(left, options)
            for same in over.values():
                yield from _for_all(same, Failure("over_budget", "the money that may be spent is spent", 0))
            if within:
                yield from run.send(within)
        finally:
            run.close()


class _Run:
    """What the batches of one call share."""

    def __init__(
        self, endpoint: Endpoint, key: Key, store: Store, log: BatchLog, options: Options, poll_s: float
    ) -> None:
        self._endpoint, self._key, self._store, self._log = endpoint, key, store, log
        self._options, self._poll_s = options, poll_s
        self._server = BatchServer(endpoint, key)
        self._keeper = Keeper(endpoint, store, options.max_answers, key.hide)
        self._within = Within("batch")

    def close(self) -> None:
        """Closes the connection."""
        self._server.close()

    def send(self, left: Left) -> Outcomes:
        """Asks the first of `left` alone and all others in batches; takes them out of `left`."""
        first = next(iter(left))
        dialect, outcome = self._ask_alone(first, left[first][0])
        yield from _for_all(left.pop(first), outcome)
        sent = []
        for lines in pieces({of: same[0] for of, same in left.items()}, dialect, self._endpoint.model):
            batch = self._log.begin(self._endpoint.address, lines, dialect)
            sent.append(self._submit(batch, b"".join(lines.values())))
        for batch in sent:
            yield from self.finish(batch, left)

    def finish(self, batch: Batch, left: Left) -> Outcomes:
        """Waits for a batch, keeps its answers, and yields them; takes its requests out of `left`."""
        ours = {of: left.pop(of) for of in batch.hashes if of in left}
        if not ours:
            return
        found = self._patiently(lambda: self._server.state(batch.id) if batch.id else self._server.find(batch.token))
        if found is None:  # the process ended before the server had it
            self._log.end(batch)
            left |= ours
            return
        state = self._wait(found, len(batch.hashes))
        settled: dict[str, Outcome] = {}
        for file in state.outputs:
            for row in self._patiently(lambda file=file: list(self._server.rows(file))):  # type: ignore[misc]
                of = row.get("custom_id")
                if isinstance(of, str) and of in ours and of not in settled:
                    settled[of] = self._outcome(of, ours[of][0], row, batch)
        # Answers to requests that this call does not make stay at the server, for a call that makes them.
        if all(of in ours or self._store.outcome(of) for of in batch.hashes):
            self._log.end(batch)
            for file in filter(None, (state.input, *state.outputs)):
                self._server.remove(file)
        why = f"the batch {state.id} is {state.status} without an answer to it; give the same command again"
        why = f"{why} ({state.trouble})" if state.trouble else why
        for of, same in ours.items():
            yield from _for_all(same, settled.get(of) or Failure("server", why, 1))

    def _outcome(self, of: str, request: Request, row: dict[str, Any], batch: Batch) -> Outcome:
        """The outcome in a line of a batch's output, which is kept if it was paid for."""
        came = row_answer(row, self._key.hide)
        if isinstance(came, Failure):
            return came
        return self._keeper.keep(of, request, came, batch.dialect, 1, last=True).outcome

    def _ask_alone(self, of: str, request: Request) -> tuple[Dialect, Outcome]:
        """Asks at once; returns how the server wants to be asked, too."""
        stop = threading.Event()
        chat = Chat(self._endpoint, self._key, self._options.timeout_s, 1)
        attempts = Attempts(self._endpoint, self._options, chat, self._store, stop)
        work = Workers(attempts.settle, 1, stop)
        try:
            ((_, outcome),) = settle_all({of: request}, work, self._endpoint)
        finally:
            work.end(self._options.timeout_s)
            chat.close()
        return attempts.dialect, outcome

    def _submit(self, batch: Batch, lines: bytes) -> Batch:
        try:
            file = self._server.upload(lines)
            state = self._server.create(file, batch.token)
        except PassingError as why:  # the server may have it, and only the reply been lost
            raise UserError(
                f"{self._endpoint.provider}: it is not known whether the batch was taken ({why}); give the same command"
                " again, which looks for it"
            ) from None
        except UserError:
            self._log.end(batch)
            raise
        print(f"batch {state.id}: {len(batch.hashes)} requests are sent, and go on if this ends", file=sys.stderr)
        return self._log.sent(batch, state.id)

    def _wait(self, state: State, requests: int) -> State:
        """Waits until a batch is over."""
        while not state.over:
            self._within(state.id, Stage(state.status, min(state.answered, requests), requests, "requests"))
            time.sleep(self._poll_s)
            state = self._patiently(lambda id=state.id: self._server.state(id))  # type: ignore[misc]
        return state

    def _patiently(self, call: Callable[[], Found]) -> Found:
        """Calls until the server can be reached."""
        for miss in range(MAX_MISSES):
            try:
                return call()
            except PassingError as why:
                if miss == MAX_MISSES - 1:
                    raise UserError(
                        f"{self._endpoint.provider} is out of reach ({why}); the batch goes on: give the same command"
                        " again later"
                    ) from None
                time.sleep(self._poll_s)
        raise AssertionError


def _affordable(left: Left, options: Options) -> tuple[Left, Left]:
    """The requests whose estimates are within the money that may be spent, in their order, and the others."""
    if options.max_cost is None or options.prices is None:
        return left, {}
    money = options.max_cost
    within: Left = {}
    over: Left = {}
    for of, same in left.items():
        cost = options.prices.cost(estimated_usage(same[0]))
        (within if cost <= money else over)[of] = same
        money -= cost if cost <= money else 0
    return within, over


def _for_all(same: list[Request], outcome: Outcome) -> Outcomes:
    """An outcome for equal requests, of which one was sent."""
    for number, request in enumerate(same):
        yield request, dataclasses.replace(outcome, cached=True) if number else outcome
