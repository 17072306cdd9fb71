"""The hashes of all files of a folder of clips, in the form that `sha256sum --check` reads, and one for them all."""

import dataclasses
import hashlib
from collections.abc import Sequence

from deemo_jax.audit.audited_clips import AuditedClip
from deemo_jax.core import files
from deemo_jax.deid.manifest import SUFFIX

LISTING = "certificate.sha256"


@dataclasses.dataclass(frozen=True, slots=True)
class FileHashes:
    """Hashes of files.

    Attributes:
        lines: a hash, two blanks and a name, sorted by names.
        root: hash of the listing as it is written, which stands for all files.
    """

    lines: tuple[str, ...]

    @property
    def text(self) -> str:
        """The listing."""
        return "".join(f"{line}\n" for line in self.lines)

    @property
    def root(self) -> str:
        """SHA-256 of the listing."""
        return hashlib.sha256(self.text.encode()).hexdigest()


def file_hashes(clips: Sequence[AuditedClip]) -> FileHashes:
    """Film, masks and tracks as the audit has checked them against the manifest, and the manifest itself.

    Raises:
        UserError: a manifest cannot be read.
    """
    found: dict[str, str] = {}
    for clip in clips:
        manifest = f"{clip.clip_id}{SUFFIX}"
        found |= dict(clip.manifest.hashes) | {manifest: files.sha256(clip.folder / manifest)}
    return FileHashes(tuple(f"{digest}  {name}" for name, digest in sorted(found.items())))
