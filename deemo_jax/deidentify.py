"""Takes identity out of video clips: `python -m deemo_jax.deidentify IN... --out DIR`."""

import argparse
import dataclasses
import sys
from collections import Counter
from pathlib import Path

from deemo_jax import cli
from deemo_jax.audit.folder import RESULT, audit
from deemo_jax.deid.folder import CLIP_IDS, REFUSALS, deidentify_all, find_sources
from deemo_jax.deid.keys import DEFAULT_FILE, ENVIRONMENT, load_key
from deemo_jax.deid.settings import MODES, VOICES, Settings
from deemo_jax.deid.speakers import load_speakers
from deemo_jax.errors import UserError


def parser() -> argparse.ArgumentParser:
    flags = argparse.ArgumentParser(
        prog="python -m deemo_jax.deidentify",
        description="Covers every face, changes the voice, leaves metadata behind and writes a manifest per clip."
        f" Clips in which a face may have been missed are refused (listed in DIR/{REFUSALS}). Runs resume.",
        epilog="Exit code 0: every input was accepted; 2: some were refused or bad, and the others are done.",
    )
    flags.add_argument("inputs", nargs="*", metavar="IN", help="video files, or folders of them")
    flags.add_argument("--out", type=Path, metavar="DIR", help="where NAME.mp4, .masks.json and .manifest.json go")
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
    flags.add_argument("--workers", type=int, default=1, metavar="N", help="processes, one thread each")
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
        "--on_missing",
        choices=("refuse", "mask_frame"),
        default="refuse",
        help="frames where a face was lost: refuse the clip, or mask the whole frame (give only the files you mean)",
    )
    flags.add_argument(
        "--voice",
        choices=VOICES,
        help="how the voice is changed; recast: pitch, formants and timbre; mcadams: formants, a coefficient a clip;"
        " mcadams_speaker: one a speaker (--speakers); mcadams_fixed: the same for all, which anyone can undo",
    )
    flags.add_argument(
        "--speakers",
        type=Path,
        metavar="FILE",
        help="who speaks: CSV with a header, or JSON lines, with clip_id or file, and speaker; with other speakers,"
        " write to another folder",
    )
    flags.add_argument("--audit", type=Path, metavar="DIR", help="instead, check de-identified clips against a truth")
    flags.add_argument("--truth", type=Path, metavar="FILE", help="with --audit: truth.jsonl of the corpus")
    flags.add_argument("--source", type=Path, metavar="DIR", help="with --audit: the raw clips")
    flags.add_argument(
        "--every", type=int, default=1, metavar="N", help="with --audit: look for faces left in one frame of N"
    )
    return flags


def main() -> int:
    flags = parser().parse_args()
    if flags.workers < 1 or flags.every < 1:
        raise UserError(f"--workers {flags.workers}, --every {flags.every}: at least 1 is needed")
    if flags.audit is not None:
        return _audit(flags)
    if not flags.inputs or flags.out is None:
        raise UserError("nothing to do: name video files or folders, and --out DIR (--help explains)")
    settings = Settings.preset(flags.mode, on_missing=flags.on_missing, smallest_face=flags.smallest_face)
    if flags.voice:
        settings = dataclasses.replace(settings, voice=flags.voice)
    if (settings.voice == "mcadams_speaker") != (flags.speakers is not None):
        raise UserError("--voice mcadams_speaker and --speakers FILE go together: one voice for each speaker")
    speakers = load_speakers(flags.speakers) if flags.speakers else None
    sources = find_sources(flags.inputs)
    key = load_key(flags.key_file, flags.out)
    outcomes = deidentify_all(sources, flags.out, settings, key, flags.workers, flags.clip_ids, speakers)
    counts = Counter(o.status for o in outcomes)
    for outcome in outcomes:
        if outcome.status in ("refused", "bad"):
            print(f"{outcome.status}: {outcome.source}: {outcome.reason}", file=sys.stderr)
    print(
        f"{flags.out}: {counts['done'] + counts['kept']} of {len(outcomes)} clips de-identified"
        f" ({counts['kept']} by an earlier run; voice key {key.key_id})"
    )
    if failed := counts["refused"] + counts["bad"]:
        raise UserError(f"{failed} of {len(outcomes)} clips were not de-identified; see {flags.out / REFUSALS}")
    return 0


def _audit(flags: argparse.Namespace) -> int:
    if flags.truth is None or flags.source is None or flags.inputs or flags.out:
        raise UserError("--audit DIR needs --truth FILE and --source DIR, and nothing else")
    found = audit(flags.audit, flags.truth, flags.source, flags.workers, flags.every)
    print(found.table())
    print(f"every clip: {flags.audit / RESULT}")
    for clip_id, failures in found.failures.items():
        print(f"failed: {clip_id}: {'; '.join(failures)}", file=sys.stderr)
    if found.failures:
        raise UserError(f"{flags.audit}: {len(found.failures)} of {len(found.results)} clips break a promise")
    return 0


if __name__ == "__main__":
    sys.exit(cli.guarded(main))
