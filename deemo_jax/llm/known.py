"""Which requests are answered already, and which are to be sent."""

import dataclasses
from collections.abc import Iterable

from deemo_jax.llm.endpoint import Endpoint
from deemo_jax.llm.outcome import Outcome, Reply
from deemo_jax.llm.reading import misfit
from deemo_jax.llm.request import Request, content_hash
from deemo_jax.llm.store import Store


@dataclasses.dataclass(frozen=True, slots=True)
class Divided:
    """Requests by what is known of them.

    Attributes:
        known: requests that are settled, and their outcomes.
        left: hash -> the requests that have it, of which one is to be sent.
    """

    known: list[tuple[Request, Outcome]]
    left: dict[str, list[Request]]


def divide(requests: Iterable[Request], endpoint: Endpoint, store: Store) -> Divided:
    """Divides requests by whether `store` holds their outcome; a kept reply that does not fit its schema is none."""
    equal: dict[str, list[Request]] = {}
    for request in requests:
        equal.setdefault(content_hash(request, endpoint), []).append(request)
    divided = Divided([], {})
    for of, same in equal.items():
        outcome = store.outcome(of)
        if outcome is None or (isinstance(outcome, Reply) and misfit(outcome.value, same[0].schema)):
            divided.left[of] = same
        else:
            divided.known.extend((request, outcome) for request in same)
    return divided
