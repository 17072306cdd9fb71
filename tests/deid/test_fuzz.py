"""Damaged files of four containers: one line, or an output that keeps every promise; no crash, hang or rest."""

import collections

import numpy as np
import pytest

from deemo_jax.media.video import read_frames
from tests.deid.mutants import mutate, run, write_seed
from tests.raw_clips import PLANTED, speech

SUFFIXES = (".mp4", ".mkv", ".webm", ".avi")


@pytest.fixture(scope="module")
def seeds(make_clip, tmp_path_factory):
    """One small clip in four containers, and the true face boxes."""
    folder = tmp_path_factory.mktemp("seeds")
    clip = make_clip(folder / "speaker.mp4", frames=4)
    images = [frame.image for frame in read_frames(clip.path)]
    return [write_seed(folder / f"seed{suffix}", images, speech(0.4), PLANTED) for suffix in SUFFIXES], clip.faces


@pytest.mark.slow
@pytest.mark.parametrize("count", [12, 600])
def test_damaged_files_are_refused_or_de_identified(seeds, tmp_path, count):
    paths, faces = seeds
    rng = np.random.default_rng(count)
    mutants, seed_of = [*paths], {path.name: path for path in paths}
    for number in range(count):
        seed = paths[number % len(paths)]
        mutants.append(tmp_path / f"{number:04d}{seed.suffix}")
        mutants[-1].write_bytes(mutate(seed.read_bytes(), rng))
        seed_of[mutants[-1].name] = seed
    verdicts = run(tmp_path, mutants, seed_of, faces)
    assert [v.status for v in verdicts[: len(paths)]] == ["made"] * len(paths), verdicts[: len(paths)]
    tally = collections.Counter(v.status for v in verdicts[len(paths) :])
    print(dict(tally))
    assert not [v for v in verdicts if v.status == "broken"]
    assert tally.total() == count and tally["refused"] > count // 10 and tally["made"] > count // 20
    assert sorted(p.name for p in tmp_path.iterdir()) == sorted(p.name for p in mutants[len(paths) :])
