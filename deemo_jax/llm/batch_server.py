"""The server's side of batches, through the `openai` package: files and batches, read as warily as any reply."""

import dataclasses
import json
import re
from collections.abc import Iterator
from typing import Any

from deemo_jax.core.errors import UserError
from deemo_jax.llm.answer import TRANSIENT, table
from deemo_jax.llm.connection import connect
from deemo_jax.llm.endpoint import Endpoint, Key
from deemo_jax.llm.reading import shortened

# Seconds and bytes of a file that is sent or fetched, at most.
TIMEOUT_S = 600.0
MAX_BYTES = 512 << 20
TOKEN = "deemo_jax"
# Pages of a hundred batches among which one is looked for.
MAX_PAGES = 10
_ID = re.compile(r"[A-Za-z0-9_.:-]{1,200}")
# States in which nothing more is answered.
OVER = frozenset({"completed", "failed", "expired", "cancelled"})


@dataclasses.dataclass(frozen=True, slots=True)
class State:
    """How far a batch is.

    Attributes:
        id: of the batch.
        over: whether nothing more is answered.
        status: in the server's word.
        answered: requests that are done.
        input: the file of requests; empty where the server does not say.
        outputs: files of answers and of errors.
        trouble: why the batch failed; empty where it did not.
    """

    id: str
    over: bool
    status: str
    answered: int
    input: str
    outputs: tuple[str, ...]
    trouble: str


class PassingError(Exception):
    """A server that cannot be reached now, and may be later."""


class BatchServer:
    """Files and batches of one endpoint.

    Args:
        endpoint: whose.
        key: of the endpoint.
    """

    def __init__(self, endpoint: Endpoint, key: Key) -> None:
        self._endpoint, self._key = endpoint, key
        self._client = connect(endpoint, key, TIMEOUT_S, 1, MAX_BYTES)

    def close(self) -> None:
        """Closes the connection."""
        self._client.close()

    def upload(self, lines: bytes) -> str:
        """Sends a file of requests; returns its id."""
        files = self._client.files.with_raw_response
        return _id(self._get(lambda: files.create(file=("requests.jsonl", lines), purpose="batch")))

    def create(self, file: str, token: str) -> State:
        """Begins a batch of a file of requests."""
        batches = self._client.batches.with_raw_response
        return self._state(
            self._get(
                lambda: batches.create(
                    input_file_id=file,
                    endpoint="/v1/chat/completions",
                    completion_window="24h",
                    metadata={TOKEN: token},
                )
            )
        )

    def state(self, id: str) -> State:
        """How far a batch is."""
        return self._state(self._get(lambda: self._client.batches.with_raw_response.retrieve(id)))

    def find(self, token: str) -> State | None:
        """The batch that was begun with a token; None where there is none."""
        after: dict[str, str] = {}
        for _ in range(MAX_PAGES):
            page = self._get(lambda: self._client.batches.with_raw_response.list(limit=100, **after))  # noqa: B023
            rows = page.get("data")
            rows = [table(row) for row in rows] if isinstance(rows, list) else []
            for row in rows:
                if table(row.get("metadata")).get(TOKEN) == token:
                    return self._state(row)
            if not rows or page.get("has_more") is not True:
                return None
            after = {"after": _id(rows[-1])}
        return None

    def rows(self, file: str) -> Iterator[dict[str, Any]]:
        """The lines of a file of answers that are JSON objects."""
        content = self._call(lambda: self._client.files.with_raw_response.content(file)).content
        for line in content.splitlines():
            try:
                yield table(json.loads(line))
            except (ValueError, RecursionError):
                continue  # its request counts as not answered

    def remove(self, file: str) -> None:
        """Removes a file, if the server lets it be removed."""
        try:
            self._call(lambda: self._client.files.with_raw_response.delete(file))
        except (PassingError, UserError):
            return

    def _get(self, call: Any) -> dict[str, Any]:
        content = self._call(call).content
        try:
            return table(json.loads(content))
        except (ValueError, RecursionError):
            raise PassingError("the reply is no JSON") from None

    def _call(self, call: Any) -> Any:
        import openai

        try:
            return call()
        except openai.APIStatusError as error:
            said = shortened(self._key.hide(f"HTTP {error.status_code}: {error.message}"))
            if error.status_code in TRANSIENT or error.status_code >= 500:
                raise PassingError(said) from None
            raise UserError(
                f"{self._endpoint.provider} takes no batch ({said}); ask without batches, or check key and address"
            ) from None
        except openai.APIConnectionError as error:
            raise PassingError(shortened(self._key.hide(f"no connection: {error.__cause__!r}"))) from None

    def _state(self, row: dict[str, Any]) -> State:
        status = shortened(str(row.get("status"))[:100])
        counts = table(row.get("request_counts"))
        done = [value for name in ("completed", "failed") if type(value := counts.get(name)) is int]
        sent, *outputs = [
            value if isinstance(value := row.get(name), str) and _ID.fullmatch(value) else ""
            for name in ("input_file_id", "output_file_id", "error_file_id")
        ]
        errors = table(row.get("errors")).get("data")
        said = (
            "; ".join(str(table(error).get("message"))[:200] for error in errors[:3])
            if isinstance(errors, list)
            else ""
        )
        trouble = shortened(self._key.hide(said))
        return State(_id(row), status in OVER, status, sum(done), sent, tuple(filter(None, outputs)), trouble)


def _id(row: dict[str, Any]) -> str:
    found = row.get("id")
    if not isinstance(found, str) or not _ID.fullmatch(found):
        raise PassingError("the reply has no id")
    return found
