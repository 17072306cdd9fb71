"""The files of a judgement: scores.jsonl (a row each), judge.md, and judge.json, which is written last."""

import dataclasses
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from deemo_jax.core.files import atomic, write_json, write_jsonl
from deemo_jax.core.tables import Table, as_markdown

ROWS, SUMMARY, PAGE = "scores.jsonl", "judge.json", "judge.md"


@dataclasses.dataclass(frozen=True, slots=True)
class JudgementPage:
    """What a person reads of a judgement.

    Attributes:
        title: in a line.
        tables: of scores.
        notes: sentences for a reader of the tables.
    """

    title: str
    tables: Sequence[Table]
    notes: Sequence[str]

    def markdown(self) -> str:
        """As a Markdown page."""
        parts = [
            f"# {as_markdown(self.title)}",
            *(f"## {table.caption}\n\n{table.markdown()}" for table in self.tables),
        ]
        return "\n\n".join([*parts, "\n".join(f"- {as_markdown(note)}" for note in self.notes)]) + "\n"

    def text(self) -> str:
        """For a terminal."""
        return "\n\n".join([self.title, *(f"{table.caption}\n{table.text()}" for table in self.tables), *self.notes])


def write(folder: Path, page: JudgementPage, rows: Iterable[Any], summary: Any) -> str:
    """Writes a judgement in place of an earlier one with the same setting.

    Args:
        folder: made when missing.
        page: for people.
        rows: of scores.jsonl.
        summary: of judge.json.

    Returns:
        The page for a terminal, and where it lies.

    Raises:
        UserError: the files cannot be written.
    """
    (folder / SUMMARY).unlink(missing_ok=True)
    write_jsonl(folder / ROWS, rows)
    with atomic(folder / PAGE) as temporary:
        temporary.write_text(page.markdown(), encoding="utf-8")
    write_json(folder / SUMMARY, summary)
    return f"{page.text()}\n\nwritten: {folder / PAGE}"


def judgements_of(predictions: Path) -> Path:
    """The folder in which judgements of a file of predictions lie, and replies that are kept."""
    return predictions.with_name(f"{predictions.stem}.judge")
