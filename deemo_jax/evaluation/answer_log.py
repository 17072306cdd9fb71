"""The file of the answers so far, a line each, from which an interrupted evaluation goes on."""

import dataclasses
import json
import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from deemo_jax.core.errors import UserError


@dataclasses.dataclass(frozen=True, slots=True)
class LoggedAnswer:
    """A model's answer to one record of the split.

    Attributes:
        modalities: what the model was shown, as `schema.set_name` writes it.
        index: of the record in the split.
        answer: the text; empty for a record that cannot be read.
        log_likelihoods: of the statement of each label, natural logarithms, in the dataset's order; None for a record
            that cannot be read.
    """

    modalities: str
    index: int
    answer: str
    log_likelihoods: tuple[float, ...] | None

    def to_json(self) -> dict[str, Any]:
        """The answer as a line of the file."""
        return dataclasses.asdict(self)


class AnswerLog:
    """A file of `LoggedAnswer`s.

    Args:
        path: made with the first answer; a last line that was written in part is removed. None for no file.
        begin: called once, before the first answer is written.

    Raises:
        UserError: the file cannot be read.
    """

    def __init__(self, path: Path | None = None, begin: Callable[[], None] | None = None) -> None:
        self._path, self._begin = path, begin
        self._known: dict[tuple[str, int], LoggedAnswer] = {}
        if path is None or not path.exists():
            return
        try:
            with open(path, "r+b") as handle:
                whole = 0
                for line in handle:
                    found = _read(line)
                    if found is None:
                        break
                    whole += len(line)
                    self._known[found.modalities, found.index] = found
                handle.truncate(whole)
        except OSError as error:
            raise UserError(f"{path}: cannot be read ({error.strerror}); give --overwrite to begin anew") from error

    def of(self, modalities: str) -> dict[int, LoggedAnswer]:
        """The answers of one modality set: index of the record -> answer."""
        return {index: found for (name, index), found in self._known.items() if name == modalities}

    def add(self, rows: Iterable[LoggedAnswer]) -> None:
        """Adds answers; they are on the disk when this returns.

        Raises:
            UserError: they cannot be written.
        """
        new = [row for row in rows if (row.modalities, row.index) not in self._known]
        self._known |= {(row.modalities, row.index): row for row in new}
        if self._path is None or not new:
            return
        begin, self._begin = self._begin, None
        if begin is not None:
            begin()
        try:
            with open(self._path, "a", encoding="utf-8") as handle:
                handle.writelines(json.dumps(row.to_json(), ensure_ascii=False) + "\n" for row in new)
                handle.flush()
                os.fsync(handle.fileno())
        except OSError as error:
            raise UserError(
                f"{self._path}: cannot be written ({error.strerror}); what is answered is kept: mend space and "
                "permissions, and evaluate again"
            ) from error

    def remove(self) -> None:
        """Removes the file."""
        if self._path is not None:
            self._path.unlink(missing_ok=True)


def _read(line: bytes) -> LoggedAnswer | None:
    """The answer in a line; None where it was written in part or is damaged."""
    if not line.endswith(b"\n"):
        return None
    try:
        row = json.loads(line)
        odds = row["log_likelihoods"]
        odds = None if odds is None else tuple(map(float, odds))
        return LoggedAnswer(str(row["modalities"]), int(row["index"]), str(row["answer"]), odds)
    except (ValueError, TypeError, KeyError, RecursionError, OverflowError):
        return None
