import itertools

import numpy as np

from deemo_jax.deid.voice.neutral.likeliest_path import likeliest_path


def test_no_other_path_is_likelier():
    rng = np.random.default_rng(0)
    for _ in range(20):
        scores, step = rng.normal(size=(6, 4)).astype(np.float32), rng.normal(size=(4, 4)).astype(np.float32)
        every = [
            (sum(scores[t, s] for t, s in enumerate(path)) + sum(step[b, a] for a, b in itertools.pairwise(path)), path)
            for path in itertools.product(range(4), repeat=6)
        ]
        assert tuple(likeliest_path([scores], step)) == max(every)[1]
        # Block by block it is the same.
        assert tuple(likeliest_path([scores[:1], scores[1:4], scores[4:]], step)) == max(every)[1]


def test_long_clips_stay_exact():
    """After ten minutes a difference of a thousandth still decides."""
    step = np.full((2, 2), -30.0, np.float32)
    np.fill_diagonal(step, -20.0)
    blocks = [np.full((1000, 2), -20.0, np.float32) for _ in range(60)]
    blocks[-1][-1, 1] += 0.001
    path = likeliest_path(iter(blocks), step)
    assert len(path) == 60_000 and (path == 1).all()
