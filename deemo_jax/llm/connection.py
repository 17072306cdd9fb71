"""Connections of the `openai` package to a server, whose replies are bounded in bytes and in time."""

import functools
import logging
import time
from collections.abc import Iterator
from typing import Any

from deemo_jax.llm.endpoint import Endpoint, Key

# Seconds in which a connection is made.
CONNECT_S = 10.0
STARTED = "deemo_jax_started"


def connect(endpoint: Endpoint, key: Key, timeout_s: float, connections: int, max_bytes: int) -> Any:
    """An `openai.OpenAI` that sends each request once, follows no redirection, and reads no more than it should.

    Args:
        endpoint: who is asked.
        key: of the endpoint.
        timeout_s: from sending a request to the last byte of its reply, seconds. A server that falls silent in the
            middle of a reply is left after at most twice that.
        connections: at once.
        max_bytes: of a reply. What is compressed has no bound, and is refused.
    """
    import httpx2
    import openai

    # Its lines for debugging quote the headers of replies, in which a server may repeat the key.
    logging.getLogger("httpcore2").setLevel(logging.INFO)

    def bound(response: Any) -> None:
        request = response.request
        if response.headers.get("content-encoding", "identity").lower() not in ("identity", ""):
            raise refused_body()("the reply is compressed, which was not asked for", request=request)
        response.stream = _bounded(response.stream, request, request.extensions[STARTED] + timeout_s, max_bytes)

    client = openai.OpenAI(
        api_key=key.secret,
        base_url=endpoint.base_url,
        max_retries=0,
        timeout=httpx2.Timeout(timeout_s, connect=min(timeout_s, CONNECT_S)),
        default_headers={"Accept-Encoding": "identity"},
        http_client=openai.DefaultHttpxClient(
            verify=_certificates(),
            follow_redirects=False,
            limits=httpx2.Limits(max_connections=connections, max_keepalive_connections=connections),
            event_hooks={"request": [_note_start], "response": [bound]},
        ),
    )
    if not endpoint.is_openai:  # the package takes them from the environment, whoever is asked
        client.organization = client.project = None
    return client


@functools.cache
def _certificates() -> Any:
    """The authorities that servers are checked by; read once, since that takes longer than all else here."""
    import httpx2

    return httpx2.create_ssl_context()


@functools.cache
def refused_body() -> Any:
    """The exception of replies that are not read to their end; a class of `httpx2`, which is imported late."""
    import httpx2

    return type("RefusedBody", (httpx2.RequestError,), {})


def _note_start(request: Any) -> None:
    request.extensions[STARTED] = time.monotonic()


def _bounded(stream: Any, request: Any, deadline: float, max_bytes: int) -> Any:
    import httpx2

    class Bounded(httpx2.SyncByteStream):
        def __iter__(self) -> Iterator[bytes]:
            size = 0
            for part in stream:
                size += len(part)
                if size > max_bytes:
                    raise refused_body()(f"the reply is longer than {max_bytes:,} bytes", request=request)
                if time.monotonic() > deadline:
                    raise httpx2.ReadTimeout("the reply is late", request=request)
                yield part

        def close(self) -> None:
            stream.close()

    return Bounded()
