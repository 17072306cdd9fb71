"""From a file that a person names to a record like those of a dataset: nothing is read but through the privacy gate."""

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

MEMORY = Path("/dev/shm")
# The copy is seldom larger than its source; there is room to spare for one that is.
ROOM = 4


@dataclasses.dataclass(frozen=True, slots=True)
class Question:
    """A clip to describe, and what is known of it.

    Attributes:
        path: a raw video, or a de-identified one that lies beside its manifest.
        transcript: what is said; empty when unknown.
        nfbl: labels of non-facial body language, in order of time.
    """

    path: Path
    transcript: str = ""
    nfbl: tuple[str, ...] = ()


def read_clip(
    question: Question, frames: int, clips: int, settings: Settings, key: VoiceKey
) -> tuple[Record, tuple[str, ...]]:
    """Reads frames and sound as a dataset's builder does, so that a model sees what it was trained on.

    A file named by the manifest that lies beside it is verified and used as it is. Any other is taken for raw: it is
    de-identified first, into memory where there is some, else into a temporary folder; the copy does not outlive the
    call. The words that are given with a raw clip lose names by the rules, too; those with a de-identified one are used
    as they are.

    Args:
        question: the clip.
        frames: F, as many as the run is shown.
        clips: M, likewise.
        settings: of the de-identification of raw clips.
        key: draws their voice.

    Returns:
        The record, whose emotion is not known (and empty), and notes for the reader.

    Raises:
        Refused: a raw clip in which a face may have been missed.
        UserError: what cannot be read, or does not match its manifest.
    """
    path = Path(question.path)
    beside = path.with_name(f"{path.stem}{SUFFIX}")
    if beside.exists() and load_manifest(beside).file == path.name:
        return _admitted(beside, question, frames, clips, "de-identified before; its manifest matches")
    clip_id = key.pseudonym(sha256(path))
    rules = Rules()
    said = redact(question.transcript, engine=rules)
    # Words that the rules cannot read are raw, though nothing was found in them.
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
    """A folder that only the user can open and that is removed, whatever happens.

    Raises:
        UserError: there is no room for one.
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
