"""Where traces of persons may lie: walks folders, and tells what each one is by the files in it."""

import dataclasses
import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from deemo_jax.core.errors import UserError
from deemo_jax.core.files import read_json, read_jsonl, refuse_remote
from deemo_jax.core.run_folder.workdir import Workdir
from deemo_jax.data.record_features import RecordKind, kind_of
from deemo_jax.data.record_removal import REPLACED
from deemo_jax.deid.folder.refused_list import REFUSALS
from deemo_jax.deid.manifest import SUFFIX
from deemo_jax.deid.source_map import SUFFIX as PRIVATE
from deemo_jax.evaluation.judge.judgement_files import SUMMARY
from deemo_jax.evaluation.output_folder import ANSWERS, COMPARISON, FAITHFULNESS, PREDICTIONS, SCORES, SETTING, WORDS
from deemo_jax.evaluation.row_fields import MAX_LINE_BYTES

# Folders that hold no rows, clips or records, and may hold very many files.
SKIPPED = frozenset({"checkpoints", "tensorboard", "profile", "stacks", "__pycache__", "node_modules"})
DATASET = "dataset_info.json"
# Keys by one of which rows are told to be predictions, and by all of which they are told to be a judge's kept replies.
OF_PREDICTIONS = frozenset({"emotion_predicted", "answer", "emotion_words", "log_likelihoods"})
OF_REPLIES = frozenset({"hash", "key", "settled", "outcome"})
# Endings of files of rows.
TABLES = (".jsonl", ".csv", ".tsv")
# Files by one of which a folder with a config is told to be a run's.
OF_A_RUN = frozenset({"data.json", "metrics.jsonl", "origin.json"})


@dataclasses.dataclass
class Places:
    """Folders and files by what they are; each occurs once.

    Attributes:
        clips: folders of de-identified clips.
        datasets: folders of one version of a dataset.
        captions: folders of one version of a dataset of captioned media, whose records name no person.
        runs: folders of runs.
        evaluations: folders of evaluations.
        comparisons: folders of comparisons that lie by themselves.
        judgements: folders of what a judge said.
        replies: files of a judge's kept replies.
        scores: files of scores that lie by themselves: of lists of emotion words, and of faithfulness.
        predictions: files of predictions outside of evaluations.
        annotations: files of annotations.
        private_lists: of which clip was made from which raw file.
        others: files of rows of which nothing is known.
        pages: HTML files.
        links: to folders, which are not followed.
        unsettled: datasets whose replacement an ended process left undone, see `record_removal.settle`.
    """

    clips: list[Path] = dataclasses.field(default_factory=list)
    datasets: list[Path] = dataclasses.field(default_factory=list)
    captions: list[Path] = dataclasses.field(default_factory=list)
    runs: list[Path] = dataclasses.field(default_factory=list)
    evaluations: list[Path] = dataclasses.field(default_factory=list)
    comparisons: list[Path] = dataclasses.field(default_factory=list)
    judgements: list[Path] = dataclasses.field(default_factory=list)
    replies: list[Path] = dataclasses.field(default_factory=list)
    scores: list[Path] = dataclasses.field(default_factory=list)
    predictions: list[Path] = dataclasses.field(default_factory=list)
    annotations: list[Path] = dataclasses.field(default_factory=list)
    private_lists: list[Path] = dataclasses.field(default_factory=list)
    others: list[Path] = dataclasses.field(default_factory=list)
    pages: list[Path] = dataclasses.field(default_factory=list)
    links: list[Path] = dataclasses.field(default_factory=list)
    unsettled: list[Path] = dataclasses.field(default_factory=list)


def look(roots: Iterable[Path]) -> Places:
    """Walks folders; links are not followed, hidden folders not entered.

    Raises:
        UserError: a folder does not exist, or cannot be read.
    """
    found = Places()
    seen: set[Path] = set()
    for root in roots:
        refuse_remote(root)
        if not root.is_dir():
            raise UserError(f"{root}: no such folder; name those that hold clips, datasets and runs, with --in")
        for folder, names in _folders(root.resolve(), found):
            if folder not in seen:
                seen.add(folder)
                _note(folder, names, found)
    return found


def _folders(root: Path, found: Places) -> Iterator[tuple[Path, frozenset[str]]]:
    def refused(error: OSError) -> None:
        raise UserError(f"{error.filename}: cannot be read ({error.strerror}); check its permissions") from error

    for folder, inside, files in os.walk(root, onerror=refused):
        found.unsettled += [Path(folder, name.removeprefix(REPLACED)) for name in inside if name.startswith(REPLACED)]
        inside[:] = sorted(name for name in inside if name not in SKIPPED and not name.startswith("."))
        found.links += [path for name in inside if (path := Path(folder, name)).is_symlink()]
        yield Path(folder), frozenset(files)


def _is_of_captions(folder: Path) -> bool:
    """Whether records have captions or questions in place of persons; where that cannot be read, they have not."""
    try:
        return kind_of(read_json(folder / "features.json")["featuresDict"]["features"]) is not RecordKind.CLIPS
    except (ValueError, KeyError, TypeError):
        return False


def _note(folder: Path, names: frozenset[str], found: Places) -> None:
    if REFUSALS in names or any(name.endswith(SUFFIX) for name in names):
        found.clips.append(folder)
    if DATASET in names:
        (found.captions if _is_of_captions(folder) else found.datasets).append(folder)
    if Workdir(folder).config.name in names and (names & OF_A_RUN or Workdir(folder).checkpoints.is_dir()):
        found.runs.append(folder)
    found.pages += [folder / name for name in sorted(names) if name.endswith(".html")]
    evaluation = SETTING in names or (SCORES in names and PREDICTIONS in names)
    if evaluation:
        found.evaluations.append(folder)
    elif COMPARISON[-1] in names:
        found.comparisons.append(folder)
    if not evaluation:
        found.scores += [folder / name for name in (FAITHFULNESS[-1], WORDS[-1]) if name in names]
    if SUMMARY in names:
        found.judgements.append(folder)
    found.private_lists += [folder / name for name in sorted(names) if name.endswith(PRIVATE)]
    own = {REFUSALS, *((PREDICTIONS, ANSWERS) if evaluation else ())}
    for name in sorted(names):
        if name.endswith(TABLES) and not name.startswith(".") and not name.endswith(PRIVATE) and name not in own:
            _note_rows(folder / name, found)


def _note_rows(path: Path, found: Places) -> None:
    """Tells predictions, kept replies and annotations by the keys of their first row."""
    try:
        first = next(iter(read_jsonl(path, MAX_LINE_BYTES)), {}) if path.suffix == ".jsonl" else {}
    except UserError:  # no JSON lines
        first = {}
    if "clip_id" in first and OF_PREDICTIONS & first.keys():
        found.predictions.append(path)
    elif first.keys() >= OF_REPLIES:
        found.replies.append(path)
    elif ("clip_id" in first or "file" in first) and "emotion" in first and "split" not in first:
        found.annotations.append(path)
    else:
        found.others.append(path)
