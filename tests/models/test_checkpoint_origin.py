"""Where a checkpoint comes from."""

from pathlib import Path

import pytest

from deemo_jax.core.errors import UserError
from deemo_jax.models import checkpoint_origin


def test_other_frozen_weights_are_refused() -> None:
    metadata = {"frozen_sha256": "a" * 64, "versions": {**checkpoint_origin.versions(), "jax": "0.1"}}
    checkpoint_origin.check_origin(metadata, "a" * 64, 1, Path("c/1"))
    with pytest.raises(
        UserError, match=r"other frozen weights \(sha256 a{12}, now b{12}\)\. It was made with jax 0\.1"
    ):
        checkpoint_origin.check_origin(metadata, "b" * 64, 1, Path("c/1"))


def test_other_instructions_are_refused() -> None:
    metadata = checkpoint_origin.describe({}, {}, 1) | {"instructions": 0}
    with pytest.raises(UserError, match="version 0 of the instructions, here is version 1"):
        checkpoint_origin.check_origin(metadata, metadata["frozen_sha256"], 1, Path("c/1"))
