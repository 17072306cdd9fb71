"""The Beam transform does to each clip what the command does."""

import shutil

import pytest

from deemo_jax.core.errors import UserError
from deemo_jax.deid.folder.all_clips import deidentify_all
from deemo_jax.deid.keys import load_key
from deemo_jax.deid.manifest import find_manifests, load_manifest, verify
from deemo_jax.deid.settings import Settings

beam = pytest.importorskip("apache_beam")


def test_a_pipeline_settles_every_clip_and_resumes(raw, make_clip, tmp_path):
    from apache_beam.testing.util import assert_that, equal_to

    from deemo_jax.deid.beam import Deidentify

    sources = tmp_path / "raw"
    sources.mkdir()
    shutil.copy(raw.path, sources / "good.mp4")
    make_clip(sources / "empty.mp4", hidden=(0, 1, 2), frames=3)
    (sources / "text.mp4").write_text("no film")
    paths = [str(path) for path in sources.iterdir()]
    out, key_file = tmp_path / "out", tmp_path / "voice.key"
    with pytest.raises(UserError, match="no such key"):
        Deidentify(out, Settings(), key_file)
    key = load_key(key_file)
    for status in ("done", "kept"):
        with beam.Pipeline() as pipeline:
            outcomes = pipeline | beam.Create([*paths, paths[0]]) | Deidentify(out, Settings(), key_file)
            expected = [("good.mp4", status), ("empty.mp4", "refused"), ("text.mp4", "bad")]
            assert_that(outcomes | beam.Map(lambda o: (o.source.name, o.status)), equal_to(expected))
    (path,) = find_manifests([out])
    verify(load_manifest(path), out)
    assert deidentify_all([sources / "good.mp4"], out, Settings(), key)[0].status == "kept"
    with pytest.raises(UserError, match="symbolic link"):
        (tmp_path / "link").symlink_to(out)
        Deidentify(tmp_path / "link", Settings(), key_file)
