"""Sends one request through the `openai` package, and says what came back: an answer, or what went wrong.

A reply is hostile: it is bounded in bytes and in time, a redirection is not followed, and nothing of it is trusted to
have the form that the interface promises.
"""

import dataclasses
import email.utils
import math
import time
from typing import Any

from deemo_jax.llm.answer import FILTERED, TOO_MANY, TRANSIENT, Answer, read_answer, table
from deemo_jax.llm.connection import connect, refused_body
from deemo_jax.llm.endpoint import Endpoint, Key
from deemo_jax.llm.outcome import Kind
from deemo_jax.llm.reading import shortened

# Bytes of a reply, at most.
MAX_BYTES = 1 << 20
# HTTP: asked in a way that this server does not take.
NOT_TAKEN = frozenset({400, 422})
QUOTA = "insufficient_quota"


@dataclasses.dataclass(frozen=True, slots=True)
class Trouble:
    """Why there is no answer; nothing was paid.

    Attributes:
        kind: as a failure's.
        detail: one line.
        again: whether another attempt may do better.
        wait_s: seconds that the server asks to wait; None where it does not.
        said: for a request that was not taken: the parameter that the server named, and its words.
        everywhere: whether other requests will fare no better: a wrong key or address.
        crowded: whether the server had too much to do, and another request may have been let in before this one.
    """

    kind: Kind
    detail: str
    again: bool
    wait_s: float | None = None
    said: str = ""
    everywhere: bool = False
    crowded: bool = False


class Chat:
    """Connections to one endpoint; may be used by several threads.

    Args:
        endpoint: who is asked.
        key: of the endpoint.
        timeout_s: from sending a request to the last byte of its reply, seconds.
        connections: at once.
    """

    def __init__(self, endpoint: Endpoint, key: Key, timeout_s: float, connections: int) -> None:
        self._key = key
        self._timeout_s = timeout_s
        self._client = connect(endpoint, key, timeout_s, connections, MAX_BYTES)

    def close(self) -> None:
        """Closes the connections."""
        self._client.close()

    def send(self, body: dict[str, Any]) -> Answer | Trouble:
        """Sends a request and waits for the whole reply."""
        import openai

        try:
            raw = self._client.chat.completions.with_raw_response.create(**body)
            return read_answer(raw.content, self.hide)
        except openai.APIStatusError as error:
            return self._refused(error)
        except openai.APITimeoutError:
            return Trouble("timeout", f"no whole reply within {self._timeout_s:g} s", again=True)
        except openai.APIConnectionError as error:
            if isinstance(error.__cause__, refused_body()):
                return Answer(None, note=str(error.__cause__))
            return Trouble("connection", self._say(f"no connection, or a lost one: {error.__cause__!r}"), again=True)

    def hide(self, text: str) -> str:
        """The text without the key."""
        return self._key.hide(text)

    def _refused(self, error: Any) -> Trouble:
        """What a reply with another status than 200 means."""
        status = int(error.status_code)
        body = table(error.body)
        code, param = body.get("code"), body.get("param")
        detail = self._say(f"HTTP {status}: {error.message}")
        if code == FILTERED:
            return Trouble("refusal", detail, again=False)
        if (status in TRANSIENT and code != QUOTA) or status >= 500:
            wait_s = _retry_after(error.response.headers)
            return Trouble("server", detail, again=True, wait_s=wait_s, crowded=status == TOO_MANY)
        if status in NOT_TAKEN:
            return Trouble("rejected", detail, again=False, said=f"{param} {error.message}"[:10_000])
        return Trouble("rejected", detail, again=False, everywhere=True)

    def _say(self, text: str) -> str:
        return shortened(self._key.hide(text))


def _retry_after(headers: Any) -> float | None:
    """Seconds that a server asks to wait, as a number or a date."""
    value = headers.get("retry-after", "").strip()
    try:
        seconds = float(value)
    except ValueError:
        try:
            seconds = email.utils.parsedate_to_datetime(value).timestamp() - time.time()
        except (ValueError, TypeError, IndexError, OverflowError):
            return None
    return max(seconds, 0.0) if math.isfinite(seconds) else None
