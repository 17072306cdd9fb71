import numpy as np
import pytest

from deemo_jax.media import reel as reel_module
from deemo_jax.media.reel import Reel


@pytest.fixture
def decoded(monkeypatch):
    """Counts how often a file is decoded."""
    calls, read = [], reel_module.read_pictures

    def counted(*args, **kwargs):
        calls.append(args)
        return read(*args, **kwargs)

    monkeypatch.setattr(reel_module, "read_pictures", counted)
    return calls


def images(reel):
    return np.stack([picture.rgb() for picture in reel])


def test_a_short_film_is_decoded_once(make_media, decoded):
    reel = Reel(make_media())
    assert np.array_equal(images(reel), images(reel))
    assert len(decoded) == 1


@pytest.mark.parametrize("promised", [0, 1000])
def test_no_picture_of_a_long_film_is_held(make_media, decoded, promised):
    path = make_media()
    frames, room = images(Reel(path)), 3 * next(iter(Reel(path))).nbytes
    decoded.clear()
    reel = Reel(path, frames=promised, room=room)
    assert np.array_equal(images(reel), frames) and np.array_equal(images(reel), frames)
    assert len(decoded) == 2 and reel._held is None


def test_what_was_not_read_to_its_end_is_read_again(make_media, decoded):
    reel = Reel(make_media())
    next(iter(reel))
    assert len(images(reel)) > 1 and len(decoded) == 2
