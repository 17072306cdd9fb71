"""Takes identity out of video clips: `python -m deemo_jax.deidentify IN... --out DIR`."""

import argparse
import os
import sys
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from deemo_jax.core import cli, formats
from deemo_jax.core.errors import UserError, plain
from deemo_jax.deid.folder import CLIP_IDS, deidentify_all
from deemo_jax.deid.keys import DEFAULT_FILE, ENVIRONMENT, key_file, load_key, refuse_inside
from deemo_jax.deid.outcome import Options
from deemo_jax.deid.output import check_output, peek, refuse_lost_key
from deemo_jax.deid.pieces import Piece, read_segments
from deemo_jax.deid.refused_list import REFUSALS
from deemo_jax.deid.settings import EMPTY_SCENES, MASKS, MIXED, MODES, NO_TRACK, POLICIES, VOICES, Settings
from deemo_jax.deid.source_map import add, load, map_file
from deemo_jax.deid.sources import listed, look_for
from deemo_jax.deid.voice.speakers import load_speakers

if TYPE_CHECKING:
    from deemo_jax.audit.folder import Audit

# Worker processes import this module too: what only some uses of the command need is imported by them.


def parser() -> argparse.ArgumentParser:
    flags = cli.Parser(
        prog="python -m deemo_jax.deidentify",
        description="Covers every face, changes the voice, leaves metadata behind and writes a manifest per clip."
        f" Clips in which a face may have been missed are refused (listed in DIR/{REFUSALS}). Runs resume."
        " A file costs itself only, even one that ends the process which reads it, and what was accepted"
        " before is never taken away.",
        epilog="Exit code 0: every input was accepted; 2: some were refused or bad, and the others are done.",
    )
    flags.add_argument("inputs", nargs="*", metavar="IN", help="video files, or folders of them")
    flags.add_argument(
        "--recursive",
        action="store_true",
        help="look into the folders within folders too; what is not taken is listed in any case",
    )
    flags.add_argument(
        "--out", type=Path, metavar="DIR", help="where NAME.mp4, .masks.json and .manifest.json go; with --text a file"
    )
    flags.add_argument(
        "--mode", choices=MODES, default="default", help="default: solid masks; paper: Gaussian blur, weak"
    )
    flags.add_argument(
        "--smallest_face",
        type=float,
        default=Settings().smallest_face,
        metavar="SHARE",
        help="height of the smallest face to catch, as a share of the picture's shorter side (default %(default)s);"
        " twice the share is four times as fast",
    )
    flags.add_argument("--mask", choices=MASKS, help="how faces are covered (default solid; gaussian in mode paper)")
    flags.add_argument("--workers", type=int, default=1, metavar="N", help="processes")
    flags.add_argument("--threads", type=int, metavar="N", help="of each process (default: the cores, shared out)")
    flags.add_argument(
        "--clip_ids",
        choices=CLIP_IDS,
        default="keyed",
        help="keyed: pseudonyms; stem: file names are pseudonyms already",
    )
    flags.add_argument(
        "--key_file", metavar="F", help=f"the secret key, made on first use; else ${ENVIRONMENT}, else {DEFAULT_FILE}"
    )
    flags.add_argument(
        "--new_key", action="store_true", help="go on where DIR holds clips of another voice key, as when that is lost"
    )
    flags.add_argument(
        "--voice",
        choices=VOICES,
        default="mcadams",
        help="how the voice is changed; recast: pitch, formants and timbre; mcadams: formants, a coefficient a clip;"
        " mcadams_speaker: one a speaker (--speakers); mcadams_fixed: the same for all, which anyone can undo",
    )
    flags.add_argument(
        "--audio_track",
        default=MIXED,
        metavar="N",
        help=f"which sound is the voice: the number of a sound track, counted from 1; {MIXED}: all of them (default);"
        f" {NO_TRACK}: no sound. A film without sound tracks is silent",
    )
    flags.add_argument(
        "--speakers",
        type=Path,
        metavar="FILE",
        help="who speaks: CSV with a header, or JSON lines, with clip_id or file, and speaker; with other speakers,"
        " write to another folder",
    )
    flags.add_argument(
        "--on_missing",
        choices=POLICIES,
        default="refuse",
        help="frames where a face was lost: refuse the clip, mask or drop them (give only the files you mean)",
    )
    flags.add_argument(
        "--empty_scenes",
        choices=EMPTY_SCENES,
        default="refuse",
        help="scenes that show nobody from cut to cut (title cards, slides): refuse the clip, or accept them if every"
        " frame of them, looked at in full size, shows nobody",
    )
    flags.add_argument(
        "--segments",
        type=Path,
        metavar="FILE",
        help="only these spans, a clip each: CSV with a header, or JSON lines, with file, start_s, end_s and perhaps"
        " clip_id; annotations may serve",
    )
    flags.add_argument(
        "--preview",
        action="store_true",
        help="also write NAME.preview.mp4: tracks drawn on the masks, with frame numbers and times",
    )
    flags.add_argument(
        "--tracks", type=Path, metavar="FILE", help="for one IN: cover what a corrected NAME.tracks.json says"
    )
    flags.add_argument(
        "--text",
        type=Path,
        metavar="FILE",
        help="instead, replace names in annotations (JSON lines, or a table as CSV) or in a transcript (SRT, VTT,"
        " Whisper's JSON, TextGrid, TXT), and write --out FILE",
    )
    flags.add_argument(
        "--transcripts",
        type=Path,
        metavar="DIR",
        help="with --text: transcripts for rows that have none, called like their clip_id, video_id or file",
    )
    flags.add_argument("--names", type=Path, metavar="FILE", help="with --text: names to remove always, one a line")
    flags.add_argument(
        "--source_map",
        type=Path,
        metavar="FILE",
        help="with --text: the private list of which file became which clip, so that rows lose the names of files too"
        " (default: the one beside the key)",
    )
    flags.add_argument(
        "--text_engine",
        choices=("rules", "presidio"),
        default="rules",
        help="with --text: own rules, or Presidio (extra presidio)",
    )
    flags.add_argument("--probe", nargs="+", metavar="FILE", help="instead, list what media files still carry")
    flags.add_argument(
        "--show_format",
        action="store_true",
        help="instead, show what tracks, speakers, segments, annotations and names look like",
    )
    _add_audit(flags)
    return flags


