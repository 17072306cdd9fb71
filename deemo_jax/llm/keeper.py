"""Makes outcomes of answers that were paid for, and keeps them."""

import dataclasses
from collections.abc import Callable

from deemo_jax.llm.answer import Answer
from deemo_jax.llm.dialect import Dialect
from deemo_jax.llm.endpoint import Endpoint
from deemo_jax.llm.outcome import Failure, Outcome, Reply, Usage
from deemo_jax.llm.reading import MisfitError, read_reply
from deemo_jax.llm.request import Request
from deemo_jax.llm.store import Store


@dataclasses.dataclass(frozen=True, slots=True)
class Kept:
    """An outcome, and whether the request is asked no more."""

    outcome: Outcome
    settled: bool


class Keeper:
    """Holds answers against their schemas, and keeps them.

    Args:
        endpoint: who answered.
        store: where answers are kept.
        max_answers: of a request that do not fit, until it is settled.
        hide: takes the key out of texts.
    """

    def __init__(self, endpoint: Endpoint, store: Store, max_answers: int, hide: Callable[[str], str]) -> None:
        self._endpoint, self._store, self._max_answers, self._hide = endpoint, store, max_answers, hide

    def keep(self, of: str, request: Request, came: Answer, dialect: Dialect, sent: int, *, last: bool = False) -> Kept:
        """Keeps the answer to a request whose hash is `of`.

        Args:
            of: the hash.
            request: what was asked.
            came: the answer.
            dialect: how it was asked.
            sent: how often.
            last: whether it is asked no more, whatever the answer.

        Raises:
            UserError: it cannot be written.
        """
        misfits, usage = self._store.misfits(of)
        outcome = self._outcome(request, came, dialect, sent, usage + came.usage)
        settled = isinstance(outcome, Reply) or outcome.kind == "refusal" or last or misfits + 1 >= self._max_answers
        facts = {
            "provider": self._endpoint.provider,
            "server": self._endpoint.address,
            "model": self._endpoint.model,
            "protocol": request.protocol,
            "sample": request.sample,
        }
        self._store.add(of, request.key, outcome, came.usage, settled, facts)
        return Kept(outcome, settled)

    def _outcome(self, request: Request, came: Answer, dialect: Dialect, sent: int, usage: Usage) -> Outcome:
        """The reply in an answer, or why it is none."""
        if came.refusal:
            return Failure("refusal", came.refusal, sent, usage)
        try:
            if came.text is None:
                raise MisfitError("malformed", came.note)
            value = read_reply(came.text, request.schema, self._hide)
        except MisfitError as why:
            detail = f"cut at its longest length; {why.detail}" if came.cut else why.detail
            return Failure(why.kind, detail, sent, usage)
        model = came.model or self._endpoint.model
        return Reply(value, usage, model, sent, False, dialect.decoding(request.decoding), dialect.form)
