import pytest
from ml_collections import ConfigDict

from deemo_jax.core import config as config_lib
from deemo_jax.core.errors import UserError
from deemo_jax.models import presets
from deemo_jax.models.deemo_llama import DeemoLlamaConfig
from deemo_jax.models.media_tokens import MediaTokens
from deemo_jax.models.parts.layers import Remat
from deemo_jax.models.parts.llama import LlamaConfig, RopeScaling
from deemo_jax.models.parts.vit import ViTConfig
from tests.models import tiny


def test_presets_are_the_defaults_of_the_modules() -> None:
    config = DeemoLlamaConfig.from_config(
        {"video": presets.VIDEO_BRANCH, "audio": presets.AUDIO_BRANCH, "decoder": presets.VICUNA_7B}
    )
    assert config.decoder.config == LlamaConfig() and config.video.encoder.config == ViTConfig()
    assert config.tokens == MediaTokens(audio=8, video=32)


def test_config_dicts_and_nested_choices() -> None:
    decoder = {**tiny.LLAMA, "theta": 500000, "remat": "block", "rope_scaling": {"factor": 4.0}}
    config = DeemoLlamaConfig.from_config(ConfigDict({**tiny.CONFIG, "decoder": decoder}))
    assert config.decoder.config.remat is Remat.BLOCK and config.decoder.config.theta == 500000.0
    assert config.decoder.config.rope_scaling == RopeScaling(factor=4.0)
    assert hash(config) == hash(DeemoLlamaConfig.from_config({**tiny.CONFIG, "decoder": decoder}))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"decoder": {**tiny.LLAMA, "widht": 3}}, "model.decoder.widht.*did you mean 'width'"),
        ({"decoder": {**tiny.LLAMA, "name": "lama"}}, "model.decoder.name.*did you mean 'llama'"),
        ({"decoder": {**tiny.LLAMA, "depth": 0}}, "model.decoder.depth: 0 must be at least 1"),
        ({"decoder": {**tiny.LLAMA, "depth": 2.0}}, "model.decoder.depth: 2.0 must be of type int"),
        ({"decoder": {**tiny.LLAMA, "depth": True}}, "model.decoder.depth: True must be of type int"),
        ({"decoder": {**tiny.LLAMA, "eps": float("nan")}}, "model.decoder.eps: nan must be finite"),
        ({"decoder": {**tiny.LLAMA, "heads": 3}}, "llama: width 32 does not divide"),
        (
            {"decoder": {**tiny.LLAMA, "remat": "all"}},
            "remat: 'all'.*choose from block, dots, none, offload",
        ),
        ({"decoder": "llama"}, "model.decoder: 'llama' must be"),
        ({"vidoe": None}, "model.vidoe.*did you mean 'video'"),
        ({"video": {"encoder": tiny.VIT, "connector": tiny.JOINT}}, "model.video.projector: is missing; add it"),
        ({"dtype": "float16"}, "model.dtype: 'float16'"),
        ({"attention": "flash"}, "model.attention: 'flash'"),
    ],
)
def test_mistakes_are_named(changes: dict[str, object], message: str) -> None:
    with pytest.raises(UserError, match=message):
        tiny.config(**changes)


def test_a_shown_config_says_where_each_value_comes_from() -> None:
    resolved = {"data": {"frames": 8, "clips": 4, "dropout": {}}, "trainable": ["a"], "rope": {"low": 1.0, "high": 4.0}}
    given = {"data": {"clips": 4}, "trainable": ["b"], "rope": {"low": 1.0}}
    words = ["--config", "r.py", "--config.trainable", "a", "--config.rope={...}", "--config.data.clips_too=1"]
    lines = config_lib.shown(resolved, given, "r.py", ["trainable", "rope"], words).splitlines()
    assert [tuple(map(str.strip, line.split("#"))) for line in lines] == [
        ("data.frames = 8", "default"),
        ("data.clips = 4", "r.py"),
        ("data.dropout = {}", "default"),
        ('trainable = ["a"]', "--config.trainable=a"),
        ("rope.low = 1.0", "--config.rope={...}"),
        ("rope.high = 4.0", "--config.rope={...}"),
    ]
