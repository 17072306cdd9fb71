import pytest

from deemo_jax.audit.audited_clips import AuditedClip
from deemo_jax.deid.clip import deidentify_clip
from deemo_jax.deid.settings import Settings


@pytest.fixture(scope="session")
def audited(raw, key, tmp_path_factory) -> AuditedClip:
    """A clip that keeps its promises, with source and truth; not to be changed."""
    folder = tmp_path_factory.mktemp("audited")
    manifest = deidentify_clip(raw.path, folder, "c1", Settings(), key)
    return AuditedClip(manifest, folder, raw.path, raw.truth | {"clip_id": "c1", "person_id": "p1"})
