"""De-identifies many sources into one folder, in parallel, and goes on where an earlier run stopped."""

import contextlib
import dataclasses
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
from deemo_jax.deid.folder.speaker_manners import speaker_manners
from deemo_jax.deid.keys import VoiceKey
from deemo_jax.deid.manifest import CLIP_ID, WHOLE
from deemo_jax.deid.replace_files import alone, discard, settle
from deemo_jax.deid.settings import AROUND_SPEAKER, EACH, Settings
from deemo_jax.deid.source_map import Known
from deemo_jax.deid.source_spans import SourceSpan

# Where clip ids come from: a pseudonym drawn under the key, or the stem of the source's name.
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

    A clip of an earlier run is kept where its manifest matches source, settings, key and files. An earlier refusal of
    the same bytes by the same software is repeated without work. Where a source fails, an earlier clip of it stays.

    Args:
        sources: raw videos, or spans of them. What is too long for one clip is done in pieces.
        out_dir: made where it is absent; it must not hold a source nor be a link.
        settings: how faces and voices are changed.
        key: the secret from which voices and pseudonyms are drawn.
        workers: processes in which media are read; with 0 it is this process, which a damaged file may crash.
        clip_ids: "keyed" (a pseudonym from the source's hash) or "stem" (file names are pseudonyms already).
        options: of the run; a clip is kept whatever they are, except that given tracks have it made again.

    Returns:
        What became of each source, or of each piece of it.

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
    files.check_writable(out_dir)  # checked before hours of work
    refusals = RefusedList(out_dir)
    for whole in out_dir.glob(f".*{WHOLE}"):
        if CLIP_ID.fullmatch(clip_id := whole.name[1 : -len(WHOLE)]):
            with alone(out_dir, clip_id):
                settle(out_dir, clip_id)
    job = SourceJob(out_dir, settings, key, clip_ids, refusals.by_clip, options)
    # Where several people are told apart it is not known which of them the speaker of the list is.
    if settings.voice in AROUND_SPEAKER and options.speakers and settings.audio_track != EACH and not options.turns:
        options = dataclasses.replace(options, manners=speaker_manners(job, wanted, workers))
        job = dataclasses.replace(job, options=options)
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
            if outcome.failed:  # written at once, for the case that this run is killed
                refusals.write(outcomes)
        todo = longer
    refusals.write(outcomes)
    if unmapped is not None:
        print(
            f"note: which clip comes from which file is not all on record: {unmapped}; then run again", file=sys.stderr
        )
    return [outcome for outcome in outcomes if not outcome.pieces]


def _settle(job: SourceJob, todo: Sequence[SourceSpan], workers: int) -> Iterator[Outcome]:
    """The outcomes of sources, also of those on which a library failed or a process crashed."""
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
    """Adds a source and its clip to the private list, where there is one."""
    if path is not None and outcome.clip_id and outcome.source_sha256 and not outcome.pieces:
        source_map.add(path, [Known(str(outcome.source.absolute()), outcome.source_sha256, outcome.clip_id)])


def _refuse_twins(sources: Iterable[Path]) -> None:
    """Refuses sources that would have one clip id.

    Raises:
        UserError: two have stems that differ in capitals at most.
    """
    seen: dict[str, Path] = {}
    for source in sources:
        if (twin := seen.setdefault(source.stem.lower(), source)) != source:
            raise UserError(
                f"{source}: has the clip id of {twin}; rename one, use --clip_ids keyed, or an --out for each folder"
            )
