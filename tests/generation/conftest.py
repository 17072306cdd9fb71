"""Raw and de-identified clips, and a run that answers them; made once for all tests of this room."""

from pathlib import Path

import pytest

import deemo_jax
from deemo_jax.deid.clip import deidentify_clip
from deemo_jax.deid.settings import Settings
from deemo_jax.generation.answers import Decoding
from deemo_jax.generation.describer import Describer
from tests.compiler import quick_compiler as quick_compiler
from tests.raw_clips import RawClip
from tests.training import tiny

NEW = 6


@pytest.fixture(scope="session")
def run(tmp_path_factory) -> Path:
    """The workdir of a run."""
    return tiny.write_tiny_run(tmp_path_factory.mktemp("run"))


@pytest.fixture(scope="session")
def describer(run) -> Describer:
    return deemo_jax.load(run, decoding=Decoding(max_new_tokens=NEW))


@pytest.fixture(scope="session")
def deidentified(raw, make_clip, key, tmp_path_factory) -> list[Path]:
    """Two clips beside their manifests; not to be changed."""
    folder = tmp_path_factory.mktemp("deid")
    other = make_clip(tmp_path_factory.mktemp("other") / "other.mp4", frames=25, speed=2.0)
    for name, clip in (("c1", raw), ("c2", other)):
        deidentify_clip(clip.path, folder, name, Settings(), key)
    return [folder / "c1.mp4", folder / "c2.mp4"]


@pytest.fixture(scope="session")
def refused(make_clip, tmp_path_factory) -> RawClip:
    """A raw clip without a face."""
    return make_clip(tmp_path_factory.mktemp("refused") / "empty.mp4", frames=4, hidden=(0, 1, 2, 3))
