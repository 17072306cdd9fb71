"""The tiny recipe without video and audio, as a config file: it compiles in a second."""

from ml_collections import ConfigDict

from tests.training import tiny


def get_config() -> ConfigDict:
    """The decoder alone, which learns all but its embedding."""
    config = tiny.get_config("none")
    del config.model.video
    del config.model.audio
    config.trainable = ["!decoder/embedding", ".*"]
    config.data.modalities = "transcript"
    config.data.batch_size = 8
    return config
