"""WebVid as a TFDS dataset; see README.md."""

from deemo_jax.data.captions.sources import LAYOUTS
from tfds_builders.caption_builder import CaptionBuilder


class Builder(CaptionBuilder):
    """WebVid; see `CaptionBuilder`."""

    HOMEPAGE = "https://github.com/m-bain/webvid"
    LAYOUT = "webvid"
    MANUAL_DOWNLOAD_INSTRUCTIONS = LAYOUTS["webvid"].instructions
