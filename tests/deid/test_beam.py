"""The Beam transform does to each clip what the command does."""

import shutil

import numpy as np
import pytest

from deemo_jax.core.errors import UserError
from deemo_jax.deid.folder.all_clips import deidentify_all
from deemo_jax.deid.keys import load_key
from deemo_jax.deid.manifest import find_manifests, load_manifest, verify
from deemo_jax.deid.settings import Settings
from deemo_jax.media.video import read_frames

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


def test_a_pipeline_takes_the_background_out(make_clip, tmp_path):
    from deemo_jax.deid.beam import Deidentify

    source, key_file = make_clip(tmp_path / "speaker.mp4", frames=4).path, tmp_path / "voice.key"
    load_key(key_file)
    with beam.Pipeline() as pipeline:
        _ = pipeline | beam.Create([str(source)]) | Deidentify(tmp_path / "out", Settings(background="grey"), key_file)
    (path,) = find_manifests([tmp_path / "out"])
    made = load_manifest(path)
    assert made.settings["background"] == "grey" and 0 < made.background["kept_share"] < 0.5
    wall = [frame.image[:, -20:].astype(int) for frame in read_frames(tmp_path / "out" / made.file)]
    assert len(wall) == 4 and np.abs(np.stack(wall) - 127).max() < 12
