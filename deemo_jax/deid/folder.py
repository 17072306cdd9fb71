"""Many clips: pseudonyms, parallel workers, and resuming where an earlier run stopped."""

import contextlib
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from deemo_jax import children, cli, files
from deemo_jax.deid import sourcemap
from deemo_jax.deid.job import Job
from deemo_jax.deid.keys import VoiceKey
from deemo_jax.deid.manifest import CLIP_ID, WHOLE
from deemo_jax.deid.outcome import DEFAULT, Options, Outcome
from deemo_jax.deid.output import check_output, refuse_links, refuse_lost_key
from deemo_jax.deid.replacing import alone, discard, settle
from deemo_jax.deid.settings import Settings
from deemo_jax.deid.sourcemap import Known
from deemo_jax.deid.spans import Piece
from deemo_jax.errors import UserError

REFUSALS = "refused.jsonl"
CLIP_IDS = ("keyed", "stem")


def deidentify_all(
    sources: Sequence[Path | Piece],
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
    wanted = [source if isinstance(source, Piece) else Piece(Path(source)) for source in sources]
    check_output(out_dir, [piece.source for piece in wanted])
    if not options.new_key:
        refuse_lost_key(out_dir, key.key_id)
    if clip_ids == "stem":
        _refuse_twins({piece.source: None for piece in wanted})
    listing = out_dir / REFUSALS
    refuse_links([listing])
    files.remove_rests(listing)
    files.check_writable(out_dir)  # known before the work
    for whole in out_dir.glob(f".*{WHOLE}"):
        if CLIP_ID.fullmatch(clip_id := whole.name[1 : -len(WHOLE)]):
            with alone(out_dir, clip_id):
                settle(out_dir, clip_id)
    # A source that could not even be read has no clip id: it is listed by the run that met it.
    earlier = [row for row in files.read_jsonl(listing) if _is_listed(row)] if listing.exists() else []
    job = Job(out_dir, settings, key, clip_ids, {row["clip_id"]: row for row in earlier}, options)
    outcomes: list[Outcome] = []
    unmapped: UserError | None = None
    _write_listing(listing, earlier, outcomes)
    todo: Sequence[Piece] = wanted
    while todo:
        longer: list[Piece] = []
        for outcome in _settle(job, todo, workers):
            outcomes.append(outcome)
            longer += [Piece(outcome.source, span) for span in outcome.pieces]
            try:
                _put_on_map(options.source_map, outcome)
            except UserError as error:
                unmapped = error
            if outcome.failed:  # at once, so that a run that is killed here knows of it
                _write_listing(listing, earlier, outcomes)
        todo = longer
    _write_listing(listing, earlier, outcomes)
    if unmapped is not None:
        print(
            f"note: which clip comes from which file is not all on record: {unmapped}; then run again", file=sys.stderr
        )
    return [outcome for outcome in outcomes if not outcome.pieces]


def _settle(job: Job, todo: Sequence[Piece], workers: int) -> Iterator[Outcome]:
    """What becomes of each; what fails in a library, or ends its process, too."""
    work = children.settled(job, todo, workers, cli.Within("deidentify"))
    for piece, made in cli.progress(work, "deidentify", len(todo)):
        if not isinstance(made, children.Failure):
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
        sourcemap.add(path, [Known(str(outcome.source.absolute()), outcome.source_sha256, outcome.clip_id)])


def _write_listing(listing: Path, earlier: Sequence[Mapping[str, Any]], outcomes: Sequence[Outcome]) -> None:
    """The list of what was refused, now and by earlier runs; no file where nothing was."""
    settled = {o.clip_id for o in outcomes} | {o.source_sha256 for o in outcomes if not o.span and not o.pieces}
    others = [row for row in earlier if row["clip_id"] not in settled and row.get("source_sha256") not in settled]
    if rows := others + [_refusal(outcome) for outcome in outcomes if outcome.failed]:
        files.write_jsonl(listing, rows)
    else:
        listing.unlink(missing_ok=True)


def _refuse_twins(sources: Iterable[Path]) -> None:
    seen: dict[str, Path] = {}
    for source in sources:
        if (twin := seen.setdefault(source.stem.lower(), source)) != source:
            raise UserError(
                f"{source}: has the clip id of {twin}; rename one, use --clip_ids keyed, or an --out for each folder"
            )


def _is_listed(row: Mapping[str, Any]) -> bool:
    """Whether a row is of a clip; a person may have edited the list."""
    digest = row.get("source_sha256")
    return isinstance(row.get("clip_id"), str) and (digest is None or isinstance(digest, str))


def _refusal(outcome: Outcome) -> dict[str, Any]:
    return {
        "clip_id": outcome.clip_id,
        "kind": outcome.status,
        "reason": outcome.reason,
        "times_s": [round(t, 3) for t in outcome.times_s],
        "source_sha256": outcome.source_sha256,
        **({"span": outcome.span} if outcome.span else {}),
        "made_by": outcome.made_by,
    }
