"""A whole run of `deidentify`: finds the films and the key, de-identifies them, and prints what became of each."""

import contextlib
import dataclasses
import os
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

from deemo_jax.core.errors import UserError, plain
from deemo_jax.deid.find_films import listed, look_for
from deemo_jax.deid.folder.all_clips import deidentify_all
from deemo_jax.deid.folder.one_source import Options, SourceJob
from deemo_jax.deid.folder.output_checks import check_output, peek, refuse_lost_key
from deemo_jax.deid.folder.refused_list import REFUSALS
from deemo_jax.deid.folder.source_outcome import Outcome
from deemo_jax.deid.folder.words_check import words_that_do_not_fit
from deemo_jax.deid.keys import ENVIRONMENT, LEAST_BYTES, VoiceKey, key_file, load_key, refuse_inside
from deemo_jax.deid.settings import AROUND_SPEAKER, EACH, IGNORE, NO_TRACK, SPOKEN, Settings
from deemo_jax.deid.source_map import add, map_file
from deemo_jax.deid.source_spans import SourceSpan, read_segments
from deemo_jax.deid.text.fuzzy_names import Names
from deemo_jax.deid.text.transcripts import read_names
from deemo_jax.deid.voice.command import VoiceTool
from deemo_jax.deid.voice.diarised import diarised_of
from deemo_jax.deid.voice.speakers import load_speakers
from deemo_jax.deid.voice.spoken.word_times import words_of
from deemo_jax.deid.voice.spoken.words import Words

# Voices for which it matters who speaks.
USE_SPEAKERS = ("mcadams_speaker", *AROUND_SPEAKER)
# Threads of a process that has a GPU, unless a person says another number: they wait for it, and the pictures of those
# that wait make a batch.
THREADS_OF_GPU = 8


@dataclasses.dataclass(frozen=True, slots=True)
class Run:
    """What a person asks for, by the flags of `deidentify`.

    Attributes:
        inputs: films, and folders of films.
        out: folder of the results.
        settings: how faces and voices are changed.
        recursive: whether sub-folders are searched.
        segments: list of the spans that are wanted, each of which becomes a clip; None for whole films.
        tracks: file of corrected tracks, for a run of one clip.
        speakers: list of who speaks, for settings that give each speaker one voice, or take prosody around theirs.
        turns: diarised transcript of the one film, or folder of such, for a voice of their own for each person.
        words: transcript with word times of the one film, folder or list of such, for settings that say them anew.
        names: list of names that are not said; for the same.
        tool: changes voices, for settings that leave it to a tool.
        key_file: of the voice key; None for the key in the environment, or the default file.
        new_key: whether to go on where `out` holds clips of another key.
        clip_ids: one of `all_clips.CLIP_IDS`.
        preview: whether a film with the tracks drawn on the masks is written for each clip.
        workers: processes.
        threads: of each process; None for an equal share of the cores.
        device: where faces, and text where that is asked for, are looked for: "cpu" or "cuda".
    """

    inputs: Sequence[str]
    out: Path
    settings: Settings
    recursive: bool = False
    segments: Path | None = None
    tracks: Path | None = None
    speakers: Path | None = None
    turns: Path | None = None
    words: Path | None = None
    names: Path | None = None
    tool: VoiceTool | None = None
    key_file: str | None = None
    new_key: bool = False
    clip_ids: str = "keyed"
    preview: bool = False
    workers: int = 1
    threads: int | None = None
    device: str = "cpu"


