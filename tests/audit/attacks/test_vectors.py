import numpy as np
import pytest

from deemo_jax.audit.attacks.vectors import check_encoder, one_vector
from deemo_jax.core.errors import UserError


def test_answers_of_an_encoder():
    who = object()
    assert one_vector(np.ones(3, np.float32), who).dtype == np.float64
    for answer in (None, "a", [], [[1, 2]], 5, [1, float("nan")], [1, [2]], object()):
        with pytest.raises(UserError, match=r"object\.embed: gives no vector"):
            one_vector(answer, who)


def test_what_is_no_encoder():
    class Encoder:
        def embed(self, crop):
            return [1.0]

    check_encoder(Encoder(), "face embedder")
    for other in (object(), 5, lambda crop: [1.0]):
        with pytest.raises(UserError, match=r"face embedder: .* has no method embed"):
            check_encoder(other, "face embedder")
