"""The lines of a batch: requests as they are sent, and answers as they come back."""

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from deemo_jax.llm.answer import FILTERED, TRANSIENT, Answer, answer_in, table
from deemo_jax.llm.dialect import Dialect
from deemo_jax.llm.outcome import Failure
from deemo_jax.llm.reading import shortened
from deemo_jax.llm.request import Request

# Requests and bytes of one batch, at most; OpenAI takes 50,000 and 200 MB.
MAX_ROWS = 5000
MAX_BYTES = 100_000_000


def pieces(requests: Mapping[str, Request], dialect: Dialect, model: str) -> Iterator[dict[str, bytes]]:
    """Divides requests, given by their hashes, into batches: hash -> its line."""
    lines: dict[str, bytes] = {}
    size = 0
    for of, request in requests.items():
        row = {"custom_id": of, "method": "POST", "url": "/v1/chat/completions", "body": dialect.body(request, model)}
        line = json.dumps(row).encode() + b"\n"
        if lines and (len(lines) == MAX_ROWS or size + len(line) > MAX_BYTES):
            yield lines
            lines, size = {}, 0
        lines[of] = line
        size += len(line)
    if lines:
        yield lines


def row_answer(row: Mapping[str, Any], hide: Callable[[str], str]) -> Answer | Failure:
    """What a line of a batch's output says: an answer that was paid for, or why there is none."""
    response = table(row.get("response"))
    status, body = response.get("status_code"), table(response.get("body"))
    if status == 200:
        return answer_in(body, hide)
    error = table(body.get("error")) or table(row.get("error"))
    detail = shortened(hide(f"HTTP {status}: {error.get('message')}"))
    if error.get("code") == FILTERED:
        return Failure("refusal", detail, 1)
    rejected = isinstance(status, int) and 400 <= status < 500 and status not in TRANSIENT
    return Failure("rejected" if rejected else "server", detail, 1)