def run(asked: Run) -> None:
    """De-identifies what is asked for, and prints what became of it.

    Raises:
        UserError: the run cannot be begun, and nothing was done; or, at its end, some inputs were refused or bad.
    """
    share = THREADS_OF_GPU if asked.device != "cpu" else max(1, (os.cpu_count() or 1) // max(1, asked.workers))
    threads = asked.threads if asked.threads is not None else share
    if min(asked.workers, threads) < 1:
        raise UserError(f"--workers {asked.workers}, --threads {threads}: at least 1 is needed")
    if asked.device != "cpu":
        from deemo_jax.deid.video.detection import face_network, onnx_device

        onnx_device.run_on(asked.device)
        face_network.network()
    wanted = clips_of(asked)
    check_voices(asked)
    check_text(asked.settings)
    turns = diarised_of(asked.turns, [source_of(each) for each in wanted]) if asked.turns else {}
    words = said_words(asked, wanted) if asked.words else {}
    speakers = speakers_of(asked, wanted) if asked.speakers else None
    key = open_key(asked.key_file, asked.out, asked.new_key)
    # `open_key` has checked that the folder holds no clips of another key, so `deidentify_all` need not.
    options = Options(
        tracks=asked.tracks,
        preview=asked.preview,
        threads=threads,
        device=asked.device,
        speakers=speakers,
        tool=asked.tool,
        turns=turns,
        words=words,
        source_map=open_source_map(asked.key_file, asked.out),
        new_key=True,
    )
    outcomes = deidentify_all(wanted, asked.out, asked.settings, key, asked.workers, asked.clip_ids, options=options)
    tell(outcomes, asked.out, key)


def check_voices(asked: Run) -> None:
    """Checks that what is asked of voices goes together.

    Raises:
        UserError: it does not.
    """
    settings, method = asked.settings, asked.settings.voice
    if method == "mcadams_speaker" and asked.speakers is None:
        raise UserError("--voice mcadams_speaker and --speakers FILE go together: one voice for each speaker")
    if (asked.words is None) == (method == SPOKEN) and settings.audio_track != NO_TRACK:
        raise UserError(f"--voice {SPOKEN} and --words TRANSCRIPT go together: its words are said anew")
    if asked.names is not None and method != SPOKEN:
        raise UserError(f"--names belongs to --voice {SPOKEN}; for texts there is python -m deemo_jax.redact")
    if asked.speakers is not None and method not in USE_SPEAKERS:
        raise UserError(f"--speakers FILE belongs to --voice {' or '.join(USE_SPEAKERS)}, not to {method}")
    if asked.turns is not None and settings.audio_track in (EACH, NO_TRACK):
        raise UserError(f"--turns and --audio_track {settings.audio_track}: give one of them")
    if asked.turns is not None and method in ("mcadams_fixed", "mcadams_speaker"):
        raise UserError(f"--turns gives each person a voice, and {method} has one a clip; choose another --voice")
    if asked.speakers is not None and (asked.turns is not None or settings.audio_track == EACH):
        several = "--turns" if asked.turns is not None else f"--audio_track {EACH}"
        raise UserError(f"--speakers names one speaker of a clip, and {several} is for several: give one of them")


def check_text(settings: Settings) -> None:
    """Checks that text in pictures can be looked for, or prints that it is not.

    Raises:
        UserError: the text detector is not installed.
    """
    if settings.text_in_picture != IGNORE:
        from deemo_jax.deid.video.screen_text.text_network import MODEL

        MODEL.read()
        return
    print(
        "note: text in the pictures (captions, name tags) is not looked for; --text_in_picture cover does",
        file=sys.stderr,
    )


def source_of(wanted: Path | SourceSpan) -> Path:
    """The film of what becomes a clip."""
    return wanted.source if isinstance(wanted, SourceSpan) else wanted


def speakers_of(asked: Run, wanted: Sequence[Path | SourceSpan]) -> Mapping[str, str]:
    """The list of who speaks, before a key is made; how many clips it does not name is printed.

    Raises:
        UserError: it cannot be read, or names none of the clips.
    """
    assert asked.speakers is not None
    speakers = load_speakers(asked.speakers)
    known = (not asked.key_file and os.environ.get(ENVIRONMENT)) or os.path.lexists(key_file(asked.key_file))
    # Where there is no key yet, nobody can have listed ids that are drawn under it.
    key = load_key(asked.key_file) if known else VoiceKey(bytes(LEAST_BYTES))
    job = SourceJob(asked.out, asked.settings, key, asked.clip_ids, options=Options(speakers=speakers))
    unnamed = []
    for each in wanted:
        piece = each if isinstance(each, SourceSpan) else SourceSpan(each)
        if piece.clip_id in speakers or piece.source.stem in speakers:  # its bytes need not be read
            continue
        with contextlib.suppress(UserError):  # what cannot be read is told later
            clip_id, recording, _ = job.identify(piece)
            if job.speaker_of(clip_id, recording, piece.source) is None:
                unnamed.append(piece.source)
    if len(unnamed) == len(wanted):
        raise UserError(
            f"--speakers {asked.speakers}: names none of the clips, such as {plain(unnamed[0].name)}; name them by"
            " file or clip_id (--show_format)"
        )
    if unnamed:
        what = "are not done" if asked.settings.voice == "mcadams_speaker" else "are taken around their own means"
        print(
            f"note: {plain(asked.speakers.name)} does not say who speaks in {listed(unnamed)} of {len(wanted)} clips;"
            f" these {what}",
            file=sys.stderr,
        )
    return speakers


def said_words(asked: Run, wanted: Sequence[Path | SourceSpan]) -> Mapping[Path, Words]:
    """The words of every film, before a key is made; which clips they do not fit is printed.

    Raises:
        UserError: they cannot be read, a film has none, they fit none of the clips, or nothing can say them.
    """
    assert asked.words is not None
    names = read_names(asked.names) if asked.names else Names()
    words = words_of(asked.words, [source_of(each) for each in wanted], names)
    clips = [each if isinstance(each, SourceSpan) else SourceSpan(each) for each in wanted]
    wrong = words_that_do_not_fit(words, clips, asked.settings, asked.workers)
    if wrong and len(wrong) == len(clips):
        raise UserError(plain(f"--words {asked.words}: fits none of the {len(clips)} clips: {wrong[0][1]}"))
    for clip, why in wrong:
        print(plain(f"note: {clip} will not be done: {why}"), file=sys.stderr)
    return words


def clips_of(asked: Run) -> list[Path | SourceSpan]:
    """The films, or the spans of them, that become clips; what is left out is printed.

    Raises:
        UserError: no film, a folder of results that is not fit, or lists that do not belong to the films.
    """
    found = look_for(asked.inputs, asked.recursive, asked.out)
    for note in found.notes():
        print(note, file=sys.stderr)
    sources = found.films
    check_output(asked.out, sources)
    wanted: list[Path | SourceSpan] = list(sources)
    if asked.segments is not None:
        pieces = read_segments(asked.segments, sources)
        if rest := [source for source in sources if source not in {piece.source for piece in pieces}]:
            print(f"left out: {listed(rest)}: {plain(asked.segments.name)} lists no span of it", file=sys.stderr)
        wanted = [*pieces]
    if asked.tracks is not None and len(wanted) != 1:
        raise UserError(f"--tracks {asked.tracks}: belongs to one clip, but {len(wanted)} are named")
    if asked.tracks is not None and not asked.tracks.is_file():
        raise UserError(f"--tracks {asked.tracks}: there is no such file; check the path")
    return wanted


def open_key(path: str | None, out: Path, new_key: bool) -> VoiceKey:
    """Reads the voice key, or makes it and prints where it lies.

    Args:
        path: of its file; None for the key in the environment, or the default file.
        out: folder of the results.
        new_key: whether to go on where `out` holds clips of another key.

    Raises:
        UserError: the key would lie in `out`, cannot be used, or is not that of the clips in `out`.
    """
    from_file = path is not None or not os.environ.get(ENVIRONMENT)
    if from_file:
        refuse_inside(key_file(path), out)
    if not new_key:  # checked before a key file is made
        where, key_id = peek(path)
        refuse_lost_key(out, key_id, where)
    is_made = from_file and not os.path.lexists(key_file(path))
    key = load_key(path, out)
    if is_made:
        print(
            f"made a voice key: {key_file(path)}. Keep it: without it the same ids and voices cannot be made again."
            " Keep it secret: with it they can"
        )
    return key


def open_source_map(key: str | None, out: Path) -> Path | None:
    """The path of the private list of which clip comes from which film; makes the list where it is absent.

    Args:
        key: file of the voice key, beside which the list lies; None for the default one.
        out: folder of the results.

    Returns:
        The path; None, after a note is printed, where the list cannot be written.

    Raises:
        UserError: the list would lie in `out`.
    """
    path = map_file(key)
    refuse_inside(path, out)
    try:
        is_made = add(path, [])
    except UserError as error:
        print(f"note: which clip comes from which file is not kept: {error}", file=sys.stderr)
        return None
    if is_made:
        print(f"which clip comes from which file: {path}. It names your files: keep it as private as the key")
    return path


def tell(outcomes: Sequence[Outcome], out: Path, key: VoiceKey) -> None:
    """Prints what became of each source, and how many clips are done.

    Raises:
        UserError: some sources were refused or bad.
    """
    for outcome in outcomes:
        if outcome.failed:
            what = SourceSpan(outcome.source, outcome.span)
            print(plain(f"{outcome.status}: {what}: {outcome.reason}"), file=sys.stderr)
        elif outcome.remarks:
            print(plain(f"note: {outcome.source}: {'; '.join(outcome.remarks)}"))
    for looks, count in Counter(o.looks for o in outcomes if o.looks).items():
        print(f"{count} of {looks}")
    counts = Counter(o.status for o in outcomes)
    print(
        f"{out}: {counts['done'] + counts['kept']} of {len(outcomes)} clips de-identified"
        f" ({counts['kept']} by an earlier run; voice key {key.key_id})"
    )
    if failed := counts["refused"] + counts["bad"]:
        raise UserError(f"{failed} of {len(outcomes)} clips were not de-identified; see {out / REFUSALS}")
