"""`refused.jsonl` beside the clips: the sources that have no clip, and why. Several runs may write to it at once."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from deemo_jax.core import files
from deemo_jax.core.files import refuse_links
from deemo_jax.deid.folder.source_outcome import Outcome
from deemo_jax.deid.replace_files import alone

REFUSALS = "refused.jsonl"


class RefusedList:
    """The list of a folder; reads what earlier runs wrote, and adds what this run refuses.

    Args:
        folder: of clips.

    Attributes:
        by_clip: clip id -> row of an earlier run.

    Raises:
        UserError: the list is a link, or cannot be read.
    """

    def __init__(self, folder: Path) -> None:
        self._folder, self._path = folder, folder / REFUSALS
        refuse_links([self._path])
        with alone(folder, REFUSALS):
            files.remove_rests(self._path)
            rows = self._read()
        self.by_clip = {row["clip_id"]: row for row in rows if _is_of_clip(row)}
        # Rows of sources that could not be read have no clip id; only the run that met such a source lists it.
        self._forgotten = [row for row in rows if not _is_of_clip(row)]

    def write(self, outcomes: Sequence[Outcome]) -> None:
        """Writes what this run refused so far and what other runs did; removes the file where that is nothing.

        Args:
            outcomes: of this run so far, refused or not.
        """
        settled = {o.clip_id for o in outcomes} | {o.source_sha256 for o in outcomes if not o.span and not o.pieces}
        own = [_row(outcome) for outcome in outcomes if outcome.failed]
        with alone(self._folder, REFUSALS):
            others = [row for row in self._read() if row not in self._forgotten and row not in own]
            rows = [row for row in others if not (_is_of_clip(row) and _names(row) & settled)] + own
            if rows:
                files.write_jsonl(self._path, rows)
            else:
                self._path.unlink(missing_ok=True)

    def _read(self) -> list[dict[str, Any]]:
        return list(files.read_jsonl(self._path)) if self._path.exists() else []


def _is_of_clip(row: Mapping[str, Any]) -> bool:
    """Whether a row has a clip id. Types are checked, since a person may have edited the list."""
    digest = row.get("source_sha256")
    return isinstance(row.get("clip_id"), str) and (digest is None or isinstance(digest, str))


def _names(row: Mapping[str, Any]) -> set[str]:
    """What names the clip of a row: an outcome with one of these names replaces the row."""
    return {name for name in (row["clip_id"], row.get("source_sha256")) if name is not None}


def _row(outcome: Outcome) -> dict[str, Any]:
    return {
        "clip_id": outcome.clip_id,
        "kind": outcome.status,
        "reason": outcome.reason,
        "times_s": [round(t, 3) for t in outcome.times_s],
        "source_sha256": outcome.source_sha256,
        **({"span": list(outcome.span)} if outcome.span else {}),
        "made_by": outcome.made_by,
    }
