"""Who withdraws: the pseudonyms by which a person's clips are known. No register of names is kept anywhere."""

import dataclasses
import hashlib
import os
from collections.abc import Iterable
from pathlib import Path

from deemo_jax.core.errors import UserError
from deemo_jax.core.files import sha256
from deemo_jax.deid.keys import ENVIRONMENT, VoiceKey, key_file, load_key
from deemo_jax.deid.manifest import Manifest, recording_id, span_id
from deemo_jax.deid.source_map import load as load_list
from deemo_jax.deid.source_map import map_file


@dataclasses.dataclass(frozen=True)
class Subject:
    """A person, as far as clips tell.

    Attributes:
        person_id: the pseudonym of annotations; empty where the person is named by clips or files only.
        clip_ids: of clips and records.
        recordings: pseudonyms of whole recordings: every clip that was cut from one is meant.
        sources: SHA-256 of raw files: every clip that was made from one is meant.
    """

    person_id: str = ""
    clip_ids: frozenset[str] = frozenset()
    recordings: frozenset[str] = frozenset()
    sources: frozenset[str] = frozenset()

    def owns(self, clip_id: str, person_id: str | None) -> bool:
        """Whether a record, a row or a clip is one of theirs."""
        named = bool(self.person_id) and person_id == self.person_id
        return named or clip_id in self.clip_ids or recording_id(clip_id) in self.recordings

    def shown_in(self, manifest: Manifest) -> bool:
        """Whether a de-identified clip is one of theirs, or one that a record of theirs was cut from."""
        if manifest.source_sha256 in self.sources or self.owns(manifest.clip_id, None):
            return True
        return any(_cut_from(clip_id, manifest) for clip_id in self.clip_ids)

    def and_clips(self, clip_ids: Iterable[str]) -> "Subject":
        """The person, with more of their clips known."""
        return dataclasses.replace(self, clip_ids=self.clip_ids.union(clip_ids))

    @property
    def digest(self) -> str:
        """16 hex digits that stand for the person in records of withdrawals; the pseudonym is not in it."""
        named = [self.person_id] if self.person_id else sorted(self.sources | self.clip_ids | self.recordings)
        return hashlib.sha256("\0".join(["deemo_jax withdrawal", *named]).encode(errors="replace")).hexdigest()[:16]


def subject_of(
    person_id: str, clips: Iterable[str] = (), sources: Iterable[str] = (), key: Path | None = None
) -> Subject:
    """The person that flags name.

    Args:
        person_id: the pseudonym of annotations; empty for none.
        clips: ids of clips, or of recordings.
        sources: raw files; one that is gone is looked up by its name in the private list beside the key.
        key: the key file of `deidentify`; None for the default one. No key is made.

    Raises:
        UserError: nobody is named, or a file is neither there nor in the list.
    """
    clips = frozenset(clips)
    digests = frozenset(digest for name in sources for digest in _digests(name, key))
    if not (person_id or clips or digests):
        raise UserError("name the person: by PERSON, the person_id of annotations; by --clips; or by --source")
    pseudonyms = frozenset(secret.pseudonym(digest) for secret in _key(key) for digest in digests)
    return Subject(person_id, clips, clips | pseudonyms, digests)


def _digests(name: str, key: Path | None) -> list[str]:
    """The SHA-256 of a raw file, or those that the private list knows of it."""
    if Path(name).is_file():
        return [sha256(name)]
    listed = map_file(key)
    found = list(load_list(listed).find(name)) if listed.exists() else []
    if not found:
        raise UserError(
            f"{name}: no such file, and the private list {listed} does not know it; name the clips with --clips, or"
            " --key_file"
        )
    return found


def _key(key: Path | None) -> list[VoiceKey]:
    """The key that pseudonyms are drawn with, if there is one."""
    if key is not None and not key_file(key).exists():
        raise UserError(f"{key}: no such key file; leave it out where pseudonyms were not drawn")
    there = key_file(key).exists() or (key is None and os.environ.get(ENVIRONMENT))
    return [load_key(key)] if there else []


def _cut_from(clip_id: str, manifest: Manifest) -> bool:
    """Whether the id of a record tells that it was cut from a clip: the recording's id and times within the clip."""
    recording = recording_id(clip_id)
    if recording == clip_id or recording not in (manifest.clip_id, manifest.recording):
        return False
    if not manifest.recording or manifest.span is None:
        return True
    start, end = (int(part) / 1000 for part in clip_id.removeprefix(f"{recording}_").split("_"))
    return (start < manifest.span[1] and end > manifest.span[0]) or clip_id == span_id(recording, manifest.span)
