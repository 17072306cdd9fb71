"""The file of all answers that were paid for, a line each, from which an interrupted run goes on."""

import sys
import threading
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, cast, get_args

from deemo_jax.core.errors import UserError
from deemo_jax.core.files import check_writable, refuse_remote
from deemo_jax.core.run_folder.lock import Lock
from deemo_jax.llm.lines import add_line, read_lines
from deemo_jax.llm.outcome import ANSWERED, Failure, Form, Kind, Outcome, Reply, Usage
from deemo_jax.llm.request import Decoding


class Store:
    """Answers by the hash of their request, in a file to which lines are added and never changed.

    A line is on the disk when `add` returns. To be used in a `with` statement, by one process at a time; its methods
    may be called by several threads.

    Args:
        path: of the file; made when missing.

    Raises:
        UserError: it cannot be read or written, another process uses it, or a line of it is damaged.
    """

    def __init__(self, path: Path) -> None:
        refuse_remote(path)
        if not path.name or path.is_dir():
            raise UserError(f"{path}: is a folder; name a file for the answers")
        self._path = path
        self._writing = threading.Lock()
        self._closed = False
        self._known: dict[str, Outcome] = {}
        self._misfits: dict[str, tuple[int, Usage]] = {}
        check_writable(path.parent)
        self._lock = Lock(
            path.with_name(f".{path.name}.lock"), "name another file for the answers", folder=path, stays=False
        )

    def __enter__(self) -> "Store":
        self._lock.take()
        try:
            if self._lock.note:
                print(self._lock.note, file=sys.stderr)
            read_lines(self._path, self._take)
        except BaseException:
            self._lock.__exit__(None, None, None)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._writing:  # a thread that is left behind finishes its line, and begins no other
            self._lock.__exit__(kind, error, trace)
            self._closed = True

    def outcome(self, of: str) -> Outcome | None:
        """What is kept of a request that was settled: its reply, or the answer that did not fit; `cached` is True."""
        return self._known.get(of)

    def misfits(self, of: str) -> tuple[int, Usage]:
        """How many answers to a request did not fit, and the tokens that they cost."""
        return self._misfits.get(of, (0, Usage()))

    def add(self, of: str, key: str, outcome: Outcome, usage: Usage, settled: bool, facts: Mapping[str, Any]) -> None:
        """Adds one answer that was paid for; does nothing after the `with` statement.

        Args:
            of: the hash of the request.
            key: its name, for readers of the file.
            outcome: the reply, or a failure whose kind is in `ANSWERED`.
            usage: of this answer alone.
            settled: whether the request is asked no more.
            facts: who was asked and how, for readers of the file.

        Raises:
            UserError: it cannot be written.
        """
        line: dict[str, Any] = {"hash": of, "key": key, "settled": settled, "attempts": outcome.attempts}
        line |= {"prompt_tokens": usage.prompt_tokens, "completion_tokens": usage.completion_tokens}
        if isinstance(outcome, Reply):
            sent = {name: getattr(outcome.decoding, name) for name in Decoding.__slots__}
            line |= {"outcome": "reply", "value": outcome.value, "served_by": outcome.model}
            line |= {"decoding": sent, "form": outcome.form}
        else:
            line |= {"outcome": outcome.kind, "detail": outcome.detail}
        with self._writing:
            if self._closed:
                return
            add_line(self._path, line | dict(facts))
            self._take(line)

    def _take(self, line: Any) -> None:
        """Takes a line into what is known."""
        of, usage = str(line["hash"]), Usage(int(line["prompt_tokens"]), int(line["completion_tokens"]))
        number, before = self.misfits(of)
        whole, attempts = before + usage, int(line["attempts"])
        if line["outcome"] == "reply":
            sent = {name: value for name, value in dict(line["decoding"]).items() if name in Decoding.__slots__}
            form = line["form"]
            if not isinstance(line["value"], dict) or form not in get_args(Form):
                raise ValueError("no reply")
            self._known[of] = Reply(
                line["value"], whole, str(line["served_by"]), attempts, True, Decoding(**sent), cast(Form, form)
            )
            return
        if line["outcome"] not in ANSWERED:
            raise ValueError("no outcome")
        self._misfits[of] = (number + 1, whole)
        if line["settled"] is True:
            self._known[of] = Failure(cast(Kind, line["outcome"]), str(line["detail"]), attempts, whole, True)
