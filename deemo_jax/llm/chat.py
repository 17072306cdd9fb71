"""Sends one request through the `openai` package, and says what came back: an answer, or what went wrong.

A reply is hostile: it is bounded in bytes and in time, a redirection is not followed, and nothing of it is trusted to
have the form that the interface promises.
"""

import dataclasses
import email.utils
import json
import logging
import math
import time
from collections.abc import Iterator
from typing import Any

from deemo_jax.llm.endpoint import Endpoint, Key
from deemo_jax.llm.outcome import Kind, Usage
from deemo_jax.llm.reading import shortened

# Bytes of a reply, at most, and seconds in which a connection is made.
MAX_BYTES = 1 << 20
CONNECT_S = 10.0
# Tokens that a count is believed, and characters of a model's name.
MAX_TOKENS = 100_000_000
MAX_MODEL = 200
# HTTP: worth another attempt; asked in a way that this server does not take; refused whatever is asked.
TRANSIENT = frozenset({408, 409, 425, 429})
NOT_TAKEN = frozenset({400, 422})
QUOTA = "insufficient_quota"
FILTERED = "content_filter"


@dataclasses.dataclass(frozen=True, slots=True)
class Answer:
    """A model's answer, as it came.

    Attributes:
        text: what it wrote; None where the reply holds no answer.
        refusal: why it would not answer; empty where it did.
        cut: whether it was cut at the longest length.
        usage: tokens, as the server counted them.
        model: as the server reports it.
        note: what is wrong with a reply without answer.
    """

    text: str | None
    refusal: str = ""
    cut: bool = False
    usage: Usage = dataclasses.field(default_factory=Usage)
    model: str = ""
    note: str = ""


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
        status: of HTTP; 0 where there was no reply.
    """

    kind: Kind
    detail: str
    again: bool
    wait_s: float | None = None
    said: str = ""
    everywhere: bool = False
    status: int = 0


class Chat:
    """Connections to one endpoint; may be used by several threads.

    Args:
        endpoint: who is asked.
        key: of the endpoint.
        timeout_s: from sending a request to the last byte of its reply, seconds. A server that falls silent in the
            middle of a reply is left after at most twice that.
        connections: at once.
    """

    def __init__(self, endpoint: Endpoint, key: Key, timeout_s: float, connections: int) -> None:
        import httpx2
        import openai

        # Its lines for debugging quote the headers of replies, in which a server may repeat the key.
        logging.getLogger("httpcore2").setLevel(logging.INFO)
        self._key = key
        self._timeout_s = timeout_s
        self._client = openai.OpenAI(
            api_key=key.secret,
            base_url=endpoint.base_url,
            max_retries=0,
            timeout=httpx2.Timeout(timeout_s, connect=min(timeout_s, CONNECT_S)),
            default_headers={"Accept-Encoding": "identity"},  # what is compressed has no bound
            http_client=openai.DefaultHttpxClient(
                follow_redirects=False,
                limits=httpx2.Limits(max_connections=connections, max_keepalive_connections=connections),
                event_hooks={"request": [_note_start], "response": [self._bound]},
            ),
        )

    def close(self) -> None:
        """Closes the connections."""
        self._client.close()

    def send(self, body: dict[str, Any]) -> Answer | Trouble:
        """Sends a request and waits for the whole reply."""
        import openai

        try:
            raw = self._client.chat.completions.with_raw_response.create(**body)
            return self._answer(raw.content)
        except openai.APIStatusError as error:
            return self._refused(error)
        except openai.APITimeoutError:
            return Trouble("timeout", f"no whole reply within {self._timeout_s:g} s", again=True)
        except openai.APIConnectionError as error:
            if isinstance(error.__cause__, _refused_body()):
                return Answer(None, note=str(error.__cause__))
            return Trouble("connection", self._say(f"no connection, or a lost one: {error.__cause__!r}"), again=True)

    def hide(self, text: str) -> str:
        """The text without the key."""
        return self._key.hide(text)

    def _answer(self, content: bytes) -> Answer:
        try:
            whole = json.loads(content)
        except (ValueError, RecursionError):
            return Answer(None, note=f"the reply is no JSON: {self._say(content.decode('utf-8', 'replace'))}")
        whole = whole if isinstance(whole, dict) else {}
        choices = whole.get("choices")
        choice = choices[0] if isinstance(choices, list) and choices and isinstance(choices[0], dict) else {}
        message = choice.get("message")
        message = message if isinstance(message, dict) else {}
        text, refusal, finish = message.get("content"), message.get("refusal"), choice.get("finish_reason")
        if finish == FILTERED and not refusal:
            refusal = "left out by the server's filter of contents"
        counts = whole.get("usage")
        model = whole.get("model")
        return Answer(
            text=self._key.hide(text) if isinstance(text, str) else None,
            refusal=self._say(refusal) if isinstance(refusal, str) else "",
            cut=finish == "length",
            usage=_usage(counts if isinstance(counts, dict) else {}),
            model=self._key.hide(shortened(model[:MAX_MODEL])) if isinstance(model, str) else "",
            note="" if isinstance(text, str) else "the reply holds no text",
        )

    def _refused(self, error: Any) -> Trouble:
        """What a reply with another status than 200 means."""
        status = int(error.status_code)
        body = error.body if isinstance(error.body, dict) else {}
        code, param = body.get("code"), body.get("param")
        detail = self._say(f"HTTP {status}: {error.message}")
        if code == FILTERED:
            return Trouble("refusal", detail, again=False, status=status)
        if (status in TRANSIENT and code != QUOTA) or status >= 500:
            return Trouble("server", detail, again=True, wait_s=_retry_after(error.response.headers), status=status)
        if status in NOT_TAKEN:
            return Trouble("rejected", detail, again=False, said=f"{param} {error.message}"[:10_000], status=status)
        return Trouble("rejected", detail, again=False, everywhere=True, status=status)

    def _say(self, text: str) -> str:
        return shortened(self._key.hide(text))

    def _bound(self, response: Any) -> None:
        """Has a reply end with an error where it is too long, too late, or compressed."""
        request = response.request
        if response.headers.get("content-encoding", "identity").lower() not in ("identity", ""):
            response.close()
            raise _refused_body()("the reply is compressed, which was not asked for", request=request)
        response.stream = _bounded(response.stream, request, request.extensions[STARTED] + self._timeout_s)


STARTED = "deemo_jax_started"


def _note_start(request: Any) -> None:
    request.extensions[STARTED] = time.monotonic()


def _refused_body() -> Any:
    """The exception of replies that are not read to their end; a class of `httpx2`, which is imported late."""
    global _RefusedBody
    if _RefusedBody is None:
        import httpx2

        _RefusedBody = type("RefusedBody", (httpx2.RequestError,), {})
    return _RefusedBody


_RefusedBody: Any = None


def _bounded(stream: Any, request: Any, deadline: float) -> Any:
    import httpx2

    class Bounded(httpx2.SyncByteStream):
        def __iter__(self) -> Iterator[bytes]:
            size = 0
            for part in stream:
                size += len(part)
                if size > MAX_BYTES:
                    raise _refused_body()(f"the reply is longer than {MAX_BYTES:,} bytes", request=request)
                if time.monotonic() > deadline:
                    raise httpx2.ReadTimeout("the reply is late", request=request)
                yield part

        def close(self) -> None:
            stream.close()

    return Bounded()


def _usage(counts: dict[str, Any]) -> Usage:
    def count(name: str) -> int:
        value = counts.get(name)
        return value if type(value) is int and 0 <= value <= MAX_TOKENS else 0

    return Usage(count("prompt_tokens"), count("completion_tokens"))


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