def _add_audit(flags: argparse.ArgumentParser) -> None:
    group = flags.add_argument_group("audit", "instead, measure what de-identified clips still give away")
    group.add_argument("--audit", type=Path, metavar="DIR", help="de-identified clips with their manifests")
    group.add_argument("--truth", type=Path, metavar="FILE", help="truth.jsonl of the corpus, where there is one")
    group.add_argument("--source", type=Path, metavar="DIR", help="the raw clips, where they are at hand")
    group.add_argument("--every", type=int, default=1, metavar="N", help="look for faces left in one frame of N")
    group.add_argument(
        "--report", action="store_true", help="also the long parts, and DIR/audit/report.html with plots and sheets"
    )
    group.add_argument(
        "--human_check",
        metavar="PICTURES",
        help="put on record what a person saw on the sheets of the last --report: 'none', or the numbers of the"
        " pictures with a face, as in 12,40",
    )
    group.add_argument(
        "--detector", type=Path, metavar="ONNX", help="with --report: a third face detector, YuNet of OpenCV's zoo"
    )
    group.add_argument(
        "--face_embedder",
        metavar="ONNX",
        help="with --report: tells faces apart, RGB 112x112 to a vector (ArcFace's convention); 'grey' is a weak one",
    )
    group.add_argument(
        "--clips",
        type=int,
        default=400,
        metavar="N",
        help="with --report: clips for the probes (default %(default)s)",
    )


