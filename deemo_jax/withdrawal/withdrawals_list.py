"""`withdrawals.jsonl`: what was withdrawn from a folder, and when. It holds no identity and no pseudonym.

A row: {"person": 16 hex digits, see `Subject.digest`, "at": time, "state": "begun" | "done", "removed": kind -> count,
"seen_by": runs, relative to the folder}.
"""

import json
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from deemo_jax.core.errors import UserError
from deemo_jax.core.files import append_line, read_jsonl

FILE = "withdrawals.jsonl"
BEGUN, DONE = "begun", "done"


def note(root: Path, person: str, state: str, removed: Mapping[str, int], runs: Iterable[Path]) -> None:
    """Adds a row to the list of a folder.

    Raises:
        UserError: it cannot be written.
    """
    named = [str(run.relative_to(root)) if run.is_relative_to(root) else run.name for run in runs]
    row = {"person": person, "at": time.strftime("%Y-%m-%dT%H:%M:%S%z"), "state": state}
    try:
        append_line(root / FILE, json.dumps(row | {"removed": dict(removed), "seen_by": sorted(named)}))
    except OSError as error:
        raise UserError(f"{root / FILE}: cannot be written ({error.strerror}); check space and permissions") from error


def noted(root: Path, person: str) -> list[dict[str, Any]]:
    """The rows of a person in the list of a folder; empty where there are none.

    Raises:
        UserError: the list is damaged.
    """
    path = root / FILE
    return [row for row in read_jsonl(path) if row.get("person") == person] if path.exists() else []
