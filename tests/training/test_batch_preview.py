"""The first batch as text, from a recipe alone."""

import re
from pathlib import Path

import jax
import pytest

from deemo_jax.core.errors import UserError
from deemo_jax.training.batch_preview import preview
from tests.training import tiny


def test_a_recipe_is_shown_without_a_weight(tiny_data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jax, "jit", lambda *_, **__: pytest.fail("nothing is to be computed"))
    config = tiny.get_config(str(tiny_data))
    config.init = "no/such/weights.safetensors"
    text = preview(config, rows=2)
    head, *rows = text.split("\n\n")
    assert head == "the first 2 of 4 rows of the first batch, of 3 in an epoch"
    assert len(rows) == 2
    for one in rows:
        assert re.match(r"row \d, record \d+: shows audio, video, transcript, nfbl; \d+ of 192 .*transcript whole", one)
        assert re.search(r"audio +0\.\.1\n", one) and re.search(r"video +0\.\.3\n", one)
        assert re.search(r"text    loss  The emotion is (positive|negative)\. so<eos>", one)


def test_the_template_is_the_recipe_s(tiny_data: Path) -> None:
    config = tiny.get_config(str(tiny_data))
    config.prompt = {"task": "recognition", "template": "affectgpt", "question": "Which of two?"}
    config.data.max_length = 300
    assert "Which of two? ###Assistant: \n" in preview(config).replace("Assistant:\n", "Assistant: \n")
    config.data.max_length = 60
    with pytest.raises(UserError, match="max_length is 60; raise it"):
        preview(config)
