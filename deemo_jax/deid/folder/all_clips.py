"""Many clips: pseudonyms, parallel workers, and resuming where an earlier run stopped."""

import contextlib
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from deemo_jax.core import files, processes
from deemo_jax.core.errors import UserError
from deemo_jax.core.progress import Within, with_progress
from deemo_jax.deid import source_map
from deemo_jax.deid.folder.one_source import DEFAULT, Options, SourceJob
from deemo_jax.deid.folder.output_checks import check_output, refuse_lost_key
from deemo_jax.deid.folder.refused_list import RefusedList
from deemo_jax.deid.folder.source_outcome import Outcome
from deemo_jax.deid.keys import VoiceKey
from deemo_jax.deid.manifest import CLIP_ID, WHOLE
from deemo_jax.deid.replace_files import alone, discard, settle
from deemo_jax.deid.settings import Settings
from deemo_jax.deid.source_map import Known
from deemo_jax.deid.source_spans import SourceSpan

CLIP_IDS = ("keyed", "stem")


def deidentify_all(
    sources: Sequence[Path | SourceSpan],
    out_dir: str | Path,
    settings: Settings,
    key: VoiceKey,
    workers: int = 0,
    clip_ids: str = "keyed",
    *,
    options: Options = DEFAULT,
) -> list[Outcome]:
    """De-identifies every source that can be; `refused.jsonl` in `out_dir` lists the others, under their clip ids.

    A clip whose manifest matches source, settings, key and files is kept; an earlier refusal of the same bytes by the
    same software stands. What fails takes nothing away that was there.

    Args:
        sources: raw videos, or spans of them. What is too long for one clip is done in pieces.
        out_dir: created where it is absent; must not hold a source nor be a link.
        settings: how.
        key: draws voices and pseudonyms.
        workers: processes in which media are read; with 0 it is this one, which a damaged file may end.
        clip_ids: "keyed" (a pseudonym from the source's hash) or "stem" (file names are pseudonyms already).
        options: what does not change a clip that is kept.

    Raises:
        UserError: the folder cannot be used or holds clips of another key, or two sources would share a clip id.
    """
    out_dir = Path(out_dir)
    wanted = [source if isinstance(source, SourceSpan) else SourceSpan(Path(source)) for source in sources]
    check_output(out_dir, [piece.source for piece in wanted])
    if not options.new_key:
        refuse_lost_key(out_dir, key.key_id)
    if clip_ids == "stem":
        _refuse_twins({piece.source: None for piece in wanted})
    files.check_writable(out_dir)  # known before the work
    refusals = RefusedList(out_dir)
    for whole in out_dir.glob(f".*{WHOLE}"):
        if CLIP_ID.fullmatch(clip_id := whole.name[1 : -len(WHOLE)]):
            with alone(out_dir, clip_id):
                settle(out_dir, clip_id)
    job = SourceJob(out_dir, settings, key, clip_ids, refusals.by_clip, options)
    outcomes: list[Outcome] = []
    unmapped: UserError | None = None
    refusals.write(outcomes)
    todo: Sequence[SourceSpan] = wanted
    while todo:
        longer: list[SourceSpan] = []
        for outcome in _settle(job, todo, workers):
            outcomes.append(outcome)
            longer += [SourceSpan(outcome.source, span) for span in outcome.pieces]
            try:
                _put_on_map(options.source_map, outcome)
            except UserError as error:
                unmapped = error
            if outcome.failed:  # at once, so that a run that is killed here knows of it
                refusals.write(outcomes)
        todo = longer
    refusals.write(outcomes)
    if unmapped is not None:
        print(
            f"note: which clip comes from which file is not all on record: {unmapped}; then run again", file=sys.stderr
        )
    return [outcome for outcome in outcomes if not outcome.pieces]


def _settle(job: SourceJob, todo: Sequence[SourceSpan], workers: int) -> Iterator[Outcome]:
    """What becomes of each; what fails in a library, or ends its process, too."""
    work = processes.settled(job, todo, workers, Within("deidentify"))
    for piece, made in with_progress(work, "deidentify", len(todo)):
        if not isinstance(made, processes.Failure):
            yield made
            continue
        clip_id, digest = None, None
        with contextlib.suppress(UserError):
            clip_id, _, digest = job.identify(piece)
            with alone(job.out_dir, clip_id):
                discard(job.out_dir, clip_id)
        reason = job.told(made.reason, piece.source, clip_id)
        yield Outcome(piece.source, clip_id, "bad", reason, source_sha256=digest, span=piece.span)


def _put_on_map(path: Path | None, outcome: Outcome) -> None:
    if path is not None and outcome.clip_id and outcome.source_sha256 and not outcome.pieces:
        source_map.add(path, [Known(str(outcome.source.absolute()), outcome.source_sha256, outcome.clip_id)])


def _refuse_twins(sources: Iterable[Path]) -> None:
    seen: dict[str, Path] = {}
    for source in sources:
        if (twin := seen.setdefault(source.stem.lower(), source)) != source:
            raise UserError(
                f"{source}: has the clip id of {twin}; rename one, use --clip_ids keyed, or an --out for each folder"
            )
