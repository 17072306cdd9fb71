"""What the person in a clip feels, and why: `python -m deemo_jax.generate --workdir W CLIP...`."""

import argparse
from pathlib import Path

from deemo_jax.core import cli
from deemo_jax.deid.settings import BACKGROUNDS, KEEP, MIXED, MODES, NO_TRACK, TEXTS, VOICES, Settings
from deemo_jax.generation.describe_files import FilesRequest, describe_files


def parser() -> argparse.ArgumentParser:
    flags = cli.Parser(
        prog="python -m deemo_jax.generate",
        description="Describes clips with a trained run: the emotion, its probability, and the reasoning. A raw clip is"
        " de-identified first, and no copy is kept; a de-identified clip beside its manifest is verified and used.",
        epilog="Exit code 0: every clip was described; 2: some were refused or bad, and the others are described.",
    )
    flags.add_argument("clips", nargs="+", metavar="CLIP", help="video files, or folders of them")
    flags.add_argument(
        "--workdir",
        type=Path,
        required=True,
        metavar="W",
        help="folder of a run, or of a converted checkpoint that has its connectors",
    )
    flags.add_argument(
        "--data_dir", default="", metavar="DIR", help="where the run's dataset lies now, if it was moved"
    )
    flags.add_argument("--step", "--from_step", type=int, metavar="N", help="which checkpoint (default: the newest)")
    flags.add_argument(
        "--transcript",
        action="append",
        default=[],
        metavar="TEXT_OR_FILE",
        help="what is said, or a text file of it; for several clips, once for each in their order ('' for none)",
    )
    flags.add_argument(
        "--nfbl",
        action="append",
        default=[],
        metavar="FILE_OR_LABELS",
        help="non-facial body language: 'hand rub, nod', or a file (one label a line; or a JSON list of labels or of"
        " start_s, end_s, label); for several clips, once for each in their order ('' for none)",
    )
    flags.add_argument("--recursive", action="store_true", help="look into the folders within folders too")
    flags.add_argument("--json", action="store_true", help="one JSON object a line instead of text")
    flags.add_argument("--temperature", type=float, default=0.0, help="0 says the most probable word (default)")
    flags.add_argument("--top_p", type=float, default=1.0, help="draw from the best words that hold this probability")
    flags.add_argument("--seed", type=int, default=0, help="of the draws (default %(default)s)")
    flags.add_argument("--max_new_tokens", type=int, default=160, help="the longest answer (default %(default)s)")
    flags.add_argument("--batch_size", type=int, default=8, help="clips answered at once (default %(default)s)")
    flags.add_argument("--key_file", metavar="F", help="the secret voice key for raw clips; else a random one")
    flags.add_argument(
        "--mode", choices=MODES, default="default", help="masks and voice of raw clips, as for deidentify"
    )
    flags.add_argument(
        "--background", choices=BACKGROUNDS, default=KEEP, help="of raw clips, as for deidentify (default %(default)s)"
    )
    flags.add_argument(
        "--text_in_picture",
        choices=TEXTS,
        default=Settings().text_in_picture,
        help="of raw clips, as for deidentify (default %(default)s)",
    )
    flags.add_argument(
        "--voice",
        choices=[voice for voice in VOICES if voice != "mcadams_speaker"],
        help="of raw clips (default neutral; mcadams in mode paper): the one that the run was trained on",
    )
    flags.add_argument(
        "--smallest_face", type=float, default=Settings().smallest_face, metavar="SHARE", help="as for deidentify"
    )
    flags.add_argument(
        "--audio_track",
        default=MIXED,
        metavar="N",
        help=f"of raw clips, as for deidentify: the number of a sound track, {MIXED} (default) or {NO_TRACK}",
    )
    flags.add_argument("--on_missing", choices=("refuse", "mask_frame"), default="refuse", help="as for deidentify")
    return flags


def main() -> int:
    flags = parser().parse_args()
    voice = {} if flags.voice is None else {"voice": flags.voice}
    settings = Settings.preset(
        flags.mode,
        background=flags.background,
        text_in_picture=flags.text_in_picture,
        on_missing=flags.on_missing,
        smallest_face=flags.smallest_face,
        audio_track=flags.audio_track,
        **voice,
    )
    cli.tidy_when_terminated()
    describe_files(
        FilesRequest(
            clips=flags.clips,
            workdir=flags.workdir,
            step=flags.step,
            data_dir=flags.data_dir,
            recursive=flags.recursive,
            transcripts=flags.transcript,
            nfbl=flags.nfbl,
            settings=settings,
            key_file=flags.key_file,
            max_new_tokens=flags.max_new_tokens,
            temperature=flags.temperature,
            top_p=flags.top_p,
            seed=flags.seed,
            batch_size=flags.batch_size,
            as_json=flags.json,
        )
    )
    return 0


if __name__ == "__main__":
    cli.leave(cli.guarded(main))
