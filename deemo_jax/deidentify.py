"""Takes identity out of video clips: `python -m deemo_jax.deidentify IN... --out DIR`."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn

from deemo_jax.core import cli, formats
from deemo_jax.core.errors import UserError
from deemo_jax.deid.folder.all_clips import CLIP_IDS
from deemo_jax.deid.folder.deidentify_run import Run, run
from deemo_jax.deid.folder.refused_list import REFUSALS
from deemo_jax.deid.keys import DEFAULT_FILE, ENVIRONMENT
from deemo_jax.deid.settings import (
    BACKGROUNDS,
    COMMAND,
    EACH,
    EMPTY_SCENES,
    MASKS,
    MIXED,
    MODES,
    NO_TRACK,
    POLICIES,
    SPOKEN,
    TEXTS,
    VOICES,
    Settings,
)
from deemo_jax.deid.voice.command import TIMEOUT_S, VoiceTool

# Worker processes import this module too, so it imports only what they need.

# How to call a command -> its flags that this command had in early versions.
ELSEWHERE = {
    "python -m deemo_jax.redact FILE --out FILE": ("text", "transcripts", "source_map", "text_engine"),
    "python -m deemo_jax.probe FILE...": ("probe",),
    "python -m deemo_jax.audit DIR": (
        *("audit", "truth", "source", "every", "report", "human_check", "detector", "face_embedder", "clips"),
    ),
}


class _Elsewhere(argparse.Action):
    """A flag that belongs to another command: the error names that."""

    def __call__(self, *about: Any, **_: Any) -> NoReturn:
        raise UserError(f"{about[-1]}: is of another command: {self.const} (--help lists its flags)")


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
    flags.add_argument("--out", type=Path, metavar="DIR", help="where NAME.mp4, .masks.json and .manifest.json go")
    flags.add_argument(
        "--mode",
        choices=MODES,
        default="default",
        help="default: solid masks, voice neutral; paper: Gaussian blur, voice mcadams, both weak",
    )
    flags.add_argument(
        "--smallest_face",
        type=float,
        default=Settings().smallest_face,
        metavar="SHARE",
        help="height of the smallest face to catch, as a share of the picture's shorter side (default %(default)s);"
        " twice the share is four times as fast",
    )
    flags.add_argument(
        "--mask",
        choices=MASKS,
        help="how faces are covered: solid (default), one grey; mosaic, 5 by 5 greys that are the same for every face;"
        " gaussian (in mode paper), a blur, which is weak",
    )
    flags.add_argument(
        "--background",
        choices=BACKGROUNDS,
        default="keep",
        help="what is seen around the people: keep it (default), grey (nothing of it is left; their outlines and"
        " clothes are), or blur (2 by 2 colours of the first picture with strong noise; weaker than grey). What is"
        " not surely a person counts as background; where no person is found in many frames the clip is refused",
    )
    flags.add_argument(
        "--text_in_picture",
        choices=TEXTS,
        default=Settings().text_in_picture,
        help="captions, name tags, logos: ignore (default: they are not looked for), cover them, or refuse clips that"
        " show any. The last two need a model (make picture_models)",
    )
    flags.add_argument("--workers", type=int, default=1, metavar="N", help="processes")
    flags.add_argument(
        "--threads",
        type=int,
        metavar="N",
        help="of each process (default: the cores, shared out; 8 with --device cuda, where they wait for the GPU)",
    )
    flags.add_argument(
        "--device",
        choices=("cpu", "cuda"),
        default="cpu",
        help="where faces and text are looked for; cuda needs onnxruntime-gpu in place of onnxruntime (default"
        " %(default)s)",
    )
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
        choices=(*VOICES, SPOKEN),
        help="how the voice is changed; neutral (default): one voice for everybody, with the course of pitch and"
        " loudness (--speakers keeps more of it); spoken: the words of a transcript (--words) said anew, with the same"
        " course, the safest; of these others none hides a speaker from somebody who tries:"
        " mcadams (the paper's): formants, a coefficient a clip; mcadams_speaker: one a speaker (--speakers);"
        " mcadams_fixed: the same for all; recast: pitch, formants, timbre",
    )
    flags.add_argument(
        "--prosody",
        type=float,
        metavar="SHARE",
        help="with --voice neutral or spoken, how much of the course of pitch and loudness is kept, 0 to 1 (default 1)",
    )
    flags.add_argument(
        "--voice_command",
        metavar="'TOOL {in} {out}'",
        help="instead of --voice, a program of yours that changes the voice in one WAV file (16 kHz, mono) into that in"
        " another, run once a clip without a shell; {seed} stands for a number drawn under the key",
    )
    flags.add_argument(
        "--voice_timeout",
        type=float,
        metavar="SECONDS",
        help=f"that the program may take for a clip (default {TIMEOUT_S:g})",
    )
    flags.add_argument(
        "--audio_track",
        default=MIXED,
        metavar="N",
        help=f"which sound is the voice: the number of a sound track, counted from 1; {MIXED}: all of them (default);"
        f" {EACH}: all, where every track is one person's microphone: each gets a voice of their own; {NO_TRACK}: no"
        " sound. A film without sound tracks is silent",
    )
    flags.add_argument(
        "--speakers",
        type=Path,
        metavar="FILE",
        help="who speaks: CSV with a header, or JSON lines, with clip_id or file, and speaker. With mcadams_speaker"
        " each has one voice, with neutral and spoken prosody is taken around their mean over all clips; with other"
        " speakers, write to another folder",
    )
    flags.add_argument(
        "--turns",
        type=Path,
        metavar="TRANSCRIPT",
        help="who speaks when: the diarised transcript of the one IN, or a folder of them, called like the films (RTTM,"
        " WhisperX's JSON, WebVTT with <v NAME>, or rows of start_s, end_s, speaker): each person gets a voice of their"
        " own",
    )
    flags.add_argument(
        "--words",
        type=Path,
        metavar="TRANSCRIPT",
        help="with --voice spoken, what is said when: the transcript of the one IN with the time of every word, or a"
        " folder of them, called like the films (Whisper's or WhisperX's JSON, a TextGrid with a tier of words, or rows"
        " of start_s, end_s, word). Names in it are hummed",
    )
    flags.add_argument(
        "--names", type=Path, metavar="FILE", help="with --voice spoken, names that are hummed always, one a line"
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
        "--show_format",
        action="store_true",
        help="instead, show what tracks, sources, speakers, turns, ... look like",
    )
    for command, names in ELSEWHERE.items():
        for name in names:
            flags.add_argument(f"--{name}", nargs="*", action=_Elsewhere, const=command, help=argparse.SUPPRESS)
    return flags


def main(arguments: Sequence[str] | None = None) -> int:
    flags = parser().parse_args(arguments)
    if flags.show_format:
        print(
            formats.shown(
                (formats.TRACKS, formats.SOURCES, formats.SPEAKERS, formats.TURNS, formats.WORDS, formats.SEGMENTS)
            )
        )
        return 0
    cli.tidy_when_terminated()
    if not flags.inputs or flags.out is None:
        raise UserError("nothing to do: name video files or folders, and --out DIR (--help explains)")
    tool = voice_tool(flags)
    changes: dict[str, Any] = {"audio_track": flags.audio_track, "empty_scenes": flags.empty_scenes}
    changes |= {"background": flags.background, "text_in_picture": flags.text_in_picture}
    changes |= {name: value for name in ("mask", "voice", "prosody") if (value := getattr(flags, name)) is not None}
    changes |= {"voice": COMMAND, "voice_command": tool.told} if tool else {}
    settings = Settings.preset(flags.mode, on_missing=flags.on_missing, smallest_face=flags.smallest_face, **changes)
    run(
        Run(
            inputs=flags.inputs,
            out=flags.out,
            settings=settings,
            recursive=flags.recursive,
            segments=flags.segments,
            tracks=flags.tracks,
            speakers=flags.speakers,
            turns=flags.turns,
            words=flags.words,
            names=flags.names,
            tool=tool,
            key_file=flags.key_file,
            new_key=flags.new_key,
            clip_ids=flags.clip_ids,
            preview=flags.preview,
            workers=flags.workers,
            threads=flags.threads,
            device=flags.device,
        )
    )
    return 0


def voice_tool(flags: argparse.Namespace) -> VoiceTool | None:
    """The tool that `--voice_command` names.

    Raises:
        UserError: it cannot be used, or other flags do not go with it.
    """
    if flags.voice_command is None:
        if flags.voice_timeout is not None:
            raise UserError("--voice_timeout belongs to --voice_command")
        return None
    if flags.voice is not None:
        raise UserError(f"--voice_command and --voice {flags.voice}: give one of them")
    return VoiceTool.of(flags.voice_command, TIMEOUT_S if flags.voice_timeout is None else flags.voice_timeout)


if __name__ == "__main__":
    sys.exit(cli.guarded(main))