def main() -> int:
    flags = parser().parse_args()
    if flags.show_format:
        shown = formats.TRACKS, formats.SOURCES, formats.SPEAKERS, formats.SEGMENTS, formats.ANNOTATIONS, formats.NAMES
        print(formats.shown(shown))
        return 0
    cli.tidy_when_terminated()
    threads = flags.threads if flags.threads is not None else max(1, (os.cpu_count() or 1) // max(1, flags.workers))
    if min(flags.workers, threads, flags.every, flags.clips) < 1:
        raise UserError(
            f"--workers {flags.workers}, --threads {threads}, --every {flags.every}, --clips {flags.clips}:"
            " at least 1 is needed"
        )
    if flags.audit is not None:
        return _audit(flags)
    if flags.probe is not None:
        return _probe(flags.probe)
    if flags.text is not None:
        return _text(flags)
    if not flags.inputs or flags.out is None:
        raise UserError("nothing to do: name video files or folders, and --out DIR (--help explains)")
    changes = {"voice": flags.voice, "audio_track": flags.audio_track, "empty_scenes": flags.empty_scenes}
    changes |= {"mask": flags.mask} if flags.mask else {}
    settings = Settings.preset(flags.mode, on_missing=flags.on_missing, smallest_face=flags.smallest_face, **changes)
    found = look_for(flags.inputs, flags.recursive, flags.out)
    for note in found.notes():
        print(note, file=sys.stderr)
    sources = found.films
    check_output(flags.out, sources)
    wanted: list[Path | Piece] = list(sources)
    if flags.segments is not None:
        pieces = read_segments(flags.segments, sources)
        if rest := [source for source in sources if source not in {piece.source for piece in pieces}]:
            print(f"left out: {listed(rest)}: {plain(flags.segments.name)} lists no span of it", file=sys.stderr)
        wanted = [*pieces]
    if flags.tracks is not None and len(wanted) != 1:
        raise UserError(f"--tracks {flags.tracks}: belongs to one clip, but {len(wanted)} are named")
    if flags.tracks is not None and not flags.tracks.is_file():
        raise UserError(f"--tracks {flags.tracks}: there is no such file; check the path")
    from_file = flags.key_file is not None or not os.environ.get(ENVIRONMENT)
    if from_file:
        refuse_inside(key_file(flags.key_file), flags.out)
    if not flags.new_key:  # before a new key file is made
        where, key_id = peek(flags.key_file)
        refuse_lost_key(flags.out, key_id, where)
    new_key = from_file and not os.path.lexists(key_file(flags.key_file))
    key = load_key(flags.key_file, flags.out)
    if new_key:
        print(
            f"made a voice key: {key_file(flags.key_file)}. Keep it: without it the same ids and voices cannot be made"
            " again. Keep it secret: with it they can"
        )
    if (settings.voice == "mcadams_speaker") != (flags.speakers is not None):
        raise UserError("--voice mcadams_speaker and --speakers FILE go together: one voice for each speaker")
    speakers = load_speakers(flags.speakers) if flags.speakers else None
    # Whether the folder holds clips of another key was looked at above.
    options = Options(flags.tracks, flags.preview, threads, speakers, _source_map(flags), new_key=True)
    outcomes = deidentify_all(wanted, flags.out, settings, key, flags.workers, flags.clip_ids, options=options)
    counts = Counter(o.status for o in outcomes)
    for outcome in outcomes:
        if outcome.status in ("refused", "bad"):
            what = Piece(outcome.source, outcome.span)
            print(plain(f"{outcome.status}: {what}: {outcome.reason}"), file=sys.stderr)
        elif outcome.remarks:
            print(plain(f"note: {outcome.source}: {'; '.join(outcome.remarks)}"))
    for looks, count in Counter(o.looks for o in outcomes if o.looks).items():
        print(f"{count} of {looks}")
    print(
        f"{flags.out}: {counts['done'] + counts['kept']} of {len(outcomes)} clips de-identified"
        f" ({counts['kept']} by an earlier run; voice key {key.key_id})"
    )
    if failed := counts["refused"] + counts["bad"]:
        raise UserError(f"{failed} of {len(outcomes)} clips were not de-identified; see {flags.out / REFUSALS}")
    return 0


def _source_map(flags: argparse.Namespace) -> Path | None:
    """The private list beside the key; None where none can be kept, which is told."""
    path = map_file(flags.key_file)
    refuse_inside(path, flags.out)
    try:
        new = add(path, [])
    except UserError as error:
        print(f"note: which clip comes from which file is not kept: {error}", file=sys.stderr)
        return None
    if new:
        print(f"which clip comes from which file: {path}. It names your files: keep it as private as the key")
    return path


def _probe(paths: list[str]) -> int:
    from deemo_jax.media.probe import probe

    for path in paths:
        found = probe(path)
        print(f"{plain(path)}: {', '.join(found.streams)}")
        for tag in found.tags:
            print(f"  {plain(tag)}")
    return 0


def _text(flags: argparse.Namespace) -> int:
    from deemo_jax.deid.text.annotation_tables import are_annotations
    from deemo_jax.deid.text.captions import TIMED, WRITTEN
    from deemo_jax.deid.text.fuzzy_names import Names
    from deemo_jax.deid.text.spoken import Transcripts, redact_cues
    from deemo_jax.deid.text.transcripts import find_engine, read_names, redact_file

    if flags.out is None or flags.inputs:
        raise UserError("--text FILE needs --out FILE, and no videos")
    names = read_names(flags.names) if flags.names else Names()
    engine = find_engine(flags.text_engine)
    timed = flags.text.suffix.lower() in TIMED and not are_annotations(flags.text)
    listing = flags.text.suffix.lower() in (".jsonl", ".json", ".csv", ".tsv")
    if not timed and listing and flags.out.suffix.lower() in WRITTEN:
        raise UserError(f"{flags.out}: annotations are written as JSON lines; give --out the ending .jsonl")
    if timed or flags.out.suffix.lower() in WRITTEN:
        counts = redact_cues(flags.text, flags.out, names, engine)
        print(f"{flags.out}: {_told(counts)}")
        return 0
    transcripts = Transcripts(flags.transcripts, names, engine) if flags.transcripts else None
    listed = flags.source_map or map_file(flags.key_file)
    known = load(listed) if flags.source_map or listed.exists() else None
    found = redact_file(flags.text, flags.out, names, engine, transcripts, known)
    print(f"{flags.out}: {found.rows} rows; {_told(found.counts)}")
    if found.dropped:
        print(f"left out, since they may hold what was removed: {', '.join(found.dropped)}", file=sys.stderr)
    for why, count in found.unread.items():
        print(
            f"{count} of {found.rows} rows could not be read: {why}. They have no stamp and count as raw; only listed"
            " names (--names) are out of them",
            file=sys.stderr,
        )
    if found.uncapitalised:
        print(
            f"{found.uncapitalised} of {found.rows} transcripts have no capitals: names are found there by lists only;"
            " give your own with --names",
            file=sys.stderr,
        )
    return 0


def _told(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{count} {kind}" for kind, count in counts.items()) or "no names"


def _audit(flags: argparse.Namespace) -> int:
    from deemo_jax.audit import human_check
    from deemo_jax.audit.folder import REPORT_DIR, RESULT, audit

    if flags.inputs or flags.out:
        raise UserError("--audit DIR looks at what is there already: leave out the inputs and --out")
    if flags.human_check is not None:
        print(human_check.record(flags.audit / REPORT_DIR, flags.human_check))
        return 0
    if not flags.report and (flags.detector or flags.face_embedder):
        raise UserError("--detector and --face_embedder need --report")
    broken: list[str] = []
    if flags.report:
        found, broken = _report(flags)
    else:
        found = audit(flags.audit, flags.truth, flags.source, flags.workers, flags.every)
        print(found.table())
        check, told = human_check.on_record(flags.audit / REPORT_DIR, flags.audit)
        print(f"human check: {told}")
        broken = [told] if check is not None and check.with_a_face else []
    print(f"every clip: {flags.audit / RESULT}")
    said = {"failed": {name: "; ".join(failures) for name, failures in found.failures.items()}}
    said |= {"not checked": found.unchecked, "not compared": found.lacking}
    for what, named in said.items():
        for name, why in named.items():
            print(f"{what}: {name}: {why}", file=sys.stderr)
    if found.verdict:
        raise UserError(f"{flags.audit}: {found.verdict}")
    if broken:
        raise UserError(f"{flags.audit}: {'; '.join(broken)}")
    return 0


def _report(flags: argparse.Namespace) -> "tuple[Audit, list[str]]":
    """The long audit; what was checked, and the broken promises of all sections."""
    from configs import sample
    from deemo_jax.audit.folder import PAGE, REPORT_DIR
    from deemo_jax.audit.report import text
    from deemo_jax.audit.sections import AuditOptions, full_audit
    from deemo_jax.audit.utility.towers import load_towers

    weights = Path(sample.__file__).parent / "sample_towers" / "towers.safetensors"
    probed = flags.truth is not None and flags.source is not None and weights.is_file()
    options = AuditOptions(
        workers=flags.workers,
        every=flags.every,
        detector=flags.detector,
        face_embedder=flags.face_embedder,
        towers=load_towers(sample.MODEL, weights) if probed else None,
        clips=flags.clips,
    )
    found, sections = full_audit(flags.audit, flags.truth, flags.source, options)
    print(text(sections))
    print(f"\nreport: {flags.audit / REPORT_DIR / PAGE}")
    return found, [failure for section in sections for failure in section.failures]


if __name__ == "__main__":
    sys.exit(cli.guarded(main))
