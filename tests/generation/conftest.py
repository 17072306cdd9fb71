"""Raw and de-identified clips, and a run that answers them; made once for all tests of this room."""

import pytest

import deemo_jax
from deemo_jax.generation.answers import Decoding
from deemo_jax.generation.describer import Describer
from tests.tiny_runs import NEW


@pytest.fixture(scope="session")
def describer(untrained_run) -> Describer:
    return deemo_jax.load(untrained_run, decoding=Decoding(max_new_tokens=NEW))
