"""Asks a language model many questions at once, and yields one outcome for each."""

import collections
import dataclasses
import threading
from collections.abc import Iterable, Iterator
from pathlib import Path

from deemo_jax.core.errors import UserError
from deemo_jax.core.progress import with_progress
from deemo_jax.llm.attempts import Attempts
from deemo_jax.llm.chat import Chat
from deemo_jax.llm.endpoint import Endpoint, read_key
from deemo_jax.llm.known import divide
from deemo_jax.llm.options import Options
from deemo_jax.llm.outcome import ANSWERED, Failure, Outcome, Reply
from deemo_jax.llm.request import Request
from deemo_jax.llm.store import Store
from deemo_jax.llm.workers import Workers

# So many requests in a row that a server does not take, and none that it took: it will take none.
NOT_TAKEN = 3


def ask(
    requests: Iterable[Request], endpoint: Endpoint, *, store: Path, options: Options | None = None
) -> Iterator[tuple[Request, Outcome]]:
    """Asks a model, and yields one outcome for every request, in the order in which they are settled.

    What `store` holds is yielded first, and costs nothing; if that is all, neither key nor network is needed. Of equal
    requests one is sent. The first is sent alone, so that a wrong key or address is found before many fail. An answer
    is in `store` before it is yielded; an interruption keeps what is there, and waits for what is under way. A process
    that is killed may have paid for at most `options.workers` answers that were under way, and those are asked anew.

    Args:
        requests: read to their end before the first is sent.
        endpoint: who is asked.
        store: the file of answers, made when missing; one process at a time.
        options: how requests are sent.

    Raises:
        UserError: no key, a server that knows neither key nor address, or a file that cannot be used.
    """
    options = options or Options()
    with Store(store) as kept:
        divided = divide(requests, endpoint, kept)
        yield from divided.known
        left = divided.left
        if not left:
            return
        stop = threading.Event()
        chat = Chat(endpoint, read_key(endpoint), options.timeout_s, options.workers)
        work = Workers(Attempts(endpoint, options, chat, kept, stop).settle, options.workers, stop)
        try:
            settled = settle_all({of: same[0] for of, same in left.items()}, work, endpoint)
            for of, outcome in with_progress(settled, f"asking {endpoint.model}", len(left)):
                for number, request in enumerate(left[of]):
                    yield request, dataclasses.replace(outcome, cached=True) if number else outcome
        finally:
            work.end(options.timeout_s)
            chat.close()


def settle_all(requests: dict[str, Request], work: Workers, endpoint: Endpoint) -> Iterator[tuple[str, Outcome]]:
    """Yields the hash of each request and its outcome; sends one by one until the server takes one.

    Raises:
        UserError: key or address are wrong, or the server takes no request.
    """
    waiting = collections.deque(requests.items())
    alone, answered = True, False
    not_taken = under_way = 0
    ready: list[tuple[str, Outcome]] = []
    while waiting or under_way:
        while waiting and (not alone or not under_way):
            work.begin(*waiting.popleft())
            under_way += 1
        yield from ready  # only here, since the caller may take long
        of, settled = work.next()
        under_way -= 1
        outcome = settled.outcome
        why = outcome.detail if isinstance(outcome, Failure) else ""
        if settled.everywhere and not answered:
            raise UserError(
                f"{endpoint.provider} does not let {endpoint.model} be asked ({why}); check the key in"
                f" {endpoint.api_key_env or 'no variable'}, --base_url and the name of the model"
            )
        if alone and isinstance(outcome, Failure) and outcome.kind == "connection":
            raise UserError(f"{endpoint.base_url}: cannot be reached ({why}); check --base_url and the network")
        not_taken = not_taken + 1 if settled.not_taken else 0
        if alone and not_taken >= NOT_TAKEN:
            raise UserError(f"{endpoint.provider} takes no request ({why}); check the name of the model")
        alone = alone and settled.not_taken
        answered = answered or isinstance(outcome, Reply) or outcome.kind in ANSWERED
        ready = [(of, outcome)]
    yield from ready
