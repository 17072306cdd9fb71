import dataclasses

import jax
import numpy as np
import pytest

from deemo_jax.models.parts.connectors import Clips, ClipsConfig, Joint, JointConfig, PerFrame, PerFrameConfig
from deemo_jax.models.parts.qformer import QFormerConfig
from tests.models.tiny import initialised, jitted

SMALL = QFormerConfig(queries=3, width=16, depth=2, heads=2, mlp=32, cross_every=1, init_std=0.3)
PER_FRAME = PerFrameConfig(frame=dataclasses.replace(SMALL, cross_every=2, queries=5), video=SMALL, max_frames=4)
TOKENS = np.random.default_rng(0).standard_normal((2, 4, 6, 12), np.float32)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("module", "ordered"),
    [
        (PerFrame(PER_FRAME), True),
        (Joint(JointConfig(SMALL, max_frames=4)), False),
        (Joint(JointConfig(SMALL, frame_embedding=True, max_frames=4)), True),
        (Clips(ClipsConfig(SMALL, max_clips=4)), True),
    ],
    ids=["per_frame", "joint", "joint with frame embedding", "clips"],
)
def test_tokens_and_order(module: PerFrame | Joint | Clips, ordered: bool) -> None:
    """Any number of frames gives the same number of tokens; who has a table of positions knows the frames' order."""
    params = initialised(module, TOKENS)
    out = jitted(module)(params, TOKENS)
    assert out.shape == (2, module.config.tokens, 16) == jitted(module)(params, TOKENS[:, :1]).shape
    assert np.allclose(out, jitted(module)(params, TOKENS[:, ::-1]), atol=1e-4) != ordered
    for frame in range(4):
        changed = TOKENS.copy()
        changed[:, frame] += 1
        assert not np.allclose(out, jitted(module)(params, changed), atol=1e-4), "a frame is not read"


def test_the_table_of_positions_is_not_overrun() -> None:
    module = Clips(ClipsConfig(SMALL, max_clips=3))
    with pytest.raises(ValueError, match="table has 3 rows"):
        jax.eval_shape(module.init, jax.random.key(0), TOKENS)
