"""Reads a film that a person names into a record like a dataset's; a raw film is de-identified first."""

import contextlib
import dataclasses
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from deemo_jax.core.errors import UserError
from deemo_jax.core.files import sha256
from deemo_jax.core.schema import Clip, NFBLSegment
from deemo_jax.data.build.gate import admit_deidentified
from deemo_jax.data.build.records import make_record
from deemo_jax.data.clip_source import Record
from deemo_jax.deid.clip import deidentify_clip
from deemo_jax.deid.keys import VoiceKey
from deemo_jax.deid.manifest import SUFFIX, load_manifest
from deemo_jax.deid.settings import Settings
from deemo_jax.deid.text.english_rules import Rules
from deemo_jax.deid.text.redaction import redact

# A folder in memory, on Linux.
MEMORY = Path("/dev/shm")
# It is used where its free space is this many times the size of the film: a de-identified copy is seldom larger.
ROOM = 4


@dataclasses.dataclass(frozen=True, slots=True)
class Question:
    """A clip to describe, and what a person says of it.

    Attributes:
        path: a raw film, or a de-identified one beside its manifest.
        transcript: the words that are said; empty where they are not known.
        nfbl: labels of non-facial body language, in order of time.
    """

    path: Path
    transcript: str = ""
    nfbl: tuple[str, ...] = ()


def read_clip(
    question: Question, frames: int, clips: int, settings: Settings, key: VoiceKey
) -> tuple[Record, tuple[str, ...]]:
    """Reads frames and sound as the dataset's builder does.

    A film that the manifest beside it names is verified and used as it is. Any other is taken for raw and
    de-identified, into memory where there is enough, else into a temporary folder; the copy is removed before the call
    returns. Names are removed from the words that are given with a raw film, by the rules for texts; words with a
    de-identified film are used as they are.

    Args:
        question: the clip.
        frames: F, as many as the run is shown.
        clips: M, audio clips, as many as the run is shown.
        settings: of the de-identification of raw films.
        key: of the change of voices in raw films.

    Returns:
        The record, whose emotion is empty, and notes for a reader, a sentence each.

    Raises:
        Refused: a face may have been missed in a raw film.
        UserError: the film cannot be read, or does not match its manifest.
    """
    path = Path(question.path)
    beside = path.with_name(f"{path.stem}{SUFFIX}")
    if beside.exists() and load_manifest(beside).file == path.name:
        return _admitted(beside, question, frames, clips, "de-identified before; its manifest matches")
    clip_id = key.pseudonym(sha256(path))
    rules = Rules()
    said = redact(question.transcript, engine=rules)
    # Words in a script that the rules cannot read are recorded as raw, although nothing was found in them.
    text_deid = "" if rules.unread(said.text) else f"{rules.method}, {len(said.replacements)} replaced"
    with _workspace(path) as folder:
        deidentify_clip(path, folder, clip_id, settings, key)
        note = f"de-identified for this answer ({settings.mask} masks, voice key {key.key_id}); no copy was kept"
        question = dataclasses.replace(question, transcript=said.text)
        return _admitted(folder / f"{clip_id}{SUFFIX}", question, frames, clips, note, text_deid)


def _admitted(
    manifest_path: Path, question: Question, frames: int, clips: int, note: str, text_deid: str = ""
) -> tuple[Record, tuple[str, ...]]:
    manifest = load_manifest(manifest_path)
    clip = Clip(
        clip_id=manifest.clip_id,
        video_id=manifest.clip_id,
        person_id="",
        start_s=0.0,
        end_s=0.0,
        transcript=question.transcript,
        nfbl=tuple(NFBLSegment(0.0, 0.0, label) for label in question.nfbl),
        emotion="",  # prompts without answers do not look at it
        reasoning="",
        text_deid=text_deid,
    )
    (admitted,) = admit_deidentified([manifest_path], {clip.clip_id: clip}, skip_missing=False)
    made = make_record(admitted, frames, clips)
    return Record(clip, admitted.provenance, tuple(made["frames"]), made["mel"]), (note, *manifest.notes)


@contextlib.contextmanager
def _workspace(source: Path) -> Iterator[Path]:
    """A temporary folder that only the user can open; it is removed at the end and after an error.

    Raises:
        UserError: it cannot be made.
    """
    try:
        in_memory = os.access(MEMORY, os.W_OK) and shutil.disk_usage(MEMORY).free > ROOM * source.stat().st_size
        folder = tempfile.TemporaryDirectory(
            prefix="deemo_jax.", dir=MEMORY if in_memory else None, ignore_cleanup_errors=True
        )
    except OSError as error:
        raise UserError(f"no temporary folder can be made ({error}); set TMPDIR to one with room") from error
    with folder as name:
        yield Path(name)
