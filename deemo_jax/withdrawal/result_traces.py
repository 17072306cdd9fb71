"""A person's rows in predictions, and what was computed of these: evaluations, comparisons, pages."""

import functools
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from deemo_jax.core.errors import UserError
from deemo_jax.core.files import MAX_JSON_BYTES, read_json, read_jsonl, remove_rests, sha256, write_jsonl
from deemo_jax.core.text_files import read_text
from deemo_jax.evaluation import output_folder
from deemo_jax.evaluation.judge.judgement_files import ROWS as JUDGED_ROWS
from deemo_jax.evaluation.judge.judgement_files import SUMMARY, judgements_of
from deemo_jax.evaluation.output_folder import ANSWERS, COMPARISON, PREDICTIONS, SCORES, SETTING
from deemo_jax.evaluation.row_fields import MAX_LINE_BYTES
from deemo_jax.withdrawal.places import Places
from deemo_jax.withdrawal.subject import Subject
from deemo_jax.withdrawal.trace import Trace

# What an evaluation writes beside its predictions.
DERIVED = (".json", ".jsonl", ".md", ".png", ".svg", ".html", ".csv", ".tex")
# The file by which a folder is told to be a sweep's.
SWEEP = "sweep.json"
# Bytes of a page that are looked through, at most.
MAX_PAGE = 256 << 20
AGAIN = "rows and scores removed; `evaluate --predictions` makes them again"


def result_traces(
    places: Places,
    rows: Mapping[Path, Sequence[tuple[str, str]]],
    subject: Subject,
    states: frozenset[str],
) -> list[Trace]:
    """What predictions hold of a person; what was computed of them comes before them.

    Args:
        places: that were found.
        rows: file of predictions -> (clip_id, person_id) of each row.
        subject: the person.
        states: digests of the datasets that hold the person, of which evaluations are that are not finished.
    """
    counts = {path: sum(subject.owns(*pair) for pair in pairs) for path, pairs in rows.items()}
    counts = {path: count for path, count in counts.items() if count}
    hashes = {sha256(path) for path in counts}
    inside = {folder / PREDICTIONS: folder for folder in places.evaluations}
    found = [
        Trace("comparison", folder, 0, "removed; compare again", functools.partial(_remove_comparison, folder), folder)
        for folder in places.comparisons
        if _compares(folder, counts.keys(), hashes)
    ]
    found += [
        Trace("page", page, 0, "removed; make it again", functools.partial(page.unlink, missing_ok=True), page.parent)
        for page in places.pages
        if ours(page) and mentions(page, subject)
    ]
    found += [
        Trace("scores", path, 0, "removed; evaluate again", functools.partial(_remove_scores, path), path.parent)
        for path in places.scores
        if _states(path, hashes)
    ]
    beside = {judgements_of(path) for path in counts}
    found += [
        Trace("judgements", folder, 0, "removed; judge again", functools.partial(_remove_judgements, folder), folder)
        for folder in places.judgements
        if not beside & {folder, *folder.parents} and _judges(folder, subject)
    ]
    for folder in places.evaluations:
        count = counts.get(folder / PREDICTIONS, 0)
        if count or _made_of(folder, hashes, states):
            within = [other for other in places.evaluations if other != folder and other.is_relative_to(folder)]
            remove = functools.partial(_clean_evaluation, folder, within, subject)
            found.append(Trace("evaluation", folder, count, AGAIN, remove, folder, folder / output_folder.LOCK))
    for path, count in counts.items():
        if path not in inside:
            if (judged := judgements_of(path)).is_dir():
                clean = functools.partial(_remove_judgements, judged)
                found.append(Trace("judgements", judged, 0, "removed; judge again", clean, judged))
            remove = functools.partial(_remove_rows, path, subject)
            found.append(Trace("predictions", path, count, "rows removed", remove, path.parent))
    return found


def ours(page: Path) -> bool:
    """Whether a page was made by this project."""
    with open(page, "rb") as handle:
        return re.search(rb'<meta name="generator" content="deemo_jax', handle.read(1 << 16)) is not None


