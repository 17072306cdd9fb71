import numpy as np
import pytest

from deemo_jax.core.processes import settled
from deemo_jax.core.progress import Stage, Within
from deemo_jax.media import cached_video as reel_module
from deemo_jax.media.cached_video import CachedVideo


@pytest.fixture
def decoded(monkeypatch):
    """Counts how often a file is decoded."""
    calls, read = [], reel_module.read_pictures

    def counted(*args, **kwargs):
        calls.append(args)
        return read(*args, **kwargs)

    monkeypatch.setattr(reel_module, "read_pictures", counted)
    return calls


def images(video):
    return np.stack([picture.rgb() for picture in video])


def test_a_short_film_is_decoded_once(make_media, decoded):
    video = CachedVideo(make_media())
    assert np.array_equal(images(video), images(video))
    assert len(decoded) == 1


@pytest.mark.parametrize("promised", [0, 1000])
def test_no_picture_of_a_long_film_is_held(make_media, decoded, promised):
    path = make_media()
    frames, room = images(CachedVideo(path)), 3 * next(iter(CachedVideo(path))).nbytes
    decoded.clear()
    video = CachedVideo(path, frames=promised, room=room)
    assert np.array_equal(images(video), frames) and np.array_equal(images(video), frames)
    assert len(decoded) == 2 and video._held is None


def test_what_was_not_read_to_its_end_is_read_again(make_media, decoded):
    video = CachedVideo(make_media())
    next(iter(video))
    assert len(images(video)) > 1 and len(decoded) == 2


def length(job):
    video = CachedVideo(job)
    video.stage = "looking"
    return len(list(video))


def test_it_says_how_far_along_it_is(make_media, monkeypatch, capsys):
    monkeypatch.setattr(reel_module, "TELL_EVERY_S", 0.0)
    path, told = make_media(), []
    ((_, count),) = settled(length, [path], 0, lambda item, stage: told.append((item, stage)))
    assert [stage.done for _, stage in told] == list(range(1, count + 1))
    assert {(item, stage.name) for item, stage in told} == {(path, "looking")}


def test_lines_about_a_long_file_come_now_and_again(capsys, monkeypatch):
    clock = iter([0.0, 4.0, 11.0, 12.0, 40.0, 41.0, 60.0])
    monkeypatch.setattr("deemo_jax.core.progress.time.monotonic", lambda: next(clock))
    say = Within("deidentify", every_s=10)
    for done in (10, 50, 110, 120):
        say("a.mp4", Stage("looking", done, 200))
    say("a.mp4", Stage("writing", 1, 200))
    say("a.mp4", Stage("writing", 2, 200))
    say("a.mp4", Stage("writing", 40))
    assert capsys.readouterr().err.splitlines() == [
        "deidentify: a.mp4: looking, 110 of 200 frames, about 9 s left of this part",
        "deidentify: a.mp4: writing, 40 frames",
    ]
