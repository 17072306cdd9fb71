"""What was sent as batches, so that a command that is given again finds its batch instead of paying for another."""

import dataclasses
import secrets
from collections.abc import Iterable
from pathlib import Path
from typing import Any, cast, get_args

from deemo_jax.llm.dialect import Dialect
from deemo_jax.llm.lines import add_line, read_lines
from deemo_jax.llm.outcome import Form


@dataclasses.dataclass(frozen=True, slots=True)
class Batch:
    """Requests that were sent together.

    Attributes:
        token: of the batch's metadata, by which it is found if the process ended before it knew the batch's id.
        server: that has it, as `Endpoint.address`.
        hashes: of its requests.
        dialect: how they were put.
        id: of the server; empty while it is not known.
    """

    token: str
    server: str
    hashes: tuple[str, ...]
    dialect: Dialect
    id: str = ""


class BatchLog:
    """A file beside the answers, a line for each step of a batch. The lock of the answers holds for it too.

    Args:
        store: the file of answers.

    Raises:
        UserError: it cannot be read, or a line is damaged.
    """

    def __init__(self, store: Path) -> None:
        self._path = store.with_name(f"{store.name}.batches")
        self._open: dict[str, Batch] = {}
        read_lines(self._path, self._take)

    def open(self, server: str) -> list[Batch]:
        """The batches of a server whose answers were not yet kept."""
        return [batch for batch in self._open.values() if batch.server == server]

    def begin(self, server: str, hashes: Iterable[str], dialect: Dialect) -> Batch:
        """A batch that is about to be sent."""
        token = secrets.token_hex(16)
        put = {"limit": dialect.limit, "form": dialect.form, "without": sorted(dialect.without)}
        self._add({"step": "begin", "token": token, "server": server, "hashes": list(hashes), "dialect": put})
        return self._open[token]

    def sent(self, batch: Batch, id: str) -> Batch:
        """The same batch, which the server has under this id."""
        self._add({"step": "sent", "token": batch.token, "id": id})
        return self._open[batch.token]

    def end(self, batch: Batch) -> None:
        """Its answers are kept, or there will be none."""
        self._add({"step": "end", "token": batch.token})
        if not self._open:
            self._path.unlink(missing_ok=True)

    def _add(self, line: dict[str, Any]) -> None:
        add_line(self._path, line)
        self._take(line)

    def _take(self, line: Any) -> None:
        token = str(line["token"])
        if line["step"] == "begin":
            put = line["dialect"]
            if put["form"] not in get_args(Form):
                raise ValueError("no form")
            dialect = Dialect(str(put["limit"]), cast(Form, put["form"]), frozenset(map(str, put["without"])))
            self._open[token] = Batch(token, str(line["server"]), tuple(map(str, line["hashes"])), dialect)
        elif line["step"] == "sent":
            self._open[token] = dataclasses.replace(self._open[token], id=str(line["id"]))
        elif line["step"] == "end":
            del self._open[token]
        else:
            raise ValueError("no step")