def mentions(page: Path, subject: Subject) -> bool:
    """Whether a file has one of a person's clip ids, or their pseudonym, in quotes, cells or between tags."""
    names = [re.escape(name).encode(errors="replace") for name in sorted({*subject.clip_ids, subject.person_id} - {""})]
    if not names or page.stat().st_size > MAX_PAGE:
        return False
    return re.search(rb"(?<![\w-])(?:" + b"|".join(names) + rb")(?![\w-])", page.read_bytes()) is not None


def _compares(folder: Path, files: Iterable[Path], hashes: set[str]) -> bool:
    """Whether a comparison counts predictions, by their hash or their path; that of a sweep, all below its folder."""
    if (folder / SWEEP).exists() and any(path.is_relative_to(folder) for path in files):
        return True
    try:
        rows = read_json(folder / COMPARISON[-1])["rows"]
        known = {(str(row.get("sha256")), Path(str(row.get("file"))).resolve()) for row in rows}
    except (UserError, AttributeError, KeyError, TypeError):
        return False
    return any(digest in hashes or path in set(files) for digest, path in known)


def _made_of(folder: Path, hashes: set[str], states: frozenset[str]) -> bool:
    """Whether an evaluation was made of other predictions that hold the person, or answers a dataset that does."""
    try:
        setting = read_json(folder / SETTING)
        unfinished = (folder / ANSWERS).exists() and setting.get("data") in states
        return unfinished or setting.get("predictions") in hashes
    except (UserError, AttributeError):
        return False


def _remove_comparison(folder: Path) -> None:
    """Removes a comparison; last the file by which an ended removal finds it."""
    for name in COMPARISON:
        (folder / name).unlink(missing_ok=True)


def _states(path: Path, hashes: Iterable[str]) -> bool:
    """Whether scores say that they are of one of the files with these hashes."""
    try:
        text = read_text(path, MAX_JSON_BYTES)
    except UserError:
        return False
    return any(digest in text for digest in hashes)


def _remove_scores(path: Path) -> None:
    """Removes scores; last the file by which an ended removal finds them."""
    for name in (path.with_suffix(".md"), path):
        name.unlink(missing_ok=True)


def _judges(folder: Path, subject: Subject) -> bool:
    """Whether a judgement has rows of a person; where its rows are gone or damaged, it counts as if it had."""
    try:
        rows = list(read_jsonl(folder / JUDGED_ROWS))
    except UserError:
        return True
    return any(subject.owns(str(row.get("clip_id")), _person(row)) for row in rows)


def _remove_judgements(folder: Path) -> None:
    """Removes judgements and the judge's replies, which hold words about everybody in the predictions.

    The files by which an ended removal finds a judgement come last.
    """
    for path in sorted(folder.rglob("*"), key=lambda path: path.name == SUMMARY):
        if path.is_file() and path.suffix in DERIVED:
            path.unlink()


def _clean_evaluation(folder: Path, within: Sequence[Path], subject: Subject) -> None:
    """Removes what was computed, first the scores, whose presence means that it is finished; then the rows.

    Args:
        folder: of the evaluation.
        within: other evaluations that lie in it.
        subject: the person.
    """
    stays = {folder / PREDICTIONS, folder / SETTING, folder / output_folder.LOCK}
    (folder / SCORES).unlink(missing_ok=True)
    for path in sorted(folder.rglob("*")):
        own = path.is_file() and not any(path.is_relative_to(other) for other in within)
        if own and path.suffix in DERIVED and path not in stays:
            path.unlink()
    if (folder / PREDICTIONS).exists():
        _remove_rows(folder / PREDICTIONS, subject)
    if not (folder / PREDICTIONS).exists():
        (folder / SETTING).unlink(missing_ok=True)


def _remove_rows(path: Path, subject: Subject) -> None:
    remove_rests(path)
    if not path.exists():
        return
    rows = read_jsonl(path, MAX_LINE_BYTES)
    left = [row for row in rows if not subject.owns(str(row.get("clip_id")), _person(row))]
    if left:
        write_jsonl(path, left)
    else:
        path.unlink()


def _person(row: Mapping[str, object]) -> str:
    value = row.get("person_id")
    return value if isinstance(value, str) else ""
